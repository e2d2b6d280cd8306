"""Catalogues B to E, what exchanges, sources, files, disks and clocks can do: each test names the fault it plants."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from core.decisions.judge_source import OnStale, StalenessPolicy
from core.model.events import OrderIntended
from core.model.failures import InvalidInput, StorageFailure
from core.model.identity import AccountId, Symbol
from core.model.order import OrderIntent, Side
from core.model.plan import Purpose, Trade
from core.model.policy import AccountPolicy
from core.model.position import MarginMode, Quote
from core.model.reading import Known
from core.model.standing import Verb
from core.plan_executor import PlanExecutor
from simulation.bare_exchange import Fault
from simulation.bare_world import RULES, TRADINGVIEW, World, live, weigh

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
D = Decimal
BYBIT = AccountId("bybit")
FOUR = [AccountPolicy(AccountId(name)) for name in ("bybit", "blofin", "kucoin", "mexc")]


async def follow(world: World, seconds: float) -> None:
    """Run the engine's own loop for a while."""
    await world.while_running(asyncio.sleep(seconds))


async def hold(world: World, **depths: str) -> None:
    """Enter and confirm, then forget what was sent."""
    world.sources.say(**depths)  # type: ignore[arg-type]  # no coin is called source
    await world.cycle()
    for exchange in world.exchanges.values():
        exchange.executed.clear()
        exchange.calls.clear()


def told(world: World, event: str) -> list[str]:
    """Why something was told, each time."""
    return [str(facts.get("why", "")) for name, facts in world.told.events if name == event]


# -- B: exchange and network -------------------------------------------------------------------------------


def test_fault_29_a_maintenance_window_is_one_incident_and_no_flood_of_calls(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("read", *[Fault.READ_FAILS] * 10_000)
        world.sources.say(BTC="0.1")
        await follow(world, 600)
        assert world.exchange.calls.count("read") < 60
        assert len(told(world, "exchange in trouble, increases pause")) == 1
        world.exchange.faults.clear()
        await follow(world, 30)

        assert world.held() == D("0.06")
        assert world.told.names().count("exchange well again") == 1

    live(tmp_path, story)


def test_fault_29_orders_without_an_answer_pause_increases_of_every_account_there(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        first, second = world.exchanges.values()
        world.sources.say(BTC="0.1")
        first.inject("submit", *[Fault.DOWN] * 3)
        for _ in range(3):
            await world.executor.execute()
            await world.executor.process_account(world.workers[0])
            await asyncio.sleep(5)
        assert len(first.calls) > 0
        await world.executor.process_account(world.workers[1])
        assert second.executed == []
        await asyncio.sleep(11)
        await world.cycle()

        assert (first.positions[BTC], second.positions[BTC]) == (D("0.06"), D("0.06"))

    live(tmp_path, story, AccountPolicy(AccountId("bybit", "a")), AccountPolicy(AccountId("bybit", "b")))


def test_fault_29_while_increases_pause_a_reduction_is_sent(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        world.sources.say(BTC="0.2", ETH="0.1")
        world.exchange.inject("submit", *[Fault.DOWN] * 3)
        for _ in range(3):
            await world.cycle()
            await asyncio.sleep(5)
        assert world.workers[0].watch.trouble()
        world.sources.say(BTC="0.2", ETH="0")
        await world.cycle()

        assert (world.held(BTC), world.held(ETH)) == (D("0.06"), D(0))

    live(tmp_path, story)


def test_fault_30_a_refused_reduction_is_tried_again_within_five_seconds_for_ever(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        times: list[float] = []
        world.exchange.on_submit = lambda _: times.append(asyncio.get_running_loop().time())
        world.exchange.inject("submit", *[Fault.REFUSED] * 1000)
        world.sources.say(BTC="0")
        await follow(world, 120)

        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert max(gaps) < 5.5
        assert len(times) < 60

    live(tmp_path, story)


def test_fault_33_refused_credentials_rest_longer_each_time_and_one_alert_is_told(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("read", *[Fault.BARRED] * 10_000)
        world.sources.say(BTC="0.1")
        await follow(world, 3600)

        assert world.exchange.calls.count("read") == 7  # at 0, 1, 61, 361, 1261, 2161 and 3061 s
        assert told(world, "account quarantined") == ["key expired"]

    live(tmp_path, story)


def test_fault_33_credentials_that_work_again_end_the_quarantine(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("read", Fault.BARRED, Fault.BARRED)
        world.sources.say(BTC="0.1")
        await follow(world, 30)
        assert world.held() == 0
        await follow(world, 40)

        assert world.held() == D("0.06")
        assert "account out of quarantine" in world.told.names()

    live(tmp_path, story)


def test_fault_33_resume_tries_the_credentials_at_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("read", Fault.BARRED, Fault.BARRED)
        world.sources.say(BTC="0.1")
        await world.cycle()
        await asyncio.sleep(1)
        await world.cycle(2)
        assert world.exchange.calls.count("read") == 2
        world.commands.give(Verb.RESUME, account="bybit")
        await world.cycle()

        assert world.held() == D("0.06")

    live(tmp_path, story)


def test_fault_35_a_key_that_may_not_trade_quarantines_its_account(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", *[Fault.NO_PERMISSION] * 100)
        world.sources.say(BTC="0.1")
        await follow(world, 1500)

        assert world.exchange.calls.count("submit") == 5  # at 0, 1, 61, 361 and 1261 s
        assert len(told(world, "account quarantined")) == 1

    live(tmp_path, story)


@pytest.mark.parametrize(("call", "fault"), [("read", Fault.BARRED), ("submit", Fault.NO_PERMISSION)])
def test_fault_33_35_credentials_that_are_refused_once_delay_an_exit_by_a_second(
    tmp_path: Path, call: str, fault: Fault
) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        world.exchange.inject(call, fault)
        world.sources.say(BTC="0", ETH="0")
        await follow(world, 3)

        assert (world.held(BTC), world.held(ETH)) == (D(0), D(0))
        assert told(world, "account quarantined") == []

    live(tmp_path, story)


def test_fault_35_orders_refused_at_one_moment_count_as_one_refusal_and_good_reads_do_not_excuse_them(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", Fault.NO_PERMISSION, Fault.NO_PERMISSION)
        world.sources.say(BTC="0.1", ETH="0.1")
        await follow(world, 0.8)
        assert told(world, "account quarantined") == []
        world.exchange.inject("submit", *[Fault.NO_PERMISSION] * 2)
        await follow(world, 3)
        assert len(told(world, "account quarantined")) == 1

    live(tmp_path, story)


def test_fault_36_37_a_slow_or_hanging_exchange_delays_no_other(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.latency_seconds = 30
        world.sources.say(BTC="0.1")
        await follow(world, 1)

        assert [exchange.positions.get(BTC) for exchange in world.exchanges.values()] == [None, *[D("0.06")] * 3]

    live(tmp_path, story, *FOUR)


def test_fault_37_a_hanging_order_of_one_symbol_delays_no_exit_of_another(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        world.exchange.inject("submit", Fault.HANGS)
        world.sources.say(BTC="0.2", ETH="0.1")
        await asyncio.sleep(1)
        world.sources.say(BTC="0.2", ETH="0")
        await asyncio.sleep(1)
        assert world.held(ETH) == 0
        await asyncio.sleep(20)
        stop.set()
        await engine

        assert world.held(BTC) == D("0.12")
        assert world.ledger(BTC).is_confirmed

    live(tmp_path, story)


def test_fault_39_40_one_symbol_that_always_fails_leaves_the_others_confirmed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        def refuse_btc(intent: OrderIntent) -> None:
            if intent.symbol == BTC:
                world.exchange.inject("submit", Fault.REFUSED)

        coins = [f"C{number}" for number in range(19)]
        for coin in coins:
            symbol = Symbol(f"{coin}USDT")
            world.exchange.rules[symbol] = replace(RULES[BTC], symbol=symbol)
            world.exchange.prices[symbol] = D(100)
        world.config.config = weigh(**dict.fromkeys(("BTC", *coins), "0.05"))
        world.exchange.on_submit = refuse_btc
        for depth in ("0.5", "0.4", "-0.5"):
            world.sources.say(**dict.fromkeys(("BTC", *coins), depth))  # type: ignore[arg-type]  # no coin is called source
            await world.cycle(2)
            assert world.view.depths == {"bybit": {f"{coin}USDT": D("0.05") * D(depth) for coin in coins}}

    live(tmp_path, story)


def test_fault_43_no_order_is_sent_twice_while_its_first_send_may_still_arrive(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        ids: list[str] = []
        world.exchange.on_submit = lambda intent: ids.append(intent.client_order_id)
        world.exchange.inject("submit", Fault.LANDS_LATE)
        world.sources.say(BTC="0.1")
        await follow(world, 60)

        assert (len(ids), world.held()) == (1, D("0.06"))

    live(tmp_path, story)


# -- C: sources --------------------------------------------------------------------------------------------


def test_fault_52_a_live_engine_takes_no_word_from_a_source_that_anyone_could_write_to(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.authenticated = False
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert world.exchange.executed == []
        assert "anyone could have written to it" in told(world, "source judged")[0]

    live(tmp_path, story, AccountPolicy(BYBIT, is_live=True))


def test_fault_52_paper_alone_follows_such_a_source(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.authenticated = False
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert world.held() == D("0.06")

    live(tmp_path, story, AccountPolicy(BYBIT))


@pytest.mark.parametrize(("on_stale", "after_a_day"), [(OnStale.HOLD, "0.06"), (OnStale.FLATTEN, "0")])
def test_fault_64_a_source_gone_stale_holds_and_then_follows_its_policy(
    tmp_path: Path, on_stale: OnStale, after_a_day: str
) -> None:
    async def story(world: World) -> None:
        world.staleness[TRADINGVIEW] = StalenessPolicy(60.0, None, 86_400.0, on_stale)
        await hold(world, BTC="0.1")
        world.sources.fall_silent()
        await asyncio.sleep(3600)
        await world.cycle(2)
        assert world.held() == D("0.06")
        await asyncio.sleep(86_400)
        await world.cycle(2)

        assert world.held() == D(after_a_day)

    live(tmp_path, story)


@pytest.mark.parametrize("restarts", [False, True])
def test_fault_64_an_unreadable_frame_is_as_old_as_its_last_good_fetch_not_as_its_last_change(
    tmp_path: Path, *, restarts: bool
) -> None:
    async def story(world: World) -> None:
        world.staleness[TRADINGVIEW] = StalenessPolicy(60.0, 600.0, 86_400.0, OnStale.FLATTEN)
        await hold(world, BTC="0.1")
        said = world.sources.frames[TRADINGVIEW]
        assert isinstance(said, Known)
        for _ in range(25):
            await asyncio.sleep(3_600)
            now = world.clock.now()
            world.sources.frames[TRADINGVIEW] = Known(replace(said.value, fetched_at=now), now)
            await world.cycle()
        world.sources.fall_silent()
        if restarts:
            world.restart()
        await asyncio.sleep(86_300)
        await world.cycle()
        assert world.held() == D("0.06")
        await asyncio.sleep(200)
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_66_small_moves_of_a_jittery_source_make_no_decision_until_they_add_up(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.ratio = D("0.05")
        await hold(world, BTC="0.1")
        for depth in ("0.104", "0.096", "0.1049"):
            world.sources.say(BTC=depth)
            await world.cycle()
        assert world.exchange.executed == []
        world.restart()
        world.sources.say(BTC="0.106")
        await world.cycle()
        assert world.held() == D("0.063")
        world.sources.say(BTC="0")
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


# -- D: configuration --------------------------------------------------------------------------------------


def test_fault_75_a_symbol_taken_from_the_weights_ends_flat_and_is_then_forgotten(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        world.config.config = weigh(BTC="1")
        world.exchange.inject("submit", Fault.REFUSED)
        await world.cycle()
        assert world.held(ETH) == D("1.2")
        await asyncio.sleep(1)
        await world.cycle(2)
        assert world.held(ETH) == 0
        report = await world.executor.process_account(world.workers[0])

        assert set(report.outcomes) == {BTC}
        assert world.held(BTC) == D("0.06")

    live(tmp_path, story)


def test_fault_75_a_weight_set_to_zero_ends_flat(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        world.config.config = weigh(BTC="0")
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


@pytest.mark.parametrize("weight", ["-0.1", "1.1", "NaN", "Infinity"])
def test_fault_73_74_absurd_weights_cannot_even_be_held(weight: str) -> None:
    with pytest.raises(InvalidInput, match="weight"):
        weigh(BTC=weight)


@pytest.mark.parametrize("leverage", ["0", "21", "NaN"])
def test_fault_78_a_leverage_outside_1_to_20_cannot_even_be_held(leverage: str) -> None:
    with pytest.raises(InvalidInput, match="leverage"):
        weigh(leverage, BTC="1")


def test_fault_78_the_accounts_and_the_exchanges_own_caps_come_last(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.config.config = weigh("20", BTC="1")
        world.sources.say(BTC="0.1")
        await world.cycle()

        held = {str(account): exchange.positions[BTC] for account, exchange in world.exchanges.items()}
        assert held == {"bybit": D("0.04"), "mexc": D("0.4")}

    live(tmp_path, story, AccountPolicy(BYBIT, leverage_cap=D(2)), AccountPolicy(AccountId("mexc")))


# -- E: process, disk, time --------------------------------------------------------------------------------


def test_fault_79_a_restart_with_an_exit_waiting_closes_what_was_held(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        world.sources.say(BTC="0")
        world.restart()
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_79_a_crash_between_journal_and_send_settles_the_order_before_anything_else(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", Fault.HANGS)
        world.sources.say(BTC="0.1")
        await world.executor.execute()
        dying = asyncio.create_task(world.executor.process_account(world.workers[0]))
        await asyncio.sleep(0.3)
        assert len(world.ledger().unsettled) == 1
        await world.workers[0].stop()
        dying.cancel()
        world.restart()
        for _ in range(12):
            await world.cycle()
            await asyncio.sleep(1)

        assert world.held() == D("0.06")
        assert sum(order.quantity for order in world.exchange.executed) == D("0.06")

    live(tmp_path, story)


def test_fault_80_the_view_of_depths_is_never_read_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        world.view.depths = {"bybit": {"BTCUSDT": D(0)}}
        world.restart()
        await world.cycle(2)
        assert world.exchange.executed == []
        world.sources.say(BTC="0")
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_81_a_full_disk_stops_increases_lets_exits_through_and_is_said_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        world.disk.is_full = True
        world.sources.say(BTC="0.2", ETH="0.05")
        await world.cycle(3)
        assert (world.held(BTC), world.held(ETH)) == (D("0.06"), D("0.6"))
        world.sources.say(BTC="0", ETH="-0.1")
        await world.cycle(3)

        assert (world.held(BTC), world.held(ETH)) == (D(0), D(0))
        assert all(order.reduce_only for order in world.exchange.executed)
        assert len(told(world, "journal not durable, increases stop, reductions go on")) == 1

    live(tmp_path, story)


def test_fault_81_an_engine_that_starts_on_a_full_disk_reduces_does_not_increase_and_says_so(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        world.disk.is_full = True
        for number, (bitcoin, ether) in enumerate((("0", "0.2"), ("0.1", "0")), start=1):
            world.restart()
            world.sources.say(BTC=bitcoin, ETH=ether)
            await world.outlast_doubt()
            assert len(told(world, "journal not durable, increases stop, reductions go on")) == number
        assert (world.held(BTC), world.held(ETH)) == (D(0), D(0))
        assert all(order.reduce_only for order in world.exchange.executed)
        ids = [order.client_order_id for order in world.exchange.executed]

        assert len(set(ids)) == len(ids) == 2

    live(tmp_path, story)


def test_fault_81_a_disk_that_fills_up_under_an_increase_sends_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        note = world.journal.note

        async def fill_up_after(*events: object) -> bool:
            kept = await note(*events)  # type: ignore[arg-type]  # passed on
            world.disk.is_full = True
            return kept

        world.journal.note = fill_up_after  # type: ignore[method-assign]
        world.sources.say(BTC="0.2", ETH="0.05")
        await world.cycle(3)

        assert (world.held(BTC), world.held(ETH)) == (D("0.06"), D("0.6"))
        assert world.ledger(BTC).unsettled == ()

    live(tmp_path, story)


def test_fault_81_an_increase_that_was_not_journaled_is_not_in_flight_either(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        note = world.journal.note

        async def fill_up_after(*events: object) -> bool:
            kept = await note(*events)  # type: ignore[arg-type]  # passed on
            world.disk.is_full = True
            return kept

        world.journal.note = fill_up_after  # type: ignore[method-assign]
        world.sources.say(BTC="0.2")
        await world.cycle(2)

        assert (world.held(), world.ledger().unsettled) == (D("0.06"), ())

    live(tmp_path, story)


def test_fault_81_an_increase_over_a_journal_that_is_broken_already_is_not_even_meant(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        world.disk.is_full = True
        steps = world.ledger().steps
        executor = PlanExecutor(world.exchange, world.journal, world.clock, world.told)
        increase = Trade(Side.BUY, D("0.01"), Purpose.INCREASE)
        for _ in range(2):
            with pytest.raises(StorageFailure):
                await executor.trade(world.ledger(), increase, RULES[BTC], MarginMode.ISOLATED, D(3), lambda: False)

        assert (world.held(), world.ledger().unsettled) == (D("0.06"), ())
        assert world.ledger().steps == steps + 1

    live(tmp_path, story)


def test_fault_81_a_reduction_that_the_disk_did_not_keep_goes_out_under_an_id_of_its_own(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        ids: list[str] = []
        note = world.journal.note

        async def fill_up_before_the_order(*events: object) -> bool:
            world.disk.is_full = world.disk.is_full or isinstance(events[0], OrderIntended)
            return await note(*events)  # type: ignore[arg-type]  # passed on

        world.journal.note = fill_up_before_the_order  # type: ignore[method-assign]
        world.exchange.inject("submit", Fault.PARTIAL_FILL)

        def go_blind(intent: OrderIntent) -> None:
            ids.append(intent.client_order_id)
            world.exchange.inject("read", *[Fault.READ_FAILS] * 5)

        world.exchange.on_submit = go_blind
        world.sources.say(BTC="0.05")
        await world.cycle()
        assert world.held() == D("0.045")
        world.disk.is_full = False
        world.exchange.faults.clear()
        world.restart()
        await world.cycle(3)

        assert world.held() == D("0.03")
        assert len(set(ids)) == len(ids) == 2

    live(tmp_path, story)


def test_fault_81_orders_sent_without_a_disk_never_share_an_id_with_those_of_the_next_start(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        ids: list[str] = []
        world.exchange.on_submit = lambda intent: ids.append(intent.client_order_id)
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.disk.is_full = True
        world.sources.say(BTC="0.05")
        await world.cycle(2)
        world.disk.is_full = False
        world.restart()
        world.sources.say(BTC="0.02")
        await world.cycle(3)

        assert world.held() == D("0.012")
        assert len(set(ids)) == len(ids) == 3

    live(tmp_path, story)


def test_fault_82_another_engine_is_recognised_by_its_orders_and_stops_increases(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        world.exchange.positions[BTC] = D("0.12")
        world.exchange.strangers = ["zzzzzz" + "a2b3c4d5e6f7g2h3i4j5k6l7mn", "0123456789abcdef0123456789abcdef"]
        await world.outlast_doubt()
        world.sources.say(BTC="0.1", ETH="0.2")
        await world.cycle(2)
        assert world.held(ETH) == D("1.2")
        world.sources.say(BTC="0.1", ETH="0")
        await world.cycle()

        assert world.held(ETH) == 0
        ((_, facts),) = [told for told in world.told.events if told[0] == "another engine trades this account"]
        assert facts["tags"] == ("zzzzzz",)

    live(tmp_path, story)


@pytest.mark.parametrize("adopts", [False, True])
def test_fault_82_another_engine_is_recognised_also_at_first_sight_and_asked_about_once(
    tmp_path: Path, adopts: bool
) -> None:
    async def story(world: World) -> None:
        world.exchange.positions[BTC] = D("0.12")
        world.exchange.strangers = ["zzzzzz" + "a2b3c4d5e6f7g2h3i4j5k6l7mn"]
        world.sources.say(BTC="0.1")
        await world.cycle(3)
        world.sources.say(BTC="0.1", ETH="0.2")
        await world.cycle(3)

        assert world.held(ETH) == 0
        assert world.held(BTC) == D("0.06" if adopts else "0.12")
        assert world.exchange.calls.count("recent_ids") == 1
        ((_, facts),) = [told for told in world.told.events if told[0] == "another engine trades this account"]
        assert facts["tags"] == ("zzzzzz",)
        standing = world.journal.standings().for_symbol(BYBIT, ETH)
        assert standing is not None
        assert "or this one did before its state was lost" in standing.why
        world.commands.give(Verb.RESUME, account="bybit")
        await world.cycle(2)
        assert world.held(ETH) == D("2.4")

    live(tmp_path, story, AccountPolicy(BYBIT, adopt_on_first_start=adopts))


def test_fault_82_whether_it_was_another_engine_is_asked_until_it_is_known(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.positions[BTC] = D("0.12")
        world.exchange.strangers = ["zzzzzz" + "a2b3c4d5e6f7g2h3i4j5k6l7mn"]
        world.exchange.inject("recent_ids", Fault.READ_FAILS, Fault.READ_FAILS)
        world.sources.say(BTC="0.1")
        await world.cycle(6)
        world.sources.say(BTC="0.1", ETH="0.2")
        await world.cycle(3)

        assert world.held(ETH) == 0
        assert world.exchange.calls.count("recent_ids") == 3
        for event in ("position changed without us", "another engine trades this account"):
            assert world.told.names().count(event) == 1

    live(tmp_path, story)


def test_fault_82_a_question_about_another_engine_holds_up_no_exit(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        world.exchange.positions[BTC] = D("0.12")
        world.exchange.inject("recent_ids", *[Fault.READ_FAILS] * 100)
        await world.outlast_doubt()
        await world.cycle(3)
        world.sources.say(BTC="0")
        await world.cycle()
        assert world.held() == D("0.06")
        assert world.exchange.calls.count("recent_ids") == 1
        await asyncio.sleep(61)  # until the rest no longer looks like a late read
        await world.outlast_doubt()
        await world.cycle(3)

        assert world.exchange.calls.count("recent_ids") > 3

    live(tmp_path, story)


def test_fault_82_an_account_that_holds_nothing_strange_is_asked_for_no_ids(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.strangers = ["zzzzzz" + "a2b3c4d5e6f7g2h3i4j5k6l7mn"]
        for depth in ("0.1", "-0.1", "0"):
            world.sources.say(BTC=depth)
            await world.cycle()

        assert "recent_ids" not in world.exchange.calls

    live(tmp_path, story)


def test_fault_82_our_own_and_other_peoples_order_ids_are_no_second_engine(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        world.exchange.positions[BTC] = D("0.12")
        world.exchange.strangers = ["0123456789abcdef0123456789abcdef", "web-7", ""]
        await world.outlast_doubt()

        assert "position changed without us" in world.told.names()
        assert "another engine trades this account" not in world.told.names()

    live(tmp_path, story)


@pytest.mark.parametrize("step_seconds", [3600, -3600])
def test_fault_83_a_step_of_the_wall_clock_opens_no_window_and_closes_none(tmp_path: Path, step_seconds: int) -> None:
    async def story(world: World) -> None:
        ids: list[str] = []
        world.exchange.on_submit = lambda intent: ids.append(intent.client_order_id)
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.clock.step(step_seconds)
        world.sources.say(BTC="0.12")
        for _ in range(3):
            await world.cycle()
            await asyncio.sleep(0.5)
        assert len(ids) == 1
        for _ in range(8):
            await world.cycle()
            await asyncio.sleep(1)

        assert world.held() == D("0.072")

    live(tmp_path, story)


def test_fault_83_an_order_that_fills_while_the_clock_steps_back_stays_ours(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.on_submit = lambda _: world.clock.step(-3600)
        world.sources.say(BTC="0.1")
        await world.cycle()
        assert world.ledger().owned == world.held() == D("0.06")
        world.sources.say(BTC="0")
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_83_a_clock_that_steps_back_makes_no_wait_longer(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        world.exchange.inject("submit", Fault.REFUSED)
        world.sources.say(BTC="0.2")
        await world.cycle()
        world.clock.step(-3600)
        await follow(world, 2)
        assert world.held() == D("0.12")
        world.exchange.inject("read", Fault.BARRED)
        await world.cycle()
        world.clock.step(-3600)
        world.sources.say(BTC="0")
        await follow(world, 62)

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_87_an_idle_engine_and_a_blocked_symbol_say_nothing_more(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.positions[ETH] = D(5)
        world.sources.say(BTC="0.1", ETH="0.1")
        await follow(world, 10)
        before = len(world.told.events)
        await follow(world, 3600)

        assert world.told.events[before:] == []

    live(tmp_path, story)


@pytest.mark.parametrize("equity", ["0", "-5000"])
def test_fault_88_89_without_a_positive_value_nothing_opens_until_there_is_one(tmp_path: Path, equity: str) -> None:
    async def story(world: World) -> None:
        world.exchange.equity = D(equity)
        world.sources.say(BTC="0.1")
        await follow(world, 5)
        assert world.exchange.executed == []
        world.exchange.equity = D(10_000)
        await follow(world, 130)

        assert world.held() == D("0.06")

    live(tmp_path, story)


def test_fault_89_an_account_value_gone_negative_stops_increases_and_no_exit(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1", ETH="0.1")
        world.exchange.positions[BTC] = D("0.05")
        world.exchange.equity = D(-1)
        world.commands.give(Verb.RESUME)
        world.sources.say(BTC="0.1", ETH="0")
        await world.cycle(3)

        assert (world.held(BTC), world.held(ETH)) == (D("0.05"), D(0))

    live(tmp_path, story)


def test_fault_89_a_value_that_jumps_is_sized_on_only_after_a_second_read_agrees(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world, BTC="0.1")
        world.exchange.equity = D(1_000_000)
        world.sources.say(BTC="0.2")
        await world.cycle()
        assert world.exchange.executed == []
        world.exchange.equity = D(10_000)
        await world.cycle(2)

        assert world.held() == D("0.12")

    live(tmp_path, story)


def test_fault_79_a_stop_waits_half_a_second_for_what_is_in_flight_and_leaves_it_in_the_journal(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", Fault.HANGS)
        world.sources.say(BTC="0.1", ETH="0.1")
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        await asyncio.sleep(0.12)
        stop.set()
        began = asyncio.get_running_loop().time()
        await engine

        assert asyncio.get_running_loop().time() - began < 0.6
        assert [ledger.symbol for ledger in world.journal.ledgers(BYBIT) if ledger.unsettled] == [BTC]
        assert len(asyncio.all_tasks()) == 1

    live(tmp_path, story)


def test_fault_79_an_idle_engine_stops_at_once_and_reads_nothing_more(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await follow(world, 5)
        world.exchange.calls.clear()
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        await asyncio.sleep(1)
        world.exchange.calls.clear()
        stop.set()
        began = asyncio.get_running_loop().time()
        await engine

        assert asyncio.get_running_loop().time() - began < 0.01
        assert world.exchange.calls == []

    live(tmp_path, story)


def test_fault_79_what_a_stop_cut_off_is_forgotten_and_a_second_run_trades_it_to_its_target(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", Fault.HANGS)
        world.sources.say(BTC="0.1", ETH="0.1")
        await follow(world, 0.12)
        assert world.ledger(BTC).unsettled
        await follow(world, 40)

        assert (world.held(BTC), world.held(ETH)) == (D("0.06"), D("1.2"))

    live(tmp_path, story)


def test_fault_87_a_reason_whose_numbers_change_is_told_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.quotes[BTC] = Quote(D(50_000), world.clock.now())
        await asyncio.sleep(100)
        world.sources.say(BTC="0.2")
        before = len(world.told.events)
        await follow(world, 300)

        assert world.held() == D("0.06")
        assert [name for name, _ in world.told.events[before:]] == ["symbol waits"]

    live(tmp_path, story)
