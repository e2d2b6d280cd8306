from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decisions.judge_source import JudgedSource, SourceUse
from core.decisions.merge_signals import merge_signals
from core.model.identity import SourceName, Symbol
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.model.target import SourceWeight, SymbolWeights, TradingConfig

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BTC = Symbol("BTCUSDT")
TRADINGVIEW, BITTENSOR = SourceName("tradingview"), SourceName("bittensor")


def config(*weights: tuple[SourceName, str], leverage: str = "3") -> TradingConfig:
    shares = tuple(SourceWeight(source, Decimal(weight)) for source, weight in weights)
    mappings = {TRADINGVIEW: {"BTCUSDT": BTC}, BITTENSOR: {"BTCUSD": BTC, "BTCUSDC": BTC}}
    return TradingConfig("v1", (SymbolWeights(BTC, Decimal(leverage), shares),), mappings)


def says(source: SourceName, symbol: str, depth: str, leverage: str | None = None) -> SourceSignal:
    return SourceSignal(source, symbol, Decimal(depth), NOW, Decimal(leverage) if leverage else None)


def judged(*signals: SourceSignal, use: SourceUse = SourceUse.FOLLOW) -> JudgedSource:
    source = signals[0].source
    frame = SourceFrame(source, 1, NOW, NOW, None, SourceStatus.OK, "", authenticated=True, signals=signals)
    return JudgedSource(source, use, frame, "" if use is SourceUse.FOLLOW else "told so")


@pytest.mark.parametrize(
    ("tradingview", "bittensor", "merged"),
    [("1", "1", "0.25"), ("-1", "1", "0.05"), ("0.058", "0.5", "0.0808"), ("0.1408", "-0.25", "-0.02342")],
)
def test_merged_depth_is_the_plain_sum_of_weight_times_depth(tradingview: str, bittensor: str, merged: str) -> None:
    sources = {
        TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", tradingview)),
        BITTENSOR: judged(says(BITTENSOR, "BTCUSD", bittensor)),
    }

    merge = merge_signals(config((TRADINGVIEW, "0.10"), (BITTENSOR, "0.15")), sources)

    assert merge.targets[BTC].depth == Decimal(merged)
    assert merge.targets[BTC].leverage == 3


def test_two_source_symbols_meet_on_one_unified_symbol() -> None:
    sources = {
        TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", "0.5")),
        BITTENSOR: judged(says(BITTENSOR, "BTCUSD", "0.5"), says(BITTENSOR, "ETHUSD", "1")),
    }

    merge = merge_signals(config((TRADINGVIEW, "0.2"), (BITTENSOR, "0.4")), sources)

    assert list(merge.targets) == [BTC]
    assert merge.targets[BTC].depth == Decimal("0.3")


def test_ids_of_one_asset_are_netted_and_stay_within_one() -> None:
    netted = judged(says(BITTENSOR, "BTCUSD", "0.5"), says(BITTENSOR, "BTCUSDC", "-0.2"))
    overfull = judged(says(BITTENSOR, "BTCUSD", "0.9"), says(BITTENSOR, "BTCUSDC", "0.9"))

    assert merge_signals(config((BITTENSOR, "1")), {BITTENSOR: netted}).targets[BTC].depth == Decimal("0.3")
    assert merge_signals(config((BITTENSOR, "1")), {BITTENSOR: overfull}).targets[BTC].depth == 1


def test_a_weight_of_zero_disables_the_source_for_that_symbol() -> None:
    sources = {TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", "1"))}

    merge = merge_signals(config((TRADINGVIEW, "0.1"), (BITTENSOR, "0.0")), sources)

    assert merge.targets[BTC].depth == Decimal("0.1")


def test_a_signal_may_lower_the_leverage_and_never_raise_it() -> None:
    lowered = {TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", "1", leverage="2"))}
    raised = {TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", "1", leverage="20"))}

    assert merge_signals(config((TRADINGVIEW, "0.1")), lowered).targets[BTC].leverage == 2
    assert merge_signals(config((TRADINGVIEW, "0.1")), raised).targets[BTC].leverage == 3


def test_leverages_blend_by_weighted_depth_and_round_down_to_whole() -> None:
    sources = {
        TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", "1", leverage="5")),
        BITTENSOR: judged(says(BITTENSOR, "BTCUSD", "1", leverage="2")),
    }

    merge = merge_signals(config((TRADINGVIEW, "0.3"), (BITTENSOR, "0.1"), leverage="10"), sources)

    assert merge.targets[BTC].leverage == 4  # (0.3 x 5 + 0.1 x 2) / 0.4 = 4.25


def test_an_unreadable_source_leaves_the_symbol_as_it_is() -> None:
    sources = {
        TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", "1")),
        BITTENSOR: JudgedSource(BITTENSOR, SourceUse.UNREADABLE, None, "torn"),
    }

    merge = merge_signals(config((TRADINGVIEW, "0.1"), (BITTENSOR, "0.15")), sources)

    assert merge.targets == {}
    assert merge.unready == {BTC: "bittensor: torn"}


def test_a_held_source_keeps_its_depth_and_forbids_increases() -> None:
    sources = {TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", "1"), use=SourceUse.HOLD)}

    merge = merge_signals(config((TRADINGVIEW, "0.1")), sources)

    assert merge.targets[BTC].depth == Decimal("0.1")
    assert merge.unready == {BTC: "tradingview: told so"}


def test_a_source_that_never_spoke_or_is_flattened_adds_nothing() -> None:
    sources = {
        TRADINGVIEW: judged(says(TRADINGVIEW, "BTCUSDT", "1"), use=SourceUse.FLATTEN),
        BITTENSOR: JudgedSource(BITTENSOR, SourceUse.SILENT, None, "nothing yet"),
    }

    merge = merge_signals(config((TRADINGVIEW, "0.1"), (BITTENSOR, "0.15")), sources)

    assert merge.targets[BTC].depth == 0
    assert merge.unready == {}


WEIGHT = st.decimals(min_value=0, max_value=1, places=3)
DEPTH = st.decimals(min_value=-1, max_value=1, places=4)


@given(weights=st.lists(WEIGHT, min_size=1, max_size=4).filter(lambda w: sum(w) <= 1), data=st.data())
def test_merged_depth_never_exceeds_the_sum_of_weights(weights: list[Decimal], data: st.DataObject) -> None:
    names = [SourceName(f"source{number}") for number in range(len(weights))]
    depths = [data.draw(DEPTH) for _ in names]
    shares = tuple(SourceWeight(name, weight) for name, weight in zip(names, weights, strict=True))
    trading = TradingConfig("v", (SymbolWeights(BTC, Decimal(3), shares),), {name: {"B": BTC} for name in names})
    sources = {name: judged(SourceSignal(name, "B", depth, NOW)) for name, depth in zip(names, depths, strict=True)}

    merged = merge_signals(trading, sources).targets[BTC].depth

    assert abs(merged) <= sum(weights)
    assert merged == sum((weight * depth for weight, depth in zip(weights, depths, strict=True)), Decimal(0))
