"""Where one setting comes from: the command line over the environment over `.env` over the file over the default."""

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dotenv import dotenv_values

from config.home import Home
from config.schemas.reading import read_bytes
from core.model.failures import InvalidConfig, InvalidInput

VARIABLE_PREFIX = "TRADE_ENGINE_SET_"
"""TRADE_ENGINE_SET_POLL_SECONDS=1, TRADE_ENGINE_SET_RISK__MAX_ORDER_NOTIONAL_USD=500: `__` goes one level down."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Settings given outside the file, by dotted name, as text.

    Attributes:
        command_line: From `--set NAME=VALUE`.
        environment: Variables of the process; those with our prefix count.
    """

    command_line: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


@dataclass(frozen=True, slots=True)
class Layer:
    """Settings of one origin.

    Attributes:
        origin: As the operator knows it: `--set`, `environment`, a path.
        values: Dotted name to value as JSON would hold it.
    """

    origin: str
    values: Mapping[str, Any]


def override_layers(home: Home, overrides: Overrides) -> list[Layer]:
    """What lies over the file, weakest first: `.env` of the home, the environment, the command line."""
    return [
        Layer(str(home.environment_file), _of_variables(read_environment_file(home))),
        Layer("environment", _of_variables(overrides.environment)),
        Layer("--set", {name: parse_value(text) for name, text in overrides.command_line.items()}),
    ]


def read_environment_file(home: Home) -> dict[str, str]:
    """The variables of the home's `.env`, empty when there is none; the process's environment is left alone.

    Raises:
        InvalidConfig: If the file cannot be read.
    """
    if not home.environment_file.exists():
        return {}
    content = read_bytes(home.environment_file, "Restore the file.")
    try:
        values = dotenv_values(stream=io.StringIO(content.decode()), interpolate=False)
    except UnicodeDecodeError as error:
        raise InvalidConfig(str(home.environment_file), "", "", "not UTF-8 text", "Restore the file.") from error
    return {name: value for name, value in values.items() if value is not None}


def split_settings(settings: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` texts of a command line by name.

    Raises:
        InvalidInput: If one has no `=`, or a name is given twice.
    """
    given: dict[str, str] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator or not name or name in given:
            raise InvalidInput(f"--set {setting!r}: write NAME=VALUE, every name once")
        given[name] = value
    return given


def put(target: dict[str, Any], name: str, value: Any) -> None:  # noqa: ANN401 - a JSON value
    """Set a dotted name in nested objects, making those that are missing."""
    *folders, last = name.split(".")
    for folder in folders:
        below = target.get(folder)
        target[folder] = dict(below) if isinstance(below, dict) else {}
        target = target[folder]
    target[last] = value


def parse_value(text: str) -> Any:  # noqa: ANN401 - a JSON value
    """A value as JSON would read it, else the text itself: `1.5`, `true`, `null`, `flatten`."""
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text


def _of_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    return {
        name.removeprefix(VARIABLE_PREFIX).lower().replace("__", "."): parse_value(text)
        for name, text in variables.items()
        if name.startswith(VARIABLE_PREFIX)
    }
