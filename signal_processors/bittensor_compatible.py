"""The original's formulas to the digit, for those who want its depths: facts in the project's SN8 notes.

They count a rise as drawdown, let the server's order break ties, keep losing miners, and see a position where orders
crossed zero. `bittensor_corrected` mends all of that; this module must not. Miner records have been checked before.
"""

import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from config.bittensor_settings import BittensorSettings
from signal_processors.bittensor_payload import Miner, Order, Position
from signal_processors.bittensor_ranking import AssetDepth, RankedMiner, Ranking, allocate_by_rank, sharpe_ratio

_DAY_MS = 86_400_000
_DUST = 1e-15


@dataclass(frozen=True, slots=True)
class Metrics:
    """What the score is made of; the drawdown is negative or 0."""

    trades: int
    max_drawdown: float
    sharpe: float
    total_return: float
    profitable: float
    consistency: float


def rank_compatible(
    miners: Mapping[str, Miner], pairs: Collection[str], settings: BittensorSettings, now_ms: float
) -> Ranking:
    """Rank as the original does.

    Args:
        miners: In the server's order, with their positions in the mapped pairs only.
        pairs: The mapped source ids.
        settings: Thresholds and exponents.
        now_ms: UTC time.
    """
    metrics: dict[str, Metrics] = {}
    refused: dict[str, str] = {}
    for hotkey, miner in miners.items():
        measured = measure(miner.positions)
        problem = _fails_selection(miner, pairs, settings, now_ms) or _fails_thresholds(measured, settings)
        if problem:
            refused[hotkey] = problem
        else:
            metrics[hotkey] = measured
    return Ranking(_score(metrics, settings), refused)


def measure(positions: Sequence[Position]) -> Metrics:
    """A miner's metrics over its mapped positions, open ones included."""
    returns = [
        (position.return_at_close if position.is_closed_position else position.current_return) - 1
        for position in positions
    ]
    return Metrics(
        trades=len(positions),
        max_drawdown=min((order_drawdown(position.orders) for position in positions), default=0.0),
        sharpe=sharpe_ratio(returns),
        total_return=sum(returns),
        profitable=sum(value > 0 for value in returns) / len(returns) if returns else 0.0,
        consistency=consistency([(position.open_ms, position.close_ms) for position in positions]),
    )


def order_drawdown(orders: Sequence[Order]) -> float:
    """Largest distance of an order's price from the running average, times the leverage held: -d, or 0."""
    held = worth = worst = 0.0
    for order in orders:
        if order.price == 0 or order.leverage == 0:
            continue
        held += order.leverage
        if held == 0:
            continue
        worth += order.leverage * order.price
        average = worth / held
        if average != 0:
            worst = max(worst, abs((order.price - average) / average) * abs(held))
    return -worst


def consistency(spans: Sequence[tuple[float, float | None]]) -> float:
    """1 - deviation / mean of the pauses between a position's close and the next one's opening; not bounded.

    A close that is null counts as 0, the form in which the server states an open position over REST.

    Args:
        spans: Opening and closing time of each position.
    """
    if len(spans) <= 1:
        return 0.0
    ordered = sorted(spans, key=lambda span: span[0])
    pauses = [after[0] - (before[1] or 0.0) for before, after in itertools.pairwise(ordered)]
    mean = sum(pauses) / len(pauses)
    if mean == 0:
        return 1.0
    return 1 - math.sqrt(sum((pause - mean) ** 2 for pause in pauses) / len(pauses)) / mean


def percentiles(values: Sequence[float]) -> list[float]:
    """1 for the largest, 0 for the smallest, evenly between; the input's order breaks ties; a single value has 1."""
    if len(values) == 1:
        return [1.0]
    order = sorted(range(len(values)), key=lambda index: values[index], reverse=True)
    result = [0.0] * len(values)
    for rank, index in enumerate(order):
        result[index] = 1 - rank / (len(values) - 1)
    return result


def net_position(orders: Sequence[Order]) -> tuple[float, float]:
    """Net leverage and average price of a position by its orders; any FLAT means (0, 0), crossing zero flips."""
    net = basis = 0.0
    for order in sorted(orders, key=lambda order: order.processed_ms):
        if order.order_type.strip().upper() == "FLAT":
            return 0.0, 0.0
        net, basis = _add_order(net, basis, order)
    return net, basis


def compatible_depths(ranking: Ranking, miners: Mapping[str, Miner], pairs: Collection[str]) -> dict[str, AssetDepth]:
    """Weight x net position, summed over ranked miners and all their positions, clamped to -1..1, by source id.

    Args:
        ranking: Of these miners.
        miners: As they were ranked.
        pairs: The mapped source ids.
    """
    sums = dict.fromkeys(pairs, 0.0)
    priced: dict[str, tuple[float, float]] = dict.fromkeys(pairs, (0.0, 0.0))
    holdings: dict[str, dict[str, float]] = {pair: {} for pair in pairs}
    holders: dict[str, dict[str, str]] = {pair: {} for pair in pairs}
    for entry in ranking.ranked:
        for position in miners[entry.hotkey].positions:
            net, basis = net_position(position.orders)
            if net == 0:
                continue
            pair, share = position.pair, entry.weight * net
            sums[pair] += share
            worth, amount = priced[pair]
            priced[pair] = (worth + basis * abs(share), amount + abs(share))
            holdings[pair][position.position_uuid] = share
            holders[pair][position.position_uuid] = entry.hotkey
    return {
        pair: AssetDepth(
            depth=max(-1.0, min(1.0, sums[pair])),
            price=priced[pair][0] / priced[pair][1] if priced[pair][1] else 0.0,
            holdings=holdings[pair],
            holders=holders[pair],
        )
        for pair in pairs
    }


def _fails_selection(miner: Miner, pairs: Collection[str], settings: BittensorSettings, now_ms: float) -> str:
    if miner.thirty_day_returns <= 0 or miner.all_time_returns <= 0:
        return "return factors"
    counts = dict.fromkeys(pairs, 0)
    for position in miner.positions:
        counts[position.pair] += 1
    if settings.min_trades_per_asset and min(counts.values(), default=0) < settings.min_trades_per_asset:
        return "min_trades_per_asset"
    closes = [position.close_ms or 0.0 for position in miner.positions if position.is_closed_position]
    if max(closes, default=0.0) < now_ms - settings.max_trade_age_days * _DAY_MS:
        return "max_trade_age_days"
    return "" if miner.positions else "no position in a mapped asset"


def _fails_thresholds(metrics: Metrics, settings: BittensorSettings) -> str:
    if metrics.max_drawdown < settings.max_drawdown_threshold:
        return "max_drawdown_threshold"
    if metrics.trades < settings.min_trades:
        return "min_trades"
    if metrics.profitable < settings.min_profitable_rate:
        return "min_profitable_rate"
    return "min_total_return" if metrics.total_return <= settings.min_total_return else ""


def _score(metrics: Mapping[str, Metrics], settings: BittensorSettings) -> list[RankedMiner]:
    measured = list(metrics.values())
    sharpes = percentiles([item.sharpe for item in measured])
    counts = percentiles([item.trades for item in measured])
    rhythms = percentiles([item.consistency for item in measured])
    scored = []
    for hotkey, item, sharpe, count, rhythm in zip(metrics, measured, sharpes, counts, rhythms, strict=True):
        terms = {
            "drawdown": ((1 + item.max_drawdown) ** 2) ** settings.drawdown_exponent,
            "sharpe": sharpe**settings.sharpe_exponent,
            "total_return": 1 + item.total_return,
            "profitable": item.profitable**settings.profitable_rate_exponent,
            "trades": count * (math.log1p(item.trades) / settings.position_count_divisor),
            "consistency": rhythm,
        }
        scored.append((hotkey, sum(terms.values()), terms))
    scored.sort(key=lambda entry: entry[1], reverse=True)
    weights = allocate_by_rank(len(scored))
    return [RankedMiner(*entry[:2], weight, entry[2]) for entry, weight in zip(scored, weights, strict=True)]


def _add_order(net: float, basis: float, order: Order) -> tuple[float, float]:
    added = order.leverage
    if added == 0:
        return net, basis
    if net * added > 0:
        return net + added, (net * basis + added * order.price) / (net + added)
    if abs(added) > abs(net):
        return net + added, order.price
    left = net + added
    return (0.0, 0.0) if abs(left) < _DUST else (left, basis)
