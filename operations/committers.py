"""Where a commit runs: beside the loop in production, on it in simulation."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

Commit = Callable[[], None]
Committer = Callable[[Commit], Awaitable[None]]


async def commit_inline(commit: Commit) -> None:
    """Run the commit on the loop: deterministic, for simulation and tests."""
    commit()


class WriterThread:
    """One dedicated thread, so that a slow disk never stops the loop; commits keep their order."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal-writer")

    async def __call__(self, commit: Commit) -> None:
        """Run the commit on the writer thread and wait for it."""
        await asyncio.get_running_loop().run_in_executor(self._executor, commit)

    def close(self) -> None:
        """Wait for the commit in progress and end the thread."""
        self._executor.shutdown(wait=True)
