"""What overtakes what: exits before entries, newer targets before older ones, and a stop before anything new."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from core.model.events import OrderIntended
from core.model.identity import AccountId, Symbol
from core.model.policy import AccountPolicy
from core.model.position import MarginMode, SymbolSettings
from simulation.bare_exchange import SETTING_CAPABILITIES, Fault
from simulation.bare_world import World, live, weigh

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
D = Decimal


async def follow(world: World, stop: asyncio.Event) -> None:
    await world.executor.run(stop)


def test_an_exit_overtakes_the_entries_queued_before_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()
        world.sources.say(BTC="0.2", ETH="0")
        await world.cycle()

        assert [order.symbol for order in world.exchange.executed[2:]] == [ETH, BTC]

    live(tmp_path, story, AccountPolicy(AccountId("bybit"), max_concurrent_symbols=1))


def test_an_exit_does_not_wait_for_the_outcome_of_its_own_entry(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", Fault.ANSWER_LOST)
        world.exchange.inject("find", *[Fault.LOOKUP_FAILS] * 100)
        stop = asyncio.Event()
        engine = asyncio.create_task(follow(world, stop))
        world.sources.say(BTC="0.1")
        await asyncio.sleep(1)
        assert world.held() == D("0.06")
        world.sources.say(BTC="0")
        await asyncio.sleep(1.5)
        assert world.held() == 0
        stop.set()
        await engine

    live(tmp_path, story)


def test_a_target_that_changes_while_its_leverage_is_being_set_is_not_traded_any_more(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities = SETTING_CAPABILITIES
        exchange.settings[BTC] = SymbolSettings(MarginMode.ISOLATED, D(20))
        exchange.inject("set_leverage", Fault.HANGS)
        stop = asyncio.Event()
        engine = asyncio.create_task(follow(world, stop))
        world.sources.say(BTC="0.1")
        await asyncio.sleep(2)
        world.sources.say(BTC="-0.1")
        await asyncio.sleep(30)
        stop.set()
        await engine

        assert [order.side for order in exchange.executed] == ["sell"]
        assert world.held() == D("-0.06")

    live(tmp_path, story)


def test_the_slices_of_one_trade_set_the_leverage_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        exchange = world.exchange
        exchange.capabilities = SETTING_CAPABILITIES
        exchange.settings[BTC] = SymbolSettings(MarginMode.ISOLATED, D(20))
        exchange.rules[BTC] = replace(exchange.rules[BTC], max_market_quantity=D("0.02"))
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert (len(exchange.executed), exchange.calls.count("set_leverage")) == (3, 1)

    live(tmp_path, story)


def test_a_busy_symbol_does_not_keep_another_from_its_entry_for_ever(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.latency_seconds = 1.0
        stop = asyncio.Event()
        engine = asyncio.create_task(follow(world, stop))
        for turn in range(20):
            world.sources.say(BTC="0.1", ETH=str(D("0.1") + D("0.01") * turn))
            await asyncio.sleep(0.6)
        assert world.held(BTC) == D("0.06")
        stop.set()
        await engine

    live(tmp_path, story)


def test_once_asked_to_stop_no_increase_begins(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.latency_seconds = 0.1
        stop = asyncio.Event()
        engine = asyncio.create_task(follow(world, stop))
        world.sources.say(BTC="0.1")
        await asyncio.sleep(0.05)
        stop.set()
        await engine

        assert "read" in world.exchange.calls
        assert "submit" not in world.exchange.calls

    live(tmp_path, story)


def test_eighty_orders_of_four_accounts_share_one_commit_before_they_are_sent(tmp_path: Path) -> None:
    names = [f"C{number}" for number in range(20)]

    async def story(world: World) -> None:
        for exchange in world.exchanges.values():
            for name in names:
                symbol = Symbol(f"{name}USDT")
                exchange.rules[symbol] = replace(exchange.rules[BTC], symbol=symbol)
                exchange.prices[symbol] = D(100)
        world.config.config = weigh(**dict.fromkeys(names, "0.05"))
        world.sources.say(**dict.fromkeys(names, "0.5"))  # type: ignore[arg-type]  # no coin is called source
        commits: list[int] = []
        commit = world.journal._commit

        def count(rows):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            kinds = [values[1] for statement, values in rows if statement.startswith("INSERT INTO events")]
            commits.append(kinds.count(OrderIntended.__name__))
            commit(rows)

        world.journal._commit = count  # type: ignore[method-assign]
        await world.executor.execute()
        await asyncio.gather(*(world.executor.process_account(worker) for worker in world.workers))

        assert [intents for intents in commits if intents] == [80]
        assert sum(len(exchange.executed) for exchange in world.exchanges.values()) == 80

    accounts = [
        AccountPolicy(AccountId(name), max_concurrent_symbols=20) for name in ("bybit", "blofin", "kucoin", "mexc")
    ]
    live(tmp_path, story, *accounts)
