"""Losses of an account: since midnight, and from its highest value; and whether a value is to be believed at once."""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from core.model.money import ZERO, divide, plain
from core.model.risk import RiskLimits, ValueMarks

HUNDRED = Decimal(100)


def mark_value(marks: ValueMarks | None, value: Decimal, now: datetime) -> ValueMarks:
    """The marks after one more good read of the account value.

    Args:
        marks: What was marked before, None at first and after the operator resumed.
        value: Account value in USDT.
        now: UTC time.
    """
    day = now.date().isoformat()
    if marks is None:
        return ValueMarks(day, value, value)
    if marks.day < day:
        marks = replace(marks, day=day, day_start=value)
    return replace(marks, peak=max(marks.peak, value))


def loss_breach(marks: ValueMarks, value: Decimal, limits: RiskLimits) -> str:
    """Which loss limit the account is beyond, empty when within both."""
    daily = _fall_percent(marks.day_start, value)
    if limits.max_daily_loss_percent is not None and daily > limits.max_daily_loss_percent:
        return _tell("lost", daily, marks.day_start, value, f"since {marks.day}", limits.max_daily_loss_percent)
    drawdown = _fall_percent(marks.peak, value)
    if limits.max_drawdown_percent is not None and drawdown > limits.max_drawdown_percent:
        return _tell("fell", drawdown, marks.peak, value, "from its peak", limits.max_drawdown_percent)
    return ""


def value_jumped(previous: Decimal | None, value: Decimal, limits: RiskLimits) -> bool:
    """Whether a value is so far from the one read before that a second read must agree first."""
    if previous is None:
        return False
    return abs(value - previous) * HUNDRED > abs(previous) * limits.max_value_jump_percent


def _fall_percent(before: Decimal, value: Decimal) -> Decimal:
    return divide((before - value) * HUNDRED, before) if before > ZERO else ZERO


def _tell(verb: str, percent: Decimal, before: Decimal, value: Decimal, when: str, limit: Decimal) -> str:
    return f"{verb} {percent:.2f} % ({plain(before)} to {plain(value)} USDT) {when}; the limit is {plain(limit)} %"
