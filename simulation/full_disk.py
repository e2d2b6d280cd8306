"""A disk that fills up in mid-life: SQLite and the system's calls then fail as they do on a real one.

A write through the `os` module raises ENOSPC, a write to SQLite's log or journal fails in its VFS, so that SQLite
itself reports SQLITE_FULL at the commit. Names can still be made, as on most file systems, and pages that are in the
database already be written over.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import apsw

from simulation.watched_sqlite import WatchedFile, WatchedFiles, path_of

VFS_NAME = "filling"
LOGS = ("-wal", "-journal")
ELSEWHERE = "elsewhere"
"""How the folders begin that lie in the home for convenience and on another machine in truth."""


class Full(StrEnum):
    """What of a home has no room left."""

    NOTHING = "nothing"
    JOURNAL = "journal"
    EVERYTHING = "everything"


class FullDisk:
    """The disk under one home.

    Attributes:
        full: What has no room left now.
        refused: How many writes failed so far.
    """

    def __init__(self, root: Path) -> None:
        self.full = Full.NOTHING
        self.refused = 0
        self._root = str(root)
        self._elsewhere = str(root / ELSEWHERE)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Stand between the process and the folder while the block runs; one disk at a time."""
        vfs = WatchedFiles(VFS_NAME, partial(_File, self))
        before = os.write
        os.write = self._hook(before)
        try:
            yield
        finally:
            os.write = before
            vfs.unregister()

    def has_no_room(self, path: str, *, for_journal: bool) -> bool:
        """Whether a write to the path fails now; it is then counted."""
        is_full = self.full is Full.EVERYTHING or (self.full is Full.JOURNAL and for_journal)
        if not is_full or not path.startswith(self._root) or path.startswith(self._elsewhere):
            return False
        self.refused += 1
        return True

    def _hook(self, real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def write(descriptor: int, content: Any) -> int:  # noqa: ANN401 - as os.write
            if self.full is not Full.NOTHING and self.has_no_room(path_of(descriptor), for_journal=False):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(descriptor, content)

        return write


class _File(WatchedFile):
    def __init__(self, disk: FullDisk, name: Any, flags: Any) -> None:  # noqa: ANN401 - apsw's types
        super().__init__(name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - apsw's name
        is_log = self.path.endswith(LOGS)
        if is_log and self._disk.full is not Full.NOTHING and self._disk.has_no_room(self.path, for_journal=True):
            raise apsw.FullError("database or disk is full")
        super().xWrite(data, offset)
