"""An event loop whose clock jumps to the next timer, and the wall clock that goes with it."""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from simulation.processes import ProcessLoop

T = TypeVar("T")

TURN_SECONDS = 1e-6
"""What one turn of the loop costs, so that a limiter that waits for a rounding residue still moves."""

START = datetime(2026, 1, 1, tzinfo=UTC)


class _NeverBlockingSelector(selectors.BaseSelector):
    """Polls real descriptors and turns every wait into a jump of the clock.

    Args:
        grace_seconds: Real time that descriptors get before the clock jumps; 0 where no sockets are used.
        start_seconds: What the clock shows at first.
    """

    def __init__(self, grace_seconds: float = 0.0, start_seconds: float = 0.0) -> None:
        self._grace_seconds = grace_seconds
        self._real = selectors.DefaultSelector()
        self.now_seconds = start_seconds

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - as selectors has it
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:  # noqa: ANN401 - as selectors has it
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:  # noqa: ANN401 - as selectors has it
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("virtual time stands still: every task waits for something that nobody will do")
        if self._grace_seconds:
            ready = self._real.select(min(timeout, self._grace_seconds) if timeout > 0 else 0)
            if ready:
                self.now_seconds += TURN_SECONDS
                return ready
        self.now_seconds += max(timeout, 0.0) + TURN_SECONDS
        return self._real.select(0)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(ProcessLoop):
    """A loop on which an hour of waiting takes no time."""

    def __init__(self, grace_seconds: float = 0.0, start_seconds: float = 0.0) -> None:
        self._virtual = _NeverBlockingSelector(grace_seconds, start_seconds)
        super().__init__(self._virtual)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._virtual.now_seconds


class VirtualClock:
    """core.ports.clock.Clock on a virtual loop; it can be stepped, as a wall clock can."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime = START) -> None:
        self._loop = loop
        self._start = start
        self._step = timedelta()
        self._shown = (-1.0, start)

    def now(self) -> datetime:
        """The virtual time in UTC."""
        seconds = self._loop.time()
        if self._shown[0] != seconds:
            self._shown = (seconds, self._start + timedelta(seconds=seconds) + self._step)
        return self._shown[1]

    def seconds(self) -> float:
        """Virtual seconds since the world began, which no step changes."""
        return self._loop.time()

    def move_to(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go on with another loop, which begins where the last one ended."""
        self._loop = loop

    def step(self, seconds: float) -> None:
        """Move the wall clock, as a correction by the operating system does; waits are not affected."""
        self._step += timedelta(seconds=seconds)
        self._shown = (-1.0, self._start)


def run_virtually(main: Coroutine[Any, Any, T], grace_seconds: float = 0.0, start_seconds: float = 0.0) -> T:
    """Run a coroutine to its end in virtual time.

    Args:
        main: The coroutine.
        grace_seconds: Real time that sockets get before the clock jumps, where both of their ends are in this loop.
        start_seconds: What the loop's clock shows at first.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(grace_seconds, start_seconds)) as runner:
        return runner.run(main)
