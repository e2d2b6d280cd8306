"""Hand-made miners of subnet 8, for cases that are computed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

from signal_processors.bittensor_payload import Miner, Order, Position

NOW_MS = 1_750_000_000_000.0
DAY_MS = 86_400_000.0


@dataclass(frozen=True, slots=True)
class Held:
    """An open position.

    Attributes:
        leverage: Signed.
        pair: Source id.
        maximum: The pair's largest leverage.
        price: Entry price.
        factor: Current return.
        uuid: Its name.
    """

    leverage: float
    pair: str = "BTCUSD"
    maximum: float = 0.5
    price: float = 100_000.0
    factor: float = 1.0
    uuid: str = ""


def make_miner(
    closed: Sequence[float] = (1.02, 1.01, 1.03, 1.02),
    held: Sequence[Held] = (),
    *,
    thirty_day: float = 1.05,
    all_time: float = 1.1,
    closed_pair: str = "BTCUSD",
    closed_age_days: float = 1.0,
    name: str = "m",
) -> Miner:
    """A miner with closed positions of these return factors, one a day, the last one as old as given, and open ones."""
    positions = [
        make_closed(
            factor,
            NOW_MS - (closed_age_days + len(closed) - 1 - index) * DAY_MS,
            pair=closed_pair,
            uuid=f"{name}-{index}",
        )
        for index, factor in enumerate(closed)
    ]
    positions += [make_open(item, item.uuid or f"{name}-open-{index}") for index, item in enumerate(held)]
    return Miner(thirty_day, all_time, positions)


def make_closed(factor: float, close_ms: float, *, pair: str = "BTCUSD", uuid: str = "closed") -> Position:
    """A closed position that was open for half a day."""
    open_ms = close_ms - DAY_MS / 2
    orders = [Order("LONG", 0.1, 100_000.0, open_ms), Order("FLAT", -0.1, 100_000.0, close_ms)]
    return Position(
        position_uuid=uuid,
        open_ms=open_ms,
        trade_pair=[pair, pair, 0.003, 0.01, 0.5],
        is_closed_position=True,
        net_leverage=0.0,
        current_return=factor,
        return_at_close=factor,
        orders=orders,
        close_ms=close_ms,
        average_entry_price=100_000.0,
    )


def make_open(held: Held, uuid: str) -> Position:
    """An open position, opened an hour ago with one order."""
    open_ms = NOW_MS - DAY_MS / 24
    side = "LONG" if held.leverage > 0 else "SHORT"
    return Position(
        position_uuid=uuid,
        open_ms=open_ms,
        trade_pair=[held.pair, held.pair, 0.003, 0.01, held.maximum],
        is_closed_position=False,
        net_leverage=held.leverage,
        current_return=held.factor,
        return_at_close=held.factor,
        orders=[Order(side, held.leverage, held.price, open_ms)],
        average_entry_price=held.price,
    )
