"""Base asset to the exchange's unit and back, exactly, for everything listed; and what must not be sent is not."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account_processors.orders import base_quantity, exchange_amount
from core.decisions.size_position import size_position
from core.model.instrument import Instrument
from core.model.order import RefusalReason, RefusedOutcome, Side
from simulation.exchange_bench import BTC, EXCHANGES, Bench, must_know, play

NAMES = {
    "bybit": "BTCUSDT",
    "blofin": "BTC-USDT",
    "kucoin": "XBTUSDTM",
    "mexc": "BTC_USDT",
}


def listed(name: str) -> list[Instrument]:
    found: list[Instrument] = []

    async def scene(bench: Bench) -> None:
        found.extend(must_know(await bench.exchange.read_instruments()).values())

    play(name, scene)
    return found


LISTED = {name: listed(name) for name in EXCHANGES}


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_unified_symbol_names_the_exchanges_own_and_back(name: str) -> None:
    by_symbol = {rules.symbol: rules for rules in LISTED[name]}
    assert by_symbol[BTC].exchange_symbol == NAMES[name]
    assert len({rules.exchange_symbol for rules in LISTED[name]}) == len(LISTED[name]) > 20


@pytest.mark.parametrize("name", EXCHANGES)
@given(st.data())
def test_every_multiple_of_the_step_is_a_whole_number_of_units_and_comes_back_exactly(
    name: str, data: st.DataObject
) -> None:
    rules = data.draw(st.sampled_from(LISTED[name]))
    steps = data.draw(st.integers(1, 10**9))
    quantity = rules.lot_step * steps
    amount = exchange_amount(quantity, rules)
    assert base_quantity(amount, rules) == quantity
    assert (amount * rules.contract_size) % rules.lot_step == 0


@pytest.mark.parametrize("name", EXCHANGES)
@given(st.data())
def test_a_size_is_whole_units_of_the_exchange_never_above_the_exact_one_and_named_below_its_minimum(
    name: str, data: st.DataObject
) -> None:
    rules = data.draw(st.sampled_from(LISTED[name]))
    value = data.draw(st.decimals(min_value="0.01", max_value="1e7", places=2))
    depth = data.draw(st.decimals(min_value=-1, max_value=1, places=5))
    price = data.draw(st.decimals(min_value="0.0001", max_value="1e5", places=4))

    sizing = size_position(value, depth, Decimal(3), price, rules)

    units = exchange_amount(abs(sizing.quantity), rules)
    assert abs(sizing.quantity) * price <= value * abs(depth) * 3
    assert sizing.quantity % rules.lot_step == 0
    assert base_quantity(units, rules) == abs(sizing.quantity)
    assert sizing.quantity == 0 or abs(sizing.quantity) >= rules.min_quantity
    assert (not sizing.quantity and depth != 0) == bool(sizing.unreachable)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_quantity_between_two_steps_is_never_sent(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        step = must_know(await bench.exchange.read_instruments())[BTC].lot_step
        intent = replace(bench.intent(Side.BUY, "0.02"), quantity=Decimal("0.02") + step / 2)
        outcome = await bench.exchange.submit_order(intent)
        assert isinstance(outcome, RefusedOutcome)
        assert outcome.reason is RefusalReason.PRECISION
        assert bench.calls_of("create_order") == 0

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_market_maximum_is_the_one_that_market_orders_obey(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        rules = must_know(await bench.exchange.read_instruments())[BTC]
        market = bench.house.exchanges[name].market(rules.exchange_symbol)
        assert rules.max_market_quantity == base_quantity(market.max_market_quantity, rules)
        above = replace(bench.intent(Side.BUY, "0.02"), quantity=rules.max_market_quantity + rules.lot_step)
        outcome = await bench.exchange.submit_order(above)
        assert isinstance(outcome, RefusedOutcome) or bench.name == "kucoin", outcome

    play(name, scene)
