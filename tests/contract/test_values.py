"""An account's value means the same everywhere: USDT wallet plus unrealized profit, isolated margin included."""

from decimal import Decimal

import pytest

from config.accounts import AccountValue
from core.model.order import Side
from simulation.exchange_bench import EXCHANGES, Bench, must_know, play

A_DIGIT_OF_THE_ANSWER = Decimal("0.00000001")


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("value", AccountValue)
def test_the_value_with_an_open_position_is_the_exchange_s_own(name: str, value: AccountValue) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.BUY, "0.2")
        await bench.pause(600)
        read = must_know((await bench.exchange.read_snapshot()).equity)
        truth = bench.house.exchanges[name].balance(bench.account)
        assert truth.unrealized != 0
        assert truth.isolated_margin > 0
        assert truth.wallet < 10_000
        expected = truth.wallet + truth.unrealized if value is AccountValue.EQUITY else truth.wallet
        assert abs(read - expected) <= A_DIGIT_OF_THE_ANSWER, (read, truth)

    play(name, scene, value=value)


@pytest.mark.parametrize("name", EXCHANGES)
def test_opening_a_position_costs_the_base_of_the_next_symbol_the_fee_and_not_the_margin(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        before = must_know((await bench.exchange.read_snapshot()).equity)
        await bench.trade(Side.BUY, "0.2")
        after = must_know((await bench.exchange.read_snapshot()).equity)
        balance = bench.house.exchanges[name].balance(bench.account)
        assert balance.isolated_margin > 3000
        assert before == 10_000
        assert before - 20 < after < before

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_unrealized_profit_of_a_position_is_told_where_the_exchange_tells_it(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.SELL, "0.2")
        await bench.pause(300)
        held = await bench.position()
        assert held is not None
        assert held.quantity == Decimal("-0.2")
        truth = bench.house.exchanges[name].balance(bench.account).unrealized
        if held.unrealized_profit is not None:
            assert abs(held.unrealized_profit - truth) < Decimal("0.01")

    play(name, scene)
