"""When to try again, as a value computed from the failures so far. Reductions are not paced by it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.model.ledger import SymbolLedger
from core.model.policy import RetryLimits

LONGEST_REDUCTION_DELAY_SECONDS = 5.0
UNSETTLED_RETRY_SECONDS = 1.0
PATIENT_RETRY_SECONDS = 3.0
HALTED_RETRY_SECONDS = 15.0
"""On a halted market, where each try costs some nine calls: a halt lasts long, and what every account on an address may
ask of BloFin in five minutes is little."""
LOOKED_FOR_CLOSELY = timedelta(seconds=10)
"""For so long after its send an increase is expected to turn up at any moment."""
REDUCTION_LOOKED_FOR_CLOSELY = timedelta(seconds=20)
"""The same for a reduction, which is more urgent."""


@dataclass(frozen=True, slots=True)
class RetryPace:
    """Failures in a row of one symbol of one account.

    Attributes:
        failures: How many increases failed in a row.
        next_try_at: UTC time before which no increase is tried, None when free.
        why: The last failure, in words.
        failed_at: UTC time of the last failure; a clock that shows an earlier one was stepped back.
    """

    failures: int = 0
    next_try_at: datetime | None = None
    why: str = ""
    failed_at: datetime | None = None

    def is_waiting(self, now: datetime) -> bool:
        """Whether an increase must still wait."""
        if self.next_try_at is None or self.failed_at is None:
            return False
        return self.failed_at <= now < self.next_try_at


def after_failure(
    pace: RetryPace, now: datetime, why: str, limits: RetryLimits, retry_after_seconds: float | None = None
) -> RetryPace:
    """The pace after one more failure: the first delay doubled each time, or what the exchange asked for if longer."""
    doubled = limits.first_delay_seconds * 2.0 ** min(pace.failures, 20)
    delay_seconds = max(min(doubled, limits.longest_delay_seconds), retry_after_seconds or 0.0)
    return RetryPace(pace.failures + 1, now + timedelta(seconds=delay_seconds), why, now)


def after_hold(pace: RetryPace, now: datetime, why: str, seconds: float) -> RetryPace:
    """The pace after our own budget turned an increase away: until it has room, which is known, and no failure."""
    return RetryPace(pace.failures, now + timedelta(seconds=seconds), why, now)


def reduction_retry_seconds(failures: int) -> float:
    """How soon a reduction that failed so many times in a row is tried again: 0.5, 1, 2, 4, 5 s."""
    return min(0.5 * 2.0 ** min(max(failures - 1, 0), 10), LONGEST_REDUCTION_DELAY_SECONDS)


def unsettled_retry_seconds(ledger: SymbolLedger, now: datetime, *, is_tradable: bool) -> float:
    """How soon a symbol with unsettled orders is looked at again: each second, and less often once they are old.

    Where an order counts as lost only after a minute, as on BloFin, a look each second all that time, and again for
    each try while a halted market answers with an internal error, would take all that its address may ask.

    Args:
        ledger: Of the symbol.
        now: UTC time.
        is_tradable: Whether the market trades, as far as its rules tell. A halt lasts longer than an order is late.
    """
    is_patient = all(
        abs(now - record.sent_at) > (REDUCTION_LOOKED_FOR_CLOSELY if record.intent.reduce_only else LOOKED_FOR_CLOSELY)
        for record in ledger.unsettled
    )
    if not is_patient:
        return UNSETTLED_RETRY_SECONDS
    return PATIENT_RETRY_SECONDS if is_tradable else HALTED_RETRY_SECONDS
