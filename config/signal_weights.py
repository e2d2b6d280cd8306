"""How much of an account each source may use for each pair: `python3 config/signal_weights.py`.

The file is signal_weight_config.json: `[{symbol, leverage, sources: [{source, weight}]}]`.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer

from config.dialog import Console, FileDraft, run_dialog, standard_console, two_decimals
from config.dialog_options import FROM_FILE, NON_INTERACTIVE, SETTINGS, read_document, split_setting
from config.dialog_sources import signal_sources
from config.dialog_weights import Pair, ask_pair, drop_unmapped, mapped_pairs, read_leverage, read_weight
from config.files import format_json, parse_json
from config.home import Home, find_home
from config.schemas.mappings import parse_mappings
from config.schemas.reading import check_model, read_bytes
from config.schemas.weights import WEIGHTS
from core.model.failures import InvalidConfig, InvalidInput
from core.model.identity import SourceName, Symbol, parse_source, parse_symbol
from core.model.money import ONE, ZERO, plain

MAPPING_REMEDY = "Map the sources' symbols first: python3 config/asset_mapping.py"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    settings: SETTINGS = None,
    from_file: FROM_FILE = None,
    *,
    non_interactive: NON_INTERACTIVE = False,
) -> None:
    """Set leverage (1-20) and the sources' weights for every pair of the asset mappings.

    Without options it asks. A running engine takes the change up in its next loop.

    Examples:
      python3 config/signal_weights.py

      python3 config/signal_weights.py --set TAOUSDT.leverage=3 --set TAOUSDT.bittensor=0.15

      python3 config/signal_weights.py --set TAOUSDT.bittensor= (takes the source out)

      python3 config/signal_weights.py --set TAOUSDT= (takes the pair out; the engine closes it)

      python3 config/signal_weights.py --from weights.json

      python3 config/signal_weights.py --non-interactive (checks and shows it)
    """
    console = standard_console()
    is_asked = not (settings or from_file or non_interactive)
    raise typer.Exit(
        run_dialog(
            console, lambda: configure_weights(console, find_home(), settings or [], from_file, is_asked=is_asked)
        )
    )


def configure_weights(
    console: Console, home: Home, settings: Sequence[str], from_file: Path | None, *, is_asked: bool
) -> None:
    """Load, change by file, by settings and by questions, show, and write once if anything changed.

    Raises:
        EOFError: If the answers end before the questions; nothing is then written.
        core.model.failures.EngineError: If a file or a setting breaks its rules.
    """
    draft = FileDraft(home.signal_weights)
    stored, mended = load_document(console, draft, mends=is_asked)
    pairs = as_pairs(read_document(from_file, parse_document) if from_file else stored)
    mapped = _mapped(home)
    for setting in settings:
        apply_setting(pairs, mapped, setting)
    if settings:
        _check_settings(pairs)
    if is_asked:
        _ask_all(console, pairs, mapped)
    edited = [pair.written() for pair in pairs.values()]
    check_model(WEIGHTS, edited, draft.path)
    console.say()
    show_summary(console, pairs.values())
    console.say()
    if format_json(edited) == format_json(stored) and not mended:
        console.say(f"Nothing changed in {draft.path}")
        return
    draft.save(format_json(edited))
    console.say(f"Configuration saved to {draft.path}")


def parse_document(content: bytes, path: Path) -> list[Any]:
    """The file as written, notes and all.

    Raises:
        InvalidConfig: If it breaks a rule of the file.
    """
    document = parse_json(content, path)
    check_model(WEIGHTS, document, path)
    return list(document)


def load_document(console: Console, draft: FileDraft, *, mends: bool) -> tuple[list[Any], frozenset[Symbol]]:
    """What the file says, and for which pairs it must be asked anew.

    Args:
        console: Where to say so.
        draft: The file.
        mends: Whether values out of bounds, as the original accepts them, are left out to be asked for.

    Raises:
        InvalidConfig: If it breaks a rule of the file that is not mended.
    """
    nothing: list[Any] = []
    try:
        return draft.load(parse_document, nothing), frozenset()
    except InvalidConfig as error:
        content = draft.content or b""
        mended = mend_document(content, draft.path) if mends else None
        if mended is None:
            raise
        console.say(f"{error}\nWhat is not allowed in it is asked for anew.\n")
        pairs = zip(parse_json(content, draft.path), mended, strict=True)
        is_open = [(after["symbol"], before != after or "leverage" not in after) for before, after in pairs]
        return mended, frozenset(Symbol(symbol) for symbol, asks in is_open if asks)


def mend_document(content: bytes, path: Path) -> list[Any] | None:
    """The file without leverages and weights that break a rule; None where more than those is wrong.

    Args:
        content: A file that parse_document refuses.
        path: The file.
    """

    def is_valid(document: list[Any]) -> bool:
        try:
            check_model(WEIGHTS, document, path)
        except InvalidConfig:
            return False
        return True

    try:
        document = parse_json(content, path)
    except InvalidConfig:
        return None
    if not isinstance(document, list) or not is_valid([_bare(entry) for entry in document]):
        return None
    mended = []
    for entry in document:
        sources = entry.get("sources") if is_valid([{**entry, "leverage": 1}]) else []
        leverage = {"leverage": entry.get("leverage")} if is_valid([{**entry, "sources": []}]) else {}
        rest = {key: value for key, value in entry.items() if key != "leverage"}
        mended.append({**rest, **leverage, "sources": sources})
    return mended


def _bare(entry: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """An entry with harmless values in the two places that can be asked for."""
    return {**entry, "leverage": 1, "sources": []} if isinstance(entry, dict) else entry


def apply_setting(pairs: dict[Symbol, Pair], mapped: Mapping[Symbol, Sequence[SourceName]], setting: str) -> None:
    """Apply `SYMBOL.leverage=N`, `SYMBOL.SOURCE=WEIGHT`, or take out what has nothing after the equals sign.

    Raises:
        InvalidInput: If it is none of these.
    """
    path, value = split_setting(setting)
    symbol_text, _, field = path.partition(".")
    symbol = parse_symbol(symbol_text.upper())
    if not field:
        if value or pairs.pop(symbol, None) is None:
            raise InvalidInput(
                f"--set {setting}: write SYMBOL.leverage=3, SYMBOL.SOURCE=0.15 or, to remove it, SYMBOL="
            )
        return
    pair = pairs.setdefault(symbol, Pair(symbol))
    if field == "leverage":
        pair.leverage = read_leverage(value)
        return
    source = parse_source(field)
    if not value:
        pair.weights.pop(source, None)
    elif source not in mapped.get(symbol, ()):
        raise InvalidInput(f"--set {setting}: {source} maps nothing to {symbol}. {MAPPING_REMEDY}")
    else:
        pair.weights[source] = read_weight(value)


def show_summary(console: Console, pairs: Iterable[Pair]) -> None:
    """Leverage and every weight of every pair, each pair's total, and all of them together for information."""
    from rich.box import ASCII2  # noqa: PLC0415 - questions start without it
    from rich.table import Table  # noqa: PLC0415 - questions start without it

    table = Table("Symbol", "Leverage", "Signal source", "Weight", "Total weight", box=ASCII2)
    total = ZERO
    for pair in pairs:
        total += pair.total
        rows = [(str(source), two_decimals(weight)) for source, weight in pair.weights.items()] or [("no source", "")]
        for place, (source, weight) in enumerate(rows):
            lead = ("", "") if place else (pair.symbol, plain(pair.leverage or ZERO))
            table.add_row(*lead, source, weight, "" if place else two_decimals(pair.total))
    console.say("Signal weights:")
    console.show(table)
    console.say(f"All symbols together: {two_decimals(total)} (for information; the limit of 1.00 is per symbol)")


def _mapped(home: Home) -> dict[Symbol, list[SourceName]]:
    """Which sources map each unified symbol, asked in this order.

    Raises:
        InvalidConfig: If there is no valid mapping file, or nothing in it.
    """
    mappings = parse_mappings(read_bytes(home.asset_mapping, MAPPING_REMEDY), home.asset_mapping)
    ordered = {source: mappings[source] for source in signal_sources(home, mappings) if source in mappings}
    mapped = mapped_pairs(ordered)
    if not mapped:
        raise InvalidConfig(str(home.asset_mapping), "", "", "maps no symbol yet", MAPPING_REMEDY)
    return mapped


def _ask_all(console: Console, pairs: dict[Symbol, Pair], mapped: Mapping[Symbol, Sequence[SourceName]]) -> None:
    drop_unmapped(pairs, mapped, console)
    for place, (symbol, sources) in enumerate(mapped.items()):
        if place:
            console.say()
        ask_pair(console, pairs.setdefault(symbol, Pair(symbol)), sources)


def _check_settings(pairs: Mapping[Symbol, Pair]) -> None:
    for pair in pairs.values():
        if pair.leverage is None:
            raise InvalidInput(f"{pair.symbol} has no leverage yet: add --set {pair.symbol}.leverage=3")
        if pair.total > ONE:
            raise InvalidInput(f"the weights of {pair.symbol} sum to {two_decimals(pair.total)}, more than 1.00")


def as_pairs(document: Sequence[Mapping[str, Any]]) -> dict[Symbol, Pair]:
    """The entries of the file by symbol, in its order."""
    return {Symbol(entry["symbol"]): Pair(Symbol(entry["symbol"]), entry) for entry in document}


if __name__ == "__main__":
    app()
