"""Reading a journal where the disk has no room: SQLite can neither make its shared index there nor write a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

NO_ROOM = (apsw.FullError, apsw.IOError)
"""What SQLite raises when it can neither write nor make room; a plain read may work all the same."""

BUSY_MILLISECONDS = 5000


@contextmanager
def alone_with(path: Path, vfs: str = "") -> Iterator[apsw.Connection]:
    """A connection that shares the file with nobody and writes nothing, not even when it is closed.

    A connection that locks the file for itself keeps the log's index in its own memory
    (https://www.sqlite.org/wal.html, "Use of WAL Without Shared-Memory").

    Args:
        path: The database file.
        vfs: Name of a SQLite VFS, empty for the system's.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs or None)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        yield connection
    finally:
        connection.close()
