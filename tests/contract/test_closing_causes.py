"""Why a position shrank, asked of every exchange after a liquidation, a deleveraging and a close by hand."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from account_processors.bybit import Bybit
from account_processors.closings import Closing, cause_of
from account_processors.replies import MalformedReply, Row
from core.model.identity import Symbol
from core.model.order import Side
from core.model.policy import AccountPolicy
from core.model.position import ClosingCause
from core.model.reading import Reading, Unknown
from core.model.standing import Standing
from paper.faults import Fault, FaultKind
from paper.interventions import deleverage, liquidate_now, trade_from_elsewhere
from simulation.bare_world import World
from simulation.exchange_bench import BTC, ETH, EXCHANGES, Bench, must_know, play

Event = Callable[[Bench], None]


def liquidated(bench: Bench) -> None:
    liquidate_now(bench.house.exchanges[bench.name], bench.account)


def deleveraged(bench: Bench) -> None:
    held = next(iter(bench.account.positions.values()))
    deleverage(bench.house.exchanges[bench.name], bench.account, held.key.symbol, abs(held.quantity) / 2)


def closed_by_hand(bench: Bench) -> None:
    held = next(iter(bench.account.positions.values()))
    trade_from_elsewhere(bench.house.exchanges[bench.name], bench.account, held.key.symbol, -held.quantity)


EVENTS = {
    ClosingCause.LIQUIDATION: liquidated,
    ClosingCause.DELEVERAGING: deleveraged,
    ClosingCause.ORDINARY: closed_by_hand,
}


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("cause", EVENTS)
def test_the_exchange_says_why_a_position_shrank(name: str, cause: ClosingCause) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.BUY, "0.04")
        since = bench.clock.now()

        async def told(symbol: Symbol = BTC) -> Reading[ClosingCause]:
            return await bench.exchange.read_closing_cause(symbol, since)

        assert isinstance(await told(), Unknown), "our own order is no cause"
        await bench.pause(20)
        EVENTS[cause](bench)
        await bench.pause(20)
        calls = bench.calls_of("fills") + bench.calls_of("order_history")
        assert must_know(await told()) is cause
        assert bench.calls_of("fills") + bench.calls_of("order_history") == calls + 1
        assert isinstance(await told(ETH), Unknown)
        since = bench.clock.now()
        assert isinstance(await told(), Unknown), "what is older than asked for is no cause"

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_liquidation_stays_one_beside_what_somebody_traded_by_hand(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.trade(Side.SELL, "0.04")
        since = bench.clock.now()
        await bench.pause(20)
        deleveraged(bench)
        await bench.pause(20)
        liquidated(bench)
        await bench.pause(20)
        venue = bench.house.exchanges[name]
        taken = venue.fills(bench.account)[0]
        trade_from_elsewhere(venue, bench.account, taken.symbol, taken.quantity)
        closed_by_hand(bench)
        assert must_know(await bench.exchange.read_closing_cause(BTC, since)) is ClosingCause.LIQUIDATION

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_that_does_not_answer_leaves_the_cause_unknown(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        since = bench.clock.now()
        endpoint = "order_history" if name == "blofin" else "fills"
        bench.house.faults.add(Fault(FaultKind.SERVER_ERROR, exchange=name, endpoint=endpoint))
        assert isinstance(await bench.exchange.read_closing_cause(BTC, since), Unknown)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("cause", EVENTS)
def test_fault_25_the_engine_rests_by_the_exchange_s_word_also_after_a_restart(
    name: str, cause: ClosingCause, tmp_path: Path
) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        account = bench.settings.account
        world = World(tmp_path, [AccountPolicy(account)])
        world.exchanges = {account: bench.exchange}  # type: ignore[dict-item]  # the real adapter in the bare one's place
        world.restart()
        world.sources.say(BTC="0.1")
        await world.cycle(3)
        assert world.ledger().is_confirmed
        await bench.pause(60)
        EVENTS[cause](bench)
        await world.cycle()
        await bench.pause(7)
        world.sources.say(BTC="0")
        await world.cycle()
        world.restart()
        await world.outlast_doubt()

        ledger = world.ledger()
        assert ledger.standing is Standing.REDUCE_ONLY
        told = [facts["cause"] for event, facts in world.told.events if event == "symbol may only reduce"]
        assert told == [cause]
        if cause is ClosingCause.ORDINARY:
            assert ledger.binding_until is None
        else:
            assert ledger.binding_until is not None
            assert ledger.binding_until - world.clock.now() > timedelta(minutes=14)
        assert "the exchange says" in ledger.standing_reason
        await world.cycle(2)
        assert await bench.position() is None, "an exit goes on"
        world.journal.close()

    play(name, scene)


@pytest.mark.parametrize(
    ("kind", "by", "cause"),
    [
        ("Trade", "CreateByUser", ClosingCause.ORDINARY),
        ("Trade", "CreateByClosing", ClosingCause.ORDINARY),
        ("Trade", "CreateByLiq", ClosingCause.LIQUIDATION),
        ("Trade", "CreateByAdl_PassThrough", ClosingCause.DELEVERAGING),
        ("BustTrade", "CreateByTakeOver_PassThrough", ClosingCause.LIQUIDATION),
        ("BustTrade", "", ClosingCause.LIQUIDATION),
        ("AdlTrade", "", ClosingCause.DELEVERAGING),
        ("Settle", "CreateBySettle", None),
    ],
)
def test_a_liquidation_in_steps_is_one_on_bybit_although_its_fills_are_trades(
    kind: str, by: str, cause: ClosingCause | None
) -> None:
    async def scene(bench: Bench) -> None:
        dialect = bench.exchange._dialect
        assert isinstance(dialect, Bybit)
        row = Row({"execType": kind, "createType": by, "execTime": "1767225620000"}, "execution")
        assert dialect._closing(row).cause is cause

    play("bybit", scene)


def test_a_word_that_nobody_knows_is_no_cause_unless_a_graver_one_stands_beside_it() -> None:
    async def scene(bench: Bench) -> None:
        now = bench.clock.now()
        odd = Closing(now, "Settle", None)
        by_hand = Closing(now + timedelta(seconds=1), "Trade", ClosingCause.ORDINARY)
        with pytest.raises(MalformedReply, match="Settle"):
            cause_of([odd, by_hand], now)
        with pytest.raises(MalformedReply) as said:
            cause_of([Closing(now, "x" * 9_000, None)], now)
        assert len(str(said.value)) == 200
        with pytest.raises(MalformedReply, match="no execution is that new"):
            cause_of([Closing(now - timedelta(seconds=1), "Trade", ClosingCause.ORDINARY)], now)
        taken = Closing(now - timedelta(seconds=4), "AdlTrade", ClosingCause.DELEVERAGING)
        assert cause_of([odd, by_hand, taken], now) is ClosingCause.DELEVERAGING
        assert cause_of([by_hand], now) is ClosingCause.ORDINARY

    play("bybit", scene)
