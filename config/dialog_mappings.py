"""The questions about one source's mappings, and the rule that two of its entries never share a target."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from config.dialog import Console, choice, current_value_note, prompt_line
from config.schemas.fields import NOTE_PREFIXES
from config.schemas.mappings import SourceSymbol
from core.model.failures import InvalidInput
from core.model.identity import SourceName, Symbol, parse_symbol

_SOURCE_SYMBOL: TypeAdapter[str] = TypeAdapter(SourceSymbol)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a source: its own symbol, or a list of ids of one asset, and the unified symbol.

    Attributes:
        names: The source's symbols, one unless the file wrote a list.
        unified: What they are.
        is_list: Whether the file wrote (or is to write) a list.
    """

    names: tuple[str, ...]
    unified: str
    is_list: bool = False

    @property
    def key(self) -> str:
        """What stands before the colon in the file."""
        return self.unified if self.is_list else self.names[0]

    def __str__(self) -> str:
        return f"{', '.join(self.names)} -> {self.unified}"


class SourceEntries:
    """One source's entries in their order; a target taken twice goes to the newer entry, and that is announced."""

    def __init__(self, written: Mapping[str, Any], announce: Callable[[str], None]) -> None:
        self._notes = {key: value for key, value in written.items() if key.startswith(NOTE_PREFIXES)}
        self._announce = announce
        self._entries: list[Entry] = []
        for key, value in written.items():
            if key not in self._notes:
                self._append(
                    Entry(tuple(value), key, is_list=True) if isinstance(value, list) else Entry((key,), value)
                )

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries in their order."""
        return tuple(self._entries)

    def find(self, name: str) -> Entry | None:
        """The entry that maps one of the source's symbols."""
        return next((entry for entry in self._entries if name in entry.names), None)

    def clear(self) -> None:
        """Start with no entry."""
        self._entries.clear()

    def remove(self, entry: Entry) -> None:
        """Take one entry out."""
        self._entries.remove(entry)

    def assign(self, name: str, unified: Symbol) -> None:
        """Map one symbol; where it is mapped already, its place is kept.

        Raises:
            InvalidInput: If the file could not hold both this entry and a list.
        """
        known = self.find(name)
        if known is not None and not known.is_list:
            self.retarget(known, unified)
            return
        if known is not None:
            self._refuse_shared_key(Entry((name,), unified))
            self._leave_list(known, name)
        self._append(Entry((name,), unified))

    def retarget(self, entry: Entry, unified: Symbol) -> None:
        """Give one entry another target, in its place.

        Raises:
            InvalidInput: If the file could not hold both this entry and a list.
        """
        changed = Entry(entry.names, unified, entry.is_list)
        self._drop_others_of(changed, keep=entry)
        self._entries[self._entries.index(entry)] = changed

    def written(self) -> dict[str, Any]:
        """The source's part of the file."""
        entries = {e.key: list(e.names) if e.is_list else e.unified for e in self._entries}
        return {**self._notes, **entries}

    def _append(self, entry: Entry) -> None:
        self._drop_others_of(entry)
        self._entries.append(entry)

    def _leave_list(self, entry: Entry, name: str) -> None:
        rest = tuple(other for other in entry.names if other != name)
        place = self._entries.index(entry)
        self._entries[place : place + 1] = [Entry(rest, entry.unified, is_list=True)] if rest else []

    def _refuse_shared_key(self, entry: Entry, keep: Entry | None = None) -> None:
        if any(
            other.key == entry.key and other.unified != entry.unified for other in self._entries if other is not keep
        ):
            raise InvalidInput(f"{entry.key} is the key of another entry of the file; remove that one first")

    def _drop_others_of(self, entry: Entry, keep: Entry | None = None) -> None:
        self._refuse_shared_key(entry, keep)
        for other in self.entries:
            if other.unified == entry.unified and other is not keep:
                self._entries.remove(other)
                self._announce(f"Removed {other}: {entry.unified} is now the target of {', '.join(entry.names)}.")


def ask_source(console: Console, source: SourceName, entries: SourceEntries) -> None:
    """Ask everything about one source, in the words of the README."""
    if entries.entries:
        _ask_what_to_keep(console, source, entries)
        console.say()
    console.say(f"Configuring mappings for {source}")
    while name := console.ask(
        "Enter source asset symbol (e.g., ETHUSD) or press Enter to finish: ", lambda text: read_name(text, entries)
    ):
        _ask_target(console, name, entries)


def read_name(text: str, entries: SourceEntries) -> str:
    """A source's own symbol: as it is where the source has it already, else in upper case; empty stays empty.

    Raises:
        InvalidInput: If no source could name a symbol so.
    """
    name = text if not text or entries.find(text) else text.upper()
    if not name:
        return name
    try:
        _SOURCE_SYMBOL.validate_python(name)
    except ValidationError:
        name = ""
    if not name or name.startswith(NOTE_PREFIXES):
        raise InvalidInput(f"{text!r} is no symbol: write 1 to 40 letters, digits or . _ : / ! -")
    return name


def read_unified(text: str) -> Symbol:
    """A unified symbol, in upper case.

    Raises:
        InvalidInput: If it is none.
    """
    try:
        return parse_symbol(text.upper())
    except InvalidInput:
        raise InvalidInput(
            f"{text!r} is no unified symbol: write 2 to 30 letters and digits, such as ETHUSDT"
        ) from None


def removed_notice(source: SourceName, entries: Sequence[Entry]) -> str:
    """What starting fresh drops."""
    return f"Dropping the {len(entries)} mappings of {source}." if len(entries) > 1 else f"Dropping {entries[0]}."


def _ask_what_to_keep(console: Console, source: SourceName, entries: SourceEntries) -> None:
    console.say(f"Current mappings for {source}:")
    for entry in entries.entries:
        console.say(f"  {entry}")
    console.say()
    console.say("What would you like to do with existing mappings?")
    console.say("  k - keep all existing mappings")
    console.say("  m - modify existing mappings one by one")
    console.say("  n - start fresh with no mappings")
    decision = console.ask("Choose (k/m/n): ", choice("kmn"))
    if decision == "n":
        console.say(removed_notice(source, entries.entries))
        entries.clear()
    if decision == "m":
        for entry in entries.entries:
            if entry in entries.entries:
                _ask_about_entry(console, entry, entries)


def _ask_about_entry(console: Console, entry: Entry, entries: SourceEntries) -> None:
    console.say()
    console.say(f"Current mapping: {entry}")
    decision = console.ask("Keep/Modify/Remove (k/m/r)? ", choice("kmr"))
    if decision == "r":
        entries.remove(entry)
    if decision == "m":
        unified = _ask_unified(console, ", ".join(entry.names), entry.unified)
        _apply(console, lambda: entries.retarget(entry, unified))


def _ask_target(console: Console, name: str, entries: SourceEntries) -> None:
    known = entries.find(name)
    if known is None:
        unified = _ask_unified(console, name, "")
    else:
        question = f"{name} is already mapped to {known.unified}. Do you want to update it (y/n)? "
        if console.ask(question, choice("ny")) == "n":
            return
        unified = _ask_unified(console, name, known.unified)
    if unified:
        _apply(console, lambda: entries.assign(name, unified))


def _apply(console: Console, change: Callable[[], None]) -> None:
    try:
        change()
    except InvalidInput as problem:
        console.say(str(problem))


def _ask_unified(console: Console, name: str, current: str) -> Symbol:
    """The new target; Enter keeps the current one, and gives the entry up where there is none."""
    prompt = prompt_line(f"Enter translated asset symbol for {name}", current_value_note(current or None))
    return console.ask(prompt, lambda text: read_unified(text) if text else Symbol(current))
