"""The real shell against one bare exchange in virtual time; depths are on a weight of 1 and leverage 3."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.identity import AccountId, Symbol
from core.model.order import OrderIntent
from core.model.policy import AccountPolicy, OnForeignChange
from core.model.standing import Standing, Verb
from simulation.bare_exchange import Fault
from simulation.bare_world import World, live

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
D = Decimal
BYBIT = AccountId("bybit")


def test_an_entry_is_sized_once_traded_once_and_confirmed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert world.held() == D("0.06")  # 10,000 x 0.1 x 3 / 50,000
        assert world.view.depths == {"bybit": {"BTCUSDT": D("0.1")}}
        world.exchange.prices[BTC] = D(60_000)
        world.exchange.equity = D(20_000)
        await world.cycle(100)
        assert len(world.exchange.executed) == 1

    live(tmp_path, story)


def test_the_same_signal_again_sends_no_order(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for _ in range(2):
            world.sources.say(BTC="0.1")
            await world.cycle()

        assert len(world.exchange.executed) == 1

    live(tmp_path, story)


def test_a_flip_closes_proves_flat_and_then_opens(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.calls.clear()
        world.sources.say(BTC="-0.1")
        await world.cycle()

        assert world.held() == D("-0.06")
        close, opening = world.exchange.executed[1:]
        assert (close.reduce_only, opening.reduce_only) == (True, False)
        first, second = (index for index, call in enumerate(world.exchange.calls) if call == "submit")
        assert "read" in world.exchange.calls[first:second]

    live(tmp_path, story)


def test_an_exit_closes_reduce_only(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1", ETH="-0.1")
        await world.cycle()
        world.sources.say(BTC="0", ETH="0")
        await world.cycle()

        assert world.held(BTC) == world.held(ETH) == 0
        assert all(order.reduce_only for order in world.exchange.executed[2:])
        assert world.view.depths == {"bybit": {"BTCUSDT": 0, "ETHUSDT": 0}}

    live(tmp_path, story)


def test_a_failed_read_never_trades_and_never_counts_as_flat(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.sources.say(BTC="0.12")
        world.exchange.inject("read", Fault.READ_FAILS)
        await world.cycle()
        assert len(world.exchange.executed) == 1
        await world.cycle()

        assert world.held() == D("0.072")

    live(tmp_path, story)


def test_an_order_whose_answer_was_lost_is_found_by_its_id_and_not_doubled(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ANSWER_LOST)
        await world.cycle(3)

        assert world.held() == D("0.06")
        assert len(world.exchange.executed) == 1
        assert world.ledger().is_confirmed

    live(tmp_path, story)


def test_an_order_that_never_arrived_goes_out_again_under_the_same_id(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent: list[str] = []
        world.exchange.on_submit = lambda intent: sent.append(intent.client_order_id)
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await world.cycle()
        assert len(sent) == 1  # inside the window a "not found" proves nothing
        await asyncio.sleep(10)
        await world.cycle()

        assert world.held() == D("0.06")
        assert len(sent) == 2
        assert len(set(sent)) == 1

    live(tmp_path, story)


def test_an_order_that_lands_late_is_not_sent_a_second_time(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.LANDS_LATE)
        for _ in range(12):
            await world.cycle()
            await asyncio.sleep(1)

        assert world.held() == D("0.06")
        assert len(world.exchange.executed) == 1

    live(tmp_path, story)


def test_an_exit_works_while_an_increase_is_unsettled(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.sources.say(BTC="0.2")
        world.exchange.inject("submit", Fault.LANDS_LATE)
        await world.cycle()
        world.sources.say(BTC="0")
        await world.cycle()
        assert world.held() == 0
        for _ in range(12):
            await asyncio.sleep(1)
            await world.cycle()

        assert world.held() == 0  # the late increase landed, and was closed again
        assert world.ledger().unsettled == ()

    live(tmp_path, story)


def test_a_partial_fill_is_completed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.PARTIAL_FILL)
        await world.cycle()

        assert world.held() == D("0.06")
        assert len(world.exchange.executed) == 2

    live(tmp_path, story)


def test_stale_position_reads_are_waited_out_by_evidence(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.sources.say(BTC="0.2")
        world.exchange.on_submit = lambda _: world.exchange.inject("read", *[Fault.STALE_POSITIONS] * 3)
        await world.cycle()

        assert world.held() == D("0.12")
        assert len(world.exchange.executed) == 2
        assert world.ledger().is_confirmed

    live(tmp_path, story)


def test_a_refused_entry_is_paced_and_told_and_the_exit_is_not_delayed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.sources.say(BTC="0.2")
        world.exchange.inject("submit", *[Fault.REFUSED] * 50)
        await world.cycle(20)
        assert world.exchange.calls.count("submit") == 2
        world.exchange.faults.clear()
        world.sources.say(BTC="0")
        await world.cycle()

        assert world.held() == 0
        assert any(str(facts.get("why")).startswith("insufficient_margin") for _, facts in world.told.events)

    live(tmp_path, story)


def test_a_restart_alone_trades_nothing_and_settles_what_was_in_flight(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ANSWER_LOST)
        world.exchange.inject("find", *[Fault.LOOKUP_FAILS] * 10)
        await world.cycle()
        assert len(world.ledger().unsettled) == 1

        world.exchange.faults.clear()
        world.restart()
        await world.cycle(3)

        assert world.held() == D("0.06")
        assert len(world.exchange.executed) == 1
        assert world.ledger().unsettled == ()

    live(tmp_path, story)


def test_a_liquidation_is_faced_with_reduce_only_until_a_fresh_entry(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.positions[BTC] = D(0)
        await world.outlast_doubt()
        world.sources.say(BTC="0.2")
        await world.cycle(2)
        assert world.held() == 0
        assert world.ledger().standing is Standing.REDUCE_ONLY
        world.sources.say(BTC="-0.1")
        await world.cycle()

        assert world.held() == D("-0.06")
        assert world.ledger().standing is Standing.ACTIVE

    live(tmp_path, story)


def test_the_policy_restore_trades_back_what_somebody_closed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.positions[BTC] = D("0.01")
        await world.outlast_doubt()

        assert world.held() == D("0.06")

    live(tmp_path, story, AccountPolicy(BYBIT, on_foreign_change=OnForeignChange.RESTORE))


def test_the_policy_adopt_keeps_what_somebody_left(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.positions[BTC] = D("0.01")
        await world.outlast_doubt()

        assert world.held() == D("0.01")
        assert world.ledger().is_confirmed

    live(tmp_path, story, AccountPolicy(BYBIT, on_foreign_change=OnForeignChange.ADOPT))


def test_a_position_at_first_sight_is_left_alone_and_told(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.positions[BTC] = D("0.5")
        world.sources.say(BTC="0.1")
        await world.cycle(3)

        assert world.exchange.executed == []
        assert "position changed without us" in world.told.names()

    live(tmp_path, story)


def test_of_a_position_grown_by_somebody_else_only_our_share_is_closed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.positions[BTC] = D("0.5")
        world.sources.say(BTC="0.2")
        await world.cycle(2)
        assert world.held() == D("0.5")
        world.sources.say(BTC="0")
        await world.cycle()

        assert world.held() == D("0.44")

    live(tmp_path, story)


def test_a_symbol_taken_from_the_weights_ends_flat(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()
        world.config.config = world.config.config.__class__(
            "v2", world.config.config.weights[:1], world.config.config.mappings
        )
        await world.cycle()

        assert world.held(ETH) == 0
        assert world.held(BTC) == D("0.06")

    live(tmp_path, story)


def test_a_disabled_account_closes_what_is_ours_and_then_costs_no_call(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1", ETH="-0.1")
        await world.cycle()
        world.policies[0] = AccountPolicy(BYBIT, is_enabled=False)
        world.restart()
        await world.cycle(2)
        assert world.held(BTC) == world.held(ETH) == 0
        assert [order.reduce_only for order in world.exchange.executed] == [False, False, True, True]
        world.exchange.calls.clear()
        await world.cycle(100)

        assert world.exchange.calls == []

    live(tmp_path, story)


def test_a_symbol_whose_position_is_unclear_is_left_alone_and_delays_no_other(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()
        world.exchange.executed.clear()
        world.exchange.unclear[BTC] = "held both isolated and cross"
        world.sources.say(BTC="0", ETH="0")
        await world.cycle(3)
        assert (world.held(BTC), world.held(ETH)) == (D("0.06"), D(0))
        assert [intent.symbol for intent in world.exchange.executed] == [ETH]
        world.exchange.unclear.clear()
        await world.cycle()

        assert world.held(BTC) == 0

    live(tmp_path, story)


def test_an_order_that_lands_late_on_a_disabled_account_is_closed_and_then_it_costs_no_call(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        late: list[OrderIntent] = []
        world.exchange.on_submit = late.append
        world.sources.say(BTC="0.1")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await world.cycle()
        world.policies[0] = AccountPolicy(BYBIT, is_enabled=False)
        world.restart()
        await world.cycle()
        await asyncio.sleep(10)
        await world.cycle(3)
        assert len(world.ledger().lost) == 1
        await asyncio.sleep(100)
        world.exchange._execute(late[0])
        for _ in range(3):
            await world.cycle()
            await asyncio.sleep(5)
        assert world.held() == 0
        await asyncio.sleep(600)
        world.exchange.calls.clear()
        await world.cycle(10)

        assert world.exchange.calls == []

    live(tmp_path, story)


async def disable_beside_a_stranger(world: World) -> None:
    """Our 0.06 became 0.08 by hand; the account is disabled, and ours of it is closed."""
    world.sources.say(BTC="0.1")
    await world.cycle()
    world.exchange.positions[BTC] = D("0.08")
    world.workers[0].policy = AccountPolicy(BYBIT, is_enabled=False)
    await world.outlast_doubt()
    await world.outlast_doubt()
    assert (world.held(), world.ledger().owned) == (D("0.02"), D(0))
    world.exchange.calls.clear()


def test_a_disabled_account_beside_a_position_that_is_not_ours_costs_no_call(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await disable_beside_a_stranger(world)
        await world.cycle(100)
        assert world.exchange.calls == []
        world.restart()
        world.workers[0].policy = AccountPolicy(BYBIT, is_enabled=False)
        await world.outlast_doubt()
        assert world.exchange.calls
        world.exchange.calls.clear()
        await world.cycle(100)

        assert world.exchange.calls == []
        assert world.held() == D("0.02")

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("verb", "is_left"), [(Verb.ADOPT, False), (Verb.RESUME, True), (Verb.FLATTEN, True), (None, True)]
)
def test_a_disabled_account_looks_again_at_what_is_not_ours_when_the_operator_says_anything(
    tmp_path: Path, verb: Verb | None, *, is_left: bool
) -> None:
    async def story(world: World) -> None:
        await disable_beside_a_stranger(world)
        if verb:
            world.commands.give(verb, account="bybit", symbol="BTCUSDT")
        else:
            world.workers[0].policy = AccountPolicy(BYBIT)
        await world.cycle(2)
        assert "read" in world.exchange.calls
        assert (world.held() != 0) is is_left
        world.exchange.calls.clear()
        await world.cycle(100)

        assert bool(world.exchange.calls) is (verb is None)

    live(tmp_path, story)


def test_a_disabled_account_at_first_sight_of_a_position_decides_nothing_and_costs_no_call(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.positions[BTC] = D("0.02")
        world.sources.say(BTC="0.1")
        await world.cycle(2)
        world.workers[0].policy = AccountPolicy(BYBIT, is_enabled=False)
        await world.cycle(2)
        world.exchange.calls.clear()
        await world.cycle(100)

        assert world.exchange.calls == []
        assert world.exchange.executed == []

    live(tmp_path, story)


def test_an_unreadable_source_holds_and_forbids_increases(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.sources.fall_silent()
        world.exchange.positions[BTC] = D("0.05")
        await world.cycle(3)

        assert world.held() == D("0.05")
        assert len(world.exchange.executed) == 1

    live(tmp_path, story, AccountPolicy(BYBIT, on_foreign_change=OnForeignChange.RESTORE))


def test_one_symbol_without_a_price_does_not_stop_the_others(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        del world.exchange.prices[ETH]
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()

        assert world.held(BTC) == D("0.06")
        assert world.held(ETH) == 0
        assert world.view.depths == {"bybit": {"BTCUSDT": D("0.1")}}

    live(tmp_path, story)
