"""What our own budget of calls holds back is no failure: it waits until the budget has room, and no longer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.decisions.pace_retries import UNSETTLED_RETRY_SECONDS, RetryPace, after_hold
from core.decisions.watch_exchange import FAILURES_TO_OPEN
from core.model.identity import ClientOrderId, Symbol
from core.model.order import OrderLookup, RefusalReason, RefusedOutcome, UnknownOutcome
from core.model.outcome import Unsettled
from core.model.position import MarginMode
from core.model.risk import RiskLimits
from core.ports.exchange import SymbolSettings
from simulation.bare_exchange import HELD_BACK_SECONDS, SETTING_CAPABILITIES, Fault
from simulation.bare_world import BTC, World, live

D, NOW = Decimal, datetime(2026, 1, 1, tzinfo=UTC)
TIMES = 6
"""As many doubled pauses of one second would add up to a minute."""


async def seconds_until(world: World, is_reached: Callable[[], bool]) -> float:
    """How long the running engine takes."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    began, engine = loop.time(), asyncio.create_task(world.executor.run(stop))
    while not is_reached() and loop.time() - began < 300:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.05)
    took = loop.time() - began
    stop.set()
    await engine
    return took


def is_confirmed(world: World) -> bool:
    return world.ledger().is_confirmed and not world.ledger().unsettled


def test_a_hold_is_no_failure_and_lasts_until_the_budget_has_room() -> None:
    pace = after_hold(RetryPace(3), NOW, "our budget", 2.5)
    assert pace == RetryPace(3, NOW + timedelta(seconds=2.5), "our budget", NOW)


@pytest.mark.parametrize("call", ["submit", "settings", "set_leverage"])
def test_an_increase_that_is_held_back_again_and_again_waits_each_time_as_long_as_the_budget_says(
    tmp_path: Path, call: str
) -> None:
    async def story(world: World) -> None:
        world.exchange.capabilities = SETTING_CAPABILITIES
        world.exchange.settings[BTC] = SymbolSettings(MarginMode.ISOLATED, D(1))
        world.exchange.inject(call, *[Fault.HELD_BACK] * TIMES)
        world.sources.say(BTC="0.1")

        took = await seconds_until(world, lambda: is_confirmed(world))

        assert TIMES * HELD_BACK_SECONDS - HELD_BACK_SECONDS <= took < TIMES * (HELD_BACK_SECONDS + 0.4) + 1

    live(tmp_path, story)


def test_an_exit_that_is_held_back_goes_as_soon_as_the_budget_has_room(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.inject("submit", *[Fault.HELD_BACK] * TIMES)
        world.sources.say(BTC="0")

        took = await seconds_until(world, lambda: not world.held())

        assert TIMES * HELD_BACK_SECONDS <= took < TIMES * (HELD_BACK_SECONDS + 0.4)

    live(tmp_path, story)


def test_look_ups_that_are_held_back_are_no_trouble_of_the_exchange(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("find", *[Fault.HELD_BACK] * 2 * FAILURES_TO_OPEN)
        world.sources.say(BTC="0.1")

        took = await seconds_until(world, lambda: is_confirmed(world))

        assert took < 2 * FAILURES_TO_OPEN * (HELD_BACK_SECONDS + UNSETTLED_RETRY_SECONDS)
        assert not world.workers[0].watch.health.failed_orders
        assert "exchange in trouble, increases pause" not in world.told.names()

    live(tmp_path, story)


@pytest.mark.parametrize("reason", [RefusalReason.OUT_OF_BUDGET, RefusalReason.RATE_LIMITED])
def test_an_order_that_may_never_have_got_there_ends_no_trouble_of_the_exchange(
    tmp_path: Path, reason: RefusalReason
) -> None:
    async def story(world: World) -> None:
        watch = world.workers[0].watch
        for _ in range(FAILURES_TO_OPEN):
            watch.saw_order(BTC, Unsettled("no answer"), is_tradable=True)

        watch.saw_order(BTC, RefusedOutcome(reason, "our budget", 1.0), is_tradable=True)
        assert watch.trouble()
        watch.saw_order(BTC, RefusedOutcome(RefusalReason.INSUFFICIENT_MARGIN, "too little"), is_tradable=True)
        assert not watch.trouble()

    live(tmp_path, story)


@pytest.mark.parametrize(("is_reduction", "fewest", "most"), [(False, 22, 31), (True, 30, 36)])
def test_a_lost_increase_is_looked_for_less_often_after_ten_seconds_and_a_lost_reduction_after_twenty(
    tmp_path: Path, is_reduction: bool, fewest: int, most: int
) -> None:
    async def story(world: World) -> None:
        world.exchange.capabilities = replace(SETTING_CAPABILITIES, not_found_after_seconds=60.0)
        world.exchange.settings[BTC] = SymbolSettings(MarginMode.ISOLATED, D(1))
        world.sources.say(BTC="0.1")
        await seconds_until(world, lambda: is_confirmed(world))
        world.exchange.inject("submit", *[Fault.ORDER_NEVER_ARRIVES] * (1000 if is_reduction else 1))
        world.sources.say(BTC="0.05" if is_reduction else "0.2")
        await seconds_until(world, lambda: bool(world.ledger().unsettled))
        before = world.exchange.value_reads

        took = await seconds_until(world, lambda: not world.ledger().unsettled)

        assert 55 < took < 70
        assert fewest < world.exchange.value_reads - before < most

    live(tmp_path, story)


def test_a_look_up_that_is_held_back_for_a_moment_is_asked_when_there_is_room(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        find, answers, times = world.exchange.find_order, [UnknownOutcome("our budget", 1.0)], list[float]()

        async def hold_once(symbol: Symbol, client_order_id: ClientOrderId) -> OrderLookup:
            times.append(asyncio.get_running_loop().time())
            return answers.pop() if answers else await find(symbol, client_order_id)

        world.exchange.find_order = hold_once  # type: ignore[method-assign]
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert times[1] - times[0] == pytest.approx(1.0, rel=0.01)
        assert is_confirmed(world)

    live(tmp_path, story)


def test_positions_that_are_held_back_are_read_when_there_is_room_and_are_no_trouble_of_the_exchange(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("read", *[Fault.HELD_BACK] * TIMES)
        world.sources.say(BTC="0.1")

        took = await seconds_until(world, lambda: is_confirmed(world))

        assert TIMES * HELD_BACK_SECONDS <= took < TIMES * (HELD_BACK_SECONDS + 0.4) + 1
        assert not world.workers[0].watch.health.failed_reads

    live(tmp_path, story)


def test_an_increase_that_was_held_back_does_not_count_among_the_increases_of_the_minute(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.risk = RiskLimits(max_increases_per_minute=1)
        world.exchange.inject("submit", Fault.HELD_BACK)
        world.sources.say(BTC="0.1")

        took = await seconds_until(world, lambda: is_confirmed(world))

        assert took < 2 * HELD_BACK_SECONDS

    live(tmp_path, story)
