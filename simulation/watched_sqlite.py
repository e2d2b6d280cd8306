"""Where a simulated disk stands between SQLite and the real files, and between a descriptor and its name."""

import os
from collections.abc import Callable
from typing import Any

import apsw

BELOW = "unix"
"""SQLite's own VFS, which does the real work."""


class WatchedFile(apsw.VFSFile):
    """A file of SQLite that knows its path; what a disk wants to know of it is overridden."""

    def __init__(self, name: Any, flags: Any) -> None:  # noqa: ANN401 - apsw's types
        super().__init__(BELOW, name, flags)
        self.path = str(name.filename() if isinstance(name, apsw.URIFilename) else name or "")


class WatchedFiles(apsw.VFS):
    """The default VFS until it is unregistered.

    Args:
        name: Of the VFS.
        open_file: Makes a file from apsw's name and flags.
    """

    def __init__(self, name: str, open_file: Callable[[Any, Any], WatchedFile]) -> None:
        self._open_file = open_file
        super().__init__(name, BELOW, makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> WatchedFile:  # noqa: ANN401, N802 - apsw's names and types
        """A file, opened."""
        return self._open_file(name, flags)


def path_of(descriptor: Any) -> str:  # noqa: ANN401 - a number or an object with fileno()
    """The file behind a descriptor, empty when the system does not tell."""
    number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
    try:
        return os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - called for every write
    except OSError:
        return ""
