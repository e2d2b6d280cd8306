"""`raw_signals/<source>/depths.json`: a source's current depths, replaced atomically, version 1.

    {"version": 1, "source": "tradingview", "sequence": 7,
     "written_at": "2026-01-02T03:04:05.678901Z", "heartbeat_at": "...Z", "fetched_at": null,
     "status": "ok", "reason": "", "authenticated": true,
     "symbols": {"ETHUSDT": {"depth": "0.058", "at": "...Z", "leverage": "3", "price": "3328.25", "record_id": "12"}}}

Symbols are the source's own. Times are ISO-8601 in UTC with Z; decimals are text, so that no reader rounds them.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from config.files import parse_json, write_atomically
from config.home import Home
from core.model.failures import InvalidInput
from core.model.identity import SourceName, parse_source
from core.model.money import plain
from core.model.reading import Absent, Known, Reading, Unknown
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.ports.clock import Clock
from signal_processors.first_words import read_first_words

FRAME_VERSION = 1


class _SymbolEntry(msgspec.Struct, forbid_unknown_fields=True):
    depth: str
    at: str
    leverage: str | None = None
    price: str | None = None
    record_id: str = ""


class _FrameFile(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    source: str
    sequence: int
    written_at: str
    heartbeat_at: str
    fetched_at: str | None
    status: SourceStatus
    reason: str
    authenticated: bool
    symbols: dict[str, _SymbolEntry]


class DepthFiles:
    """core.ports.signal_source.SignalSource over the frame files of one home."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._paths: dict[SourceName, Path] = {}

    def read_frame(self, source: SourceName) -> Reading[SourceFrame]:
        """The source's current frame; a missing file is Absent, a torn or invalid one Unknown."""
        path = self._path(source)
        read_at = self._clock.now()
        try:
            frame = parse_frame(path.read_bytes(), path)
        except FileNotFoundError:
            said = read_first_words(self._home, source) or "start the source's service"
            return Absent(f"{path}: not written yet; {said}")
        except (OSError, InvalidInput) as error:
            return Unknown(str(error))
        if frame.source != source:
            return Unknown(f"{path}: holds the frame of {frame.source}, not of {source}")
        return Known(frame, read_at)

    def frame_marks(self, sources: Sequence[SourceName]) -> tuple[object, ...]:
        """Modification time, inode and size of each frame file: equal means that nothing was rewritten."""
        return tuple(_mark(self._path(source)) for source in sources)

    def _path(self, source: SourceName) -> Path:
        """Kept, since it is asked for at every look."""
        path = self._paths.get(source)
        if path is None:
            path = self._paths[source] = self._home.depths(source)
        return path


def publish_frame(home: Home, frame: SourceFrame) -> None:
    """Replace the source's frame; a reader sees the old or the new one.

    Raises:
        StorageFailure: If it cannot be written; the old frame is then still in place.
        InvalidInput: If a symbol is given twice.
    """
    write_atomically(home.depths(frame.source), format_frame(frame))


def format_frame(frame: SourceFrame) -> bytes:
    """The file of one frame.

    Raises:
        InvalidInput: If a symbol is given twice.
    """
    symbols = {signal.source_symbol: _format_signal(signal) for signal in frame.signals}
    if len(symbols) != len(frame.signals):
        raise InvalidInput(f"{frame.source}: a symbol is given twice in one frame")
    content = {
        "version": FRAME_VERSION,
        "source": frame.source,
        "sequence": frame.sequence,
        "written_at": format_time(frame.written_at),
        "heartbeat_at": format_time(frame.heartbeat_at),
        "fetched_at": format_time(frame.fetched_at) if frame.fetched_at else None,
        "status": frame.status,
        "reason": frame.reason,
        "authenticated": frame.authenticated,
        "symbols": symbols,
    }
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def parse_frame(content: bytes, path: Path) -> SourceFrame:
    """Read the file of one frame.

    Args:
        content: The whole file.
        path: Named in errors.

    Raises:
        InvalidInput: Naming the path and what is wrong.
    """
    parsed = parse_json(content, path)
    version = parsed.get("version") if isinstance(parsed, dict) else None
    if version != FRAME_VERSION:
        raise InvalidInput(f"{path}: version {version!r} is not {FRAME_VERSION}; update the older of the two services")
    try:
        file = msgspec.convert(parsed, _FrameFile)
        source = parse_source(file.source)
        return SourceFrame(
            source=source,
            sequence=file.sequence,
            written_at=parse_time(file.written_at),
            heartbeat_at=parse_time(file.heartbeat_at),
            fetched_at=parse_time(file.fetched_at) if file.fetched_at else None,
            status=file.status,
            reason=file.reason,
            authenticated=file.authenticated,
            signals=tuple(_parse_signal(source, symbol, entry) for symbol, entry in file.symbols.items()),
        )
    except (msgspec.ValidationError, ValueError, ArithmeticError, InvalidInput) as error:
        raise InvalidInput(f"{path}: {error}") from error


def format_time(at: datetime) -> str:
    """An aware time as ISO-8601 in UTC with Z."""
    return at.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def parse_time(text: str) -> datetime:
    """Read what format_time wrote.

    Raises:
        ValueError: If it is not ISO-8601 with a zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return at.astimezone(UTC)


def _format_signal(signal: SourceSignal) -> dict[str, str | None]:
    return {
        "depth": plain(signal.depth),
        "at": format_time(signal.at),
        "leverage": None if signal.leverage is None else plain(signal.leverage),
        "price": None if signal.price is None else plain(signal.price),
        "record_id": signal.record_id,
    }


def _parse_signal(source: SourceName, symbol: str, entry: _SymbolEntry) -> SourceSignal:
    return SourceSignal(
        source=source,
        source_symbol=symbol,
        depth=Decimal(entry.depth),
        at=parse_time(entry.at),
        leverage=None if entry.leverage is None else Decimal(entry.leverage),
        price=None if entry.price is None else Decimal(entry.price),
        record_id=entry.record_id,
    )


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
