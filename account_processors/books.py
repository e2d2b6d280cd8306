"""Order books in base asset, checked: best prices first, and the best bid below the best ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from account_processors.replies import MalformedReply, Row
from core.model.failures import InvalidInput
from core.model.instrument import Instrument
from core.model.money import positive_decimal

Level = tuple[Decimal, Decimal]
"""Price in USDT and quantity in base asset."""


@dataclass(frozen=True, slots=True)
class Book:
    """The best levels of one symbol at one moment.

    Attributes:
        bids: Highest price first.
        asks: Lowest price first.
        at: UTC time.
    """

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: datetime

    def __post_init__(self) -> None:
        falling = all(higher[0] > lower[0] for higher, lower in pairwise(self.bids))
        rising = all(lower[0] < higher[0] for lower, higher in pairwise(self.asks))
        crossed = bool(self.bids and self.asks) and self.bids[0][0] >= self.asks[0][0]
        if not (falling and rising) or crossed:
            raise InvalidInput("book: the levels are not in order, or bid and ask cross")


def book_of(row: Row, sides: tuple[str, str], instrument: Instrument, at: datetime) -> Book:
    """The book whose bids and asks stand in the two named fields."""
    bids, asks = (levels_of(row.fields.get(side), instrument) for side in sides)
    return Book(bids, asks, at)


def levels_of(rows: object, instrument: Instrument) -> tuple[Level, ...]:
    """Levels such as ["50000", "12", ...] in the exchange's unit, as price and base asset.

    Raises:
        MalformedReply: If a level lacks price or quantity.
    """
    if not isinstance(rows, list):
        raise MalformedReply(f"book of {instrument.exchange_symbol}: no list of levels")
    return tuple(_level(row, instrument) for row in rows)


def _level(row: object, instrument: Instrument) -> Level:
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) < 2:
        raise MalformedReply(f"book of {instrument.exchange_symbol}: {row!r} is no level")
    price, amount = (positive_decimal(value, "book level") for value in row[:2])
    return price, amount * instrument.contract_size
