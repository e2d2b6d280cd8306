"""A close whose answer was lost, on an exchange whose receive window is long and that refuses an id which it knows."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.events import OrderResent
from core.model.identity import Symbol
from core.model.order import OrderIntent
from simulation.bare_exchange import CAPABILITIES, Fault
from simulation.bare_world import World, live

BTC = Symbol("BTCUSDT")
D = Decimal
REPEATING = replace(CAPABILITIES, not_found_after_seconds=63.0, repeats_closes=True)


async def hold(world: World, capabilities: object = REPEATING) -> list[OrderIntent]:
    """Enter and confirm; whatever is submitted from then on."""
    world.exchange.capabilities = capabilities  # type: ignore[assignment]
    world.sources.say(BTC="0.1")
    await world.cycle()
    assert world.ledger().is_confirmed
    world.exchange.executed.clear()
    sent: list[OrderIntent] = []
    world.exchange.on_submit = sent.append
    return sent


async def turn(world: World, seconds: int) -> None:
    """A pass a second."""
    for _ in range(seconds):
        await world.cycle()
        await asyncio.sleep(1)


def ids(sent: list[OrderIntent]) -> set[str]:
    return {intent.client_order_id for intent in sent}


def test_it_goes_out_again_under_its_own_id_long_before_not_found_counts(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await hold(world)
        world.sources.say(BTC="0")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await turn(world, 7)

        assert (world.held(), len(sent), len(ids(sent))) == (D(0), 2, 1)
        assert world.ledger().is_confirmed
        past = world.journal.history(world.ledger().account, BTC)
        assert [event.client_order_id for event in past if isinstance(event, OrderResent)] == list(ids(sent))

    live(tmp_path, story)


def test_elsewhere_it_waits_until_not_found_counts(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await hold(world, replace(REPEATING, repeats_closes=False))
        world.sources.say(BTC="0")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await turn(world, 50)

        assert (world.held(), len(sent)) == (D("0.06"), 1)

    live(tmp_path, story)


def test_of_two_copies_that_both_arrive_one_is_executed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await hold(world)
        world.sources.say(BTC="0")
        world.exchange.inject("submit", Fault.LANDS_LATE)
        await turn(world, 5)
        assert len(sent) == 2
        world.sources.say(BTC="0.1")
        await turn(world, 20)

        assert world.held() == D("0.06")
        assert [intent.reduce_only for intent in world.exchange.executed] == [True, False]
        assert world.ledger().owned == D("0.06")

    live(tmp_path, story)


def test_a_known_id_proves_that_it_arrived_and_it_is_not_sent_a_third_time(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await hold(world)
        world.sources.say(BTC="0")
        world.exchange.inject("submit", Fault.ANSWER_LOST)
        world.exchange.inject("find", *[Fault.LOOKUP_LAGS] * 60)
        world.exchange.inject("read", None, *[Fault.STALE_POSITIONS] * 60)  # type: ignore[arg-type]  # the first is well
        await turn(world, 20)
        assert (len(sent), len(ids(sent)), len(world.exchange.executed)) == (2, 1, 1)
        assert len(world.ledger().unsettled) == 1
        world.exchange.faults.clear()
        await turn(world, 3)

        assert (world.held(), world.ledger().owned, world.ledger().unsettled) == (D(0), D(0), ())

    live(tmp_path, story)


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.REFUSED, Fault.NO_PERMISSION])
def test_a_refusal_of_the_second_copy_is_no_proof_that_the_first_was_not_executed(tmp_path: Path, fault: Fault) -> None:
    async def story(world: World) -> None:
        sent = await hold(world)
        world.sources.say(BTC="0")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES, fault)
        while len(sent) < 2:
            await turn(world, 1)
        assert len(world.ledger().unsettled) == 1
        await turn(world, 6)

        assert (world.held(), len(sent), len(ids(sent))) == (D(0), 3, 1)

    live(tmp_path, story)


def test_refusals_of_later_copies_do_not_put_off_the_moment_at_which_not_found_counts(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await hold(world)
        world.sources.say(BTC="0")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES, *[Fault.DOWN] * 100)
        await turn(world, 70)

        assert len(sent) > 5
        assert "order never arrived" in world.told.names()

    live(tmp_path, story)


def test_a_partial_reduction_is_not_sent_again_since_twice_would_be_too_much(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await hold(world)
        world.sources.say(BTC="0.05")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await turn(world, 30)
        assert (world.held(), len(sent)) == (D("0.06"), 1)
        world.sources.say(BTC="0")
        await turn(world, 5)

        assert (world.held(), len(ids(sent))) == (D(0), 2)
        assert [intent.quantity for intent in world.exchange.executed] == [D("0.03"), D("0.03")]

    live(tmp_path, story)


def test_after_a_crash_it_is_asked_for_and_goes_out_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent = await hold(world)
        world.sources.say(BTC="0")
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await world.cycle()
        world.restart()
        await turn(world, 3)

        assert (world.held(), len(sent), len(ids(sent))) == (D(0), 2, 1)

    live(tmp_path, story)
