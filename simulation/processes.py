"""Processes of a simulated machine: what belongs to one dies with it, in mid-step and without a last word.

All of them share one loop, so a process is known by its context: what its tasks start, inherits it. After its death no
step of its tasks and no timer of theirs comes any more; nothing is cancelled, because a task that is cancelled still
winds down. What an exchange has received is the exchange's and goes on.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, TypeVarTuple, cast
from weakref import WeakSet

from core.ports.telemetry import Telemetry
from paper.door import ConnectionCut, Door
from paper.house import PaperHouse, host_of
from paper.in_process import InProcessSession
from paper.wire import Request, Response

T = TypeVar("T")
_Arguments = TypeVarTuple("_Arguments")

_current: "ContextVar[Process | None]" = ContextVar("current", default=None)
_sender: "ContextVar[Process | None]" = ContextVar("sender", default=None)


class Process:
    """What dies together.

    Attributes:
        is_dead: Whether it was killed.
    """

    def __init__(self) -> None:
        self.is_dead = False
        self._is_frozen = False
        self._tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        self._left: list[asyncio.Task[Any]] = []
        self._steps: list[asyncio.Handle] = []
        self._context = copy_context()
        self._context.run(_current.set, self)

    def call(self, function: Callable[[], T]) -> T:
        """Let it do something at once."""
        return self._context.run(function)

    def begin(self, coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Let it begin something."""
        return asyncio.get_running_loop().create_task(coroutine, context=self._context)

    def kill(self) -> None:
        """From now on it does nothing more. What it held is kept until `dispose`, so that nothing of it is closed."""
        self._left = [task for task in self._tasks if not task.done()]
        self.is_dead = self._is_frozen = True
        loop = asyncio.get_running_loop()
        if isinstance(loop, ProcessLoop):
            loop.freeze_dead()

    async def dispose(self) -> None:
        """Once its world is judged, let its tasks wind down, so that no later collection of garbage has to do it."""
        self._is_frozen = False
        for task in self._left:
            task.cancel()
        for step in self._steps:
            asyncio.get_running_loop().call_soon(step._run)  # noqa: SLF001 - a step that was kept from the loop
        await asyncio.gather(*self._left, return_exceptions=True)
        self._left, self._steps = [], []

    def keep_task(self, task: "asyncio.Task[Any]") -> None:
        """One of its tasks begins."""
        self._tasks.add(task)

    def keep_step(self, step: asyncio.Handle) -> bool:
        """Whether it is dead and so does not take this step."""
        if self._is_frozen:
            self._steps.append(step)
        return self._is_frozen


class ProcessLoop(asyncio.SelectorEventLoop):
    """A loop on which processes can be killed."""

    _has_dead = False

    def create_task(self, coro: Any, **options: Any) -> Any:  # noqa: ANN401 - as asyncio
        """As asyncio; the task belongs to the process in whose context it runs."""
        task = super().create_task(coro, **options)
        process = _process_in(options.get("context")) if options.get("context") else _current.get()
        if process is not None:
            process.keep_task(task)
        return task

    def call_soon(
        self, callback: Callable[[*_Arguments], object], *args: *_Arguments, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio; what a dead process would do next is kept from the loop."""
        process = _process_in(context) if self._has_dead else None
        if process is not None:
            step = asyncio.Handle(callback, args, self, context)
            if process.keep_step(step):
                return step
        return super().call_soon(callback, *args, context=context)

    def freeze_dead(self) -> None:
        """Let no step and no timer of a process that just died come any more."""
        self._has_dead = True
        timers, ready = self._scheduled, self._ready  # type: ignore[attr-defined]
        for handle in (*timers, *ready):
            process = _process_in(handle._context)  # noqa: SLF001 - asyncio tells it in no other way
            if process is None or not process.is_dead or handle.cancelled():
                continue
            if not isinstance(handle, asyncio.TimerHandle):
                process.keep_step(asyncio.Handle(handle._callback, handle._args, self, handle._context))  # noqa: SLF001 - as above
            handle.cancel()


class Voice:
    """core.ports.telemetry.Telemetry of one process: the dead tell nothing.

    Args:
        process: Whose.
        telemetry: Where it tells.
    """

    def __init__(self, process: Process, telemetry: Telemetry) -> None:
        self._process = process
        self._telemetry = telemetry

    def tell(self, event: str, **facts: object) -> None:
        """Tell it on, while the process lives."""
        if not self._process.is_dead:
            self._telemetry.tell(event, **facts)


class DistantHouse(PaperHouse):
    """Exchanges on machines of their own: what they have received they process, whatever becomes of its sender."""

    def session(self) -> InProcessSession:
        """A session whose requests outlive the process that makes it; once that is dead, nothing is sent."""
        wires = {host_of(name): cast("Door", _Wire(door)) for name, door in self.doors.items()}
        return InProcessSession(wires)


class _Wire:
    """The way from one process to an exchange's door."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._sender = _current.get()
        self._context = copy_context()
        self._context.run(_current.set, None)
        self._context.run(_sender.set, self._sender)

    async def answer(self, request: Request) -> Response:
        """Send a request and wait for its answer.

        Raises:
            ConnectionCut: If the exchange cuts the connection, or the sender is dead.
        """
        if self._sender is not None and self._sender.is_dead:
            raise ConnectionCut
        answer = await asyncio.get_running_loop().create_task(self._arrive(request), context=self._context)
        if answer is None:
            raise ConnectionCut
        return answer

    async def _arrive(self, request: Request) -> Response | None:
        try:
            return await self._door.answer(request)
        except ConnectionCut:
            return None


def is_from_the_dead() -> bool:
    """Whether what an exchange does at this moment answers a request of a process that is dead."""
    sender = _sender.get()
    return sender is not None and sender.is_dead


def _process_in(context: Context | None) -> Process | None:
    return context.get(_current) if context is not None else None
