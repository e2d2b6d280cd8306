"""Ranking and depths with the original's mistakes mended.

Depth of an asset: the ranked miners' leverage in it as a share of the pair's maximum, averaged by rank weight over the
miners active in that asset. Where the active miners hold less than `full_depth_weight` of the rank weight, the missing
part counts as flat, so that one lonely miner never moves a whole allocation.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from config.bittensor_settings import BittensorSettings
from signal_processors.bittensor_metrics import Metrics, measure, midrank_percentiles
from signal_processors.bittensor_payload import Miner, Order, Position
from signal_processors.bittensor_ranking import AssetDepth, RankedMiner, Ranking, allocate_by_rank

_DAY_MS = 86_400_000
_TERMS = 6


@dataclass(frozen=True, slots=True)
class Standings:
    """What the server says about miners beside their positions.

    Attributes:
        excluded: Eliminated, plagiarising or unregistered hotkeys, with the reason.
        drawdowns: Lowest equity as a factor of its peak, 0..1, by hotkey; 0.95 is a drawdown of 5 %.
    """

    excluded: Mapping[str, str] = field(default_factory=dict)
    drawdowns: Mapping[str, float] = field(default_factory=dict)


def rank_corrected(
    miners: Mapping[str, Miner],
    symbols: Mapping[str, str],
    settings: BittensorSettings,
    now_ms: float,
    standings: Standings,
    previous_order: Sequence[str] = (),
) -> Ranking:
    """Rank the miners that pass every threshold.

    Args:
        miners: With their positions in the mapped pairs only.
        symbols: Unified symbol by mapped source id.
        settings: Thresholds and exponents.
        now_ms: UTC time.
        standings: What is known of the miners beside their positions.
        previous_order: The last ranking's hotkeys, best first; scores nearer than `rank_hysteresis` keep that order.
    """
    metrics: dict[str, Metrics] = {}
    refused: dict[str, str] = {}
    for hotkey, miner in miners.items():
        problem = standings.excluded.get(hotkey, "") or _fails_selection(miner, symbols, settings, now_ms)
        if not problem:
            metrics[hotkey] = measure(miner.positions, standings.drawdowns.get(hotkey, 1.0))
            problem = _fails_thresholds(metrics[hotkey], settings)
        if problem:
            metrics.pop(hotkey, None)
            refused[hotkey] = problem
    terms = score_terms(metrics, settings)
    scores = {hotkey: sum(values.values()) / _TERMS for hotkey, values in terms.items()}
    order = settle_order(scores, previous_order, settings.rank_hysteresis)
    weights = allocate_by_rank(len(order))
    ranked = [
        RankedMiner(hotkey, scores[hotkey], weight, terms[hotkey])
        for hotkey, weight in zip(order, weights, strict=True)
    ]
    return Ranking(ranked, refused)


def score_terms(metrics: Mapping[str, Metrics], settings: BittensorSettings) -> dict[str, dict[str, float]]:
    """Six terms a miner, each 0..1, whose mean is the score.

    drawdown (1 + d)^e, percentile of Sharpe^e, total return R / (1 + R), share profitable^e,
    percentile of trades x (1 - (1 + n)^(-1 / divisor)), consistency.
    """
    sharpes = midrank_percentiles([item.sharpe for item in metrics.values()])
    counts = midrank_percentiles([item.trades for item in metrics.values()])
    return {
        hotkey: {
            "drawdown": max(0.0, 1 + item.max_drawdown) ** settings.drawdown_exponent,
            "sharpe": sharpe**settings.sharpe_exponent,
            "total_return": max(0.0, item.total_return) / (1 + max(0.0, item.total_return)),
            "profitable": item.profitable**settings.profitable_rate_exponent,
            "trades": count * (1 - (1 + item.trades) ** (-1 / settings.position_count_divisor)),
            "consistency": item.consistency,
        }
        for (hotkey, item), sharpe, count in zip(metrics.items(), sharpes, counts, strict=True)
    }


def settle_order(scores: Mapping[str, float], previous: Sequence[str], margin: float) -> list[str]:
    """Best first; a miner passes one that stood before it only with a score higher by more than the margin.

    Equal scores of miners never ranked before are ordered by hotkey.
    """
    kept = [hotkey for hotkey in dict.fromkeys(previous) if hotkey in scores]
    fresh = sorted(scores.keys() - set(kept), key=lambda hotkey: (-scores[hotkey], hotkey))
    order: list[str] = []
    for hotkey in kept:
        _insert(order, hotkey, scores, margin)
    for hotkey in fresh:
        _insert(order, hotkey, scores, 0.0)
    return order


def corrected_depths(
    ranking: Ranking, miners: Mapping[str, Miner], symbols: Mapping[str, str], settings: BittensorSettings
) -> dict[str, AssetDepth]:
    """The depth of every mapped source id; ids of one symbol add up to that symbol's depth.

    Args:
        ranking: Of these miners.
        miners: As they were ranked.
        symbols: Unified symbol by mapped source id.
        settings: Leverage limit and `full_depth_weight`.
    """
    weights = {entry.hotkey: entry.weight for entry in ranking.ranked}
    held = [
        (hotkey, position, unit)
        for hotkey in weights
        for position in miners[hotkey].positions
        if (unit := position_unit(position, settings.leverage_limit_crypto)) != 0
    ]
    active: dict[str, set[str]] = {symbol: set() for symbol in symbols.values()}
    for hotkey, position, _ in held:
        active[symbols[position.pair]].add(hotkey)
    scales = {
        symbol: max(math.fsum(weights[hotkey] for hotkey in hotkeys), settings.full_depth_weight)
        for symbol, hotkeys in active.items()
    }
    return {
        pair: _asset_depth([item for item in held if item[1].pair == pair], weights, scales[symbol])
        for pair, symbol in symbols.items()
    }


def position_unit(position: Position, leverage_limit: float) -> float:
    """What one open position commits, -1..1: its leverage, capped either way, as a share of the pair's maximum.

    The server's `is_closed_position` rules; a position never flips. Positions tracked on Hyperliquid state no size in
    `net_leverage`; there it is quantity x entry price / account size.
    """
    if position.is_closed_position or position.pair_maximum == 0:
        return 0.0
    leverage = _hyperliquid_leverage(position) if position.is_hl else position.net_leverage
    capped = max(-leverage_limit, min(leverage_limit, leverage))
    return max(-1.0, min(1.0, capped / position.pair_maximum))


def recompute_leverage(orders: Sequence[Order]) -> float:
    """The leverage that a position's orders add up to, as a check of what the server states; crossing zero closes."""
    net = 0.0
    for order in sorted(orders, key=lambda order: order.processed_ms):
        if order.order_type.strip().upper() == "FLAT":
            net = 0.0
            continue
        after = net + order.leverage
        net = 0.0 if net * after < 0 else after
    return net


def count_disagreements(miners: Mapping[str, Miner], pairs: Collection[str], tolerance: float = 1e-9) -> int:
    """How many open positions state a leverage other than that of their orders."""
    return sum(
        abs(recompute_leverage(position.orders) - position.net_leverage) > tolerance
        for miner in miners.values()
        for position in miner.positions
        if position.pair in pairs and not position.is_closed_position and not position.is_hl
    )


def _fails_selection(miner: Miner, symbols: Mapping[str, str], settings: BittensorSettings, now_ms: float) -> str:
    if miner.thirty_day_returns <= 1.0 or miner.all_time_returns <= 1.0:
        return "return factors"
    counts = dict.fromkeys(symbols.values(), 0)
    for position in miner.positions:
        counts[symbols[position.pair]] += 1
    if settings.min_trades_per_asset and min(counts.values(), default=0) < settings.min_trades_per_asset:
        return "min_trades_per_asset"
    if not miner.positions:
        return "no position in a mapped asset"
    is_active = any(not position.is_closed_position for position in miner.positions)
    latest = max(position.close_ms or 0.0 for position in miner.positions)
    if not is_active and latest < now_ms - settings.max_trade_age_days * _DAY_MS:
        return "max_trade_age_days"
    return ""


def _fails_thresholds(metrics: Metrics, settings: BittensorSettings) -> str:
    if metrics.max_drawdown < settings.max_drawdown_threshold:
        return "max_drawdown_threshold"
    if metrics.trades < settings.min_trades:
        return "min_trades"
    if metrics.profitable < settings.min_profitable_rate:
        return "min_profitable_rate"
    return "min_total_return" if metrics.total_return <= settings.min_total_return else ""


def _insert(order: list[str], hotkey: str, scores: Mapping[str, float], margin: float) -> None:
    place = len(order)
    while place and scores[hotkey] > scores[order[place - 1]] + margin:
        place -= 1
    order.insert(place, hotkey)


def _hyperliquid_leverage(position: Position) -> float:
    quantity = math.fsum(order.quantity or 0.0 for order in position.orders)
    size = position.account_size or 0.0
    leverage = quantity * position.average_entry_price / size if size > 0 else 0.0
    return leverage if math.isfinite(leverage) else 0.0


def _asset_depth(held: Sequence[tuple[str, Position, float]], weights: Mapping[str, float], scale: float) -> AssetDepth:
    shares = [weights[hotkey] * unit / scale for hotkey, _, unit in held]
    amount = math.fsum(abs(share) for share in shares)
    worth = math.fsum(
        abs(share) * position.average_entry_price for share, (_, position, _) in zip(shares, held, strict=True)
    )
    depth = max(-1.0, min(1.0, math.fsum(shares)))
    holdings = {position.position_uuid: share for share, (_, position, _) in zip(shares, held, strict=True)}
    holders = {position.position_uuid: hotkey for hotkey, position, _ in held}
    return AssetDepth(depth, worth / amount if amount else 0.0, holdings, holders)
