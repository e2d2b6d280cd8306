"""The append-only record of one source: a file per UTC day, a checked line per record, durable before it is answered.

A line is JSON whose `record` is covered by its length and its CRC-32:

    {"crc":"5d1c7e0a","length":57,"record":{"sequence":12,"received_at":"2026-01-02T03:04:05Z",...}}

A torn or altered line is reported and skipped; it never hides the next one, because every process that opens a file
whose last line has no end begins a new line first.
"""

import asyncio
import fcntl
import json
import os
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Protocol

from config.files import sync_directory
from core.model.failures import EngineError, StorageFailure
from signal_processors.day_files import DamagedLine, Record, day_file, newest_day, read_records

Commit = Callable[[], None]
Committer = Callable[[Commit], Awaitable[None]]

_LOCK_NAME = ".writer.lock"


class RecordInUse(EngineError):
    """Another process writes this record."""


class Scribe(Protocol):
    """Completes records with what depends on their order, and learns whether they were stored.

    Batches never overlap, so what a scribe works out for one batch may rest on all that was stored before it.
    """

    def complete(self, record: Record) -> Record:
        """The record as it is to be written, in order of sequence."""
        ...

    def settle(self, *, stored: bool) -> None:
        """All records completed since the last call are durable, or the caller must not rely on any of them."""
        ...


class _NoScribe:
    def complete(self, record: Record) -> Record:
        return record

    def settle(self, *, stored: bool) -> None:
        """Nothing was worked out."""


async def commit_inline(commit: Commit) -> None:
    """Run the commit on the loop: deterministic, and fast where a disk syncs in a millisecond."""
    commit()


@dataclass(slots=True)
class _Waiting:
    """One caller's records, not yet durable."""

    received_at: datetime
    contents: Sequence[Mapping[str, Any]]
    done: asyncio.Future[Sequence[Record]]


class RecordLog:
    """The one writer of a source's record. Appends that wait together share one sync.

    Args:
        folder: `raw_signals/<source>`; created if missing.
        committer: Where the write and the sync run.
        floor: The highest sequence the caller remembers, for the case that the files are gone.
        scribe: Completes the records of each batch.

    Raises:
        RecordInUse: If another process writes there.
        StorageFailure: If the folder cannot be used.
    """

    def __init__(
        self, folder: Path, committer: Committer = commit_inline, floor: int = 0, scribe: Scribe | None = None
    ) -> None:
        self._folder = folder
        self._committer = committer
        self._scribe = scribe or _NoScribe()
        self._waiting: list[_Waiting] = []
        self._flush: asyncio.Task[None] | None = None
        self._descriptor = -1
        self._is_fresh_line = True
        self._failure = ""
        self._lock = _lock_folder(folder)
        self._day = newest_day(folder) or date.min
        self.damaged: list[DamagedLine] = []
        self._sequence = max(floor, self._last_sequence())

    @property
    def failure(self) -> str:
        """Why nothing can be appended any more, empty while it can."""
        return self._failure

    @property
    def sequence(self) -> int:
        """The sequence of the newest record."""
        return self._sequence

    def continue_after(self, sequence: int) -> None:
        """Number the next record above a sequence that the caller remembers, for the case that the files are gone."""
        self._sequence = max(self._sequence, sequence)

    async def append(self, received_at: datetime, *contents: Mapping[str, Any]) -> Sequence[Record]:
        """Append records together; they are durable when this returns.

        Args:
            received_at: UTC time. The day never runs back: after a clock step the newest file goes on.
            contents: JSON values by name; `sequence` and `received_at` are added.

        Raises:
            StorageFailure: If they could not be written (nothing of them is then in the record) or synced (then
                nobody knows, and every later append fails as well: restart, and the record is read again).
        """
        waiting = _Waiting(received_at, contents, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().create_task(self._flush_waiting())
        return await asyncio.shield(waiting.done)

    async def close(self) -> None:
        """Wait for what is being written, then give the record free for another writer."""
        while self._flush is not None:
            await asyncio.wait([self._flush])
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self._failure = self._failure or "the record is closed"

    def _number(self, waiting: _Waiting) -> Sequence[Record]:
        self._day = max(self._day, waiting.received_at.astimezone(UTC).date())
        records = []
        for content in waiting.contents:
            self._sequence += 1
            records.append(self._scribe.complete(Record(self._sequence, waiting.received_at, content)))
        return records

    def _last_sequence(self) -> int:
        last = 0
        for item in read_records(self._folder, newest_only=True):
            if isinstance(item, Record):
                last = max(last, item.sequence)
            else:
                self.damaged.append(item)
        return last

    async def _flush_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    stored = [self._number(waiting) for waiting in batch]
                    lines = [frame_line(record) for records in stored for record in records]
                    await self._committer(lambda lines=lines: self._write(lines))  # type: ignore[misc]
                except BaseException as error:
                    self._scribe.settle(stored=False)
                    _fail(batch, error, self._folder)
                    if not isinstance(error, StorageFailure):
                        raise
                else:
                    self._scribe.settle(stored=True)
                    for waiting, records in zip(batch, stored, strict=True):
                        if not waiting.done.done():
                            waiting.done.set_result(records)
        finally:
            self._flush = None

    def _write(self, lines: Sequence[bytes]) -> None:
        """Write and sync a batch; runs where the committer runs it, never twice at a time."""
        if self._failure:
            raise StorageFailure(f"{self._folder}: {self._failure}")
        path = day_file(self._folder, self._day)
        try:
            self._open(path)
            start = os.fstat(self._descriptor).st_size
            self._write_from(start, b"".join(lines))
        except OSError as error:
            raise StorageFailure(f"{path}: cannot be written: {error.strerror or error}") from error
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._failure = f"a sync failed ({error.strerror or error}); restart the service"
            raise StorageFailure(f"{path}: {self._failure}") from error

    def _write_from(self, start: int, content: bytes) -> None:
        if not self._is_fresh_line:
            content = b"\n" + content
        view = memoryview(content)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError:
            self._is_fresh_line = False
            os.ftruncate(self._descriptor, start)
            self._is_fresh_line = _ends_line(self._descriptor)
            raise
        self._is_fresh_line = True

    def _open(self, path: Path) -> None:
        """Have the day's file open; one that was moved or removed under us is begun anew."""
        if self._descriptor >= 0:
            if _is_same_file(self._descriptor, path):
                return
            os.close(self._descriptor)
            self._descriptor = -1
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        sync_directory(self._folder)
        self._is_fresh_line = _ends_line(self._descriptor)


def frame_line(record: Record) -> bytes:
    """The line of one record."""
    content = {"sequence": record.sequence, "received_at": record.received_at.astimezone(UTC).isoformat()}
    payload = json.dumps(content | dict(record.content), separators=(",", ":"), allow_nan=False).encode()
    return b'{"crc":"%08x","length":%d,"record":%b}\n' % (zlib.crc32(payload), len(payload), payload)


def _fail(batch: Sequence[_Waiting], error: BaseException, folder: Path) -> None:
    failure = error if isinstance(error, StorageFailure) else None
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(failure or StorageFailure(f"{folder}: the commit was interrupted: {error!r}"))


def _lock_folder(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailure(f"{folder}: cannot be used: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise RecordInUse(f"{folder}: another process writes this record; stop it first") from None
    return descriptor


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _ends_line(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
