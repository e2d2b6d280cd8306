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
    """One dedicated thread, so that a slow disk never stops the loop; commits keep their order.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str = "journal-writer") -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def __call__(self, commit: Commit) -> None:
        """Run the commit on the writer thread and wait for it."""
        await asyncio.get_running_loop().run_in_executor(self._executor, commit)

    def close(self) -> None:
        """Wait for the commit in progress and end the thread."""
        self._executor.shutdown(wait=True)


class Errands:
    """Writing that nobody waits for, in the order in which it was asked for.

    Args:
        committer: Where it runs.
    """

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._running: set[asyncio.Task[None]] = set()

    def __call__(self, errand: Commit) -> None:
        """Have something written soon; to be called on the loop."""
        task = asyncio.get_running_loop().create_task(self._run(errand))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self) -> None:
        """Wait until all is written."""
        await asyncio.gather(*self._running)

    async def _run(self, errand: Commit) -> None:
        await self._committer(errand)
