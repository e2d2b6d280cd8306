"""Which symbol of a source is which unified symbol: `python3 config/asset_mapping.py`.

The file is asset_mapping_config.json: per source `{source symbol: unified symbol}`, in the order of entry.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer

from config.dialog import Console, FileDraft, run_dialog, standard_console
from config.dialog_mappings import SourceEntries, ask_source, read_name, read_unified
from config.dialog_options import FROM_FILE, NON_INTERACTIVE, SETTINGS, read_document, split_setting
from config.dialog_sources import signal_sources
from config.files import format_json, parse_json
from config.home import Home, find_home
from config.schemas.fields import NOTE_PREFIXES
from config.schemas.mappings import MAPPINGS
from config.schemas.reading import check_model
from core.model.failures import InvalidConfig, InvalidInput
from core.model.identity import SourceName, parse_source

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    settings: SETTINGS = None,
    from_file: FROM_FILE = None,
    *,
    non_interactive: NON_INTERACTIVE = False,
) -> None:
    """Map the symbols of each signal source to unified ones such as ETHUSDT.

    Without options it asks. A running engine and the signal processors take the change up in their next cycle.

    Examples:
      python3 config/asset_mapping.py

      python3 config/asset_mapping.py --set bittensor.TAOUSD=TAOUSDT

      python3 config/asset_mapping.py --set bittensor.TAOUSD= (removes it)

      python3 config/asset_mapping.py --from mappings.json

      python3 config/asset_mapping.py --non-interactive (checks and shows it)
    """
    console = standard_console()
    is_asked = not (settings or from_file or non_interactive)
    raise typer.Exit(
        run_dialog(
            console, lambda: configure_mappings(console, find_home(), settings or [], from_file, is_asked=is_asked)
        )
    )


def configure_mappings(
    console: Console, home: Home, settings: Sequence[str], from_file: Path | None, *, is_asked: bool
) -> None:
    """Load, change by file, by settings and by questions, show, and write once if anything changed.

    Raises:
        EOFError: If the answers end before the questions; nothing is then written.
        core.model.failures.EngineError: If a file or a setting breaks its rules.
    """
    draft = FileDraft(home.asset_mapping)
    stored: dict[str, Any] = draft.load(parse_document, {})
    document = read_document(from_file, parse_document) if from_file else stored
    sources = all_sources(console, home, document)
    check_model(MAPPINGS, written_document(document, sources), from_file or draft.path)
    for setting in settings:
        apply_setting(sources, setting, console)
    if is_asked:
        _ask_all(console, sources)
    edited = written_document(document, sources)
    check_model(MAPPINGS, edited, draft.path)
    console.say()
    show_summary(console, sources)
    console.say()
    if format_json(edited) == format_json(stored):
        console.say(f"Nothing changed in {draft.path}")
        return
    draft.save(format_json(edited))
    console.say(f"Configuration saved to {draft.path}")


def parse_document(content: bytes, path: Path) -> dict[str, Any]:
    """The file as written, notes and all; of two entries with one target a dialog keeps the later.

    Raises:
        InvalidConfig: If it breaks any other rule of the file.
    """
    document = parse_json(content, path)
    if not isinstance(document, dict):
        raise InvalidConfig(str(path), "", "", "must be an object of sources", "Restore the file.")
    sources = {key: value for key, value in document.items() if not key.startswith(NOTE_PREFIXES)}
    for source, entries in sources.items():
        if isinstance(entries, dict):
            for key, value in entries.items():
                check_model(MAPPINGS, {source: {key: value}}, path)
        else:
            check_model(MAPPINGS, {source: entries}, path)
    return document


def all_sources(console: Console, home: Home, document: Mapping[str, Any]) -> dict[SourceName, SourceEntries]:
    """The entries of every source, in the order of the questions, also of one that the file does not name."""
    named = [source for source in document if not source.startswith(NOTE_PREFIXES)]
    return {source: SourceEntries(document.get(source, {}), console.say) for source in signal_sources(home, named)}


def apply_setting(sources: dict[SourceName, SourceEntries], setting: str, console: Console) -> None:
    """Apply one `SOURCE.SYMBOL=UNIFIED`; nothing after the equals sign removes the mapping.

    Raises:
        InvalidInput: If it is none, or removes what is not there.
    """
    path, value = split_setting(setting)
    source_text, dot, symbol = path.partition(".")
    if not dot:
        raise InvalidInput(f"--set {setting}: write SOURCE.SYMBOL=UNIFIED, such as bittensor.TAOUSD=TAOUSDT")
    entries = sources.setdefault(parse_source(source_text), SourceEntries({}, console.say))
    name = read_name(symbol, entries)
    known = entries.find(name)
    if value:
        entries.assign(name, read_unified(value))
    elif known is None:
        raise InvalidInput(f"--set {setting}: {source_text} does not map {name}")
    else:
        entries.remove(known)


def show_summary(console: Console, sources: Mapping[SourceName, SourceEntries]) -> None:
    """Every source with all its mappings; one without says so."""
    from rich.box import ASCII2  # noqa: PLC0415 - questions start without it
    from rich.table import Table  # noqa: PLC0415 - questions start without it

    table = Table("Signal source", "Source symbol", "Unified symbol", box=ASCII2)
    for source, entries in sources.items():
        for place, entry in enumerate(entries.entries):
            table.add_row("" if place else source, ", ".join(entry.names), entry.unified)
        if not entries.entries:
            table.add_row(source, "no mappings", "")
    console.say("Asset mappings:")
    console.show(table)


def written_document(document: Mapping[str, Any], sources: Mapping[SourceName, SourceEntries]) -> dict[str, Any]:
    """The file's content; a source that it does not name stays out while it has no entry."""
    return {**document, **{source: e.written() for source, e in sources.items() if e.entries or source in document}}


def _ask_all(console: Console, sources: Mapping[SourceName, SourceEntries]) -> None:
    for place, (source, entries) in enumerate(sources.items()):
        if place:
            console.say()
        ask_source(console, source, entries)


if __name__ == "__main__":
    app()
