"""The symbols of one account that are being worked on: exits in a lane of their own, stragglers, and how they end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from core.model.failures import EngineError
from core.model.identity import Symbol
from core.model.outcome import SymbolOutcome
from core.model.reading import Unknown
from core.ports.clock import Clock

FAULT_RETRY_SECONDS = 5.0

TellFault = Callable[[Symbol, str], None]


class Place:
    """One of the places of a lane, held while a symbol is decided and sent, lent while it waits for what came of it."""

    def __init__(self, symbol: Symbol, lane: asyncio.Semaphore, queue: set[Symbol]) -> None:
        self._symbol = symbol
        self._lane = lane
        self._queue = queue
        self._is_held = False

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait for the place, and give it back in the end."""
        await self._take()
        try:
            yield
        finally:
            self._give()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[None]:
        """Let another symbol have it meanwhile; after a failure it is not taken again."""
        self._give()
        yield
        await self._take()

    async def _take(self) -> None:
        self._queue.add(self._symbol)
        try:
            await self._lane.acquire()
        finally:
            self._queue.discard(self._symbol)
        self._is_held = True

    def _give(self) -> None:
        if self._is_held:
            self._is_held = False
            self._lane.release()


Work = Callable[[Place], Awaitable[SymbolOutcome]]


class SymbolTasks:
    """One task per symbol at most; what one of them does or meets never reaches another.

    Attributes:
        is_winding_down: Whether a wake does not end the wait any more, since nothing new may begin.
    """

    def __init__(self, most_at_once: int, wake: asyncio.Event, clock: Clock, tell_fault: TellFault) -> None:
        self._wake = wake
        self._clock = clock
        self._tell_fault = tell_fault
        self._entries = asyncio.Semaphore(most_at_once)
        self._exits = asyncio.Semaphore(most_at_once)
        self._running: dict[Symbol, asyncio.Task[SymbolOutcome]] = {}
        self._queued: set[Symbol] = set()
        self._outdated: set[Symbol] = set()
        self._is_straggling = False
        self.is_winding_down = False

    def start(self, symbol: Symbol, work: Work, *, is_exit: bool) -> None:
        """Begin, unless the symbol's last task still runs; an exit never waits behind entries, not even its own."""
        if symbol in self._running:
            # What waits for a place has nothing in its hands: its last order is settled and in the journal.
            if not (is_exit and symbol in self._queued):
                self._outdated.add(symbol)
                return
            self._running.pop(symbol).cancel()
            self._queued.discard(symbol)
            self._outdated.discard(symbol)
        if not is_exit:
            self._queued.add(symbol)
        task = asyncio.create_task(self._run(symbol, work, self._exits if is_exit else self._entries))
        task.add_done_callback(lambda _: self._wake_for_stragglers())
        self._running[symbol] = task

    async def wait(self) -> None:
        """Until all are done, something wakes the account, or one that is done wants to be tried again."""
        woken = asyncio.create_task(self._wake.wait())
        self._is_straggling = False
        try:
            while pending := [task for task in self._running.values() if not task.done()]:
                if self.is_winding_down:
                    await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    continue
                seconds = self._seconds_to_retry()
                if woken.done() or seconds == 0.0:
                    break
                await asyncio.wait([*pending, woken], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        self._is_straggling = any(not task.done() for task in self._running.values())

    def collect(self) -> list[SymbolOutcome]:
        """What came of every symbol; those that still run go on and are collected when they are done.

        What ended short of its target and began before this pass went by what an earlier one knew, as that a source
        was silent: another pass looks at it with what is known now.
        """
        done = {symbol: task.result() for symbol, task in self._running.items() if task.done()}
        self._running = {symbol: task for symbol, task in self._running.items() if symbol not in done}
        if any(not one.is_confirmed and not one.retry_at for one in done.values() if one.symbol in self._outdated):
            self._wake.set()
        self._outdated &= self._running.keys()
        waiting = (not_looked_at(symbol, "an earlier step is still under way") for symbol in self._running)
        return [*done.values(), *waiting]

    async def stop(self) -> None:
        """End whatever still runs, and forget it: what is in flight is in the journal."""
        running = list(self._running.values())
        self._running = {}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _wake_for_stragglers(self) -> None:
        """A symbol that had outlasted its pass is done: another pass takes its outcome."""
        if self._is_straggling:
            self._wake.set()

    def _seconds_to_retry(self) -> float | None:
        now = self._clock.now()
        done = (task.result() for task in self._running.values() if task.done())
        waits = [(outcome.retry_at - now).total_seconds() for outcome in done if outcome.retry_at]
        return max(0.0, min(waits)) if waits else None

    async def _run(self, symbol: Symbol, work: Work, lane: asyncio.Semaphore) -> SymbolOutcome:
        place = Place(symbol, lane, self._queued if lane is self._entries else set())
        try:
            async with place.held():
                return await work(place)
        except EngineError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - the boundary of one symbol: a fault of ours stays in it
            why = f"{type(error).__name__}: {error}"
            self._tell_fault(symbol, why)
        retry_at = self._clock.now() + timedelta(seconds=FAULT_RETRY_SECONDS)
        return SymbolOutcome(symbol, Unknown(why), is_confirmed=False, why=why, retry_at=retry_at)


def not_looked_at(symbol: Symbol, why: str) -> SymbolOutcome:
    """The outcome of a symbol that a pass could not work on."""
    return SymbolOutcome(symbol, Unknown(why), is_confirmed=False, why=why)
