"""Catalogue A, what can go wrong with orders and positions: every test is named after the fault that it plants.

Depths are on a weight of 1 and leverage 3, prices are BTC 50,000: a depth of 0.1 is 0.06 BTC.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.identity import AccountId, Symbol
from core.model.order import OrderIntent, Side
from core.model.policy import AccountPolicy, OnForeignChange, OnLeverageRefused
from core.model.position import MarginMode, Quote, SymbolSettings
from core.model.risk import ResizeBand
from core.model.standing import Standing
from simulation.bare_exchange import SETTING_CAPABILITIES, Fault
from simulation.bare_world import World, live

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
D = Decimal
BYBIT = AccountId("bybit")


async def hold(world: World, depth: str = "0.1") -> None:
    """Enter and confirm, then forget what was sent."""
    world.sources.say(BTC=depth)
    await world.cycle()
    assert world.ledger().is_confirmed
    world.exchange.executed.clear()
    world.exchange.calls.clear()


async def turn(world: World, seconds: int) -> None:
    """A pass a second."""
    for _ in range(seconds):
        await world.cycle()
        await asyncio.sleep(1)


def sent_ids(world: World) -> list[str]:
    """Every client order id that is submitted from now on."""
    ids: list[str] = []
    world.exchange.on_submit = lambda intent: ids.append(intent.client_order_id)
    return ids


@pytest.mark.parametrize("depth", ["0.12", "0", "-0.1"])
def test_fault_01_02_03_a_failed_read_sends_nothing_and_confirms_nothing(tmp_path: Path, depth: str) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.sources.say(BTC=depth)
        world.exchange.inject("read", *[Fault.READ_FAILS] * 3)
        await world.cycle()
        assert (world.exchange.executed, world.view.depths["bybit"]["BTCUSDT"]) == ([], D("0.1"))
        await turn(world, 5)

        assert world.held() == D(depth) * D("0.6")
        assert world.view.depths["bybit"]["BTCUSDT"] == D(depth)

    live(tmp_path, story)


def test_fault_02_an_exit_is_confirmed_only_by_a_read_that_shows_flat(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.sources.say(BTC="0")
        world.exchange.on_submit = lambda _: world.exchange.inject("read", *[Fault.READ_FAILS] * 10)
        await world.cycle()
        assert (world.held(), world.ledger().is_confirmed) == (D(0), False)
        world.exchange.faults.clear()
        await turn(world, 5)

        assert world.ledger().is_confirmed

    live(tmp_path, story)


def test_fault_05_an_order_whose_answer_was_lost_is_found_by_its_id(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        ids = sent_ids(world)
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ANSWER_LOST)
        world.exchange.inject("find", *[Fault.LOOKUP_FAILS] * 12)
        await turn(world, 10)

        assert (world.held(), len(ids)) == (D("0.06"), 1)

    live(tmp_path, story)


def test_fault_05_an_order_that_never_arrived_is_resent_only_after_the_window_and_under_its_id(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        ids = sent_ids(world)
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await turn(world, 4)
        assert len(ids) == 1
        await turn(world, 6)

        assert world.held() == D("0.06")
        assert (len(ids), len(set(ids))) == (2, 1)

    live(tmp_path, story)


def test_fault_06_an_order_that_lands_after_its_window_is_recognised_and_the_gap_closed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        late: list[OrderIntent] = []
        world.exchange.on_submit = late.append
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await turn(world, 2)
        world.sources.say(BTC="0.12")
        await turn(world, 8)
        assert (world.held(), len(late), len(world.ledger().lost)) == (D("0.072"), 2, 1)
        world.exchange._execute(late[0])
        await turn(world, 5)

        assert world.held() == D("0.072")
        assert world.ledger().standing is Standing.ACTIVE
        assert "position changed without us" not in world.told.names()

    live(tmp_path, story)


def test_fault_06_a_lost_order_that_cannot_be_asked_for_settles_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        late: list[OrderIntent] = []
        world.exchange.on_submit = late.append
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await turn(world, 2)
        world.sources.say(BTC="0")
        await turn(world, 8)
        assert len(world.ledger().lost) == 1
        world.exchange._execute(late[0])
        world.exchange.inject("find", Fault.LOOKUP_FAILS, Fault.STILL_OPEN)
        await world.cycle(2)
        assert world.ledger().owned == 0
        assert "position changed without us" not in world.told.names()
        waits = [str(facts["why"]) for name, facts in world.told.events if name == "symbol waits"]
        assert "position unknown: a lost order could not be looked up: timeout" in waits
        assert "position unknown: a lost order is still open at the exchange" in waits
        await world.cycle(2)

        assert world.held() == 0
        assert world.ledger().lost == ()

    live(tmp_path, story)


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.LANDS_LATE, Fault.ORDER_NEVER_ARRIVES])
def test_fault_07_a_close_that_times_out_never_ends_short(tmp_path: Path, fault: Fault) -> None:
    async def story(world: World) -> None:
        await hold(world)
        lowest = D(1)
        world.sources.say(BTC="0")
        world.exchange.inject("submit", fault)
        for _ in range(20):
            await turn(world, 1)
            lowest = min(lowest, world.held())

        assert (world.held(), lowest) == (D(0), D(0))
        assert all(order.reduce_only for order in world.exchange.executed)

    live(tmp_path, story)


def test_fault_07_beside_an_unsettled_reduction_no_second_one_is_sent(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        ids = sent_ids(world)
        world.sources.say(BTC="0.05")
        world.exchange.inject("submit", Fault.LANDS_LATE)
        await turn(world, 1)
        world.sources.say(BTC="0")
        await turn(world, 2)
        assert len(ids) == 1
        await turn(world, 15)

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_08_a_position_that_vanished_before_the_close_is_read_again_and_not_shorted(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)

        def liquidate(_: OrderIntent) -> None:
            world.exchange.positions[BTC] = D(0)

        world.exchange.on_submit = liquidate
        world.sources.say(BTC="0")
        await world.cycle()
        await turn(world, 3)

        assert (world.held(), world.exchange.executed) == (D(0), [])

    live(tmp_path, story)


@pytest.mark.parametrize("reads", [3, 40])
def test_fault_09_a_read_from_before_the_fill_is_unknown_and_never_doubles(tmp_path: Path, reads: int) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.on_submit = lambda _: world.exchange.inject("read", *[Fault.STALE_POSITIONS] * reads)
        await turn(world, 30)

        assert (world.held(), len(world.exchange.executed)) == (D("0.06"), 1)
        assert world.ledger().is_confirmed
        assert world.ledger().standing is Standing.ACTIVE

    live(tmp_path, story)


def test_fault_09_a_symbol_whose_reads_lag_beyond_the_bound_is_said_to_be_unknown(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.on_submit = lambda _: world.exchange.inject("read", *[Fault.STALE_POSITIONS] * 40)
        await world.cycle()

        (report,) = [facts for name, facts in world.told.events if name == "symbol waits"]
        assert "still shows the time before our last fill" in str(report["why"])

    live(tmp_path, story)


def test_fault_10_a_duplicate_reply_is_the_proof_that_the_first_landed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        first: list[OrderIntent] = []

        def land_before(intent: OrderIntent) -> None:
            first.append(intent)
            world.exchange._execute(intent)

        world.exchange.on_submit = land_before
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert (world.held(), len(first), len(world.exchange.executed)) == (D("0.06"), 1, 1)

    live(tmp_path, story)


def test_fault_10_an_older_order_under_our_id_is_not_taken_for_ours(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        ids = sent_ids(world)
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.DUPLICATE)
        await world.cycle()
        intent = world.ledger().unsettled[0].intent
        report = world.exchange._report(intent, D("0.06"), world.clock.now())
        world.exchange._orders[intent.client_order_id] = replace(
            report, created_at=world.clock.now().replace(year=2025)
        )
        await turn(world, 4)
        assert (world.held(), len(ids)) == (D(0), 1)
        await turn(world, 10)

        assert (world.held(), len(set(ids))) == (D("0.06"), 2)
        assert "order disagrees with its intent" in world.told.names()

    live(tmp_path, story)


def test_fault_11_a_partial_fill_is_completed_to_the_lot(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.PARTIAL_FILL, Fault.PARTIAL_FILL)
        await turn(world, 3)

        assert (world.held(), len(world.exchange.executed)) == (D("0.06"), 3)

    live(tmp_path, story)


def test_fault_12_an_accepted_order_is_no_fill(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.REJECTED_LATER)
        await world.cycle()
        assert not world.ledger().is_confirmed
        await turn(world, 4)

        assert world.held() == D("0.06")
        assert world.ledger().is_confirmed

    live(tmp_path, story)


def test_fault_13_a_large_order_goes_in_slices_and_stops_at_the_first_doubt(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.rules[BTC] = replace(world.exchange.rules[BTC], max_market_quantity=D("0.02"))
        ids = sent_ids(world)
        world.sources.say(BTC="0.1")
        world.exchange.inject("find", *[Fault.LOOKUP_FAILS] * 3)
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await turn(world, 5)
        assert (world.held(), len(ids)) == (D(0), 1)
        await turn(world, 8)

        assert world.held() == D("0.06")
        assert [order.quantity for order in world.exchange.executed] == [D("0.02")] * 3
        assert (len(ids), len(set(ids))) == (4, 3)

    live(tmp_path, story)


def test_fault_14_a_target_below_the_minimum_is_named_and_not_bumped_up(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.0005")
        await world.cycle(3)

        assert world.exchange.executed == []
        waits = [str(facts["why"]) for name, facts in world.told.events if name == "symbol waits"]
        assert waits == ["below the exchange's minimum of 0.001 (wanted 0.0003)"]

    live(tmp_path, story)


def test_fault_15_a_precision_refusal_refreshes_the_rules(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.TOO_PRECISE)
        await world.cycle()
        assert world.exchange.refreshes == 1
        await turn(world, 3)

        assert world.held() == D("0.06")

    live(tmp_path, story)


def test_fault_16_a_refused_increase_is_paced_until_a_new_decision(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", *[Fault.REFUSED] * 100)
        await turn(world, 60)
        assert world.exchange.calls.count("submit") == 6  # after 0, 1, 3, 7, 15 and 31 s
        world.exchange.faults.clear()
        world.sources.say(BTC="0.2")
        await world.cycle()

        assert world.held() == D("0.12")

    live(tmp_path, story)


def settings(leverage: str, mode: MarginMode = MarginMode.ISOLATED) -> SymbolSettings:
    return SymbolSettings(mode, D(leverage))


def test_fault_17_nothing_opens_on_a_refused_leverage_and_exits_still_work(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities, exchange.settings[BTC] = SETTING_CAPABILITIES, settings("3")
        await hold(world)
        exchange.refuses_leverage, exchange.settings[BTC] = True, settings("20")
        world.sources.say(BTC="0.2")
        await turn(world, 5)
        assert world.held() == D("0.06")
        world.sources.say(BTC="0.05")
        await turn(world, 2)
        assert world.held() == D("0.03")
        world.sources.say(BTC="0")
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_17_where_the_policy_says_so_it_closes_sets_and_reopens(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities, exchange.settings[BTC] = SETTING_CAPABILITIES, settings("3")
        await hold(world)
        exchange.refuses_leverage, exchange.settings[BTC] = True, settings("20")
        world.sources.say(BTC="0.2")
        await turn(world, 2)

        assert (world.held(), exchange.settings[BTC]) == (D("0.12"), settings("3"))
        close, opening = exchange.executed
        assert (close.reduce_only, close.quantity) == (True, D("0.06"))
        assert (opening.reduce_only, opening.quantity) == (False, D("0.12"))

    live(tmp_path, story, AccountPolicy(BYBIT, on_leverage_refused=OnLeverageRefused.CLOSE_AND_REOPEN))


def test_fault_17_a_refusal_that_says_nothing_of_the_leverage_closes_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities, exchange.settings[BTC] = SETTING_CAPABILITIES, settings("3")
        await hold(world)
        exchange.settings[BTC] = settings("20")
        exchange.inject("set_leverage", Fault.DOWN)
        world.sources.say(BTC="0.2")
        await turn(world, 3)

        assert not any(order.reduce_only for order in exchange.executed)
        assert world.held() == D("0.12")

    live(tmp_path, story, AccountPolicy(BYBIT, on_leverage_refused=OnLeverageRefused.CLOSE_AND_REOPEN))


@pytest.mark.parametrize("fault", [Fault.READ_FAILS, Fault.ANSWER_LOST])
def test_fault_17_leverage_counts_only_once_a_read_proved_it(tmp_path: Path, fault: Fault) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities, exchange.settings[BTC] = SETTING_CAPABILITIES, settings("20")
        leverages: list[Decimal | None] = []
        exchange.on_submit = lambda _: leverages.append(exchange.settings[BTC].leverage)
        if fault is Fault.READ_FAILS:
            exchange.inject("settings", fault, fault)
        else:
            exchange.inject("set_leverage", fault)
        world.sources.say(BTC="0.1")
        await world.cycle()
        assert leverages == []
        await turn(world, 3)

        assert leverages == [3]

    live(tmp_path, story)


def test_fault_18_nothing_opens_in_the_wrong_margin_mode(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities, exchange.settings[BTC] = SETTING_CAPABILITIES, settings("3", MarginMode.CROSS)
        world.sources.say(BTC="0.1")
        await turn(world, 3)

        assert exchange.executed == []
        assert any("the whole account would change" in str(facts.get("why")) for _, facts in world.told.events)

    live(tmp_path, story)


def test_fault_20_a_flip_interrupted_after_the_close_resumes_to_the_target(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.sources.say(BTC="-0.1")
        world.exchange.on_submit = lambda _: world.exchange.inject("read", *[Fault.READ_FAILS] * 2)
        await world.cycle()
        assert world.held() == 0
        world.exchange.faults.clear()
        world.exchange.on_submit = lambda _: None
        world.restart()
        await turn(world, 3)

        assert world.held() == D("-0.06")
        assert sum(order.quantity for order in world.exchange.executed) == D("0.12")

    live(tmp_path, story)


def test_fault_20_a_flip_never_opens_before_flat_is_proven(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        held_at_send: list[Decimal] = []
        world.exchange.on_submit = lambda _: held_at_send.append(world.held())
        world.sources.say(BTC="-0.1")
        world.exchange.inject("submit", Fault.LANDS_LATE)
        await turn(world, 15)

        assert world.held() == D("-0.06")
        assert held_at_send == [D("0.06"), D(0)]

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("policy", "left", "after"),
    [
        (OnForeignChange.REDUCE_ONLY, "0.02", "0.02"),
        (OnForeignChange.RESTORE, "0.02", "0.06"),
        (OnForeignChange.ADOPT, "0.02", "0.02"),
        (OnForeignChange.REDUCE_ONLY, "0.5", "0.5"),
        (OnForeignChange.RESTORE, "0.5", "0.06"),
        (OnForeignChange.ADOPT, "0.5", "0.5"),
        (OnForeignChange.REDUCE_ONLY, "-0.5", "-0.5"),
        (OnForeignChange.RESTORE, "-0.5", "0.06"),
    ],
)
def test_fault_24_a_trade_by_hand_is_told_once_and_met_by_policy(
    tmp_path: Path, policy: OnForeignChange, left: str, after: str
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D(left)
        await turn(world, 20)

        assert world.held() == D(after)
        assert world.told.names().count("position changed without us") == 1

    live(tmp_path, story, AccountPolicy(BYBIT, on_foreign_change=policy))


def test_fault_24_what_two_reads_do_not_agree_on_is_nobodys_doing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        flicker = iter([D("0.02"), D("0.03")] * 20)
        read = world.exchange._snapshot

        async def unsteady():  # type: ignore[no-untyped-def]  # noqa: ANN202
            world.exchange.positions[BTC] = next(flicker)
            return await read()

        world.exchange._snapshot = unsteady  # type: ignore[method-assign]
        await world.cycle()

        assert "two reads of the position disagree" in str(world.told.events[-1])
        assert world.ledger().standing is Standing.ACTIVE
        assert "position changed without us" not in world.told.names()

    live(tmp_path, story)


def test_fault_24_of_a_position_that_somebody_grew_only_our_share_is_closed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D("0.5")
        world.sources.say(BTC="0.05")
        await turn(world, 2)
        assert world.held() == D("0.5")
        world.sources.say(BTC="0")
        await turn(world, 2)

        assert world.held() == D("0.44")

    live(tmp_path, story)


def test_fault_24_a_flip_closes_our_share_of_a_position_that_somebody_grew_and_opens_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D("0.5")
        world.sources.say(BTC="-0.1")
        await turn(world, 4)

        assert world.held() == D("0.44")
        assert [(sent.side, sent.quantity, sent.reduce_only) for sent in world.exchange.executed] == [
            (Side.SELL, D("0.06"), True)
        ]

    live(tmp_path, story)


def test_fault_24_beside_an_unsettled_entry_no_exit_takes_what_was_never_ours(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await world.cycle()
        world.exchange.positions[BTC] = D("0.5")
        world.sources.say(BTC="0")
        await turn(world, 3)

        assert world.held() == D("0.44")  # the most that the unsettled entry could have made

    live(tmp_path, story)


@pytest.mark.parametrize(("minutes", "held"), [(5, "0"), (16, "-0.06")])
def test_fault_25_after_a_liquidation_a_fresh_entry_counts_only_a_quarter_of_an_hour_later(
    tmp_path: Path, minutes: int, held: str
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D(0)
        world.exchange.prices[BTC] = D(35_000)  # 30 % against a leverage of 3
        await world.outlast_doubt()
        assert world.ledger().standing is Standing.REDUCE_ONLY
        await asyncio.sleep(60 * minutes)
        world.exchange.prices[BTC] = D(50_000)
        world.sources.say(BTC="-0.1")
        await turn(world, 2)

        assert world.held() == D(held)

    live(tmp_path, story)


def test_fault_25_a_close_by_hand_waits_for_a_fresh_entry_only(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D(0)
        await world.outlast_doubt()
        world.sources.say(BTC="0.2")
        await turn(world, 3)
        assert world.held() == 0
        world.sources.say(BTC="-0.1")
        await turn(world, 2)

        assert world.held() == D("-0.06")

    live(tmp_path, story)


def test_fault_26_price_profit_and_deposits_move_nothing_without_a_band(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        for price, equity in ((40_000, 9_000), (65_000, 14_000), (50_001, 13_000)):
            world.exchange.prices[BTC], world.exchange.equity = D(price), D(equity)
            await asyncio.sleep(3600)
            await world.cycle(2)

        assert world.exchange.executed == []

    live(tmp_path, story)


@pytest.mark.parametrize(("equity", "held"), [("10400", "0.06"), ("10600", "0.063"), ("9000", "0.054")])
def test_fault_26_with_a_band_a_size_follows_the_value_once_it_leaves_it(
    tmp_path: Path, equity: str, held: str
) -> None:
    async def story(world: World) -> None:
        world.settings.band = ResizeBand(D(5) - D("0.01"), 600)
        await hold(world)
        world.exchange.equity = D(equity)
        await asyncio.sleep(500)
        await world.cycle()
        assert world.exchange.executed == []
        await asyncio.sleep(200)
        await world.cycle(3)

        assert world.held() == D(held)

    live(tmp_path, story)


def test_fault_27_a_market_that_does_not_trade_gets_no_new_target_and_still_an_exit(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.rules[BTC] = replace(world.exchange.rules[BTC], tradable=False)
        world.sources.say(BTC="0.2")
        await turn(world, 2)
        assert world.held() == D("0.06")
        world.sources.say(BTC="-0.2")
        await turn(world, 2)

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_27_a_symbol_that_is_not_listed_is_said_once_and_stops_no_other(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        del world.exchange.rules[ETH]
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle(5)

        assert world.held(BTC) == D("0.06")
        waits = [facts["why"] for name, facts in world.told.events if name == "symbol waits"]
        assert waits == ["not listed on this exchange"]

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("prices", "age_seconds", "why"),
    [
        ({"bid": D(48_000), "ask": D(52_000)}, 0, "bid 48000 and ask 52000 are 8.00 % apart"),
        ({"bid": D(50_100), "ask": D(50_000)}, 0, "bid 50100 and ask 50000 are -0.20 % apart"),
        ({"mark": D(40_000)}, 0, "last price 50000 is 25.00 % from the mark price 40000"),
        ({}, 61, "price is 61 s old"),
    ],
)
def test_fault_28_an_odd_price_sizes_and_opens_nothing_and_exits_still_work(
    tmp_path: Path, prices: dict[str, Decimal], age_seconds: int, why: str
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        at = world.clock.now() - timedelta(seconds=age_seconds)
        world.exchange.quotes[BTC] = Quote(D(50_000), at, **prices)
        world.sources.say(BTC="0.2")
        await world.cycle()
        assert world.exchange.executed == []
        assert world.told.events[-1] == ("symbol waits", {"account": "bybit", "symbol": BTC, "why": why})
        world.sources.say(BTC="0")
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_11_an_order_that_still_works_is_waited_for_and_not_repeated(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("find", *[Fault.STILL_OPEN] * 9)
        await world.cycle()
        assert [record.detail for record in world.ledger().unsettled] == ["still open at the exchange"]
        await turn(world, 5)

        assert (world.held(), len(world.exchange.executed)) == (D("0.06"), 1)

    live(tmp_path, story)


def test_fault_24_a_lost_order_that_stays_lost_explains_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await turn(world, 2)
        world.sources.say(BTC="0")
        await turn(world, 8)
        assert len(world.ledger().lost) == 1
        world.exchange.positions[BTC] = D("0.5")
        await world.outlast_doubt()

        assert world.held() == D("0.5")
        assert world.told.names().count("position changed without us") == 1

    live(tmp_path, story)


def test_fault_09_reads_that_are_late_far_beyond_the_bound_take_nothing_from_us(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()
        world.exchange._before = {}
        world.exchange.inject("read", *[Fault.STALE_POSITIONS] * 9)
        await turn(world, 20)

        assert world.ledger().standing is Standing.ACTIVE
        assert (world.ledger().owned, world.held()) == (D("0.06"), D("0.06"))
        assert "position changed without us" not in world.told.names()

    live(tmp_path, story)


def test_fault_25_a_liquidation_is_seen_also_when_the_exit_was_decided_with_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.prices[BTC] = D(36_000)
        world.exchange.positions[BTC] = D(0)
        world.sources.say(BTC="0")
        await world.outlast_doubt()
        assert "looks like a liquidation" in world.ledger().standing_reason
        world.sources.say(BTC="0.1")
        await world.cycle(2)

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_25_an_entry_that_came_while_the_close_was_doubted_is_a_fresh_one(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D(0)
        await world.cycle()
        world.sources.say(BTC="-0.1")
        await turn(world, 2)
        assert world.held() == 0
        await turn(world, 15)

        assert world.held() == D("-0.06")
        assert world.ledger().standing is Standing.ACTIVE

    live(tmp_path, story)


def test_fault_02_a_very_late_read_that_shows_flat_confirms_no_exit(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange._before = {}
        world.exchange.inject("read", *[Fault.STALE_POSITIONS] * 9)
        world.sources.say(BTC="0")
        await world.cycle()
        assert (world.held(), world.ledger().is_confirmed) == (D("0.06"), False)
        await turn(world, 15)

        assert (world.held(), world.ledger().is_confirmed) == (D(0), True)
        assert "position changed without us" not in world.told.names()

    live(tmp_path, story)
