"""Our budgets keep below the exchange's own, obey it when it says stop, and what accounts can share they share."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from account_processors.ccxt_client import CallSettings
from account_processors.limiter import LOOK_UP_EVERY_SECONDS
from account_processors.registry import connect
from account_processors.spent_calls import SpentCalls
from config.accounts import AccountMode
from core.model.failures import InvalidInput
from core.model.order import Accepted, NotFound, RefusalReason, RefusedOutcome, Side
from core.model.reading import Known, Unknown
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import BTC, EXCHANGES, Bench, must_know, play

PATIENT = CallSettings(read_timeout_seconds=600.0, longest_wait_before_write_seconds=600.0, read_tries=1)


@pytest.mark.parametrize("name", EXCHANGES)
def test_two_hundred_reads_at_once_are_paced_and_none_is_refused(name: str) -> None:
    async def scene(bench: Bench) -> None:
        readings = await asyncio.gather(*(bench.exchange.read_positions() for _ in range(200)))
        assert all(isinstance(reading, Known) for reading in readings)
        assert bench.house.ledger.entries("refused_request", name) == []

    play(name, scene, calls=PATIENT)


@pytest.mark.parametrize("name", EXCHANGES)
def test_after_a_limit_ordinary_orders_wait_and_reductions_go(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.BUY, "0.02")
        bench.break_next(Fault(FaultKind.RATE_LIMITED, endpoint="create_order"))
        limited = await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02"))
        assert isinstance(limited, RefusedOutcome)
        assert limited.retry_after_seconds is not None
        assert limited.retry_after_seconds > 0
        sent = bench.calls_of("create_order")
        held_back = bench.exchange.submit_order(bench.intent(Side.BUY, "0.02"))
        reduction = bench.exchange.submit_order(bench.intent(Side.SELL, "0.01", reduce_only=True))
        outcomes = await asyncio.gather(asyncio.wait_for(held_back, 0.9), reduction, return_exceptions=True)
        assert isinstance(outcomes[1], Accepted), outcomes
        assert bench.calls_of("create_order") == sent + 1

    play(name, scene, calls=CallSettings(longest_wait_before_write_seconds=0.5, read_tries=1))


def test_while_the_address_is_banned_only_a_few_position_reads_and_reductions_are_asked() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.BUY, "0.02")
        bench.house.faults.add(Fault(FaultKind.BANNED, exchange="bybit", endpoint="positions", count=None))
        asked, began = bench.house.ledger.count("request", "bybit"), asyncio.get_running_loop().time()
        for _ in range(50):
            assert isinstance(await bench.exchange.read_positions(), Unknown)
            assert isinstance((await bench.exchange.read_quotes([BTC]))[BTC], Unknown)
            await bench.pause(1)
        lasted_seconds = asyncio.get_running_loop().time() - began
        assert 5 < bench.house.ledger.count("request", "bybit") - asked <= lasted_seconds / LOOK_UP_EVERY_SECONDS + 1
        reduction = bench.intent(Side.SELL, "0.01", reduce_only=True)
        assert isinstance(await bench.exchange.submit_order(reduction), Accepted)

    play("bybit", scene)


def test_once_a_ban_of_the_address_is_over_an_exit_waits_for_seconds_and_all_else_for_the_minute() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.BUY, "0.02")
        bench.break_next(Fault(FaultKind.BANNED, endpoint="create_order"))
        banned = bench.intent(Side.SELL, "0.01", reduce_only=True)
        assert isinstance(await bench.exchange.submit_order(banned), RefusedOutcome)
        await bench.pause(LOOK_UP_EVERY_SECONDS)
        assert isinstance(await bench.exchange.read_positions(), Known)
        assert isinstance(await bench.exchange.find_order(BTC, banned.client_order_id), NotFound)
        assert isinstance((await bench.exchange.read_quotes([BTC]))[BTC], Unknown)
        await bench.pause(60)
        assert isinstance((await bench.exchange.read_quotes([BTC]))[BTC], Known)

    play("bybit", scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_order_that_our_own_budget_holds_back_too_long_is_a_proven_refusal(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        orders = [
            bench.exchange.submit_order(bench.intent(Side.BUY, "0.01")) for _ in range(2000 if name == "kucoin" else 60)
        ]
        outcomes = await asyncio.gather(*orders)
        refused = [outcome for outcome in outcomes if isinstance(outcome, RefusedOutcome)]
        own = [outcome for outcome in refused if "our own budget" in outcome.detail]
        assert own
        assert all(outcome.reason is RefusalReason.OUT_OF_BUDGET for outcome in own)
        assert all(outcome.held_back_seconds for outcome in own)
        assert bench.calls_of("create_order") == len(outcomes) - len(own)

    play(name, scene, calls=CallSettings(longest_wait_before_write_seconds=0.0, read_tries=1))


def test_on_bybit_many_increases_that_read_their_leverage_do_not_hold_up_the_positions_of_an_exit() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.pause(2)
        settings = [asyncio.create_task(bench.exchange.read_settings(BTC)) for _ in range(40)]
        await bench.pause(0.1)
        began = asyncio.get_running_loop().time()
        assert isinstance(await bench.exchange.read_positions(), Known)
        assert asyncio.get_running_loop().time() - began < 0.05
        await asyncio.gather(*settings)

    play("bybit", scene, calls=PATIENT)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_engine_that_starts_again_and_again_passes_no_limit_of_minutes(name: str, tmp_path: Path) -> None:
    async def scene(bench: Bench) -> None:
        for _ in range(4):
            exchange = bench.after_restart(
                SpentCalls(tmp_path / "spent_calls.json", bench.clock, lambda write: write())
            )
            await asyncio.gather(*(exchange.read_positions() for _ in range(600)))
            await exchange.close()
            # What is counted by windows of seconds is over before the next engine asks.
            await bench.pause(30)
        assert bench.house.ledger.entries("refused_request", name) == []

    play(name, scene, calls=PATIENT)


@pytest.mark.parametrize("name", EXCHANGES)
def test_rules_are_read_once_an_hour_for_all_accounts_of_an_exchange(name: str) -> None:
    async def scene(bench: Bench) -> None:
        other = bench.another("second")
        await asyncio.gather(
            *(one.read_instruments() for one in (bench.exchange, other) for _ in range(10)),
            bench.exchange.read_snapshot(),
            other.read_quotes([BTC]),
        )
        assert bench.calls_of("markets") == 1
        await bench.pause(3599)
        await bench.exchange.read_instruments()
        assert bench.calls_of("markets") == 1
        await bench.pause(1)
        await asyncio.gather(bench.exchange.read_instruments(), other.read_instruments())
        assert bench.calls_of("markets") == 2
        await other.close()

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_after_a_size_was_refused_the_rules_are_read_anew(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.exchange.read_instruments()
        await bench.pause(5)
        await bench.exchange.refresh_instruments()
        await bench.exchange.read_instruments()
        assert bench.calls_of("markets") == 2

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_accounts_of_one_exchange_do_not_share_their_own_budgets_or_positions(name: str) -> None:
    async def scene(bench: Bench) -> None:
        other = bench.another("second")
        await bench.ready()
        await bench.trade(Side.BUY, "0.02")
        assert must_know(await other.read_positions()) == {}
        assert must_know((await other.read_snapshot()).equity) == Decimal(10_000)
        await other.close()

    play(name, scene)


def test_without_budgets_nothing_is_paced_and_a_live_account_never_goes_without() -> None:
    async def scene(bench: Bench) -> None:
        urls = bench.house.urls("blofin")
        unpaced = connect(
            bench.settings, bench.clock, bench.told, session=bench.house.session(), urls=urls, keeps_budgets=False
        )
        await unpaced.read_positions()
        more_than_the_ordinary_share = 450
        readings = await asyncio.gather(*(unpaced.read_positions() for _ in range(more_than_the_ordinary_share)))
        assert all(isinstance(reading, Known) for reading in readings)
        await unpaced.close()
        live = replace(bench.settings, mode=AccountMode.LIVE, urls={})
        with pytest.raises(InvalidInput, match="limits"):
            connect(live, bench.clock, bench.told, keeps_budgets=False)

    play("blofin", scene)
