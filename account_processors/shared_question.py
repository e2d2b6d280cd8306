"""A question about the whole account, put once for all who ask it in the same turn of the loop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedQuestion(Generic[T]):
    """Whoever asks later gets a later answer.

    Args:
        ask: Puts the question; it is under way for others only until its first step.
    """

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._ask = ask
        self._asking: asyncio.Task[T] | None = None

    def answer(self) -> Awaitable[T]:
        """The answer, asked for at once, so ahead of what follows; to be cancelled cancels it for nobody else."""
        if self._asking is None:
            self._asking = asyncio.create_task(self._put())
            # Whoever asked may be gone when it fails, and then nobody else looks at the failure.
            self._asking.add_done_callback(_look_at_failure)
        return asyncio.shield(self._asking)

    async def _put(self) -> T:
        self._asking = None
        return await self._ask()


def _look_at_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
