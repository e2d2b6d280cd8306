"""Faults that reach the engine through its files or as a refusal; each test names the number that it plants."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest

from config.home import Home
from config.trading_files import TradingFiles
from core.model.failures import InvalidInput
from core.model.identity import Symbol
from core.model.order import OrderIntent, RefusalReason, RefusedOutcome, SubmitOutcome
from core.model.position import Quote
from simulation.bare_exchange import Fault
from simulation.bare_world import World, live

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
D = Decimal
MAPPING = {"tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"}}


def weights_of(*symbols: str) -> str:
    sources = [{"source": "tradingview", "weight": 1}]
    return json.dumps([{"symbol": symbol, "leverage": 3, "sources": sources} for symbol in symbols])


async def follow(world: World, seconds: float) -> None:
    """Run the engine's own loop for a while."""
    await world.while_running(asyncio.sleep(seconds))


async def hold_by_files(world: World, home: Home) -> None:
    """Follow real files instead of a configuration set by hand, and be long."""
    home.asset_mapping.write_text(json.dumps(MAPPING))
    home.signal_weights.write_text(weights_of("BTCUSDT", "ETHUSDT"))
    world.config = TradingFiles(home)  # type: ignore[assignment]  # another source of the same port
    world.restart()
    world.sources.say(BTC="0.1")
    await world.cycle()
    assert world.held() == D("0.06")
    world.exchange.executed.clear()


def refuse(world: World, reason: RefusalReason, sent: list[OrderIntent]) -> None:
    """From now on every order is refused, until told otherwise."""

    async def submit(intent: OrderIntent) -> SubmitOutcome:
        sent.append(intent)
        return RefusedOutcome(reason, "as the exchange says it")

    world.exchange.submit_order = submit  # type: ignore[method-assign]


# -- A and B: refusals and connections that come and go ----------------------------------------------------


def test_fault_19_a_position_mode_that_we_do_not_trade_in_causes_no_flood_and_is_said(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        sent: list[OrderIntent] = []
        refuse(world, RefusalReason.POSITION_MODE_MISMATCH, sent)
        world.sources.say(BTC="0.1")
        await follow(world, 600)

        assert 3 < len(sent) < 15
        reasons = [facts["why"] for name, facts in world.told.events if name == "symbol waits"]
        assert any("as the exchange says it" in str(why) for why in reasons)

    live(tmp_path, story)


def test_fault_31_what_a_skewed_clock_refuses_is_tried_again_an_exit_within_five_seconds(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await follow(world, 2)
        sent: list[OrderIntent] = []
        submit = world.exchange.submit_order
        refuse(world, RefusalReason.CLOCK, sent)
        world.sources.say(BTC="0")
        await follow(world, 60)
        assert len(sent) >= 12
        world.exchange.submit_order = submit  # type: ignore[method-assign]
        await follow(world, 6)

        assert world.held() == 0

    live(tmp_path, story)


def test_fault_32_an_exchange_that_cannot_be_reached_for_a_minute_is_left_within_seconds_of_its_return(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await follow(world, 2)
        for call, fault in (("read", Fault.READ_FAILS), ("submit", Fault.ANSWER_LOST), ("find", Fault.LOOKUP_FAILS)):
            world.exchange.inject(call, *[fault] * 12)
        world.sources.say(BTC="0")
        await follow(world, 100)

        assert world.ledger().owned == world.held() == 0
        assert [order.reduce_only for order in world.exchange.executed] == [False, True]

    live(tmp_path, story)


# -- D: files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 1, 30])
def test_fault_70_71_a_half_written_mapping_or_weight_file_trades_nothing_and_is_said_once(
    tmp_path: Path, keep: int
) -> None:
    async def story(world: World) -> None:
        home = Home(tmp_path)
        await hold_by_files(world, home)
        for path in (home.asset_mapping, home.signal_weights):
            whole = path.read_text()
            path.write_text(whole[:keep])
            await world.cycle(5)
            assert str(path) in world.executor._config_source.problem()
            path.write_text(whole)
            await world.cycle(2)
            assert world.executor._config_source.problem() == ""

        assert world.exchange.executed == []
        assert world.told.names().count("configuration invalid, last valid one stays") == 2

    live(tmp_path, story)


def test_fault_74_76_an_absurd_weight_or_a_symbol_listed_twice_leaves_the_last_valid_file_in_force(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        home = Home(tmp_path)
        await hold_by_files(world, home)
        for content in (
            weights_of("BTCUSDT", "BTCUSDT"),
            weights_of("BTCUSDT").replace('"weight": 1', '"weight": 1e9'),
        ):
            home.signal_weights.write_text(content)
            world.sources.say(BTC="0.2")
            await world.cycle(2)

        assert [order.quantity for order in world.exchange.executed] == [D("0.06")]
        assert str(home.signal_weights) in world.executor._config_source.problem()

    live(tmp_path, story)


def test_fault_77_a_flat_on_one_id_of_an_asset_does_not_close_what_another_of_its_ids_holds(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        home = Home(tmp_path)
        mapping = {"tradingview": {"BTCUSDT": ["BTCUSDT", "XBTUSDT"], "ETHUSDT": "ETHUSDT"}}
        await hold_by_files(world, home)
        home.asset_mapping.write_text(json.dumps(mapping))
        await world.cycle(2)
        assert world.executor._config_source.problem() == ""
        world.sources.say(BTC="0.1", XBT="0.1")
        await world.cycle(2)
        assert world.held() == D("0.12")
        world.sources.say(BTC="0.1", XBT="0")
        await world.cycle(2)

        assert world.held() == D("0.06")

    live(tmp_path, story)


# -- E: memory and numbers -----------------------------------------------------------------------------------


def test_fault_85_86_what_the_engine_remembers_does_not_grow_with_the_number_of_its_orders(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for turn in range(25):
            world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
            world.sources.say(BTC="0.2")
            await follow(world, 5)
            world.sources.say(BTC="0.1" if turn % 2 else "0.05")
            await follow(world, 30)

        ledger = world.ledger()
        assert ledger.steps > 40
        assert len(ledger.lost) == len(ledger.orders) == 20
        assert len(asyncio.all_tasks()) == 1

    live(tmp_path, story)


@pytest.mark.parametrize("price", ["NaN", "Infinity", "0", "-1"])
def test_fault_90_a_price_that_is_none_cannot_even_be_held(tmp_path: Path, price: str) -> None:
    async def story(world: World) -> None:
        with pytest.raises(InvalidInput, match="last price"):
            Quote(D(price), world.clock.now())

    live(tmp_path, story)
