"""`raw_signals/tradingview/state.json`: the book as of one record, so that a start reads what came after it only."""

from datetime import datetime
from pathlib import Path

import msgspec

from config.files import write_atomically
from core.model.failures import InvalidInput, StorageFailure
from signal_processors.day_files import DamagedLine, Record, read_records
from signal_processors.tradingview_book import Book, Seen
from signal_processors.tradingview_lane import Lane

SNAPSHOT_VERSION = 1
SNAPSHOT_NAME = "state.json"

_PRIVATE = 0o600


class _LaneEntry(msgspec.Struct):
    strategy: str
    symbol: str
    lane: Lane


class _SeenEntry(msgspec.Struct, array_like=True):
    strategy: str
    symbol: str
    identity: str
    seen: Seen


class _Snapshot(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    sequence: int
    changes: int
    changed_at: datetime | None
    lanes: list[_LaneEntry]
    seen: list[_SeenEntry]
    spoken: dict[str, datetime]


def save_book(content: bytes, folder: Path) -> None:
    """Replace the snapshot by what format_book made.

    Raises:
        StorageFailure: If it cannot be written; the old one is then still in place.
    """
    write_atomically(folder / SNAPSHOT_NAME, content, _PRIVATE)


def format_book(book: Book) -> bytes:
    """The file of a book."""
    return msgspec.json.encode(
        _Snapshot(
            SNAPSHOT_VERSION,
            book.sequence,
            book.changes,
            book.changed_at,
            [_LaneEntry(strategy, symbol, lane) for (strategy, symbol), lane in book.lanes.items()],
            [_SeenEntry(*key, seen) for key, seen in book.seen.items()],
            book.spoken,
        )
    )


def load_book(folder: Path) -> tuple[Book, list[str]]:
    """The book after every record that can be read, and what was in the way.

    A snapshot that cannot be read is set aside, and the whole record is read instead.

    Args:
        folder: `raw_signals/tradingview`.

    Raises:
        StorageFailure: If the folder cannot be read.
    """
    book, problems = _load_snapshot(folder / SNAPSHOT_NAME)
    try:
        for item in read_records(folder, after=book.sequence):
            problem = _fold(book, item)
            if problem:
                problems.append(problem)
    except OSError as error:
        raise StorageFailure(f"{folder}: cannot be read: {error.strerror or error}") from error
    return book, problems


def _load_snapshot(path: Path) -> tuple[Book, list[str]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Book(), []
    except OSError as error:
        raise StorageFailure(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        saved = msgspec.json.decode(content, type=_Snapshot)
    except (msgspec.DecodeError, ValueError, ArithmeticError) as error:
        return Book(), [f"{path}: {error}; set aside as {_set_aside(path)}, the record is read instead"]
    if saved.version != SNAPSHOT_VERSION:
        return Book(), [f"{path}: another version's; set aside as {_set_aside(path)}, the record is read instead"]
    lanes = {(entry.strategy, entry.symbol): entry.lane for entry in saved.lanes}
    seen = {(entry.strategy, entry.symbol, entry.identity): entry.seen for entry in saved.seen}
    return Book(saved.sequence, saved.changes, saved.changed_at, lanes, seen, saved.spoken), []


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    return aside.name


def _fold(book: Book, item: Record | DamagedLine) -> str:
    """Fold one record; what cannot be read is reported and hides nothing after it."""
    if isinstance(item, DamagedLine):
        return f"{item.path} line {item.line} {item.problem}"
    try:
        book.fold(item)
    except InvalidInput as error:
        return str(error)
    return ""
