"""What was spent of long limits, kept on disk: an exchange goes on counting while one engine ends and another begins.

What is spent is noted beforehand, in leases. A process that begins takes every lease of those before it as used up, as
late as it can have been: a call's longest way after the next lease was noted, and the last lease just now. Of each
process at most as much too much is counted as it spent, and no more than a small share of the limit.

Two things are not covered: what is spent while a note waits for a slow disk, if the process is killed just then, and a
wall clock that is set forward between two processes. The exchange then refuses calls until its window is over.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec

from account_processors.limiter import Budget, Lane, Window
from config.files import PRIVATE_MODE, write_atomically
from core.model.failures import StorageFailure
from core.ports.clock import Clock

LONG_SECONDS = 60.0
"""Budgets of so long a window are kept; shorter ones have ended by the time an engine that starts asks much."""

LARGEST_LEASE = 0.02
"""As a share of the limit: a busy engine writes some fifty times a window."""

LONGEST_CALL_SECONDS = 10.0
"""How long after its start a call may reach the exchange; unless set otherwise it is given up after five seconds."""

_Lease = tuple[float, Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]]
"""When it was noted, in seconds since 1970, and its weight."""


class SpentCalls:
    """The leases of all long budgets of one engine, in one file.

    Args:
        path: The file; one that is missing or cannot be read counts as empty.
        clock: The wall clock.
        write_soon: Runs what it is given, off the loop where there is one. A file that cannot be written costs only
            what the next process knows.
    """

    def __init__(self, path: Path, clock: Clock, write_soon: Callable[[Callable[[], None]], None]) -> None:
        self._path = path
        self._clock = clock
        self._write_soon = write_soon
        self._is_write_waiting = False
        self._leases = _read(path)

    def window(self, name: str, budget: Budget) -> Window:
        """A window of this budget that counts what was spent before it, and notes what is spent of it where it is long.

        Args:
            name: What the limit is kept under: the same for processes for whom the exchange counts together.
            budget: Its budget.
        """
        if budget.window_seconds < LONG_SECONDS:
            return Window(budget)
        now, loop_time = self._clock.now().timestamp(), asyncio.get_running_loop().time()
        before = self._leases.get(name, [])
        # Notes of the future are older than a clock that was set back; what they tell of may have been just now.
        leases = self._leases[name] = [(min(noted_at, now), weight) for noted_at, weight in before]
        if leases != before:
            self._request_write()
        latest = sorted([*(min(noted_at + LONGEST_CALL_SECONDS, now) for noted_at, _ in leases[1:]), now])
        window = _KeptWindow(budget, partial(self._note, name, budget.weight))
        for arrived_at, (_, weight) in zip(latest, leases, strict=False):
            window.count_earlier(loop_time - (now - arrived_at), weight)
        return window

    def _note(self, name: str, limit: float, weight: float) -> None:
        leases = self._leases[name]
        leases.append((self._clock.now().timestamp(), weight))
        while sum(weight for _, weight in leases[1:]) >= limit:
            del leases[0]
        self._request_write()

    def _request_write(self) -> None:
        if not self._is_write_waiting:
            self._is_write_waiting = True
            self._write_soon(self._write)

    def _write(self) -> None:
        """Write what is noted by now; whatever is noted from here on asks for a write of its own."""
        self._is_write_waiting = False
        try:
            write_atomically(self._path, msgspec.json.encode(self._leases), PRIVATE_MODE)
        except StorageFailure:
            return  # a full disk is told where the journal meets it


class _KeptWindow(Window):
    """A window that takes a lease before more is spent than was noted."""

    def __init__(self, budget: Budget, note: Callable[[float], None]) -> None:
        super().__init__(budget)
        self._note = note
        self._leased = 0.0
        self._spent = 0.0

    def spend(self, now: float, weight: float, lane: Lane) -> None:
        """Count a call that starts."""
        if weight > self._leased:
            # Leases grow with what this process spent, so that many short lives do not add up to a whole limit.
            lease = max(weight, min(self._spent, self.budget.weight * LARGEST_LEASE))
            self._note(lease)
            self._leased += lease
        self._leased -= weight
        self._spent += weight
        super().spend(now, weight, lane)


def _read(path: Path) -> dict[str, list[_Lease]]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, list[_Lease]])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}
