from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decisions.reconcile import reconcile
from core.decisions.size_position import size_position
from core.decisions.slice_order import slice_order
from core.model.failures import InvalidInput
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.plan import Purpose

D = Decimal


def instrument(
    step: str = "0.001", minimum: str = "0.001", notional: str = "5", market: str = "100", *, tradable: bool = True
) -> Instrument:
    return Instrument(
        Symbol("BTCUSDT"), "BTCUSDT", D(step), D(minimum), D(market), D(notional), D(100), tradable=tradable
    )


@pytest.mark.parametrize(
    ("depth", "margin", "notional"),
    [("0.25", "2500", "7500"), ("0.0808", "808", "2424"), ("-0.02342", "-234.20", "-702.60")],
)
def test_margin_is_value_times_depth_and_notional_is_margin_times_leverage(
    depth: str, margin: str, notional: str
) -> None:
    sizing = size_position(D(10_000), D(depth), D(3), D(50_000), instrument())

    assert (sizing.margin, sizing.notional) == (D(margin), D(notional))
    assert sizing.quantity == (sizing.notional / D(50_000)).quantize(D("0.001"), rounding="ROUND_DOWN")


def test_doubling_leverage_doubles_the_size() -> None:
    once = size_position(D(10_000), D("0.1"), D(3), D(50_000), instrument())
    twice = size_position(D(10_000), D("0.1"), D(6), D(50_000), instrument())

    assert twice.quantity == 2 * once.quantity == D("0.12")


def test_a_target_below_the_minimum_is_named_and_not_bumped_up() -> None:
    sizing = size_position(D(100), D("0.0001"), D(1), D(50_000), instrument(step="0.0001", minimum="0.001"))

    assert sizing.quantity == 0
    assert "minimum of 0.001" in sizing.unreachable


def test_a_target_below_the_minimum_value_is_named() -> None:
    sizing = size_position(D(100), D("0.01"), D(4), D(1), instrument(step="1", minimum="1", notional="5"))

    assert sizing.quantity == 0
    assert "minimum value of 5 USDT" in sizing.unreachable


@pytest.mark.parametrize("equity", ["0", "-1", "NaN", "Infinity"])
def test_an_absurd_account_value_sizes_nothing(equity: str) -> None:
    with pytest.raises(InvalidInput, match="account value"):
        size_position(D(equity), D("0.1"), D(3), D(50_000), instrument())


@given(
    equity=st.decimals(min_value="0.01", max_value="1e9", places=2),
    depth=st.decimals(min_value=-1, max_value=1, places=5),
    leverage=st.integers(min_value=1, max_value=20),
    price=st.decimals(min_value="0.0001", max_value="1e6", places=4),
    step=st.sampled_from(["0.001", "0.1", "1", "0.00001", "7"]),
)
def test_a_size_never_exceeds_the_exact_one(
    equity: Decimal, depth: Decimal, leverage: int, price: Decimal, step: str
) -> None:
    sizing = size_position(equity, depth, D(leverage), price, instrument(step=step, minimum=step, notional="0"))

    assert abs(sizing.quantity) * price <= abs(equity * depth * leverage)
    assert sizing.quantity % D(step) == 0
    assert sizing.quantity * depth >= 0


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert reconcile(D("0.5"), D("0.5"), instrument(), D(50_000)).trades == ()


def test_a_target_of_zero_closes_the_exact_quantity() -> None:
    (trade,) = reconcile(D("0.501"), D(0), instrument(minimum="1"), D(50_000)).trades

    assert (trade.signed_quantity, trade.purpose) == (D("-0.501"), Purpose.CLOSE)


def test_of_a_quantity_finer_than_the_lot_step_as_much_is_closed_as_the_exchange_trades() -> None:
    (trade,) = reconcile(D("0.50037"), D(0), instrument(), D(50_000)).trades
    rest = reconcile(D("0.00037"), D(0), instrument(), D(50_000))

    assert (trade.signed_quantity, trade.purpose) == (D("-0.5"), Purpose.CLOSE)
    assert (rest.trades, rest.remainder) == ((), D("-0.00037"))
    assert rest.note == "0.00037 is less than the exchange trades at once"


def test_a_flip_closes_and_then_opens() -> None:
    close, opening = reconcile(D("0.5"), D("-0.3"), instrument(), D(50_000)).trades

    assert (close.signed_quantity, close.purpose) == (D("-0.5"), Purpose.CLOSE)
    assert (opening.signed_quantity, opening.purpose) == (D("-0.3"), Purpose.INCREASE)


def test_a_smaller_target_reduces_and_a_larger_one_increases() -> None:
    (reduction,) = reconcile(D("-0.5"), D("-0.3"), instrument(), D(50_000)).trades
    (increase,) = reconcile(D("-0.3"), D("-0.5"), instrument(), D(50_000)).trades

    assert (reduction.signed_quantity, reduction.purpose) == (D("0.2"), Purpose.REDUCE)
    assert (increase.signed_quantity, increase.purpose) == (D("-0.2"), Purpose.INCREASE)


def test_an_increase_below_the_minimum_value_is_left_and_named() -> None:
    plan = reconcile(D("0.5"), D("0.501"), instrument(notional="100"), D(50_000))

    assert plan.trades == ()
    assert (plan.remainder, plan.note) == (D("0.001"), "50 USDT is less than the exchange's minimum order value")


LOTS = st.integers(min_value=-2000, max_value=2000)


@given(held=LOTS, target=LOTS, minimum=st.integers(min_value=1, max_value=30))
def test_after_the_plan_nothing_is_left_to_plan(held: int, target: int, minimum: int) -> None:
    rules = instrument(step="0.1", minimum=str(D(minimum) / 10), notional="0")
    position, goal = D(held) / 10, D(target) / 10

    plan = reconcile(position, goal, rules, D(10))
    for trade in plan.trades:
        before, position = position, position + trade.signed_quantity
        if trade.purpose.is_reduction:
            assert abs(position) < abs(before)
            assert position * before >= 0
        else:
            assert abs(position) <= abs(goal)

    assert position + plan.remainder == goal
    assert reconcile(position, goal, rules, D(10)).trades == ()


@given(held=LOTS, target=LOTS)
def test_a_plan_never_trades_through_zero(held: int, target: int) -> None:
    position = D(held)
    for trade in reconcile(position, D(target), instrument(step="1", minimum="1", notional="0"), D(10)).trades:
        assert position * (position + trade.signed_quantity) >= 0
        position += trade.signed_quantity


@given(quantity=st.integers(min_value=1, max_value=10_000), largest=st.integers(min_value=30, max_value=500))
def test_slices_add_up_and_each_is_accepted_by_the_exchange(quantity: int, largest: int) -> None:
    rules = instrument(step="1", minimum="10", market=str(largest), notional="0")
    rest, total = D(quantity), D(0)
    while rest > 0:
        part = slice_order(rest, rules)
        assert part <= largest
        assert part >= min(rules.min_quantity, D(quantity))
        rest, total = rest - part, total + part

    assert total == quantity
