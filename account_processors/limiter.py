"""Budgets of calls on loop time: at most so many in any window, and a reserve that only reductions may use.

The exchange counts a call when it arrives there, which is some time between its start here and its end. So a call holds
its place from its start until a whole window after its end: whatever the way there takes, no window of the exchange,
fixed or sliding, holds more than the published limit. Held from its start only, a slow call and a quick later one could
arrive in the same window. A reduction does not wait for the answers of others: for it, a call arrives within
`LONGEST_WAY_SECONDS`, and an exchange that takes longer may refuse it for rate, after which it goes again.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Lane(IntEnum):
    """How urgent a call is."""

    ORDINARY = 0
    LOOK_UP = 1
    """Orders whose fate is open, and positions, without which nothing can be closed: may use half of the reserve. While
    the exchange wants to be left alone one goes now and then, and all of them once it has answered."""
    REDUCTION = 2
    """May use the reserve, and goes also while the exchange wants to be left alone."""


LEFT_TO_OTHERS = {Lane.ORDINARY: 1.0, Lane.LOOK_UP: 0.5, Lane.REDUCTION: 0.0}
"""Share of the reserve that a lane leaves to more urgent ones."""

CLOCK_ERROR = 0.001
"""Share by which a window is taken to be longer, since our clock and the exchange's do not run equally fast."""

LONGEST_WAY_SECONDS = 0.5
"""What a reduction allows a call that is under way to take to the exchange, before it counts it as arrived."""

LOOK_UP_EVERY_SECONDS = 4.0
"""How often one look-up is tried while the exchange wants to be left alone: an exit waits for no longer than that, and
a ban sees few requests."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A published limit.

    Attributes:
        name: What it is called in messages.
        weight: Most that may be spent in any window.
        window_seconds: The window.
        shared: True when it counts per address and so for all accounts of the exchange, False when per key.
        reserve: Share of the weight that ordinary calls leave to reductions and look-ups.
    """

    name: str
    weight: float
    window_seconds: float
    shared: bool = False
    reserve: float = 0.2


class Window:
    """One budget and what was spent of it; also how long the exchange told us to wait."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._seconds = budget.window_seconds * (1.0 + CLOCK_ERROR)
        self._under_way: deque[tuple[float, float]] = deque()
        self._ended: deque[tuple[float, float]] = deque()
        self._total = 0.0
        self._blocked_until = 0.0
        self._next_look_up = 0.0

    def seconds_until_free(self, now: float, weight: float, lane: Lane) -> float:
        """How long until a call of this weight fits, 0 when now; the least it can be while calls are under way."""
        self._forget(now)
        limit = self.budget.weight * (1.0 - self.budget.reserve * LEFT_TO_OTHERS[lane])
        wait = self.seconds_left_alone(now, lane)
        excess = self._total + weight - max(limit, weight)
        for free_at, spent in self._expected(lane):
            if excess <= 1e-9:
                return wait
            excess -= spent
            wait = max(wait, free_at - now)
        return wait if excess <= 1e-9 else max(wait, self._seconds)

    def seconds_left_alone(self, now: float, lane: Lane) -> float:
        """How long the exchange still wants no such call, 0 when it does not say so."""
        if lane is Lane.REDUCTION:
            return 0.0
        until = min(self._blocked_until, self._next_look_up) if lane is Lane.LOOK_UP else self._blocked_until
        return max(0.0, until - now)

    def spend(self, now: float, weight: float, lane: Lane) -> None:
        """Count a call that starts."""
        self._total += weight
        self._under_way.append((now, weight))
        if lane is Lane.LOOK_UP and self._next_look_up:
            self._next_look_up = now + LOOK_UP_EVERY_SECONDS

    def count_earlier(self, at: float, weight: float) -> None:
        """Count what was spent until a loop time before this window began; the oldest first, before anything else."""
        self._total += weight
        self._ended.append((at, weight))

    def end(self, now: float, weight: float) -> None:
        """A call was answered, or given up with its connection: it has arrived by now, or never will.

        Which one of its weight is not asked: the oldest is taken for it, so that what stays under way is younger.
        """
        self._under_way.remove(next(call for call in self._under_way if call[1] == weight))
        self._ended.append((now, weight))

    def block(self, now: float, until: float) -> None:
        """Let all but reductions, and a look-up now and then, wait until a loop time."""
        self._blocked_until = max(self._blocked_until, until)
        self._next_look_up = now + LOOK_UP_EVERY_SECONDS

    def answered(self) -> None:
        """The exchange has answered: look-ups need not wait any more; others obey what it asked for."""
        self._next_look_up = 0.0

    def _expected(self, lane: Lane) -> Iterable[tuple[float, float]]:
        """When the places that are taken become free and how much each holds, the earliest first; as far as known."""
        ended = ((at + self._seconds, spent) for at, spent in self._ended)
        if lane is not Lane.REDUCTION:
            return ended
        return heapq.merge(ended, ((at + LONGEST_WAY_SECONDS + self._seconds, spent) for at, spent in self._under_way))

    def _forget(self, now: float) -> None:
        while self._ended and self._ended[0][0] + self._seconds <= now:
            self._total -= self._ended.popleft()[1]


class BudgetExhausted(Exception):
    """The budget would make the caller wait longer than it may.

    Attributes:
        wait_seconds: How long it would have been.
        is_left_alone: Whether it is the exchange that wants no calls, not our own budget that is used up.
    """

    def __init__(self, budget: str, wait_seconds: float, *, is_left_alone: bool) -> None:
        why = "the exchange wants to be left alone" if is_left_alone else "our own budget is used up"
        super().__init__(f"{why} for another {wait_seconds:.1f} s ({budget})")
        self.wait_seconds = wait_seconds
        self.is_left_alone = is_left_alone


class Limiter:
    """The windows of one key; shared ones are handed in, so that accounts behind one address share them."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = {window.budget.name: window for window in windows}

    async def admit(self, names: Sequence[str], weight: float, lane: Lane, longest_wait_seconds: float) -> None:
        """Wait until every named budget has room, then spend; `end` is to follow, whatever becomes of the call.

        Raises:
            BudgetExhausted: If that takes longer than allowed; nothing is then spent.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + longest_wait_seconds
        windows = [self._windows[name] for name in names]
        while True:
            now = loop.time()
            slowest = max(windows, key=lambda window: window.seconds_until_free(now, weight, lane))
            wait = slowest.seconds_until_free(now, weight, lane)
            if wait <= 0.0:
                for window in windows:
                    window.spend(now, weight, lane)
                return
            if now + wait > deadline:
                is_left_alone = slowest.seconds_left_alone(now, lane) > 0.0
                raise BudgetExhausted(slowest.budget.name, wait, is_left_alone=is_left_alone)
            await asyncio.sleep(wait)

    def end(self, names: Sequence[str], weight: float) -> None:
        """An admitted call is over; its room is free a window later."""
        now = asyncio.get_running_loop().time()
        for name in names:
            self._windows[name].end(now, weight)

    def block(self, names: Sequence[str], seconds: float) -> None:
        """Obey the exchange: only reductions and few look-ups on these budgets for so long."""
        now = asyncio.get_running_loop().time()
        for name in names:
            self._windows[name].block(now, now + seconds)

    def answered(self, names: Sequence[str]) -> None:
        """The exchange has answered a call on these budgets, so that no ban holds any more."""
        for name in names:
            self._windows[name].answered()
