"""A pass reads value, prices, rules and positions; one part that fails once must not cost a whole minute."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.model.identity import Symbol
from core.model.position import Quote
from core.model.reading import Unknown
from simulation.bare_world import BTC, ETH, World, live

D = Decimal


class Failing:
    """Lets one kind of read fail as often as asked."""

    def __init__(self, world: World, part: str) -> None:
        self.left = 0
        self._part = part
        self._read: Callable[..., Any] = getattr(world.exchange, part)
        setattr(world.exchange, part, self._asked)

    async def _asked(self, *given: Sequence[Symbol]) -> object:
        answer = await self._read(*given)
        if not self.left:
            return answer
        self.left -= 1
        if self._part == "read_snapshot":
            return replace(answer, equity=Unknown("timeout"))
        return dict.fromkeys(answer, Unknown("timeout")) if self._part == "read_quotes" else Unknown("timeout")


async def seconds_until_held(world: World, quantity: str) -> float:
    """How long the running engine takes to hold that much; 100 when it does not."""
    loop = asyncio.get_running_loop()
    began, stop = loop.time(), asyncio.Event()
    engine = asyncio.create_task(world.executor.run(stop))
    for _ in range(2000):
        if world.held() == D(quantity):
            break
        await asyncio.sleep(0.05)
    took = loop.time() - began
    stop.set()
    await engine
    return took


@pytest.mark.parametrize("part", ["read_snapshot", "read_quotes", "read_instruments"])
@pytest.mark.parametrize(("depth", "quantity"), [("0.05", "0.03"), ("0.2", "0.12"), ("-0.1", "-0.06"), ("0", "0")])
def test_what_could_not_be_sized_or_traded_is_tried_again_within_seconds(
    tmp_path: Path, part: str, depth: str, quantity: str
) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        assert await seconds_until_held(world, "0.06") < 3
        failing = Failing(world, part)
        failing.left = 3
        world.sources.say(BTC=depth)

        assert await seconds_until_held(world, quantity) < 10

    live(tmp_path, story)


def test_why_a_newer_target_cannot_be_sized_is_told_beside_what_holds_the_older_one_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.00001")
        await world.cycle()
        Failing(world, "read_quotes").left = 1
        world.sources.say(BTC="0.1")
        await world.executor.execute()
        report = await world.executor.process_account(world.workers[0])

        assert (
            report.outcomes[BTC].why
            == "price unknown: timeout; below the exchange's minimum of 0.001 (wanted 0.000006)"
        )

    live(tmp_path, story)


def test_a_part_that_fails_for_long_is_asked_for_ever_more_slowly_and_at_once_when_something_shrinks(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        failing = Failing(world, "read_quotes")
        failing.left = 10_000
        world.sources.say(BTC="0.1")
        assert await seconds_until_held(world, "0.06") == pytest.approx(100, abs=1)
        assert 8 <= 10_000 - failing.left <= 14
        failing.left = 0
        assert await seconds_until_held(world, "0.06") < 1

    live(tmp_path, story)


def test_a_smaller_target_is_followed_at_once_and_sized_when_that_can_be(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await seconds_until_held(world, "0.06")
        now = world.clock.now()
        world.exchange.quotes[BTC] = Quote(D(40_000), now + timedelta(minutes=2), D(30_000), D(50_000))
        world.sources.say(BTC="0.05")
        assert await seconds_until_held(world, "0.03") < 1
        await asyncio.sleep(100)
        decision = world.ledger().decision
        assert decision is not None
        assert decision.number == 2
        world.exchange.quotes[BTC] = Quote(D(40_000), world.clock.now() + timedelta(minutes=2), D(39_990), D(40_010))

        assert await seconds_until_held(world, "0.037") < 100

    live(tmp_path, story)


def test_what_no_read_can_change_soon_is_not_asked_for_more_often(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        del world.exchange.rules[ETH], world.exchange.prices[ETH]
        world.sources.say(ETH="0.1")
        await seconds_until_held(world, "1")

        assert world.exchange.value_reads <= 3

    live(tmp_path, story)


def test_a_halted_market_that_left_the_list_before_the_start_is_noticed_when_it_is_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        listed, refreshes = dict(world.exchange.rules), 0

        async def refresh() -> None:
            nonlocal refreshes
            refreshes += 1
            world.exchange.rules = listed

        world.exchange.refresh_instruments = refresh  # type: ignore[method-assign]
        world.sources.say(BTC="0.1")
        assert await seconds_until_held(world, "0.06") < 5
        world.exchange.rules = {ETH: listed[ETH]}
        assert refreshes == 0
        world.sources.say(BTC="0.05")
        assert await seconds_until_held(world, "0.03") < 65
        assert refreshes == 1

    live(tmp_path, story)


def test_a_market_that_trades_again_is_noticed_within_a_full_check_whenever_passes_are(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        cached = dict(world.exchange.rules)
        halted = {**cached, BTC: replace(cached[BTC], tradable=False)}
        world.exchange.rules = dict(halted)
        refreshes = 0

        async def refresh() -> None:
            nonlocal refreshes
            refreshes += 1
            if refreshes > 1:
                world.exchange.rules = cached

        world.exchange.refresh_instruments = refresh  # type: ignore[method-assign]
        world.sources.say(BTC="0.1")
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        await asyncio.sleep(59)
        world.workers[0].wake()
        assert refreshes == 1
        await asyncio.sleep(2)
        stop.set()
        await engine

        assert world.held() == D("0.06")

    live(tmp_path, story)
