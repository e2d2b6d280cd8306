"""How far an exchange's clock is from ours: measured at the first call and every hour, and told when it is large."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta

from account_processors.outcomes import CallFailed
from account_processors.replies import MalformedReply, milliseconds_of
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry

MEASURE_EVERY_SECONDS = 3600.0
RETRY_SECONDS = 60.0
ALARM_SECONDS = 0.5
FORGET_SECONDS = 120.0
"""Twice as long as BloFin remembers a time."""

AskTime = Callable[[], Awaitable[datetime]]


def clock_differences(exchanges: Iterable[object]) -> dict[str, float]:
    """By account, how far its exchange's clock is ahead of ours, in seconds.

    Args:
        exchanges: Ways to exchanges; those that keep no offset, or have measured none yet, are left out.
    """
    offsets = [getattr(exchange, "clock_offset", None) for exchange in exchanges]
    measured = [offset for offset in offsets if isinstance(offset, ClockOffset) and offset.is_measured]
    return {offset.exchange: offset.offset.total_seconds() for offset in measured}


class ClockOffset:
    """One exchange's clock as seen from here; exchange time = our time + offset.

    Attributes:
        exchange: Whose clock, by the account that asks.
        offset: As measured last.
        is_measured: Whether it ever was.
    """

    def __init__(self, clock: Clock, telemetry: Telemetry, exchange: str) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self.exchange = exchange
        self._measure_at: float | None = None
        self._lead = timedelta()
        self._measuring: asyncio.Task[None] | None = None
        self._given: deque[tuple[float, int]] = deque()
        self._taken: set[int] = set()
        self.offset = timedelta()
        self.is_measured = False

    def milliseconds(self) -> int:
        """The exchange's time now, never one that was given out lately: BloFin refuses a repeated one (152407)."""
        now = asyncio.get_running_loop().time()
        while self._given and self._given[0][0] + FORGET_SECONDS < now:
            self._taken.discard(self._given.popleft()[1])
        milliseconds = milliseconds_of(self._clock.now() + self.offset)
        while milliseconds in self._taken:
            milliseconds += 1
        self._taken.add(milliseconds)
        self._given.append((now, milliseconds))
        return milliseconds

    def to_ours(self, at: datetime) -> datetime:
        """A time of the exchange on our clock."""
        return at - self.offset

    async def ensure(self, ask: AskTime) -> None:
        """Measure if that is due or our own clock was stepped; a failed measurement keeps the old offset.

        An exchange with a wide window takes requests from a stepped clock without a word, and its times would then
        be read wrong: an order would seem to be older than its sending.
        """
        loop = asyncio.get_running_loop()
        is_stepped = abs((self._lead_now() - self._lead).total_seconds()) > ALARM_SECONDS
        if self._measure_at is not None and loop.time() < self._measure_at and not is_stepped:
            return
        if self._measuring is None:
            self._measuring = loop.create_task(self._measure(ask))
            self._measuring.add_done_callback(self._end_of_measuring)
        await asyncio.wait([self._measuring])

    def expire(self) -> None:
        """Measure again before the next call: the exchange refused our time."""
        self._measure_at = None

    async def close(self) -> None:
        """End a measurement that is under way."""
        if self._measuring is not None:
            self._measuring.cancel()
            await asyncio.wait([self._measuring])

    def _lead_now(self) -> timedelta:
        """How far our clock is ahead of the loop's, which no correction of the system's time moves."""
        since_epoch = timedelta(milliseconds=milliseconds_of(self._clock.now()))
        return since_epoch - timedelta(seconds=asyncio.get_running_loop().time())

    def _end_of_measuring(self, _: "asyncio.Task[None]") -> None:
        self._measuring = None

    async def _measure(self, ask: AskTime) -> None:
        loop = asyncio.get_running_loop()
        before, began = self._clock.now(), loop.time()
        self._lead = self._lead_now()
        try:
            theirs = await ask()
        except (CallFailed, MalformedReply) as error:
            self._measure_at = loop.time() + RETRY_SECONDS
            self._telemetry.tell("clock not measured", exchange=self.exchange, why=str(error))
            return
        middle = before + timedelta(seconds=(loop.time() - began) / 2)
        self.offset = theirs - middle
        self.is_measured = True
        self._measure_at = loop.time() + MEASURE_EVERY_SECONDS
        if abs(self.offset.total_seconds()) > ALARM_SECONDS:
            self._telemetry.tell(
                "clock differs from the exchange's",
                exchange=self.exchange,
                offset_seconds=round(self.offset.total_seconds(), 3),
                remedy="synchronize this machine's clock (chrony, systemd-timesyncd); the offset is corrected",
            )
