"""How well one miner did over its positions in the mapped assets, by its equity."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from signal_processors.bittensor_payload import Order, Position
from signal_processors.bittensor_ranking import mean_and_deviation, sharpe_ratio

_ENTRY_AND_EXIT = 2
_placed_at = attrgetter("processed_ms")


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the score is made of; the drawdown is -1..0."""

    trades: int
    max_drawdown: float
    sharpe: float
    total_return: float
    profitable: float
    consistency: float


def measure(positions: Sequence[Position], stated_equity: float = 1.0) -> Metrics:
    """A miner's metrics over its mapped positions.

    Args:
        positions: Open and closed.
        stated_equity: The server's lowest equity as a factor of its peak; the worse of it and ours counts.
    """
    closed = sorted(
        (position for position in positions if position.is_closed_position),
        key=lambda position: position.close_ms or 0.0,
    )
    marked = [position for position in positions if not position.is_closed_position]
    realized = [(position.return_at_close - 1, order_trough(position.orders)) for position in closed]
    open_marks = [(position.current_return - 1, order_trough(position.orders)) for position in marked]
    returns = [value for value, _ in realized + open_marks]
    return Metrics(
        trades=len(returns),
        max_drawdown=min(equity_drawdown(realized, open_marks), stated_equity - 1),
        sharpe=sharpe_ratio(returns),
        total_return=sum(returns),
        profitable=sum(value > 0 for value in returns) / len(returns) if returns else 0.0,
        consistency=opening_rhythm([position.open_ms for position in closed]),
    )


def equity_drawdown(realized: Sequence[tuple[float, float]], marked: Sequence[tuple[float, float]]) -> float:
    """Largest fall of equity from its peak, -1..0.

    Args:
        realized: Return and lowest mark (0 or negative) of each closed position, in order of closing.
        marked: The same of the open positions, which are marked all together at the end.
    """
    equity = peak = 1.0
    worst = 0.0
    final = math.prod(1 + value for value, _ in marked) - 1
    for value, trough in [*realized, *((0.0, trough) for _, trough in marked), (final, 0.0)]:
        worst = min(worst, equity * (1 + trough) / peak - 1, equity * (1 + value) / peak - 1)
        equity *= 1 + value
        peak = max(peak, equity)
    return max(-1.0, worst)


def order_trough(orders: Sequence[Order]) -> float:
    """Lowest realized and marked return of one position at the prices of its own orders, 0 or negative.

    A reducing order realizes its part at its price and leaves the average entry price; orders without a price are
    skipped. Of an entry and an exit alone, the exit's mark is the position's own return, so there is nothing to add.
    """
    net = entry = realized = lowest = 0.0
    if len(orders) == _ENTRY_AND_EXIT and orders[0].leverage * orders[1].leverage <= 0:
        return lowest
    for order in sorted(orders, key=_placed_at):
        if order.price == 0:
            continue
        gain = (order.price - entry) / entry if entry else 0.0
        lowest = min(lowest, realized + net * gain)
        if net * order.leverage >= 0:
            total = net + order.leverage
            entry = (net * entry + order.leverage * order.price) / total if total else entry
            net = total
        else:
            closed = min(abs(order.leverage), abs(net)) * math.copysign(1, net)
            realized += closed * gain
            net -= closed
    return lowest


def opening_rhythm(openings: Sequence[float]) -> float:
    """How evenly closed positions were opened, 0..1: 1 - deviation / mean of the times between openings."""
    ordered = sorted(openings)
    gaps = [after - before for before, after in itertools.pairwise(ordered)]
    if not gaps:
        return 0.0
    mean, deviation = mean_and_deviation(gaps)
    return max(0.0, 1 - deviation / mean) if mean > 0 else 1.0


def midrank_percentiles(values: Sequence[float]) -> list[float]:
    """1 for the largest, 0 for the smallest; equal values share their middle, so that no order decides; one has 1."""
    if len(values) == 1:
        return [1.0]
    ordered = sorted(values)
    places: dict[float, list[int]] = {}
    for place, value in enumerate(ordered):
        places.setdefault(value, []).append(place)
    return [(places[value][0] + places[value][-1]) / 2 / (len(values) - 1) for value in values]
