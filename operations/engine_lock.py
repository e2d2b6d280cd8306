"""One engine per data directory: an exclusive lock that dies with its process."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from core.model.failures import EngineError


class AlreadyRunning(EngineError):
    """Another engine holds the lock."""


class EngineLock:
    """An exclusive flock on a file in the state folder; the file tells the holder's process id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            AlreadyRunning: With the holder's process id.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise AlreadyRunning(
                f"{self._path}: another engine is running on this data (process {holder}); stop it first"
            ) from None
        _note_holder(descriptor)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the lock; the file stays."""
        os.close(self._descriptor)


def _note_holder(descriptor: int) -> None:
    """Note the process id, over the last holder's: that needs no room. The lock holds without it."""
    note = f"{os.getpid()}\n".encode()
    with suppress(OSError):
        try:
            kept = os.write(descriptor, note)
        except OSError:
            kept = 0
        os.ftruncate(descriptor, kept)


def running_engine(path: Path, locks: Path = Path("/proc/locks")) -> int | None:
    """The process id of the engine that holds the lock, None when none runs; looking takes no lock itself.

    Args:
        path: The home's engine_lock.
        locks: The kernel's list of locks; where there is none, a living process of the noted id counts.
    """
    try:
        process_id, inode = int(path.read_text().strip() or 0), path.stat().st_ino
    except (OSError, ValueError):
        return None
    try:
        held = [line.split() for line in locks.read_text().splitlines()]
    except OSError:
        return process_id if _is_alive(process_id) else None
    holders = [line for line in held if "FLOCK" in line and any(part.endswith(f":{inode}") for part in line)]
    return (process_id or _pid_in(holders[0])) if holders else None


def _pid_in(line: list[str]) -> int:
    """The process id in a line of /proc/locks: the first number behind the kind of lock."""
    return next((int(part) for part in line[1:] if part.isdigit()), 0)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return process_id > 0
