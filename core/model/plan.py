"""The steps from what is held to what should be held."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from core.model.order import Side


class Purpose(StrEnum):
    """What a trade is for."""

    CLOSE = "close"
    REDUCE = "reduce"
    INCREASE = "increase"

    @property
    def is_reduction(self) -> bool:
        """Whether the trade must not open or grow a position."""
        return self is not Purpose.INCREASE


@dataclass(frozen=True, slots=True)
class Trade:
    """One change of position.

    Attributes:
        side: Buy or sell.
        quantity: Base asset, greater than zero.
        purpose: Closing and reducing trades are sent reduce-only.
    """

    side: Side
    quantity: Decimal
    purpose: Purpose

    @property
    def signed_quantity(self) -> Decimal:
        """The change of position."""
        return self.quantity * self.side.sign


@dataclass(frozen=True, slots=True)
class Plan:
    """Trades in order; each is proven by a fresh read before the next begins.

    Attributes:
        trades: At most two: a flip closes, proves flat, then opens.
        remainder: What stays untraded because the exchange cannot trade so little, signed; zero normally.
        note: Why there is a remainder, empty when there is none.
    """

    trades: tuple[Trade, ...]
    remainder: Decimal = Decimal(0)
    note: str = ""
