"""How lively a symbol's price is, from the prices that the passes read; and how much smaller that makes a position."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.model.money import ONE, ZERO, divide

DAY_SECONDS = 86_400
SAMPLE_SECONDS = 30.0
"""Prices closer together say more of the order book than of the market."""

SPAN_SECONDS = 1_800.0
"""What must have been seen before a volatility is known."""

MEMORY_SECONDS = 21_600.0
"""Older moves fade out over six hours."""

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Volatility:
    """What was seen of one symbol's price.

    Attributes:
        price: The last sample in USDT.
        at: UTC time of that sample.
        daily_variance: Mean squared relative move, scaled to a day.
        seen_seconds: The time that it covers.
    """

    price: Decimal
    at: datetime
    daily_variance: Decimal = ZERO
    seen_seconds: float = 0.0

    @property
    def daily_percent(self) -> Decimal | None:
        """Standard deviation of a day's move in percent, None while too little was seen."""
        return self.daily_variance.sqrt() * HUNDRED if self.seen_seconds >= SPAN_SECONDS else None


def observe_price(seen: Volatility | None, price: Decimal, at: datetime) -> Volatility:
    """What is known after one more price; a mean at first, fading out over hours later.

    Args:
        seen: What was known before, None at first.
        price: In USDT, greater than zero.
        at: UTC time.
    """
    if seen is None or at < seen.at:
        return Volatility(price, at)
    elapsed_seconds = (at - seen.at).total_seconds()
    if elapsed_seconds < SAMPLE_SECONDS:
        return seen
    move = divide(price - seen.price, seen.price)
    variance = move * move * DAY_SECONDS / Decimal(elapsed_seconds)
    covered_seconds = min(seen.seen_seconds + elapsed_seconds, MEMORY_SECONDS)
    share = min(ONE, divide(Decimal(elapsed_seconds), Decimal(covered_seconds)))
    mean = seen.daily_variance + share * (variance - seen.daily_variance)
    return Volatility(price, at, mean, seen.seen_seconds + elapsed_seconds)


def volatility_scale(daily_percent: Decimal, target_percent: Decimal) -> Decimal:
    """The share of its size that a position keeps, in (0, 1]: all of it up to the target volatility.

    Args:
        daily_percent: The symbol's, zero or more.
        target_percent: The operator's, greater than zero.
    """
    return ONE if daily_percent <= target_percent else divide(target_percent, daily_percent)
