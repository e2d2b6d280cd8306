import asyncio
import sys
from pathlib import Path

import pytest

from config.files import write_atomically
from operations.file_watch import watch_folders


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's; elsewhere the poll finds changes")
async def test_a_replaced_file_wakes_the_watcher(tmp_path: Path) -> None:
    woken = asyncio.Event()
    watcher = asyncio.create_task(watch_folders([tmp_path], woken.set))
    await asyncio.sleep(0.05)

    write_atomically(tmp_path / "depths.json", b"{}")
    async with asyncio.timeout(5):
        await woken.wait()

    watcher.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watcher


async def test_where_there_is_no_inotify_it_leaves_the_looking_to_the_poll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "asyncinotify", None)
    async with asyncio.timeout(5):
        await watch_folders([tmp_path], lambda: pytest.fail("nothing is watched"))
