"""Sixty generated miners, ranked by the product and by a slow computation written from the formulas alone."""

import math
import operator
import random
import statistics
from fractions import Fraction
from functools import reduce
from typing import Any

import msgspec
import pytest

from config.bittensor_settings import BittensorSettings
from signal_processors.bittensor_compatible import compatible_depths, rank_compatible
from signal_processors.bittensor_payload import Miner
from simulation.sn8_miners import DAY_MS, NOW_MS

PAIRS = ("BTCUSD", "ETHUSD", "SOLUSD")
SETTINGS = BittensorSettings(mode="compatible", min_trades=8, min_profitable_rate=0.5)


def generate(seed: int, count: int = 60) -> dict[str, dict[str, Any]]:
    source = random.Random(seed)  # noqa: S311 - seeded on purpose
    return {f"miner {number}": _miner(source) for number in range(count)}


def _miner(source: random.Random) -> dict[str, Any]:
    positions = [_position(source, number) for number in range(source.randint(3, 30))]
    return {
        "thirty_day_returns": source.choice([0.0, 0.93, 1.02, 1.4]),
        "all_time_returns": source.choice([0.97, 1.1, 2.0]),
        "positions": positions,
    }


def _position(source: random.Random, number: int) -> dict[str, Any]:
    opened = NOW_MS - source.uniform(0.5, 40) * DAY_MS
    is_closed = source.random() < 0.8
    orders = [_order(source, opened + step * 1000) for step in range(source.randint(1, 5))]
    if is_closed and source.random() < 0.8:
        orders.append({**_order(source, opened + 10_000), "order_type": source.choice(["FLAT", " flat "])})
    source.shuffle(orders)
    return {
        "position_uuid": f"{number}-{source.random()}",
        "open_ms": opened,
        "close_ms": opened + source.uniform(0, 3) * DAY_MS if is_closed else 0,
        "trade_pair": [source.choice([*PAIRS[:2]]), "", 0.003, 0.01, 0.5],
        "orders": orders,
        "current_return": source.uniform(0.98, 1.05),
        "return_at_close": source.uniform(0.98, 1.05),
        "is_closed_position": is_closed,
        "net_leverage": source.uniform(-0.5, 0.5),
    }


def _order(source: random.Random, at: float) -> dict[str, Any]:
    leverage = source.choice([0.0, 0.05, 0.1, 0.25, -0.05, -0.1, -0.2])
    price = source.choice([0.0, 1.0, 1.0, 1.0]) * source.uniform(90, 110)
    return {"order_type": "LONG" if leverage > 0 else "SHORT", "leverage": leverage, "price": price, "processed_ms": at}


def slow_scores(miners: dict[str, dict[str, Any]]) -> list[tuple[str, float]]:
    kept: dict[str, dict[str, float]] = {}
    for hotkey, miner in miners.items():
        if _passes_selection(miner):
            numbers = _slow_metrics(miner["positions"])
            if (
                numbers["drawdown"] >= SETTINGS.max_drawdown_threshold
                and numbers["trades"] >= SETTINGS.min_trades
                and numbers["profitable"] >= SETTINGS.min_profitable_rate
                and numbers["total"] > SETTINGS.min_total_return
            ):
                kept[hotkey] = numbers
    scores = []
    for hotkey, numbers in kept.items():
        score = (
            (1 + numbers["drawdown"]) ** (2 * SETTINGS.drawdown_exponent)
            + _place(kept, hotkey, "sharpe") ** SETTINGS.sharpe_exponent
            + (1 + numbers["total"])
            + numbers["profitable"] ** SETTINGS.profitable_rate_exponent
            + _place(kept, hotkey, "trades") * math.log(1 + numbers["trades"]) / SETTINGS.position_count_divisor
            + _place(kept, hotkey, "consistency")
        )
        scores.append((hotkey, score))
    return sorted(scores, key=lambda item: -item[1])


def _passes_selection(miner: dict[str, Any]) -> bool:
    closes = [position["close_ms"] for position in miner["positions"] if position["is_closed_position"]]
    return (
        miner["thirty_day_returns"] > 0
        and miner["all_time_returns"] > 0
        and bool(closes)
        and max(closes) >= NOW_MS - SETTINGS.max_trade_age_days * DAY_MS
    )


def _slow_metrics(positions: list[dict[str, Any]]) -> dict[str, float]:
    returns = [
        Fraction(position["return_at_close" if position["is_closed_position"] else "current_return"]) - 1
        for position in positions
    ]
    deviation = statistics.pstdev(returns)
    by_opening = sorted(positions, key=lambda position: position["open_ms"])
    pauses = [
        Fraction(by_opening[place]["open_ms"]) - Fraction(by_opening[place - 1]["close_ms"])
        for place in range(1, len(by_opening))
    ]
    mean_pause = statistics.mean(pauses)
    return {
        "drawdown": min(-_slow_drawdown(position["orders"]) for position in positions),
        "trades": len(positions),
        "profitable": len([value for value in returns if value > 0]) / len(returns),
        "total": float(sum(returns)),
        "sharpe": float(statistics.mean(returns)) / float(deviation) if deviation else 0.0,
        "consistency": 1.0 if mean_pause == 0 else 1 - float(statistics.pstdev(pauses)) / float(mean_pause),
    }


def _slow_drawdown(orders: list[dict[str, Any]]) -> float:
    worst = 0.0
    counted = [order for order in orders if order["price"] and order["leverage"]]
    for place in range(1, len(counted) + 1):
        part = counted[:place]
        held = _sum_of_leverages(part)
        worth = sum(
            order["leverage"] * order["price"] for step, order in enumerate(part) if _sum_of_leverages(part[: step + 1])
        )  # the order that brings the sum to zero adds no worth
        average = worth / held if held else 0.0
        if average:
            worst = max(worst, abs(part[-1]["price"] - average) / abs(average) * abs(held))
    return worst


def _sum_of_leverages(orders: list[dict[str, Any]]) -> float:
    """One addition after the other, as the formulas say; sum() rounds once at the end from Python 3.12 on."""
    return reduce(operator.add, (float(order["leverage"]) for order in orders), 0.0)


def _place(kept: dict[str, dict[str, float]], hotkey: str, name: str) -> float:
    names = list(kept)
    mine = kept[hotkey][name]
    ahead = sum(
        other[name] > mine or (other[name] == mine and names.index(key) < names.index(hotkey))
        for key, other in kept.items()
    )
    return 1 - ahead / (len(kept) - 1) if len(kept) > 1 else 1.0


def slow_depths(ranked: list[str], miners: dict[str, dict[str, Any]]) -> dict[str, float]:
    count = len(ranked)
    depths = dict.fromkeys(PAIRS, Fraction(0))
    for rank, hotkey in enumerate(ranked, start=1):
        weight = Fraction(2 * (count + 1 - rank), count * (count + 1))
        for position in miners[hotkey]["positions"]:
            depths[position["trade_pair"][0]] += weight * _slow_net(position["orders"])
    return {pair: float(max(Fraction(-1), min(Fraction(1), depth))) for pair, depth in depths.items()}


def _slow_net(orders: list[dict[str, Any]]) -> Fraction:
    """Without a FLAT the rules of opening, adding, reducing and flipping all come to the sum of the leverages."""
    if any(order["order_type"].strip().upper() == "FLAT" for order in orders):
        return Fraction(0)
    return sum((Fraction(order["leverage"]) for order in orders), Fraction(0))


@pytest.mark.parametrize("seed", range(5))
def test_sixty_generated_miners_score_and_weigh_as_a_slow_computation_says(seed: int) -> None:
    raw = generate(seed)
    miners = msgspec.convert(raw, dict[str, Miner])
    ranking = rank_compatible(miners, PAIRS, SETTINGS, NOW_MS)
    expected = slow_scores(raw)

    assert len(expected) >= 10
    assert [entry.hotkey for entry in ranking.ranked] == [hotkey for hotkey, _ in expected]
    assert [entry.score for entry in ranking.ranked] == pytest.approx(
        [score for _, score in expected], rel=0, abs=1e-12
    )
    depths = compatible_depths(ranking, miners, PAIRS)
    slow = slow_depths([hotkey for hotkey, _ in expected], raw)
    assert {pair: depth.depth for pair, depth in depths.items()} == pytest.approx(slow, rel=0, abs=1e-12)
    assert depths["SOLUSD"].depth == 0
