"""What is in force on an exchange beyond its rules: states of markets, and what faults do to requests."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class MarketState(StrEnum):
    """Whether a market trades."""

    LIVE = "live"
    HALTED = "halted"
    DELISTED = "delisted"


@dataclass(frozen=True, slots=True)
class Effects:
    """What a fault or a setting does to the next requests.

    Attributes:
        accept_delay_ms: Answer an order now, let it reach the book later.
        reject_later: Answer an order now, reject it when due, for this reason.
        fill_share: Fill at most this share of an order.
        position_lag_ms: Position reads show how things stood this long ago.
        clock_skew_ms: How far the exchange's own clock is ahead of the world's.
        largest_page: Most rows of a list that goes on behind a cursor, whatever was asked; 0: as the rules say.
    """

    accept_delay_ms: int = 0
    reject_later: str = ""
    fill_share: Decimal | None = None
    position_lag_ms: int = 0
    clock_skew_ms: int = 0
    largest_page: int = 0
