"""What changes around a held position: the exchange's lot step, what it remembers of an order, a source that breaks."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from core.model.identity import ClientOrderId, SourceName, Symbol
from core.model.order import NotFound, OrderIntent, OrderLookup, RefusalReason, RefusedOutcome, SubmitOutcome
from core.model.position import AccountSnapshot
from core.model.reading import Known, Unknown
from core.model.standing import Standing, Verb
from core.model.target import SourceWeight
from simulation.bare_exchange import BareExchange, Fault
from simulation.bare_world import TRADINGVIEW, World, live

BTC = Symbol("BTCUSDT")
BITTENSOR = SourceName("bittensor")
D = Decimal


def coarsen_lots(exchange: BareExchange) -> None:
    """From now on the exchange trades hundredths only, and refuses everything finer."""
    exchange.rules[BTC] = replace(exchange.rules[BTC], lot_step=D("0.01"), min_quantity=D("0.01"))
    submit = exchange.submit_order

    async def submit_strictly(intent: OrderIntent) -> SubmitOutcome:
        if intent.quantity % exchange.rules[intent.symbol].lot_step:
            return RefusedOutcome(RefusalReason.PRECISION, "too precise")
        return await submit(intent)

    exchange.submit_order = submit_strictly  # type: ignore[method-assign]


def hide_until(exchange: BareExchange, at: float) -> None:
    """Up to a loop time the exchange knows no order, and shows no position."""
    loop = asyncio.get_running_loop()
    find, read = exchange.find_order, exchange._snapshot

    async def find_later(symbol: Symbol, client_order_id: ClientOrderId) -> OrderLookup:
        report = await find(symbol, client_order_id)
        return NotFound() if loop.time() < at else report

    async def read_later() -> AccountSnapshot:
        snapshot = await read()
        return replace(snapshot, positions=Known({}, exchange.clock.now())) if loop.time() < at else snapshot

    exchange.find_order = find_later  # type: ignore[method-assign]
    exchange._snapshot = read_later  # type: ignore[method-assign]


def test_what_a_coarser_lot_step_lets_us_close_is_closed_and_the_rest_is_named(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.11")
        await world.cycle()
        assert world.held() == D("0.066")
        coarsen_lots(world.exchange)
        world.sources.say(BTC="0")
        await world.cycle(2)

        assert world.held() == D("0.006")
        assert ("symbol waits", "0.006 is less than the exchange trades at once") in [
            (event, facts.get("why")) for event, facts in world.told.events
        ]

    live(tmp_path, story)


def test_a_rest_of_less_than_one_lot_does_not_keep_a_flip_from_opening(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.11")
        await world.cycle()
        coarsen_lots(world.exchange)
        world.sources.say(BTC="-0.11")
        await world.cycle(2)

        sent = [(order.signed_quantity, order.reduce_only) for order in world.exchange.executed[1:]]
        assert sent == [(D("-0.06"), True), (D("-0.06"), False)]

    live(tmp_path, story)


def test_an_order_that_was_sent_again_may_turn_out_to_have_landed_the_first_time(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("submit", Fault.ANSWER_LOST)
        hide_until(world.exchange, asyncio.get_running_loop().time() + 12)
        world.sources.say(BTC="0.1")
        for _ in range(40):
            await world.cycle()
            await asyncio.sleep(1)

        assert "order never arrived" in world.told.names()
        assert (world.held(), world.ledger().owned) == (D("0.06"), D("0.06"))

    live(tmp_path, story)


def test_the_operator_flattens_also_what_a_source_that_was_never_readable_has_a_share_in(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        config = world.config.config
        shares = (SourceWeight(TRADINGVIEW, D("0.5")), SourceWeight(BITTENSOR, D("0.1")))
        weights = (replace(config.weights[0], sources=shares), *config.weights[1:])
        world.config.config = replace(config, version="with bittensor", weights=weights)
        world.sources.frames[BITTENSOR] = Unknown("torn")
        await world.cycle()
        assert world.held() == D("0.06")
        world.commands.give(Verb.FLATTEN)
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_an_order_that_was_opened_with_another_leverage_is_told_and_nothing_more_is_built_up(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.echoed_leverage = Decimal(10)
        world.sources.say(BTC="0.1")
        await world.cycle(2)
        opened = world.held()
        world.sources.say(BTC="0.2")
        await world.cycle(2)

        assert world.held() == opened != 0
        assert world.ledger().standing is Standing.REDUCE_ONLY
        assert "leverage 10, asked was 3" in world.ledger().standing_reason
        assert world.told.names().count("order carries another leverage") == 1

        world.sources.say(BTC="0")
        await world.cycle(2)
        assert world.held() == 0

    live(tmp_path, story)
