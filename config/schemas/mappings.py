"""asset_mapping_config.json: which of a source's symbols is which unified symbol.

The usual entry is `"BTCUSD": "BTCUSDT"`, and within a source every unified symbol is the target of one entry.
Where a source itself renames its ids, a list says so: `"BTCUSDT": ["BTCUSD", "BTCUSDC"]` maps both, and their
depths are netted.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter

from config.schemas.fields import SourceText, SymbolText, without_notes
from config.schemas.reading import parse_model
from core.model.identity import SourceName, Symbol

LONGEST_SOURCE_SYMBOL = 40

SourceSymbol = Annotated[
    str, Field(min_length=1, max_length=LONGEST_SOURCE_SYMBOL, pattern=r"^[A-Za-z0-9.:/!-][A-Za-z0-9._:/!-]*$")
]
"""A symbol as a source names it."""

NettedSymbols = Annotated[list[SourceSymbol], Field(min_length=1)]
"""Several ids of one asset of one source; the key is then the unified symbol."""


def _check_entries(entries: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, str] = {}
    targets: set[str] = set()
    for key, value in entries.items():
        for source_symbol, target in _pairs(key, value):
            if source_symbol in seen:
                raise ValueError(f"{source_symbol} is mapped twice")
            seen[source_symbol] = target
        target = key if isinstance(value, list) else value
        if target in targets:
            remedy = f'if the source itself renames its ids, write one list: "{target}": [...]'
            raise ValueError(f"{target} is the target of two entries; {remedy}")
        targets.add(target)
    return entries


SourceMapping = Annotated[
    dict[SourceSymbol, SymbolText | NettedSymbols],
    BeforeValidator(without_notes),
    AfterValidator(_check_entries),
    Field(description="of a source: its symbol to the unified one, or the unified one to a list of its symbols"),
]
MAPPINGS = TypeAdapter(Annotated[dict[SourceText, SourceMapping], BeforeValidator(without_notes)])


def parse_mappings(content: bytes, path: Path) -> dict[SourceName, dict[str, Symbol]]:
    """Per source, source symbol to unified symbol, in file order, lists taken apart.

    Args:
        content: The file's bytes.
        path: For the error.

    Raises:
        core.model.failures.InvalidConfig: Naming field, value and remedy.
    """
    parsed = parse_model(MAPPINGS, content, path)
    return {SourceName(source): flatten_entries(entries) for source, entries in parsed.items()}


def flatten_entries(entries: Mapping[str, str | list[str]]) -> dict[str, Symbol]:
    """One source's entries with lists taken apart."""
    return {name: Symbol(target) for key, value in entries.items() for name, target in _pairs(key, value)}


def _pairs(key: str, value: str | list[str]) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        yield from ((name, key) for name in value)
    else:
        yield key, value
