"""Wakes when a file in a folder is replaced: inotify on Linux, nothing elsewhere (the poll finds it)."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from pathlib import Path


async def watch_folders(folders: Iterable[Path], on_change: Callable[[], None]) -> None:
    """Call back after every rename into, or removal from, one of the folders, until cancelled.

    The loop itself reads the events, so no thread is involved. Where there is no inotify this returns at
    once; whoever watches must poll as well, because an event may be lost.

    Args:
        folders: Existing folders.
        on_change: Called on the loop; must not block.
    """
    if sys.platform != "linux":
        return
    from asyncinotify import Inotify, Mask  # noqa: PLC0415 - the package exists on Linux only

    interesting = Mask.MOVED_TO | Mask.DELETE | Mask.CREATE
    with Inotify() as inotify:
        for folder in folders:
            inotify.add_watch(folder, interesting)
        async for event in inotify:
            if event.name is not None and not str(event.name).startswith("."):
                on_change()
            await asyncio.sleep(0)
