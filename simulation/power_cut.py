"""What a power cut takes from a simulated home: what was written and not synced since.

A whole world syncs too often to keep a copy at each sync, as simulation/losing_disk.py does. Here only what was last
synced is known of a file, by its length and its time: what changed since is lost, back to that length or to nothing.
SQLite's files stay as they are, because every commit is synced before anybody goes on; names count as synced.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulation.full_disk import ELSEWHERE

SQLITE = ".sqlite"


class Syncs:
    """Knows what is synced under one home.

    Args:
        root: The home.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._synced: dict[int, tuple[int, int]] = {}
        self._is_listening = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to the syncs of this process while the block runs; what is there already counts as synced."""
        for path in self._files():
            self._note(path.stat())
        before = (os.fsync, os.fdatasync)
        os.fsync, os.fdatasync = self._hook(os.fsync), self._hook(os.fdatasync)
        self._is_listening = True
        try:
            yield
        finally:
            self._is_listening = False
            os.fsync, os.fdatasync = before

    def cut_power(self) -> list[Path]:
        """Take what is not synced, where anybody listened; from which files something was taken."""
        cut = []
        for path in self._files() if self._is_listening else ():
            state = path.stat()
            length, changed_at = self._synced.get(state.st_ino, (0, 0))
            if (state.st_size, state.st_mtime_ns) != (length, changed_at) and state.st_size:
                os.truncate(path, min(length, state.st_size))
                cut.append(path.relative_to(self._root))
        return cut

    def _files(self) -> list[Path]:
        """Of this machine, without SQLite's."""
        return [
            path
            for path in sorted(self._root.rglob("*"))
            if path.is_file()
            and SQLITE not in path.name
            and not path.relative_to(self._root).parts[0].startswith(ELSEWHERE)
        ]

    def _note(self, state: os.stat_result) -> None:
        self._synced[state.st_ino] = (state.st_size, state.st_mtime_ns)

    def _hook(self, real: Callable[[Any], None]) -> Any:  # noqa: ANN401 - takes its place by any name
        def sync(descriptor: Any) -> None:  # noqa: ANN401 - as os.fsync
            real(descriptor)
            self._note(os.fstat(descriptor))

        return sync
