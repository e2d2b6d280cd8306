"""The operator's limits on what may be built up, and what an account was worth before."""

from dataclasses import dataclass
from decimal import Decimal

from core.model.identity import Symbol
from core.model.money import ONE


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Limits on increases; a reduction passes every one of them. None limits nothing.

    Attributes:
        allowed_symbols: The only symbols that may be increased.
        max_depth: Largest merged depth, 0..1.
        max_leverage: Highest leverage.
        max_order_notional: Largest value of one order in USDT; a larger trade is cut into several.
        max_symbol_notional: Largest value of one symbol's position in USDT.
        max_account_notional: Largest sum of the values of an account's positions in USDT.
        max_gross_leverage: Largest sum of the values of an account's positions, in account values.
        max_increases_per_minute: How many increases an account may send in a minute.
        max_quote_age_seconds: An older price sizes and opens nothing.
        max_spread_percent: A wider distance between bid and ask opens nothing.
        max_mark_gap_percent: A last price further from the mark price sizes and opens nothing.
        max_value_jump_percent: An account value that moved by more between two passes waits for a second read.
        max_daily_loss_percent: After a larger loss since midnight UTC the account may only reduce.
        max_drawdown_percent: After a larger fall from its highest value the account may only reduce.
        target_volatility_percent: A symbol whose price moves more than this in a day is held that much smaller.
    """

    allowed_symbols: frozenset[Symbol] | None = None
    max_depth: Decimal = ONE
    max_leverage: Decimal | None = None
    max_order_notional: Decimal | None = None
    max_symbol_notional: Decimal | None = None
    max_account_notional: Decimal | None = None
    max_gross_leverage: Decimal | None = None
    max_increases_per_minute: int | None = 120
    max_quote_age_seconds: float = 60.0
    max_spread_percent: Decimal = Decimal(5)
    max_mark_gap_percent: Decimal = Decimal(10)
    max_value_jump_percent: Decimal = Decimal(50)
    max_daily_loss_percent: Decimal | None = None
    max_drawdown_percent: Decimal | None = None
    target_volatility_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ValueMarks:
    """What an account's losses are measured against.

    Attributes:
        day: The UTC day as 2026-01-31.
        day_start: Account value at the day's first read in USDT.
        peak: Highest account value since the limits last held or were resumed, in USDT.
    """

    day: str
    day_start: Decimal
    peak: Decimal


@dataclass(frozen=True, slots=True)
class ResizeBand:
    """When a held target is sized anew although no signal changed.

    Attributes:
        band_percent: How far value or price must have moved the ideal size, greater than zero.
        every_seconds: The least age of a decision before it is looked at again.
    """

    band_percent: Decimal
    every_seconds: float
