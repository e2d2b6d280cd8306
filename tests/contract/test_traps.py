"""What is different on each exchange where a client easily gets it wrong, looked at from the exchange's side."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import pytest

from account_processors.registry import find_dialect
from core.model.order import Accepted, OrderReport, RefusedOutcome, Side
from core.model.position import MarginMode
from core.model.reading import Known
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import BTC, ETH, EXCHANGES, Bench, play


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_quantity_in_coins_arrives_as_the_same_coins_whatever_the_unit(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.SELL, "0.03")
        (held,) = bench.account.positions.values()
        market = bench.house.exchanges[name].market(held.key.symbol)
        assert held.quantity * market.contract_size == Decimal("-0.03")
        position = await bench.position()
        assert position is not None
        assert position.quantity == Decimal("-0.03")

    play(name, scene)


def test_kucoin_isolated_leverage_is_the_order_s_and_not_ccxt_s_one() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        intent = replace(bench.intent(Side.BUY, "0.02"), leverage=Decimal(7))
        assert isinstance(await bench.exchange.submit_order(intent), Accepted)
        (held,) = bench.account.positions.values()
        assert held.leverage == 7
        assert held.key.margin_mode is MarginMode.ISOLATED

    play("kucoin", scene)


def test_kucoin_an_order_in_another_mode_than_the_symbol_s_is_refused_and_the_mode_can_be_set() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        assert isinstance(await bench.exchange.set_margin_mode(BTC, MarginMode.CROSS), Accepted)
        outcome = await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02"))
        assert isinstance(outcome, RefusedOutcome)
        assert outcome.reason == "margin_mode_mismatch"
        await bench.settle_settings()
        assert isinstance(await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02")), Accepted)

    play("kucoin", scene)


def test_kucoin_times_in_tickers_are_nanoseconds() -> None:
    async def scene(bench: Bench) -> None:
        quotes = await bench.exchange.read_quotes([BTC, ETH])
        for quote in quotes.values():
            assert isinstance(quote, Known)
            assert abs((quote.value.at - bench.clock.now()).total_seconds()) < 5

    play("kucoin", scene)


def test_blofin_orders_carry_no_broker_and_calls_in_the_same_millisecond_do_not_collide() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        readings = await asyncio.gather(*(bench.exchange.read_positions() for _ in range(8)))
        assert all(isinstance(reading, Known) for reading in readings)
        report = await bench.trade(Side.BUY, "0.02")
        assert report.margin_mode is MarginMode.ISOLATED

    play("blofin", scene)


def test_blofin_closes_an_isolated_position_in_isolated_mode() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.BUY, "0.02")
        in_cross = replace(bench.intent(Side.SELL, "0.02", reduce_only=True), margin_mode=MarginMode.CROSS)
        assert isinstance(await bench.exchange.submit_order(in_cross), RefusedOutcome)
        assert (await bench.trade(Side.SELL, "0.02", reduce_only=True)).signed_fill == Decimal("-0.02")

    play("blofin", scene)


@pytest.mark.parametrize("hedged", [False, True])
def test_mexc_closing_a_short_buys_and_never_opens_a_second_leg(hedged: bool) -> None:
    async def scene(bench: Bench) -> None:
        bench.account.hedged = hedged
        await bench.trade(Side.SELL, "0.02")
        report = await bench.trade(Side.BUY, "0.02", reduce_only=True)
        assert (report.side, report.signed_fill) == (Side.BUY, Decimal("0.02"))
        assert bench.account.positions == {}

    play("mexc", scene)


def test_mexc_tells_our_id_and_its_own_creation_time_so_that_an_old_order_is_told_from_a_new_one() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        intent = bench.intent(Side.BUY, "0.02")
        await bench.exchange.submit_order(intent)
        sent_at = bench.clock.now()
        await bench.pause(60)
        assert isinstance(await bench.exchange.submit_order(intent), Accepted)
        report = await bench.exchange.find_order(BTC, intent.client_order_id)
        assert isinstance(report, OrderReport)
        assert report.client_order_id == intent.client_order_id
        assert abs((report.created_at - sent_at).total_seconds()) < 1

    play("mexc", scene)


def test_bybit_does_not_conclude_a_classic_account_from_a_damaged_answer() -> None:
    async def scene(bench: Bench) -> None:
        bench.house.faults.add(Fault(FaultKind.TRUNCATED, exchange="bybit", endpoint="key_info", count=None))
        assert not (await bench.exchange.inspect()).is_fit
        assert isinstance((await bench.exchange.read_snapshot()).equity, Known)

    play("bybit", scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_another_symbol_s_order_is_never_taken_for_ours(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        report = await bench.trade(Side.BUY, "0.02")
        found = await bench.exchange.find_order(ETH, report.client_order_id)
        assert not isinstance(found, OrderReport)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_newest_ids_are_told_newest_first_with_foreign_orders_among_them(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        first = await bench.trade(Side.BUY, "0.02")
        await bench.pause(1)
        second = await bench.trade(Side.SELL, "0.02", reduce_only=True)
        ids = await bench.exchange.read_recent_client_ids(BTC)
        assert isinstance(ids, Known)
        assert list(ids.value)[:2] == [second.client_order_id, first.client_order_id]

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_error_codes_are_found_whereever_the_exchange_puts_them(name: str) -> None:
    bodies = {
        "bybit": '{"retCode":110007,"retMsg":"ab not enough for new order","result":{}}',
        "blofin": '{"code":"1","msg":"All operations failed","data":[{"code":"103003","msg":"Insufficient"}]}',
        "kucoin": '{"code":"300003","msg":"Balance insufficient"}',
        "mexc": '{"success":false,"code":2005,"message":"Balance insufficient"}',
    }
    dialect = find_dialect(name)
    envelope = dialect.envelope(json.loads(bodies[name]))
    assert not envelope.ok
    assert dialect.profile.codes[envelope.code] == "insufficient_margin"
