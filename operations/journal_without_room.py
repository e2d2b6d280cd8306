"""Reading a journal where the disk has no room: SQLite can neither make a file of its own there nor write a page."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

NO_ROOM = (apsw.FullError, apsw.IOError, apsw.CantOpenError)
"""What SQLite raises when it can neither write nor make room, nor make a file beside the one that it has opened.

A plain read may work all the same.
"""

LOGS = ("-wal", "-journal")
"""Beside a database, what SQLite must read with it."""

BUSY_MILLISECONDS = 5000


@contextmanager
def alone_with(path: Path, vfs: str = "") -> Iterator[apsw.Connection]:
    """A connection that shares the file with nobody and writes nothing, not even when it is closed.

    A connection that locks the file for itself keeps the log's index in its own memory
    (https://www.sqlite.org/wal.html, "Use of WAL Without Shared-Memory"). It needs the log, and makes one where there
    is none; a file that was left in order has none, and all of it is read as one that does not change
    (https://www.sqlite.org/uri.html, "immutable"), for which nothing is made.

    Args:
        path: The database file.
        vfs: Name of a SQLite VFS, empty for the system's.
    """
    if not any(path.with_name(path.name + log).exists() for log in LOGS):
        with _unchanging(path, vfs) as connection:
            yield connection
        return
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs or None)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        yield connection
    finally:
        connection.close()


def why(error: apsw.Error) -> str:
    """What SQLite says, in words that lead to the cause: it opened the journal and speaks of another file."""
    if isinstance(error, apsw.CantOpenError):
        return f"no file can be made beside it, is an inode free (df -i)? SQLite says: {error}"
    return str(error)


@contextmanager
def _unchanging(path: Path, vfs: str) -> Iterator[apsw.Connection]:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(f"{path.absolute().as_uri()}?immutable=1", flags=flags, vfs=vfs or None)
    try:
        yield connection
    finally:
        connection.close()
