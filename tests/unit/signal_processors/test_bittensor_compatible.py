"""The original's formulas, against values that the original's own functions gave."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.bittensor_settings import BittensorSettings
from signal_processors.bittensor_compatible import (
    compatible_depths,
    consistency,
    measure,
    net_position,
    order_drawdown,
    percentiles,
    rank_compatible,
)
from signal_processors.bittensor_payload import Miner, Order
from signal_processors.bittensor_ranking import allocate_by_rank, sharpe_ratio

CASES = Path(__file__).parent / "sn8_cases"
FUNCTIONS = json.loads((CASES / "case1_functions.json").read_bytes())
NINE = json.loads((CASES / "case2_nine_miners.json").read_bytes())
PAIRS = tuple(NINE["asset_mapping"])


def settings() -> BittensorSettings:
    return BittensorSettings(mode="compatible", **NINE["config"])


def miners(changed: dict[str, Any] | None = None) -> dict[str, Miner]:
    decoded = msgspec.convert({**NINE["input"], **(changed or {})}, dict[str, Miner])
    return {
        hotkey: msgspec.structs.replace(miner, positions=[item for item in miner.positions if item.pair in PAIRS])
        for hotkey, miner in decoded.items()
    }


def orders(case: dict[str, Any]) -> list[Order]:
    return msgspec.convert(case["orders"], list[Order])


@pytest.mark.parametrize("name", FUNCTIONS["net_position"])
def test_net_positions_are_the_originals(name: str) -> None:
    case = FUNCTIONS["net_position"][name]

    assert net_position(orders(case)) == pytest.approx(tuple(case["expected"]), rel=1e-12, abs=0)


@pytest.mark.parametrize("name", FUNCTIONS["max_drawdown_from_orders"])
def test_drawdowns_are_the_originals(name: str) -> None:
    case = FUNCTIONS["max_drawdown_from_orders"][name]

    assert order_drawdown(orders(case)) == pytest.approx(case["expected"], abs=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS["sharpe_ratio"])
def test_sharpe_ratios_are_the_originals(name: str) -> None:
    case = FUNCTIONS["sharpe_ratio"][name]

    assert sharpe_ratio(case["returns"]) == pytest.approx(case["expected"], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS["trade_consistency"])
def test_consistencies_are_the_originals_and_a_null_close_no_longer_crashes(name: str) -> None:
    case = FUNCTIONS["trade_consistency"][name]
    expected = case["expected"]
    if expected == "raises TypeError":
        expected = FUNCTIONS["trade_consistency"]["open_position_close_ms_0_not_last"]["expected"]

    spans = [(position["open_ms"], position["close_ms"]) for position in case["positions"]]

    assert consistency(spans) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS["percentile"])
def test_percentiles_are_the_originals(name: str) -> None:
    case = FUNCTIONS["percentile"][name]

    assert percentiles(case["values"]) == pytest.approx(case["expected"], abs=1e-12)


@pytest.mark.parametrize("count", FUNCTIONS["gradient_allocation"])
def test_allocations_are_the_originals(count: str) -> None:
    expected = FUNCTIONS["gradient_allocation"][count]

    assert dict(enumerate(allocate_by_rank(int(count)), start=1)) == {int(rank): w for rank, w in expected.items()}


def test_the_metrics_of_nine_miners_are_the_originals() -> None:
    fields = {
        "total_trades": "trades",
        "max_drawdown": "max_drawdown",
        "sharpe_ratio": "sharpe",
        "total_return": "total_return",
        "percentage_profitable": "profitable",
        "consistency_score": "consistency",
    }
    decoded = miners()

    for hotkey, expected in NINE["expected"]["raw_metrics"].items():
        measured = measure(decoded[hotkey].positions)
        ours = {theirs: getattr(measured, mine) for theirs, mine in fields.items()}
        assert ours == pytest.approx(expected, rel=1e-12, abs=1e-12), hotkey


def test_the_ranking_of_nine_miners_is_the_originals() -> None:
    ranking = rank_compatible(miners(), PAIRS, settings(), NINE["now_ms"])

    expected = NINE["expected"]["ranked"]
    assert [entry.hotkey for entry in ranking.ranked] == [entry["hotkey"] for entry in expected]
    assert [entry.score for entry in ranking.ranked] == pytest.approx(
        [entry["total_score"] for entry in expected], rel=0, abs=1e-12
    )
    assert ranking.refused == {
        "E_stale": "max_trade_age_days",
        "F_half_profitable": "min_profitable_rate",
        "G_drawdown": "max_drawdown_threshold",
        "H_too_few": "min_trades",
        "I_other_asset_only": "max_trade_age_days",
    }


def test_the_depths_of_nine_miners_are_the_originals() -> None:
    decoded = miners()
    depths = compatible_depths(rank_compatible(decoded, PAIRS, settings(), NINE["now_ms"]), decoded, PAIRS)

    for pair, symbol in NINE["asset_mapping"].items():
        expected = NINE["expected"]["signals_first_poll"][symbol]
        assert depths[pair].depth == expected["depth"]
        assert depths[pair].price == pytest.approx(expected["price"], rel=1e-12)
