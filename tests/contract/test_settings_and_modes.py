"""Leverage, margin mode and position mode in each exchange's own scope; what is wider is never changed."""

import asyncio
import gc
from dataclasses import replace
from decimal import Decimal

import pytest

from account_processors.passport import Finding, Severity
from core.model.order import Accepted, RefusalReason, RefusedOutcome, Side
from core.model.position import MarginMode
from core.model.reading import Known, Unknown
from core.position_prover import held_of
from paper.account import Leg, PositionKey
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import BTC, ETH, EXCHANGES, Bench, must_know, play


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_increase_gets_isolated_margin_and_the_leverage_that_was_asked_for(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.BUY, "0.02")
        (held,) = bench.account.positions.values()
        assert held.key.margin_mode is MarginMode.ISOLATED
        assert held.leverage == 3

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_setting_is_proven_by_the_read_that_follows(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings(BTC, "7")
        settings = must_know(await bench.exchange.read_settings(BTC))
        capabilities = bench.exchange.capabilities
        assert settings.leverage == (None if capabilities.leverage_in_order else Decimal(7))
        assert settings.margin_mode in (None, MarginMode.ISOLATED)
        assert must_know(await bench.exchange.read_settings(ETH)).leverage != Decimal(7)

    play(name, scene)


def test_the_account_wide_margin_mode_is_asked_once_for_all_symbols_and_anew_by_a_later_read() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        before = bench.calls_of("account_info")
        await asyncio.gather(*(bench.exchange.read_settings(symbol) for symbol in (BTC, ETH, BTC)))
        assert bench.calls_of("account_info") == before + 1
        first = asyncio.create_task(bench.exchange.read_settings(BTC))
        await asyncio.sleep(0.001)
        await asyncio.gather(first, bench.exchange.read_settings(ETH))
        assert bench.calls_of("account_info") == before + 3

    play("bybit", scene)


def test_a_margin_mode_that_fails_after_whoever_asked_is_gone_is_no_unseen_exception() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
        met = bench.calls_of("account_info")
        bench.house.faults.add(Fault(FaultKind.HANG, endpoint="account_info"))
        reading = asyncio.create_task(bench.exchange.read_settings(BTC))
        await asyncio.sleep(0.001)
        reading.cancel()
        await asyncio.wait([reading])

        await asyncio.sleep(5)
        gc.collect()

        assert bench.calls_of("account_info") == met + 1
        assert complaints == []

    play("bybit", scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_leverage_out_of_range_is_refused_and_nothing_changes(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        if bench.exchange.capabilities.leverage_in_order:
            intent = replace(bench.intent(Side.BUY, "0.02"), leverage=Decimal(1000))
            outcome = await bench.exchange.submit_order(intent)
        else:
            outcome = await bench.exchange.set_leverage(BTC, Decimal(1000), MarginMode.ISOLATED)
        assert not isinstance(outcome, Accepted)
        assert await bench.position() is None

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_adapter_never_touches_what_is_wider_than_a_symbol(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.exchange.read_instruments()
        await bench.exchange.set_margin_mode(BTC, MarginMode.ISOLATED)
        await bench.exchange.set_margin_mode(BTC, MarginMode.CROSS)
        assert bench.calls_of("set_position_mode") == 0
        assert bench.calls_of("set_margin_mode") == (2 if name == "kucoin" else 0)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_doctor_changes_the_account_only_while_it_is_flat(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        assert (await bench.exchange.inspect([BTC])).is_fit
        await bench.trade(Side.BUY, "0.02")
        outcome = await bench.exchange.apply(Finding(Severity.PROBLEM, "position mode", "hedge mode", "", "one-way"))
        assert isinstance(outcome, RefusedOutcome)
        assert "holds positions" in outcome.detail
        await bench.trade(Side.SELL, "0.02", reduce_only=True)
        bench.account.hedged = True
        problems = [one for one in (await bench.exchange.inspect()).findings if one.remedy_id]
        assert problems
        assert [await bench.exchange.apply(one) for one in problems] == [Accepted("")] * len(problems)
        assert not bench.account.hedged
        assert (await bench.exchange.inspect()).is_fit

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_hedge_mode_is_handled_or_refused_with_the_remedy(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        bench.account.hedged = True
        mode = next(one for one in (await bench.exchange.inspect()).findings if one.topic == "position mode")
        assert mode.severity is not Severity.GOOD
        assert "one-way" in mode.remedy
        intent = bench.intent(Side.BUY, "0.02")
        outcome = await bench.exchange.submit_order(intent)
        if name == "mexc":
            assert isinstance(outcome, Accepted)
            held = await bench.position()
            assert held is not None
            assert held.quantity == Decimal("0.02")
        else:
            assert isinstance(outcome, RefusedOutcome), outcome
            assert outcome.reason is RefusalReason.POSITION_MODE_MISMATCH

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_symbol_held_both_ways_is_unknown_alone_and_says_what_to_do(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.account.hedged = True
        listing = must_know(await bench.exchange.read_instruments())
        for coin, quantity, leg in ((BTC, 3, Leg.LONG), (BTC, -2, Leg.SHORT), (ETH, 5, Leg.LONG)):
            bench.hold(PositionKey(listing[coin].exchange_symbol, leg, MarginMode.ISOLATED), Decimal(quantity))
        positions = await bench.exchange.read_positions()
        both_ways, other = held_of(positions, BTC), held_of(positions, ETH)
        assert isinstance(both_ways, Unknown), positions
        assert "one-way" in both_ways.reason
        assert isinstance(other, Known)
        assert other.value > 0
        passport = (await bench.exchange.inspect()).findings
        assert any(one.topic == "positions" and "BTCUSDT held in two" in one.what for one in passport)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_reduction_goes_in_the_position_s_own_margin_mode(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.BUY, "0.02")
        held = await bench.position()
        assert held is not None
        assert held.margin_mode is (None if name == "bybit" else MarginMode.ISOLATED)
        report = await bench.trade(Side.SELL, "0.02", reduce_only=True)
        assert report.signed_fill == Decimal("-0.02")
        assert report.reduce_only in (True, None)
        assert await bench.position() is None

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_nothing_to_reduce_and_too_much_to_reduce_never_open_anything(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        nothing = await bench.exchange.submit_order(bench.intent(Side.SELL, "0.02", reduce_only=True))
        assert isinstance(nothing, RefusedOutcome)
        assert nothing.reason is RefusalReason.NOTHING_TO_REDUCE
        await bench.trade(Side.BUY, "0.02")
        large = bench.intent(Side.SELL, "0.05", reduce_only=True)
        outcome = await bench.exchange.submit_order(large)
        if isinstance(outcome, RefusedOutcome):
            assert outcome.reason is RefusalReason.REDUCTION_TOO_LARGE
        else:
            assert (await bench.settled(large)).signed_fill == Decimal("-0.02")
        held = await bench.position()
        assert held is None or held.quantity > 0

    play(name, scene)
