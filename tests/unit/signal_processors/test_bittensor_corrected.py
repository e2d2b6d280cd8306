"""What the original gets wrong, and what is right: one test a correction, computed by hand."""

import json
from pathlib import Path

import msgspec
import pytest

from config.bittensor_settings import BittensorSettings
from signal_processors.bittensor_compatible import measure as measure_compatible
from signal_processors.bittensor_corrected import (
    Standings,
    corrected_depths,
    count_disagreements,
    position_unit,
    rank_corrected,
    recompute_leverage,
    settle_order,
)
from signal_processors.bittensor_metrics import (
    equity_drawdown,
    measure,
    midrank_percentiles,
    opening_rhythm,
    order_trough,
)
from signal_processors.bittensor_payload import Miner, Order
from signal_processors.bittensor_ranking import Ranking
from simulation.sn8_miners import DAY_MS, NOW_MS, Held, make_miner, make_open

NINE = json.loads((Path(__file__).parent / "sn8_cases" / "case2_nine_miners.json").read_bytes())
SYMBOLS = {"BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT", "SOLUSD": "SOLUSDT"}
FEW = BittensorSettings(min_trades=3)


def rank(
    miners: dict[str, Miner],
    settings: BittensorSettings = FEW,
    symbols: dict[str, str] = SYMBOLS,
    standings: Standings | None = None,
    previous: tuple[str, ...] = (),
) -> Ranking:
    return rank_corrected(miners, symbols, settings, NOW_MS, standings or Standings(), previous)


def hotkeys(ranking: Ranking) -> list[str]:
    return [entry.hotkey for entry in ranking.ranked]


def depth_of(miners: dict[str, Miner], pair: str, settings: BittensorSettings = FEW, **symbols: str) -> float:
    mapped = symbols or SYMBOLS
    return corrected_depths(rank(miners, settings, mapped), miners, mapped, settings)[pair].depth


def nine_miners() -> dict[str, Miner]:
    miners = msgspec.convert(NINE["input"], dict[str, Miner])
    return {
        hotkey: msgspec.structs.replace(miner, positions=[p for p in miner.positions if p.pair in SYMBOLS])
        for hotkey, miner in miners.items()
    }


@pytest.mark.parametrize(("thirty_day", "all_time"), [(1.0, 1.1), (1.1, 1.0), (0.93, 0.97)])
def test_return_fields_are_factors_so_a_miner_that_gained_nothing_is_refused(
    thirty_day: float, all_time: float
) -> None:
    ranking = rank({"good": make_miner(), "flat": make_miner(thirty_day=thirty_day, all_time=all_time)})

    assert hotkeys(ranking) == ["good"]
    assert ranking.refused == {"flat": "return factors"}


def test_of_nine_miners_the_loser_goes_and_the_closed_position_no_longer_counts() -> None:
    miners, settings = nine_miners(), BittensorSettings(**NINE["config"])
    ranking = rank(miners, settings)

    assert set(hotkeys(ranking)) == {"A_good_long", "B_short_partial", "C_crossed_zero"}
    depths = corrected_depths(ranking, miners, SYMBOLS, settings)
    weight = {entry.hotkey: entry.weight for entry in ranking.ranked}
    btc_holders = {depths["BTCUSD"].holders[uuid] for uuid in depths["BTCUSD"].holdings}
    assert btc_holders == {"A_good_long"}
    assert depths["BTCUSD"].depth == pytest.approx((0.3 / 0.5) * min(1, weight["A_good_long"] / 0.25))
    assert depths["ETHUSD"].depth == pytest.approx((-0.4 / 0.5) * min(1, weight["B_short_partial"] / 0.25))


def test_a_closed_position_with_orders_beyond_zero_counts_nothing() -> None:
    position = make_open(Held(0.1), "p")
    crossed = msgspec.structs.replace(
        position, is_closed_position=True, orders=[Order("LONG", 0.1, 1.0, 1), Order("SHORT", -0.15, 1.0, 2)]
    )

    assert position_unit(crossed, 0.5) == 0


def test_the_stated_leverage_rules_and_orders_are_only_a_check() -> None:
    agreeing = make_open(Held(0.2), "a")
    lying = msgspec.structs.replace(make_open(Held(0.2), "b"), net_leverage=0.3)
    miners = {"m": Miner(1.1, 1.1, [agreeing, lying])}

    assert position_unit(lying, 0.5) == pytest.approx(0.6)
    assert count_disagreements(miners, SYMBOLS) == 1


def test_orders_after_a_flat_begin_anew() -> None:
    orders = [Order("LONG", 0.1, 1.0, 1), Order(" flat ", -0.1, 1.0, 2), Order("SHORT", -0.2, 1.0, 3)]

    assert recompute_leverage(orders) == pytest.approx(-0.2)


def test_a_position_never_flips_within_one_uuid() -> None:
    assert recompute_leverage([Order("LONG", 0.1, 1.0, 1), Order("SHORT", -0.15, 1.0, 2)]) == 0


def test_consistency_uses_the_openings_of_closed_positions_and_stays_within_0_and_1() -> None:
    assert opening_rhythm([0, 20, 40]) == 1.0
    assert opening_rhythm([40, 0, 20]) == 1.0
    assert opening_rhythm([0, 1, 2, 1000]) == 0.0
    assert opening_rhythm([0, 10, 30]) == pytest.approx(1 - 5 / 15)
    assert opening_rhythm([5]) == 0.0
    with_open = make_miner(held=[Held(0.1)]).positions
    assert measure(with_open).consistency == measure(make_miner().positions).consistency


def test_drawdown_is_that_of_the_equity_over_realized_and_marked_returns() -> None:
    assert equity_drawdown([(0.1, 0), (-0.2, 0), (0.05, 0)], []) == pytest.approx(-0.2)
    assert equity_drawdown([(0.5, 0), (0.5, 0)], []) == 0
    assert equity_drawdown([(0.1, 0)], [(-0.1, 0), (-0.1, 0)]) == pytest.approx(0.81 - 1)
    assert equity_drawdown([(0.1, -0.3)], []) == pytest.approx(-0.3)
    assert equity_drawdown([(0.1, 0)], [(0.1, -0.2)]) == pytest.approx(-0.2)


def test_the_marks_within_a_position_count_losses_only_and_a_partial_close_leaves_the_entry_price() -> None:
    def trough(*orders: tuple[float, float]) -> float:
        return order_trough([Order("LONG", leverage, price, at) for at, (leverage, price) in enumerate(orders)])

    assert trough((0.5, 100), (0.5, 120), (-1.0, 130)) == 0
    assert trough((0.5, 100), (0.5, 80), (-1.0, 90)) == pytest.approx(0.5 * -0.2)
    assert trough((-0.5, 100), (-0.5, 120), (1.0, 110)) == pytest.approx(-0.5 * 0.2)
    assert trough((0.5, 100), (-0.25, 110), (-0.25, 80)) == pytest.approx(0.25 * 0.1 + 0.25 * -0.2)
    assert trough((0.5, 100), (0.1, 0), (-0.5, 100)) == 0


def test_a_rise_is_no_drawdown() -> None:
    rising = msgspec.structs.replace(
        make_open(Held(0.5, factor=1.2), "p"), orders=[Order("LONG", 0.5, 100.0, 1), Order("LONG", 0.5, 120.0, 2)]
    )
    assert measure_compatible([rising]).max_drawdown < 0
    assert measure([rising]).max_drawdown == 0


def test_the_servers_drawdown_counts_where_it_is_worse() -> None:
    ranking = rank({"a": make_miner(), "b": make_miner()}, standings=Standings(drawdowns={"a": 0.4, "b": 0.9}))

    assert hotkeys(ranking) == ["b"]
    assert ranking.refused == {"a": "max_drawdown_threshold"}
    assert measure(make_miner().positions, 0.9).max_drawdown == pytest.approx(-0.1)


def test_depth_is_the_share_of_the_pairs_maximum_averaged_over_the_miners_active_in_the_asset() -> None:
    miners = {
        "best": make_miner((1.05, 1.04, 1.06, 1.05), [Held(0.4, maximum=1.0)], name="best"),
        "idle": make_miner((1.03, 1.02, 1.04, 1.03)),
        "last": make_miner((1.01, 1.02, 1.01, 1.0001), [Held(-0.25)], name="last"),
    }
    ranking = rank(miners)
    weight = {entry.hotkey: entry.weight for entry in ranking.ranked}

    expected = (weight["best"] * 0.4 - weight["last"] * 0.5) / (weight["best"] + weight["last"])
    assert depth_of(miners, "BTCUSD") == pytest.approx(expected)


def test_few_active_miners_are_diluted_by_the_full_depth_weight() -> None:
    miners = {f"idle {number}": make_miner() for number in range(9)} | {"lone": make_miner(held=[Held(0.5)])}
    lone_weight = next(entry.weight for entry in rank(miners).ranked if entry.hotkey == "lone")

    assert depth_of(miners, "BTCUSD", BittensorSettings(min_trades=3, full_depth_weight=0.0)) == pytest.approx(1.0)
    assert depth_of(miners, "BTCUSD") == pytest.approx(lone_weight / 0.25)
    assert depth_of(miners, "BTCUSD", BittensorSettings(min_trades=3, full_depth_weight=1.0)) == pytest.approx(
        lone_weight
    )


def test_several_ids_of_one_symbol_share_its_active_miners() -> None:
    miners = {
        "a": make_miner(held=[Held(0.5)], name="a"),
        "b": make_miner(held=[Held(1.0, "BTCUSDC", 1.0)], name="b"),
    }
    settings = BittensorSettings(min_trades=3, leverage_limit_crypto=1.0)
    both = {"BTCUSD": "BTCUSDT", "BTCUSDC": "BTCUSDT"}
    depths = corrected_depths(rank(miners, settings, both), miners, both, settings)

    assert depths["BTCUSD"].depth + depths["BTCUSDC"].depth == pytest.approx(1.0)
    assert 0.3 < depths["BTCUSD"].depth < 0.7


def test_an_open_position_counts_as_activity_now() -> None:
    miners = {
        "holds": make_miner(held=[Held(0.1)], closed_age_days=40),
        "gone": make_miner(closed_age_days=40),
    }
    ranking = rank(miners)

    assert hotkeys(ranking) == ["holds"]
    assert ranking.refused == {"gone": "max_trade_age_days"}


def test_scores_nearer_than_the_hysteresis_keep_the_order_they_had() -> None:
    assert settle_order({"a": 0.500, "b": 0.505}, ("a", "b"), 0.01) == ["a", "b"]
    assert settle_order({"a": 0.500, "b": 0.511}, ("a", "b"), 0.01) == ["b", "a"]
    assert settle_order({"a": 0.5, "b": 0.5, "c": 0.5}, (), 0.01) == ["a", "b", "c"]
    assert settle_order({"new": 0.6, "a": 0.5}, ("a", "left"), 0.01) == ["new", "a"]
    miners = {"x": make_miner((1.02, 1.01, 1.02)), "y": make_miner((1.02, 1.01, 1.03))}
    kept = BittensorSettings(min_trades=3, rank_hysteresis=0.5)
    assert hotkeys(rank(miners, kept, previous=("x", "y"))) == ["x", "y"]
    assert hotkeys(rank(miners, kept, previous=("y", "x"))) == ["y", "x"]


def test_the_score_is_bounded_however_large_the_returns() -> None:
    ranking = rank({"lucky": make_miner((900.0, 900.0, 900.0)), "steady": make_miner((1.02, 1.021, 1.022, 1.02))})

    assert all(0 <= term <= 1 for entry in ranking.ranked for term in entry.terms.values())
    assert all(0 <= entry.score <= 1 for entry in ranking.ranked)


def test_ties_do_not_favour_the_servers_order() -> None:
    assert midrank_percentiles([1.0, 1.0, 2.0]) == [0.25, 0.25, 1.0]
    assert midrank_percentiles([5.0]) == [1.0]
    assert midrank_percentiles([]) == []
    pair = {"b": make_miner(), "a": make_miner()}
    assert hotkeys(rank(pair)) == hotkeys(rank(dict(reversed(pair.items())))) == ["a", "b"]


@pytest.mark.parametrize(("leverage", "unit"), [(2.0, 1.0), (-2.0, -1.0), (0.25, 0.5), (-0.25, -0.5)])
def test_a_leverage_beyond_the_pairs_maximum_is_clamped_either_way(leverage: float, unit: float) -> None:
    assert position_unit(make_open(Held(leverage), "p"), 100.0) == pytest.approx(unit)


def test_hyperliquid_positions_are_sized_by_quantity_price_and_account() -> None:
    position = msgspec.structs.replace(
        make_open(Held(9.0, maximum=1.0, price=50_000.0), "p"),
        is_hl=True,
        account_size=100_000.0,
        orders=[Order("LONG", 9.0, 50_000.0, 1, quantity=0.6)],
    )

    assert position_unit(position, 1.0) == pytest.approx(0.3)
    assert position_unit(msgspec.structs.replace(position, account_size=0.0), 1.0) == 0


def test_eliminated_and_plagiarising_miners_are_left_out() -> None:
    standings = Standings({"bad": "eliminated: MDD", "copy": "plagiarism"})
    ranking = rank({"good": make_miner(), "bad": make_miner(), "copy": make_miner()}, standings=standings)

    assert hotkeys(ranking) == ["good"]
    assert ranking.refused == {"bad": "eliminated: MDD", "copy": "plagiarism"}


THRESHOLDS = {
    "min_trades": (BittensorSettings(min_trades=4), make_miner((1.02, 1.01, 1.03))),
    "max_drawdown_threshold": (FEW, make_miner((1.9, 0.45, 1.3, 1.2))),
    "min_profitable_rate": (FEW, make_miner((1.2, 0.99, 0.99, 1.02))),
    "min_total_return": (BittensorSettings(min_trades=3, min_total_return=0.05), make_miner((1.02, 1.01, 1.01))),
    "min_trades_per_asset": (
        BittensorSettings(min_trades=3, min_trades_per_asset=4),
        make_miner((1.02, 1.02, 1.02)),
    ),
    "max_trade_age_days": (FEW, make_miner(closed_age_days=14.1)),
}


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_each_threshold_removes_exactly_the_miner_that_violates_it(threshold: str) -> None:
    settings, violating = THRESHOLDS[threshold]
    miners = {"violating": violating, "fine": make_miner((1.02, 1.01, 1.03, 1.02), closed_age_days=13.9)}
    ranking = rank(miners, settings, {"BTCUSD": "BTCUSDT"})

    assert hotkeys(ranking) == ["fine"]
    assert ranking.refused == {"violating": threshold}
    lax = settings.model_copy(update={threshold: LAX[threshold]})
    assert set(hotkeys(rank(miners, lax, {"BTCUSD": "BTCUSDT"}))) == {"violating", "fine"}


LAX: dict[str, float] = {
    "min_trades": 3,
    "max_drawdown_threshold": -0.6,
    "min_profitable_rate": 0.5,
    "min_total_return": 0.0,
    "min_trades_per_asset": 3,
    "max_trade_age_days": 15.0,
}


def test_raising_the_drawdown_exponent_reorders_two_miners_as_computed_by_hand() -> None:
    # Both: 5 trades, sum of returns 0.2, same openings, Sharpe left out. The terms that differ are
    # deep: 0.9^e and 5 of 5 profitable; calm: 0.99^e and 4 of 5, 0.8^5 = 0.32768.
    miners = {"deep": make_miner((1.04, 1.04, 1.04, 1.04, 1.04)), "calm": make_miner((1.06, 1.05, 1.05, 1.05, 0.99))}
    standings = Standings(drawdowns={"deep": 0.9})

    def order(exponent: float) -> list[str]:
        settings = BittensorSettings(min_trades=3, drawdown_exponent=exponent, sharpe_exponent=0.0)
        return hotkeys(rank(miners, settings, standings=standings))

    # e = 2: 0.81 + 1 against 0.9801 + 0.32768. e = 20: 0.1216 + 1 against 0.8179 + 0.3277.
    assert order(2.0) == ["deep", "calm"]
    assert order(20.0) == ["calm", "deep"]


def test_raising_the_profitable_rate_exponent_reorders_two_miners_as_computed_by_hand() -> None:
    # all: profitable 1, drawdown 10 % -> 0.9^6 = 0.531. most: profitable 0.8, drawdown 1 % -> 0.99^6 = 0.941.
    # p = 1: all 1.531, most 1.741. p = 5: all 1.531, most 1.269.
    miners = {"all": make_miner((1.04, 1.04, 1.04, 1.04, 1.04)), "most": make_miner((1.06, 1.05, 1.05, 1.05, 0.99))}
    standings = Standings(drawdowns={"all": 0.9})

    def order(exponent: float) -> list[str]:
        settings = BittensorSettings(min_trades=3, profitable_rate_exponent=exponent, sharpe_exponent=0.0)
        return hotkeys(rank(miners, settings, standings=standings))

    assert order(1.0) == ["most", "all"]
    assert order(5.0) == ["all", "most"]


def test_raising_the_sharpe_exponent_reorders_two_miners_as_computed_by_hand() -> None:
    # Three miners with Sharpe percentiles 1, 0.5 and 0. middle: 0.5^s + 1. low: 0^s + 1 - its drawdown is 0, and it
    # leads by its drawdown term 1 against 0.9^6 = 0.531: 1.0 against 0.531 + 0.5^s.
    miners = {
        "top": make_miner((1.041, 1.04, 1.04, 1.04, 1.039)),
        "middle": make_miner((1.05, 1.04, 1.04, 1.04, 1.03)),
        "low": make_miner((1.08, 1.04, 1.04, 1.02, 1.02)),
    }
    standings = Standings(drawdowns={"middle": 0.9})

    def before(exponent: float) -> bool:
        settings = BittensorSettings(min_trades=3, sharpe_exponent=exponent)
        order = hotkeys(rank(miners, settings, standings=standings))
        return order.index("middle") < order.index("low")

    assert before(0.5)  # 0.531 + 0.707 > 1
    assert not before(2.0)  # 0.531 + 0.25 < 1


def test_a_leverage_above_the_limit_is_capped_and_keeps_its_sign() -> None:
    miners = {"a": make_miner(held=[Held(0.9, maximum=1.0)]), "b": make_miner(held=[Held(-0.9, "ETHUSD", 1.0)])}
    limited = BittensorSettings(min_trades=3, leverage_limit_crypto=0.3, full_depth_weight=0.0)

    assert depth_of(miners, "BTCUSD", limited) == pytest.approx(0.3)
    assert depth_of(miners, "ETHUSD", limited) == pytest.approx(-0.3)
    free = BittensorSettings(min_trades=3, leverage_limit_crypto=1.0, full_depth_weight=0.0)
    assert depth_of(miners, "BTCUSD", free) == pytest.approx(0.9)


def test_the_age_of_activity_is_measured_to_the_millisecond() -> None:
    miners = {"edge": make_miner(closed_age_days=14.0)}
    assert hotkeys(rank(miners)) == ["edge"]
    late = rank_corrected(miners, SYMBOLS, FEW, NOW_MS + DAY_MS / 1000, Standings())
    assert late.refused == {"edge": "max_trade_age_days"}
