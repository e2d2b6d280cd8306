"""The configuration reference, written from the very models that read the files."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.operator_files import OperatorFile, operator_files
from config.overrides import VARIABLE_PREFIX
from config.schemas.credentials import DOCUMENTED_EXCHANGES

Schema = Mapping[str, Any]

HEAD = f"""\
# Configuration reference

Written by `./engine config reference` from the models that read the files; a test keeps it true.

Every file is one JSON file in `TRADE_ENGINE_HOME` (by default the project's folder). Unknown keys, repeated keys, texts
where numbers belong and numbers out of range are refused with path, field, value and remedy; the last valid version
then stays in force. Keys that begin with `_` or `$` are notes. `./engine config check` tests all files,
`./engine config schema --write` writes JSON Schemas for editors, `./engine config history` and `./engine config undo`
know earlier versions.

The settings of `engine_config.json` may also be given, from weak to strong, in `.env`, in the environment
(`{VARIABLE_PREFIX}POLL_SECONDS=1`, `{VARIABLE_PREFIX}RISK__MAX_ORDER_NOTIONAL_USD=500`) and on the command
line (`python3 execute_trades.py --set poll_seconds=1`). `./engine config explain poll_seconds` says which one won.

`<name>` stands for a name of your own: a source, a symbol, an exchange; `EXCHANGE` for each of
{", ".join(DOCUMENTED_EXCHANGES)}.
"""

_ATTRIBUTE = re.compile(r"^(\w+): (.+)$")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_ENTRY = "<name>"
_EVERY_EXCHANGE = "EXCHANGE"


@dataclass(frozen=True, slots=True)
class Row:
    """One key of a file.

    Attributes:
        name: Dotted.
        value: What it may hold.
        default: What holds without it, empty when it is required.
        meaning: In words.
    """

    name: str
    value: str
    default: str
    meaning: str


def format_reference() -> str:
    """The whole reference as Markdown."""
    parts = [HEAD]
    for file in operator_files():
        parts.append(f"\n## {file.name}\n\n| key | value | default | meaning |\n|---|---|---|---|\n")
        parts += [
            f"| `{row.name}` | {row.value} | {row.default} | {row.meaning} |\n".replace("|  |", "| |")
            for row in rows_of(file)
        ]
    return "".join(parts)


def rows_of(file: OperatorFile) -> Iterator[Row]:
    """Every key of a file, sections unfolded."""
    schema = file.json_schema()
    yield from _rows(schema, schema.get("$defs", {}), "", {})


def _rows(schema: Schema, models: Mapping[str, Schema], prefix: str, meanings: Mapping[str, str]) -> Iterator[Row]:
    schema = _resolved(schema, models)
    meanings = {**meanings, **_attributes(schema.get("description", ""))}
    if schema.get("type") == "array":
        yield from _rows(schema["items"], models, f"{prefix}[].", meanings)
        return
    for name, field in schema.get("properties", {}).items():
        if name in DOCUMENTED_EXCHANGES[1:]:
            continue
        shown = _EVERY_EXCHANGE if name == DOCUMENTED_EXCHANGES[0] else name
        yield from _field_rows(f"{prefix}{shown}", field, models, meanings.get(name, ""), schema)
    inner = schema.get("additionalProperties") or next(
        (value for pattern, value in schema.get("patternProperties", {}).items() if pattern != "^[_$]"), None
    )
    if isinstance(inner, Mapping):
        yield from _field_rows(f"{prefix}{_ENTRY}", inner, models, meanings.get(_ENTRY, ""), schema)


def _field_rows(name: str, field: Schema, models: Mapping[str, Schema], meaning: str, owner: Schema) -> Iterator[Row]:
    whole = _resolved(field, models)
    inner = whole.get("items") if whole.get("type") == "array" else whole
    target = _resolved(inner, models) if isinstance(inner, Mapping) else {}
    if target.get("properties") or isinstance(target.get("additionalProperties"), Mapping) or _has_entries(target):
        suffix = "[]." if whole.get("type") == "array" else "."
        yield from _rows(target, models, f"{name}{suffix}", {_ENTRY: field.get("description", meaning)})
        return
    short = name.rsplit(".", 1)[-1]
    default = f"`{_default(field['default'])}`" if "default" in field else ""
    if not default and short not in owner.get("required", ()) and short != _ENTRY:
        default = "none"
    text = field.get("description") or meaning
    yield Row(name, _value(field, models), default, text.replace("|", "or"))


def _default(value: object) -> str:
    """A default as the file would hold it; pydantic shows that of a decimal as text."""
    is_number = isinstance(value, str) and _NUMBER.fullmatch(value)
    return str(value) if is_number else json.dumps(value)


def _value(field: Schema, models: Mapping[str, Schema]) -> str:
    field = _resolved(field, models)
    if "anyOf" in field:
        return " or ".join(_value(option, models) for option in field["anyOf"])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return " or ".join(f"`{json.dumps(option)}`" for option in field["enum"])
    if field.get("type") == "array":
        return f"list of {_value(field['items'], models)}"
    if field.get("properties"):
        return "{" + ", ".join(field["properties"]) + "}"
    words = {
        "number": "number",
        "integer": "whole number",
        "string": "text",
        "boolean": "true or false",
        "null": "null",
    }
    kind = words.get(field.get("type", ""), "object")
    bounds = [
        f"{word} {field[key]:.13g}"
        for key, word in (("exclusiveMinimum", "above"), ("minimum", "from"), ("maximum", "to"))
        if key in field
    ]
    return " ".join([kind, *bounds])


def _resolved(schema: Schema, models: Mapping[str, Schema]) -> Schema:
    reference = schema.get("$ref", "")
    return {**models[reference.rsplit("/", 1)[-1]], **schema} if reference else schema


def _has_entries(schema: Schema) -> bool:
    return any(pattern != "^[_$]" for pattern in schema.get("patternProperties", {}))


def _attributes(docstring: str) -> dict[str, str]:
    """What a docstring says of each attribute."""
    found: dict[str, str] = {}
    _, _, listed = docstring.partition("Attributes:")
    name = ""
    for line in listed.splitlines():
        text = line.strip()
        match = _ATTRIBUTE.match(text)
        indentation = len(line) - len(line.lstrip())
        if match and indentation <= 4:
            name, found[match.group(1)] = match.group(1), match.group(2)
        elif text and name:
            found[name] += f" {text}"
    return found
