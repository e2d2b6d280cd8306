"""What was spent of long limits, kept on disk: an exchange goes on counting while one engine ends and another begins.

What is spent is noted beforehand, in leases of a small share of the limit. A process that begins takes every lease of
those before it as used up, as late as it can have been: when the next one was noted, and the last of them just now. So
it never counts less than the exchange does, and at most one lease too much.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from account_processors.limiter import Budget, Lane, Window
from config.files import PRIVATE_MODE, write_atomically
from core.model.failures import StorageFailure
from core.ports.clock import Clock

LONG_SECONDS = 60.0
"""Budgets of so long a window are kept; shorter ones have ended by the time an engine that starts asks much."""

LEASE_SHARE = 0.02
"""Share of the limit that is noted at a time: a busy engine writes at most fifty times a window."""

_MOST_LEASES = int(1 / LEASE_SHARE) + 1
"""So many hold a whole limit; older ones say nothing more."""

_Lease = tuple[float, float]
"""When it was noted, in seconds since 1970, and its weight."""


class SpentCalls:
    """The leases of all long budgets of one engine, in one file.

    Args:
        path: The file; one that is missing or cannot be read counts as empty.
        clock: The wall clock.
        write_soon: Runs what it is given in the order given, off the loop where there is one. A file that cannot be
            written costs only what the next process knows.
    """

    def __init__(self, path: Path, clock: Clock, write_soon: Callable[[Callable[[], None]], None]) -> None:
        self._path = path
        self._clock = clock
        self._write_soon = write_soon
        self._leases = _read(path)

    def window(self, name: str, budget: Budget) -> Window:
        """A window of this budget that counts what was spent before it, and notes what is spent of it where it is long.

        Args:
            name: What the limit is kept under: the same for processes for whom the exchange counts together.
            budget: Its budget.
        """
        if budget.window_seconds < LONG_SECONDS:
            return Window(budget)
        window = _KeptWindow(budget, partial(self._note, name))
        now, loop_time = self._clock.now().timestamp(), asyncio.get_running_loop().time()
        leases = self._leases.setdefault(name, [])
        ends = [*(noted_at for noted_at, _ in leases[1:]), now]
        # A clock that was set back leaves notes of the future; such calls may have been made just now.
        ages = sorted((max(0.0, now - end) for end in ends), reverse=True)
        for age, (_, weight) in zip(ages, leases, strict=False):
            window.count_earlier(loop_time - age, weight)
        return window

    def _note(self, name: str, weight: float) -> None:
        leases = [*self._leases[name], (self._clock.now().timestamp(), weight)]
        self._leases[name] = leases[-_MOST_LEASES:]
        self._write_soon(partial(_write, self._path, msgspec.json.encode(self._leases)))


class _KeptWindow(Window):
    """A window that takes a lease before more is spent than was noted."""

    def __init__(self, budget: Budget, note: Callable[[float], None]) -> None:
        super().__init__(budget)
        self._note = note
        self._leased = 0.0

    def spend(self, now: float, weight: float, lane: Lane) -> None:
        """Count a call that starts."""
        if weight > self._leased:
            lease = max(weight, self.budget.weight * LEASE_SHARE)
            self._note(lease)
            self._leased += lease
        self._leased -= weight
        super().spend(now, weight, lane)


def _read(path: Path) -> dict[str, list[_Lease]]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, list[_Lease]])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content, PRIVATE_MODE)
    except StorageFailure:
        return  # a full disk is told where the journal meets it
