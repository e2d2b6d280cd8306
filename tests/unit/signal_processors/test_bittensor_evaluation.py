"""What is believed and published after one answer, given what is remembered."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.bittensor_settings import BittensorSettings
from core.model.signal import SourceSignal
from signal_processors.bittensor_corrected import Standings
from signal_processors.bittensor_evaluation import Evaluation, evaluate, outage_share
from signal_processors.bittensor_payload import Miner, Payload
from signal_processors.bittensor_state import PollerState, read_state, write_state
from simulation.sn8_miners import NOW_MS, Held, make_closed, make_miner

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
SYMBOLS = {"BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT"}
SETTINGS = BittensorSettings(min_trades=3, guard_min_miners=1, guard_confirm_polls=3)


def judge(
    miners: Mapping[str, Miner],
    state: PollerState | None = None,
    settings: BittensorSettings = SETTINGS,
    minutes: float = 0,
    *,
    is_reconfigured: bool = False,
) -> Evaluation:
    now = NOW + timedelta(minutes=minutes)
    before = state or PollerState()
    return evaluate(Payload(miners), SYMBOLS, settings, Standings(), before, now, is_reconfigured=is_reconfigured)


def signal(evaluation: Evaluation, pair: str = "BTCUSD") -> SourceSignal:
    return evaluation.state.signals[pair]


def holding(leverage: float, name: str = "m") -> Miner:
    return make_miner(held=[Held(leverage, uuid=f"{name}-held")], name=name)


def closing(name: str = "m") -> Miner:
    """The miner of `holding` after it closed what it held."""
    miner = make_miner(name=name)
    return msgspec.structs.replace(miner, positions=[*miner.positions, make_closed(1.01, NOW_MS, uuid=f"{name}-held")])


def test_a_close_moves_the_time_of_the_signal() -> None:
    opened = judge({"a": holding(0.25)})
    closed = judge({"a": closing()}, opened.state, minutes=1)

    assert (signal(opened).depth > 0, signal(opened).at) == (True, NOW)
    assert (signal(closed).depth, signal(closed).at) == (Decimal(0), NOW + timedelta(minutes=1))
    assert closed.is_believed


def test_a_compatible_close_keeps_price_and_time_as_the_original_does() -> None:
    settings = SETTINGS.model_copy(update={"mode": "compatible"})
    opened = judge({"a": holding(0.25)}, settings=settings)
    closed = judge({"a": closing()}, opened.state, settings, minutes=1)

    assert (signal(opened).depth, signal(closed).depth) == (Decimal("0.25"), Decimal(0))
    assert (signal(closed).price, signal(closed).at) == (signal(opened).price, NOW)


@pytest.mark.parametrize(
    ("leverage", "is_new"),
    [(0.2520, False), (0.2480, False), (0.2550, True), (0.2450, True), (-0.2550, True), (0.0001, True)],
)
def test_a_depth_moves_only_beyond_the_dead_band(leverage: float, is_new: bool) -> None:
    before = judge({"a": holding(0.25)})
    after = judge({"a": holding(leverage)}, before.state, minutes=1, is_reconfigured=True)

    assert (signal(after) != signal(before)) is is_new


def test_small_steps_cannot_creep_within_the_dead_band() -> None:
    state = judge({"a": holding(0.25)}).state
    for step in range(1, 11):
        state = judge({"a": holding(0.25 + step * 0.001)}, state, minutes=step).state

    assert abs(state.signals["BTCUSD"].depth - Decimal("0.52")) <= Decimal("0.005")


def test_a_move_to_zero_or_of_sign_counts_however_small() -> None:
    settings = SETTINGS.model_copy(update={"dead_band": 0.5})
    state = judge({"a": holding(0.1)}, settings=settings).state

    flat = judge({"a": closing()}, state, settings, minutes=1)
    assert signal(flat).depth == 0
    short = judge({"a": holding(-0.01)}, state, settings, minutes=1, is_reconfigured=True)
    assert signal(short).depth < 0


def test_vanished_positions_hold_the_depths_until_confirmed() -> None:
    state = judge({"a": holding(0.25)}).state
    believed = []
    for minute in range(1, 4):
        evaluation = judge({"a": make_miner()}, state, minutes=minute)
        state = evaluation.state
        believed.append((evaluation.is_believed, signal(evaluation).depth > 0))

    assert believed == [(False, True), (False, True), (True, False)]


def test_a_change_of_the_settings_needs_no_confirmation() -> None:
    state = judge({"a": holding(0.25)}).state

    assert judge({"a": make_miner()}, state, minutes=1, is_reconfigured=True).is_believed


def test_nobody_qualifying_is_borne_for_the_grace_period_also_when_the_clock_steps_back() -> None:
    state = judge({"a": holding(0.25)}).state
    first = judge({"a": make_miner((0.9, 0.9, 0.9))}, state, minutes=10)
    assert signal(first).depth > 0
    stepped = judge({"a": make_miner((0.9, 0.9, 0.9))}, first.state, minutes=-600)
    assert signal(stepped).depth > 0
    later = judge({"a": make_miner((0.9, 0.9, 0.9))}, stepped.state, minutes=-584)
    assert signal(later).depth == 0
    assert not later.state.holdings
    back = judge({"a": holding(0.25)}, later.state, minutes=-580)
    assert (signal(back).depth > 0, back.state.nobody_since) == (True, None)


@pytest.mark.parametrize(
    ("hours", "share"), [(0, 1.0), (6, 1.0), (6.1, 1.0), (10.5, 0.8), (15, 0.5), (23.9, 0.1), (24, 0)]
)
def test_decay_is_linear_in_tenths(hours: float, share: float) -> None:
    settings = BittensorSettings(on_outage="decay")

    assert outage_share(timedelta(hours=hours), settings) == share
    assert outage_share(timedelta(hours=hours), BittensorSettings()) == 1.0


def test_what_is_remembered_survives_a_restart(tmp_path: Path) -> None:
    state = judge({"a": holding(0.25), "b": holding(-0.1, "b")}).state
    state = replace(state, nobody_since=NOW, guard=replace(state.guard, candidate=frozenset({"x", "a"}), fall_polls=2))
    path = tmp_path / "state.json"

    write_state(path, state)

    assert read_state(path) == state
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"[]", content.replace(b'"version":1', b'"version":2')):
        path.write_bytes(damaged)
        assert read_state(path) is None


factors = st.floats(0, 1e6, allow_nan=False)
leverages = st.floats(-1000, 1000, allow_nan=False)


@given(
    st.dictionaries(
        st.text("ab", min_size=1, max_size=3), st.tuples(st.lists(factors, max_size=6), leverages, factors), max_size=5
    ),
    st.sampled_from(["corrected", "compatible"]),
)
def test_no_miners_lead_to_a_depth_outside_its_bounds_or_to_a_crash(
    drawn: dict[str, tuple[list[float], float, float]], mode: str
) -> None:
    lax = {"min_trades": 0, "min_profitable_rate": 0.0, "min_total_return": -1.0, "max_drawdown_threshold": -1.0}
    settings = SETTINGS.model_copy(update={**lax, "mode": mode})
    miners = {
        hotkey: make_miner(closed, [Held(leverage, factor=factor)], thirty_day=2.0, name=hotkey)
        for hotkey, (closed, leverage, factor) in drawn.items()
    }

    evaluation = judge(miners, settings=settings)

    assert all(abs(item.depth) <= 1 for item in evaluation.state.signals.values())
    if evaluation.ranking:
        assert all(math.isfinite(entry.score) for entry in evaluation.ranking.ranked)
