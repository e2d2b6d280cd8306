"""Whether an exchange is in trouble, from the calls that failed in a row, and how long to leave it alone."""

import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.model.identity import Symbol

FAILURES_TO_OPEN = 3
LONGEST_READ_PAUSE_SECONDS = 15.0
LONGEST_EXIT_PAUSE_SECONDS = 5.0
FIRST_ORDER_PAUSE_SECONDS = 10.0
LONGEST_ORDER_PAUSE_SECONDS = 120.0
BARRED_PAUSES_SECONDS = (60.0, 300.0, 900.0)


@dataclass(frozen=True, slots=True)
class ExchangeHealth:
    """Failures in a row of one exchange, over all accounts on it.

    Attributes:
        failed_reads: Reads of positions that failed in a row.
        failed_orders: Orders without a clear answer in a row.
        failing: The symbols that they were for.
        orders_pause_until: UTC time before which no increase is sent, None when free.
        since: UTC time of the first failure of this incident, None when well.
        why: The last failure, in words.
    """

    failed_reads: int = 0
    failed_orders: int = 0
    failing: frozenset[Symbol] = frozenset()
    orders_pause_until: datetime | None = None
    since: datetime | None = None
    why: str = ""

    @property
    def is_in_trouble(self) -> bool:
        """Whether this is an incident to tell about."""
        return max(self.failed_reads, self.failed_orders) >= FAILURES_TO_OPEN

    @property
    def doubted(self) -> frozenset[Symbol]:
        """Symbols whose orders got no clear answer, once too many did not in a row: their markets may be halted."""
        return self.failing if self.failed_orders >= FAILURES_TO_OPEN else frozenset()

    def trouble(self, now: datetime) -> str:
        """Why no increase may be sent now, empty when one may.

        A pause ends when the clock was stepped back to before the incident.
        """
        began = self.since or now
        is_paused = self.orders_pause_until is not None and began <= now < self.orders_pause_until
        if self.failed_reads < FAILURES_TO_OPEN and not is_paused:
            return ""
        since = f"{self.since:%H:%M:%S} UTC" if self.since else "now"
        return f"the exchange is in trouble since {since}: {self.why}"


def after_read(health: ExchangeHealth, now: datetime, failure: str) -> ExchangeHealth:
    """The health after one read of positions; an empty failure is a good read."""
    if not failure:
        return _settled(replace(health, failed_reads=0))
    return replace(health, failed_reads=health.failed_reads + 1, since=health.since or now, why=failure)


def after_order(health: ExchangeHealth, now: datetime, symbol: Symbol, failure: str) -> ExchangeHealth:
    """The health after the answer to one order; an empty failure is a clear answer, also a refusal."""
    if not failure:
        return _settled(replace(health, failed_orders=0, failing=frozenset(), orders_pause_until=None))
    failed = health.failed_orders + 1
    pause_until = None
    if failed >= FAILURES_TO_OPEN:
        doubled = FIRST_ORDER_PAUSE_SECONDS * 2.0 ** min(failed - FAILURES_TO_OPEN, 10)
        pause_until = now + timedelta(seconds=min(doubled, LONGEST_ORDER_PAUSE_SECONDS))
    return replace(
        health,
        failed_orders=failed,
        failing=health.failing | {symbol},
        orders_pause_until=pause_until,
        since=health.since or now,
        why=failure,
    )


def after_halted_order(health: ExchangeHealth, symbol: Symbol) -> ExchangeHealth:
    """The health after an order on a market that its rules call halted.

    That tells nothing of the exchange, and neither did what failed there before the rules told it: where no other
    symbol failed, nothing did.
    """
    failing = health.failing - {symbol}
    if failing:
        return replace(health, failing=failing)
    return _settled(replace(health, failed_orders=0, failing=failing, orders_pause_until=None))


def read_pause_seconds(failed_reads: int, account: str, *, has_exit: bool) -> float:
    """How long to wait before the next read after so many failed ones: 1, 2, 4 ... 15 s, at most 5 s for an exit.

    Up to a fifth less per account, so that accounts do not return all at once.
    """
    doubled = 2.0 ** min(max(failed_reads - 1, 0), 10)
    longest = LONGEST_EXIT_PAUSE_SECONDS if has_exit else LONGEST_READ_PAUSE_SECONDS
    share = zlib.crc32(f"{account} {failed_reads}".encode()) % 100 / 500
    return min(doubled, longest) * (1.0 - share)


def barred_pause_seconds(times_barred: int) -> float:
    """How long to leave an account alone after its credentials were refused so many times in a row."""
    return BARRED_PAUSES_SECONDS[min(times_barred, len(BARRED_PAUSES_SECONDS)) - 1]


def _settled(health: ExchangeHealth) -> ExchangeHealth:
    """Without the story of an incident that is over."""
    return replace(health, since=None, why="") if not health.failed_reads and not health.failed_orders else health
