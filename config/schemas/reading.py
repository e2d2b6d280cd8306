"""From the bytes of a file to a checked model, or to everything that is wrong with it."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from config.files import parse_json
from core.model.failures import InvalidConfig

T = TypeVar("T")

LONGEST_SHOWN_VALUE = 60
LARGEST_FILE_BYTES = 4 * 1024 * 1024

_REMEDIES = {
    "extra_forbidden": "Remove the field or mend its name; notes begin with _.",
    "missing": "Add the field.",
}
_REMEDY = "Mend the value; `./engine config check` tests the file."
_INVENTED_NAME = re.compile(r"^\[key\]$|^(function-|list\[|constrained-|str$|literal\[)|Model$|Settings$")
_MESSAGES = {"extra_forbidden": "the field is not known", "missing": "the field is missing"}


def read_bytes(path: Path, remedy: str) -> bytes:
    """A whole configuration file.

    Args:
        path: The file.
        remedy: What to do when there is none.

    Raises:
        InvalidConfig: If it is missing, unreadable or larger than 4 MiB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidConfig(str(path), "", "", "the file does not exist", remedy) from error
    except OSError as error:
        raise InvalidConfig(
            str(path), "", "", f"cannot be read: {error.strerror or error}", "Give the engine's user access to it."
        ) from error
    if len(content) > LARGEST_FILE_BYTES:
        raise InvalidConfig(str(path), "", "", "is larger than 4 MiB", "Restore the file.")
    return content


def parse_model(adapter: TypeAdapter[T], content: bytes, path: Path, *, hide_values: bool = False) -> T:
    """The checked content of a file.

    Args:
        adapter: The model.
        content: The file's bytes.
        path: For the error.
        hide_values: Whether values are secret and must not be shown.

    Raises:
        InvalidConfig: The first thing that is wrong.
    """
    return check_model(adapter, parse_json(content, path), path, hide_values=hide_values)


def check_model(
    adapter: TypeAdapter[T],
    value: Any,  # noqa: ANN401 - JSON is anything until here
    path: Path,
    *,
    hide_values: bool = False,
) -> T:
    """As parse_model, from parsed JSON."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        failure = _as_invalid_config(error, path, hide_values=hide_values)
    # Raised here, so that the failure does not carry pydantic's error, and with it the input, as its context.
    raise failure


def _as_invalid_config(error: ValidationError, path: Path, *, hide_values: bool) -> InvalidConfig:
    details = error.errors(include_url=False)
    first = details[0]
    problem = _MESSAGES.get(first["type"], first["msg"].removeprefix("Value error, "))
    others = list(dict.fromkeys(_field(detail) for detail in details if _field(detail) != _field(first)))
    if others:
        problem += f" (also wrong: {', '.join(others[:3])}{', ...' if len(others) > 3 else ''})"
    remedy = _REMEDIES.get(first["type"], _REMEDY)
    return InvalidConfig(str(path), _field(first), "" if hide_values else _shown(first), problem, remedy)


def _field(detail: ErrorDetails) -> str:
    """The dotted path inside the file, without the names that pydantic adds for keys and alternatives."""
    return dotted(part for part in detail["loc"] if isinstance(part, int) or not _INVENTED_NAME.search(part))


def dotted(location: Iterable[int | str]) -> str:
    """`entries[2].weight` from ("entries", 2, "weight")."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.strip(".")


def _shown(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return ""
    found = detail["input"]
    if isinstance(found, dict | list | BaseModel):
        return ""
    text = json.dumps(found) if isinstance(found, str | bool) or found is None else str(found)
    return text if len(text) <= LONGEST_SHOWN_VALUE else text[:LONGEST_SHOWN_VALUE] + "..."


def first_repeated(values: Sequence[str]) -> str | None:
    """The first value that is there twice, None when all differ."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
