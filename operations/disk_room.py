"""How much room the disk has, and from when on that is too little."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

LEAST_FREE_BYTES = 100 * 1024 * 1024
LITTLE_FREE_BYTES = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """One look at a folder's disk.

    Attributes:
        free_bytes: For this user.
        is_writable: Whether this user may write in the folder.
    """

    free_bytes: int
    is_writable: bool


def look_at_disk(folder: Path) -> DiskRoom:
    """The room for a folder, or for the nearest one above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return DiskRoom(shutil.disk_usage(folder).free, os.access(folder, os.W_OK))
