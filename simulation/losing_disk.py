"""A disk that remembers what was synced, so that a power cut can be played: everything else is then lost.

It listens to the system calls of this process through the `os` module and to SQLite through a VFS. A file's content is
durable as of its last sync; a name is durable as of its directory's last sync. SQLite syncs the directory of a journal
or log that it created with that file's first sync (`unixSync` in SQLite's os_unix.c), below the VFS.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from simulation.watched_sqlite import WatchedFile, WatchedFiles, path_of

VFS_NAME = "losing"
SHARED_MEMORY_SUFFIX = "-shm"
"""SQLite's index in shared memory does not outlive a machine, and is rebuilt after a killed process."""


class LosingDisk:
    """What of a folder would outlive a power cut.

    Attributes:
        on_change: Told after everything that changes what would outlive a kill or a power cut, and just before a sync.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._names: dict[str, dict[str, int]] = {}
        self._contents: dict[int, bytes] = {}
        self.on_change: Callable[[str], None] = lambda _: None

    def synced(self, path: str) -> None:
        """A file's content became durable, or a directory's names."""
        if os.path.isdir(path):  # noqa: PTH112 - called for every sync
            self._keep_names(path)
        else:
            self._contents[os.stat(path).st_ino] = Path(path).read_bytes()  # noqa: PTH116 - called for every sync
        self.on_change(f"synced {self._short(path)}")

    def synced_by_sqlite(self, path: str, *, is_first: bool) -> None:
        """A file of SQLite became durable, with its directory if it is a new journal or log."""
        if is_first and path.endswith(("-wal", "-journal")):
            self._keep_names(os.path.dirname(path))  # noqa: PTH120 - called for every sync
        self.synced(path)

    def _keep_names(self, folder: str) -> None:
        self._names[folder] = {entry.name: entry.inode() for entry in os.scandir(folder) if not entry.is_dir()}

    def changed(self, what: str, path: str) -> None:
        """Something happened that a kill would keep."""
        self.on_change(f"{what} {self._short(path)}")

    def owns(self, path: str) -> bool:
        """Whether a path lies in the folder."""
        return path.startswith(self._root)

    def after_power_cut(self, target: Path) -> None:
        """Write to a new folder what a power cut now would leave."""
        for folder, names in self._names.items():
            place = target / os.path.relpath(folder, self._root)
            place.mkdir(parents=True, exist_ok=True)
            for name, inode in names.items():
                (place / name).write_bytes(self._contents.get(inode, b""))

    def after_kill(self, target: Path) -> None:
        """Write to a new folder what the death of the process now would leave: all that was written."""
        shutil.copytree(
            self._root, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(f"*{SHARED_MEMORY_SUFFIX}")
        )

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the block runs; one disk at a time."""
        vfs = WatchedFiles(VFS_NAME, partial(_File, self))
        before = (os.fsync, os.fdatasync, os.replace, os.write)
        os.fsync, os.fdatasync = self._hook_sync(os.fsync), self._hook_sync(os.fdatasync)
        os.replace, os.write = self._hook_replace(os.replace), self._hook_write(os.write)
        try:
            yield
        finally:
            os.fsync, os.fdatasync, os.replace, os.write = before
            vfs.unregister()

    def _hook_sync(self, real: Callable[[Any], None]) -> Any:  # noqa: ANN401 - takes its place by any name
        def sync(descriptor: Any) -> None:  # noqa: ANN401 - as os.fsync
            path = path_of(descriptor)
            real(descriptor)
            if self.owns(path):
                self.synced(path)

        return sync

    def _hook_replace(self, real: Callable[..., None]) -> Callable[..., None]:
        def replace(source: Any, target: Any, **options: Any) -> None:  # noqa: ANN401 - as os.replace
            real(source, target, **options)
            if self.owns(str(target)):
                self.changed("renamed", str(target))

        return replace

    def _hook_write(self, real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def write(descriptor: int, content: Any) -> int:  # noqa: ANN401 - as os.write
            written = real(descriptor, content)
            path = path_of(descriptor)
            if self.owns(path):
                self.changed("wrote", path)
            return written

        return write

    def _short(self, path: str) -> str:
        return os.path.relpath(path, self._root)


class _File(WatchedFile):
    def __init__(self, disk: LosingDisk, name: Any, flags: Any) -> None:  # noqa: ANN401 - apsw's types
        super().__init__(name, flags)
        self._disk = disk
        self._was_synced = False

    def xSync(self, flags: int) -> None:  # noqa: N802 - apsw's name
        is_ours = self._disk.owns(self.path)
        if is_ours:
            self._disk.changed("wrote", self.path)
        super().xSync(flags)
        if is_ours:
            self._disk.synced_by_sqlite(self.path, is_first=not self._was_synced)
            self._was_synced = True
