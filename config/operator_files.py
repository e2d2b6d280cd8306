"""The operator's files by name: how each is checked, and its JSON Schema for editors."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from config.bittensor_settings import BITTENSOR_SETTINGS
from config.credentials_layout import ENCRYPTION
from config.engine_settings import ENGINE_SETTINGS
from config.home import Home
from config.schemas.credentials import CREDENTIALS
from config.schemas.mappings import MAPPINGS
from config.schemas.reading import parse_model
from config.schemas.weights import WEIGHTS
from core.model.failures import InvalidInput

SCHEMA_FOLDER = "schemas"
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
"""pydantic leaves its own names for the bounds of a decimal that has alternatives."""


@dataclass(frozen=True, slots=True)
class OperatorFile:
    """One file of the operator.

    Attributes:
        name: The file's name in its home.
        adapter: What it may hold.
        is_undoable: Whether its versions are kept; those of a file with secrets are not.
    """

    name: str
    adapter: TypeAdapter[Any]
    is_undoable: bool = True

    def path(self, home: Home) -> Path:
        """Where it is."""
        return home.path / self.name

    def check(self, content: bytes, path: Path) -> None:
        """Nothing, where the content is valid.

        Raises:
            core.model.failures.InvalidConfig: Naming path, field, value and remedy.
        """
        parse_model(self.adapter, content, path, hide_values=not self.is_undoable)

    def json_schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12."""
        schema = _for_editors(self.adapter.json_schema())
        if self.adapter is CREDENTIALS:
            schema["properties"][ENCRYPTION] = {"type": "object", "description": "written by the scripts"}
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": self.name}


def operator_files() -> tuple[OperatorFile, ...]:
    """All of them, in the order in which a newcomer meets them."""
    names = Home(Path())
    return (
        OperatorFile(names.credentials.name, CREDENTIALS, is_undoable=False),
        OperatorFile(names.asset_mapping.name, MAPPINGS),
        OperatorFile(names.signal_weights.name, WEIGHTS),
        OperatorFile(names.bittensor_settings.name, BITTENSOR_SETTINGS),
        OperatorFile(names.engine_settings.name, ENGINE_SETTINGS),
    )


def operator_file(name: str) -> OperatorFile:
    """One of them.

    Args:
        name: The file's name, or enough of its beginning to tell it from the others.

    Raises:
        InvalidInput: If no file or several are meant.
    """
    matching = [file for file in operator_files() if file.name.startswith(name)]
    if len(matching) != 1:
        names = ", ".join(file.name for file in operator_files())
        raise InvalidInput(f"{name!r} is not one of {names}")
    return matching[0]


def schema_name(file: OperatorFile) -> str:
    """The schema's file name: `engine_config.schema.json`."""
    return file.name.removesuffix(".json") + ".schema.json"


def _for_editors(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """The schema of the file as it is written: a decimal is a number, never a text, and notes may stand anywhere."""
    if isinstance(schema, list):
        return [_for_editors(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    edited = {_BOUNDS.get(key, key): _for_editors(value) for key, value in schema.items()}
    if edited.get("type") == "object":
        edited["patternProperties"] = {"^[_$]": True, **edited.get("patternProperties", {})}
    alternatives = edited.get("anyOf")
    if isinstance(alternatives, list) and any(item.get("type") == "number" for item in alternatives):
        kept = [
            item for item in alternatives if not (item.get("type") == "string" and item.keys() <= {"type", "pattern"})
        ]
        if len(kept) == 1:
            return {**{key: value for key, value in edited.items() if key != "anyOf"}, **kept[0]}
        edited["anyOf"] = kept
    return edited
