"""A halted market, where an order gets no clear answer, holds up no other, and is left soon after it trades again."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.decisions.watch_exchange import ExchangeHealth, after_halted_order, after_order
from core.model.identity import AccountId, Symbol
from core.model.instrument import NOT_TRADED
from core.model.order import OrderIntent, RefusalReason, RefusedOutcome, SubmitOutcome, UnknownOutcome
from core.model.policy import AccountPolicy
from simulation.bare_exchange import CAPABILITIES, BareExchange
from simulation.bare_world import BTC, ETH, World, live

D, NOW = Decimal, datetime(2026, 1, 1, tzinfo=UTC)
CAPABILITIES_OF_BLOFIN = replace(CAPABILITIES, not_found_after_seconds=64.0, repeats_closes=True)
TROUBLE, WELL = "exchange in trouble, increases pause", "exchange well again"


class Market:
    """Some accounts on one exchange, which answers nothing clear where it is halted.

    Attributes:
        halted: Symbols that do not trade.
        down: Accounts of which no order gets a clear answer.
        tries: Per symbol, the loop times of orders that got none.
        refreshes: Loop times at which the rules were read anew.
    """

    def __init__(self, world: World) -> None:
        self.halted: set[Symbol] = set()
        self.down: set[AccountId] = set()
        self.tries: dict[Symbol, list[float]] = {BTC: [], ETH: []}
        self.refreshes: list[float] = []
        self._listed = dict(world.exchange.rules)
        self._cached = dict(self._listed)
        for exchange in world.exchanges.values():
            exchange.capabilities = CAPABILITIES_OF_BLOFIN
            exchange.rules = self._cached
            exchange.refresh_instruments = self._refresh  # type: ignore[method-assign]
            exchange.submit_order = self._submit_to(exchange)  # type: ignore[assignment, method-assign]

    async def _refresh(self) -> None:
        self.refreshes.append(asyncio.get_running_loop().time())
        self._cached |= {
            symbol: replace(rules, tradable=symbol not in self.halted) for symbol, rules in self._listed.items()
        }

    def _submit_to(self, exchange: BareExchange) -> Callable[[OrderIntent], Coroutine[Any, Any, SubmitOutcome]]:
        submit = exchange.submit_order

        async def submit_unless_halted(intent: OrderIntent) -> SubmitOutcome:
            if exchange.account not in self.down and intent.symbol not in self.halted:
                return await submit(intent)
            self.tries[intent.symbol].append(asyncio.get_running_loop().time())
            return UnknownOutcome("internal error")

        return submit_unless_halted


def play(folder: Path, story: Callable[[World, Market], Awaitable[None]], accounts: int = 1) -> None:
    async def main(world: World) -> None:
        await world.while_running(story(world, Market(world)))

    live(folder, main, *(AccountPolicy(AccountId("blofin", f"a{number}")) for number in range(accounts)))


async def halt_before_the_exit(world: World, market: Market) -> None:
    """A position, and an exit that is asked for when its market has just halted."""
    world.sources.say(BTC="0.1")
    await asyncio.sleep(10)
    market.halted = {BTC}
    world.sources.say(BTC="0")


async def seconds_paused(world: World, seconds: int) -> int:
    """For how many of these seconds increases paused."""
    paused = 0
    for _ in range(seconds):
        await asyncio.sleep(1)
        paused += bool(world.workers[0].watch.trouble())
    return paused


def test_another_market_trades_at_once_however_long_the_halt_lasts_and_the_exit_follows_when_it_is_over(
    tmp_path: Path,
) -> None:
    async def story(world: World, market: Market) -> None:
        await halt_before_the_exit(world, market)
        await asyncio.sleep(600)
        for depth in ("0.1", "0.2", "0.3"):
            world.sources.say(BTC="0", ETH=depth)
            await asyncio.sleep(3)
            assert world.held(ETH) == 12 * D(depth)
            await asyncio.sleep(60)
        assert world.held()
        market.halted = set()
        await asyncio.sleep(18)
        assert not world.held()

    play(tmp_path, story)


@pytest.mark.parametrize("accounts", [1, 3, 5, 10])
def test_what_failed_before_the_halt_was_known_pauses_the_others_for_some_seconds_only(
    tmp_path: Path, accounts: int
) -> None:
    async def story(world: World, market: Market) -> None:
        await halt_before_the_exit(world, market)

        assert await seconds_paused(world, 300) < 8
        told = [name for name in world.told.names() if name in {TROUBLE, WELL}]
        assert told == [TROUBLE, WELL]
        assert world.workers[0].watch.health == ExchangeHealth()
        assert len(market.refreshes) <= accounts * (300 / 60 + 2)

    play(tmp_path, story, accounts)


def test_a_second_market_that_halts_just_after_the_first_is_found_soon_too(tmp_path: Path) -> None:
    async def story(world: World, market: Market) -> None:
        world.sources.say(BTC="0.1", ETH="0.1")
        await asyncio.sleep(10)
        market.halted = {BTC}
        world.sources.say(BTC="0", ETH="0.1")
        await asyncio.sleep(15)
        market.halted = {BTC, ETH}
        world.sources.say(BTC="0", ETH="0")

        assert await seconds_paused(world, 300) < 20

    play(tmp_path, story)


def test_a_known_halt_is_tried_every_15_seconds_whatever_else_happens(tmp_path: Path) -> None:
    async def story(world: World, market: Market) -> None:
        await halt_before_the_exit(world, market)
        await asyncio.sleep(30)
        market.tries[BTC].clear()
        calls = len(world.exchange.calls)
        for number in range(60):
            world.sources.say(BTC="0", ETH="0.1" if number % 2 else "0.2")
            await asyncio.sleep(5)

        assert 18 <= len(market.tries[BTC]) <= 20
        assert world.ledger(ETH).is_confirmed
        assert len(world.exchange.calls) - calls < 60 * 10

    play(tmp_path, story)


def test_a_quiet_halt_takes_little_of_what_five_minutes_allow(tmp_path: Path) -> None:
    async def story(world: World, market: Market) -> None:
        await halt_before_the_exit(world, market)
        await asyncio.sleep(30)
        calls, reads = len(world.exchange.calls), world.exchange.value_reads
        await asyncio.sleep(300)

        # Of 1,500 that BloFin allows an address; a read of value and positions is two calls, and prices are one.
        asked = len(world.exchange.calls) - calls + 2 * (world.exchange.value_reads - reads) + len(market.tries[BTC])
        assert asked < 200

    play(tmp_path, story)


def test_an_outage_pauses_increases_also_while_a_market_is_halted(tmp_path: Path) -> None:
    async def story(world: World, market: Market) -> None:
        world.sources.say(BTC="0.1", ETH="0.1")
        await asyncio.sleep(10)
        market.halted = {BTC}
        world.sources.say(BTC="0", ETH="0.1")
        await asyncio.sleep(120)
        assert not world.workers[0].watch.trouble()
        market.down = {world.exchange.account}
        world.sources.say(BTC="0", ETH="0")
        await asyncio.sleep(30)

        watch = world.workers[0].watch
        assert watch.health.failing == {ETH}
        watch.saw_order(BTC, RefusedOutcome(RefusalReason.NOT_TRADABLE, "halted"), is_tradable=False)
        assert watch.trouble()

    play(tmp_path, story)


def test_an_account_in_order_looks_no_more_often_while_orders_of_another_fail(tmp_path: Path) -> None:
    async def story(world: World, market: Market) -> None:
        failing, other = world.exchanges.values()
        world.sources.say(BTC="0.1")
        await asyncio.sleep(10)
        market.down = {failing.account}
        world.sources.say(BTC="0")
        await asyncio.sleep(60)
        assert world.workers[0].watch.health.doubted == {BTC}
        reads = other.value_reads
        await asyncio.sleep(300)

        assert world.workers[0].watch.health.doubted == {BTC}
        assert other.value_reads - reads <= 5

    play(tmp_path, story, accounts=2)


def test_the_operator_is_told_why_the_exit_waits(tmp_path: Path) -> None:
    async def story(world: World, market: Market) -> None:
        await halt_before_the_exit(world, market)
        await asyncio.sleep(60)

        told = [facts["why"] for name, facts in world.told.events if name == "symbol waits"]
        assert told[-1] == NOT_TRADED

    play(tmp_path, story)


def test_failures_of_a_halted_market_are_forgotten_where_no_other_failed() -> None:
    health = ExchangeHealth()
    for failures in range(4):
        assert health.doubted == (frozenset() if failures < 3 else {BTC})
        health = after_order(health, NOW, BTC, "internal error")
    both = after_order(health, NOW, ETH, "timeout")

    assert after_halted_order(health, BTC) == ExchangeHealth()
    assert after_halted_order(health, ETH) == health
    assert after_halted_order(both, BTC) == replace(both, failing=frozenset({ETH}))
    assert after_halted_order(replace(health, failed_reads=1), BTC) == ExchangeHealth(
        failed_reads=1, since=health.since, why=health.why
    )
    assert after_halted_order(ExchangeHealth(), BTC) == ExchangeHealth()
