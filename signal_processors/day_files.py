"""The day files of a record, plain or zipped: found, read, and archived when old. Nothing is ever deleted."""

import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from config.files import sync_directory
from core.model.failures import StorageFailure

ARCHIVE_AFTER_DAYS = 3

_DAY_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})\.jsonl(?:\.zip)?")
_LINE = re.compile(rb'\{"crc":"([0-9a-f]{8})","length":(\d{1,10}),"record":(.*)\}\n', re.DOTALL)
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        sequence: Grows with every record of the source; gaps are attempts that were never stored.
        received_at: UTC time.
        content: JSON values by name.
    """

    sequence: int
    received_at: datetime
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DamagedLine:
    """A line that is not what was written: skipped, reported, left where it is.

    Attributes:
        path: The day file.
        line: Its number, from 1.
        problem: What is wrong with it.
    """

    path: Path
    line: int
    problem: str


def day_file(folder: Path, day: date) -> Path:
    """The plain file of one UTC day."""
    return folder / f"{day.isoformat()}.jsonl"


def newest_day(folder: Path) -> date | None:
    """The newest day that has a file, None without one."""
    return max(_days(folder), default=None)


def read_records(folder: Path, after: int = 0, *, newest_only: bool = False) -> Iterator[Record | DamagedLine]:
    """Read a source's record from its files and archives, oldest first.

    Args:
        folder: `raw_signals/<source>`.
        after: Records up to this sequence are left out; files that hold nothing newer are not read to their end.
        newest_only: Read only the newest file that holds a record.
    """
    files = _days(folder)
    needed: list[date] = []
    for day in sorted(files, reverse=True):
        first = next((item for item in _read_file(files[day]) if isinstance(item, Record)), None)
        needed.append(day)
        if first is not None and (newest_only or first.sequence <= after + 1):
            break
    for day in reversed(needed):
        for item in _read_file(files[day]):
            if isinstance(item, DamagedLine) or item.sequence > after:
                yield item


def archive_old_days(folder: Path, today: date, keep_days: int = ARCHIVE_AFTER_DAYS) -> list[Path]:
    """Zip closed day files beside themselves once they are old; a file is closed when a newer one exists.

    A crash at any moment leaves the plain file, or a complete archive, or both.

    Args:
        folder: `raw_signals/<source>`.
        today: The UTC day.
        keep_days: Files of days older than this many days are zipped.

    Returns:
        The archives made.

    Raises:
        StorageFailure: If one could not be made; its plain file is then still in place.
    """
    newest = newest_day(folder)
    made = []
    for day in sorted(_days(folder)):
        plain = day_file(folder, day)
        if day == newest or day >= today - timedelta(days=keep_days) or not plain.exists():
            continue
        try:
            made.append(_archive(plain))
        except (OSError, zipfile.BadZipFile) as error:
            raise StorageFailure(f"{plain}: cannot be archived: {error}") from error
    return made


def _days(folder: Path) -> dict[date, Path]:
    """Each day's file; the plain one where both exist, since an archive is believed only after the plain one went."""
    files: dict[date, Path] = {}
    for path in sorted(folder.glob("*.jsonl*")):
        match = _DAY_NAME.fullmatch(path.name)
        if match and date.fromisoformat(match.group(1)) not in files:
            files[date.fromisoformat(match.group(1))] = path
    return files


def _read_file(path: Path) -> Iterator[Record | DamagedLine]:
    with _open_file(path) as file:
        for number, line in enumerate(file, start=1):
            if line != b"\n":
                yield _read_line(line, path, number)


@contextmanager
def _open_file(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix != ".zip":
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        yield file


def _read_line(line: bytes, path: Path, number: int) -> Record | DamagedLine:
    match = _LINE.fullmatch(line)
    if not match:
        problem = "has no end" if not line.endswith(b"\n") else "is not a framed record"
        return DamagedLine(path, number, problem)
    crc, length, payload = match.groups()
    if len(payload) != int(length) or zlib.crc32(payload) != int(crc, 16):
        return DamagedLine(path, number, "does not match its checksum")
    try:
        content = json.loads(payload)
        sequence, received_at = int(content.pop("sequence")), datetime.fromisoformat(content.pop("received_at"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return DamagedLine(path, number, "is framed but holds no record")
    return Record(sequence, received_at.astimezone(UTC), content)


def _archive(plain: Path) -> Path:
    archive = plain.with_name(f"{plain.name}.zip")
    if archive.exists():
        if not _holds(archive, plain):
            raise StorageFailure(f"{plain}: differs from its archive; keep both and move one away")
    else:
        temporary = plain.with_name(f".{plain.name}.tmp.zip")
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.write(plain, plain.name)
        _sync_file(temporary)
        if not _holds(temporary, plain):
            raise StorageFailure(f"{plain}: its archive does not read back")
        temporary.replace(archive)
        sync_directory(plain.parent)
    plain.unlink()
    sync_directory(plain.parent)
    return archive


def _holds(archive: Path, plain: Path) -> bool:
    """Whether the archive reads back to exactly the plain file."""
    try:
        with _open_file(archive) as packed, plain.open("rb") as original:
            while True:
                block = original.read(_BLOCK_BYTES)
                if packed.read(_BLOCK_BYTES if block else 1) != block:
                    return False
                if not block:
                    return True
    except (zipfile.BadZipFile, IndexError, EOFError, zlib.error):
        return False


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
