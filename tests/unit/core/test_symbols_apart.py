"""Symbols of one account keep out of each other's way: faults, queues, retries, and a halt that reaches all of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.order import OrderIntent, OrderLookup, RefusalReason, RefusedOutcome, SubmitOutcome
from core.model.policy import AccountPolicy
from core.model.position import MarginMode, Quote, SymbolSettings
from core.model.reading import Reading
from core.model.standing import Verb
from simulation.bare_exchange import SETTING_CAPABILITIES, BareExchange, Fault
from simulation.bare_world import World, live, weigh

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
D = Decimal
COINS = [f"C{number}" for number in range(20)]
TWO_AT_ONCE = AccountPolicy(AccountId("bybit"), max_concurrent_symbols=2)


async def seconds_until(is_reached: Callable[[], bool]) -> float:
    for tenth in range(3000):
        if is_reached():
            return tenth / 10
        await asyncio.sleep(0.1)
    raise AssertionError("not within five minutes")


def list_coins(world: World, weight: str, *more: str) -> None:
    for coin in COINS:
        symbol = Symbol(f"{coin}USDT")
        world.exchange.rules[symbol] = replace(world.exchange.rules[BTC], symbol=symbol)
        world.exchange.prices[symbol] = D(100)
    world.config.config = weigh(**dict.fromkeys([*COINS, *more], weight))


def say_coins(world: World, depth: str, **more: str) -> None:
    world.sources.say(**dict.fromkeys(COINS, depth), **more)  # type: ignore[arg-type]  # no coin is called source


def cut_into_slices(exchange: BareExchange, largest: str) -> None:
    exchange.rules[BTC] = replace(exchange.rules[BTC], max_market_quantity=D(largest))


def test_a_fault_of_ours_in_one_symbol_costs_no_other_symbol_anything_and_itself_only_one_try(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        find, tries = world.exchange.find_order, []

        async def find_badly(symbol: Symbol, client_order_id: ClientOrderId) -> OrderLookup:
            tries.append(symbol)
            if len(tries) == 1:
                raise ValueError("a fault in a parser")
            return await find(symbol, client_order_id)

        world.exchange.find_order = find_badly  # type: ignore[method-assign]

        async def trade() -> None:
            world.sources.say(BTC="0.1", ETH="0.1")
            await asyncio.sleep(10)
            assert (world.held(BTC), world.held(ETH)) == (D("0.06"), D("1.2"))
            world.sources.say(BTC="0", ETH="0")
            await asyncio.sleep(10)
            assert (world.held(BTC), world.held(ETH)) == (D(0), D(0))
            assert world.told.names().count("symbol failed unexpectedly") == 1

        await world.while_running(trade())

    live(tmp_path, story)


def test_a_halt_stops_a_trade_between_two_of_its_orders(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        cut_into_slices(world.exchange, "0.002")
        world.exchange.latency_seconds = 0.2

        async def trade() -> None:
            world.sources.say(BTC="0.1")
            await asyncio.sleep(2)
            sent = len(world.exchange.executed)
            world.commands.give(Verb.HALT)
            await asyncio.sleep(30)
            assert 0 < sent <= len(world.exchange.executed) <= sent + 1

        await world.while_running(trade())

    live(tmp_path, story)


def test_a_halt_stops_the_symbols_that_still_wait_for_their_turn(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        list_coins(world, "0.05")
        world.exchange.latency_seconds = 0.2

        async def trade() -> None:
            say_coins(world, "0.5")
            await asyncio.sleep(2)
            sent = len(world.exchange.executed)
            world.commands.give(Verb.HALT)
            await asyncio.sleep(30)
            assert 0 < sent <= len(world.exchange.executed) <= sent + 2

        await world.while_running(trade())

    live(tmp_path, story, TWO_AT_ONCE)


def test_an_exit_does_not_queue_behind_the_entries_of_other_symbols(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        list_coins(world, "0.04", "BTC")
        world.sources.say(BTC="1")
        await world.cycle()
        world.exchange.latency_seconds = 1.0

        async def trade() -> None:
            say_coins(world, "0.5", BTC="1")
            await asyncio.sleep(3)
            say_coins(world, "0.5", BTC="0")
            assert await seconds_until(lambda: not world.held(BTC)) < 4

        await world.while_running(trade())

    live(tmp_path, story, TWO_AT_ONCE)


def test_an_exit_does_not_queue_behind_an_entry_of_its_own_that_has_not_begun(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        list_coins(world, "0.04", "BTC")
        world.sources.say(BTC="0.5")
        await world.cycle()
        world.exchange.latency_seconds = 1.0

        async def trade() -> None:
            say_coins(world, "0.5", BTC="0.5")
            await asyncio.sleep(3)
            say_coins(world, "0.5", BTC="1")
            await asyncio.sleep(3)
            assert world.ledger().decision.depth == D("0.04")  # type: ignore[union-attr]  # it was decided above
            say_coins(world, "0.5", BTC="0")
            assert await seconds_until(lambda: not world.held(BTC)) < 4
            assert [order.quantity for order in world.exchange.executed if order.symbol == BTC] == [D("0.012")] * 2

        await world.while_running(trade())

    live(tmp_path, story, TWO_AT_ONCE)


def test_an_exit_does_not_queue_behind_entries_once_its_own_entry_was_sent(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        list_coins(world, "0.04", "BTC")
        world.exchange.latency_seconds = 1.0

        async def trade() -> None:
            world.sources.say(BTC="1")
            await asyncio.sleep(2.5)
            say_coins(world, "0.5", BTC="1")
            assert await seconds_until(lambda: bool(world.held(BTC))) < 2
            say_coins(world, "0.5", BTC="0")
            assert await seconds_until(lambda: not world.held(BTC)) < 6

        await world.while_running(trade())

    live(tmp_path, story, TWO_AT_ONCE)


def test_an_exit_does_not_wait_while_the_settings_of_many_entries_are_read(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        list_coins(world, "0.04", "BTC")
        exchange, one_at_a_time = world.exchange, asyncio.Lock()
        exchange.capabilities = SETTING_CAPABILITIES
        for symbol in exchange.rules:
            exchange.settings[symbol] = SymbolSettings(MarginMode.ISOLATED, D(3))
        world.sources.say(BTC="1")
        await world.cycle()
        read = exchange.read_settings

        async def read_slowly(symbol: Symbol) -> Reading[SymbolSettings]:
            async with one_at_a_time:
                await asyncio.sleep(0.3)
                return await read(symbol)

        exchange.read_settings = read_slowly  # type: ignore[method-assign]

        async def trade() -> None:
            say_coins(world, "0.5", BTC="1")
            await asyncio.sleep(1)
            say_coins(world, "0.5", BTC="0")
            assert await seconds_until(lambda: not world.held(BTC)) < 2.5

        await world.while_running(trade())

    live(tmp_path, story)


def test_a_symbol_that_waited_long_for_its_turn_does_not_trade_on_what_was_read_before(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        list_coins(world, "0.04", "BTC")
        cut_into_slices(world.exchange, "0.001")
        world.exchange.latency_seconds = 1.0

        async def trade() -> None:
            say_coins(world, "0.5", BTC="0.1")
            await asyncio.sleep(3)
            last = Symbol(f"{COINS[-1]}USDT")
            world.exchange.positions[last] = D(50)
            await asyncio.sleep(60)
            assert last not in [order.symbol for order in world.exchange.executed]

        await world.while_running(trade())

    live(tmp_path, story, AccountPolicy(AccountId("bybit"), max_concurrent_symbols=1))


def test_an_exit_that_was_refused_is_tried_again_while_another_symbol_is_still_busy(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        cut_into_slices(world.exchange, "0.002")
        world.sources.say(ETH="0.1")
        await world.cycle()
        world.exchange.latency_seconds = 1.0
        submit, refusals = world.exchange.submit_order, [RefusedOutcome(RefusalReason.RATE_LIMITED, "slow down")]

        async def refuse_once(intent: OrderIntent) -> SubmitOutcome:
            if intent.symbol == ETH and refusals:
                return refusals.pop()
            return await submit(intent)

        world.exchange.submit_order = refuse_once  # type: ignore[method-assign]

        async def trade() -> None:
            world.sources.say(ETH="0", BTC="0.1")
            assert await seconds_until(lambda: not world.held(ETH)) < 6
            assert world.held(BTC) < D("0.06")

        await world.while_running(trade())

    live(tmp_path, story)


def test_an_exit_is_tried_again_five_seconds_after_a_pass_that_failed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        read, failures = world.exchange.read_quotes, [ValueError("a fault in a parser")]

        async def fail_once(symbols: Sequence[Symbol]) -> Mapping[Symbol, Reading[Quote]]:
            if failures:
                raise failures.pop()
            return await read(symbols)

        world.exchange.read_quotes = fail_once  # type: ignore[method-assign]

        async def trade() -> None:
            world.sources.say(BTC="0")
            assert 4 < await seconds_until(lambda: not world.held(BTC)) < 6

        await world.while_running(trade())

    live(tmp_path, story)


def test_an_exit_that_an_outage_left_undecided_is_looked_for_every_five_seconds(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()

        async def trade() -> None:
            world.exchange.inject("read", *[Fault.READ_FAILS] * 1000)
            await asyncio.sleep(120)
            world.sources.say(BTC="0")
            await asyncio.sleep(1)
            tried = world.exchange.value_reads
            await asyncio.sleep(60)
            assert world.exchange.value_reads - tried >= 11
            world.exchange.faults.clear()
            assert await seconds_until(lambda: not world.held(BTC)) < 5.5

        await world.while_running(trade())

    live(tmp_path, story)


def test_settings_that_come_later_than_the_other_reads_are_waited_for_and_not_read_twice(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities, reads = SETTING_CAPABILITIES, []
        list_coins(world, "0.04")
        for coin in COINS:
            exchange.settings[Symbol(f"{coin}USDT")] = SymbolSettings(MarginMode.ISOLATED, D(3))
        read = exchange.read_settings

        async def read_slowly(symbol: Symbol) -> Reading[SymbolSettings]:
            reads.append(symbol)
            await asyncio.sleep(2.0)
            return await read(symbol)

        exchange.read_settings = read_slowly  # type: ignore[method-assign]
        say_coins(world, "0.5")

        await world.cycle()

        assert len(exchange.executed) == len(COINS)
        assert sorted(reads) == sorted(f"{coin}USDT" for coin in COINS)

    live(tmp_path, story, TWO_AT_ONCE)
