"""One order from its intent to its end: how long it is asked for, what is journaled of it, what is then forgotten."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.events import Event, OrderOutcomeUnknown
from core.model.failures import StorageFailure
from core.model.ledger import LedgerKey, OrderPhase
from core.model.order import OrderReport, RefusalReason, RefusedOutcome, Side
from core.model.outcome import Settled, TradeResult, Unsettled
from core.model.plan import Purpose, Trade
from core.model.position import MarginMode
from core.model.standing import Standing
from core.plan_executor import PlanExecutor
from simulation.bare_exchange import SETTING_CAPABILITIES, Fault
from simulation.bare_world import BTC, RULES, World, live

D = Decimal
BUY = Trade(Side.BUY, D("0.01"), Purpose.INCREASE)
CLOSE = Trade(Side.SELL, D("0.01"), Purpose.CLOSE)
SELL = Trade(Side.SELL, D("0.01"), Purpose.REDUCE)


def executor_of(world: World) -> PlanExecutor:
    return PlanExecutor(world.exchange, world.journal, world.clock, world.told)


async def send(world: World, executor: PlanExecutor, trade: Trade = BUY, *, is_urgent: bool = False) -> TradeResult:
    ledger = world.ledger()
    return await executor.trade(ledger, trade, RULES[BTC], MarginMode.ISOLATED, D(3), lambda: is_urgent)


def asked_at(world: World) -> list[float]:
    """The loop's times of all lookups from now on."""
    times: list[float] = []
    find = world.exchange.find_order

    async def note_and_find(*arguments: object) -> object:
        times.append(asyncio.get_running_loop().time())
        return await find(*arguments)  # type: ignore[arg-type]  # passed on

    world.exchange.find_order = note_and_find  # type: ignore[method-assign, assignment]
    return times


def test_an_order_is_asked_for_at_doubling_times_for_as_long_as_reads_may_lag(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.latency_seconds = 0.0
        world.exchange.inject("find", *[Fault.LOOKUP_FAILS] * 99)
        times = asked_at(world)

        result = await send(world, executor_of(world))

        assert result == Unsettled("could not be looked up: timeout")
        waits = [round(later - times[0], 3) for later in times]
        assert waits == [0, 0.05, 0.15, 0.35, 0.75, 1.55, 2.35]

    live(tmp_path, story)


def test_the_window_of_an_order_begins_with_the_end_of_its_send_however_long_the_journal_takes(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.latency_seconds = 0.0
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        executor, note = executor_of(world), world.journal.note

        async def note_slowly(*events: Event) -> bool:
            await asyncio.sleep(2 if isinstance(events[0], OrderOutcomeUnknown) else 0)
            return await note(*events)

        world.journal.note = note_slowly  # type: ignore[method-assign]
        await send(world, executor, is_urgent=True)
        sent_for = 2 + 2  # what the send brought was noted, and that the order is still in flight
        window = world.exchange.capabilities.not_found_after_seconds
        await asyncio.sleep(window - sent_for - 0.1)
        await executor.settle(world.ledger())
        assert world.ledger().unsettled
        await asyncio.sleep(0.1)
        await executor.settle(world.ledger())

        assert (world.ledger().unsettled, len(world.ledger().lost)) == ((), 1)

    live(tmp_path, story)


def test_where_something_more_urgent_waits_and_at_a_start_an_order_is_asked_for_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("find", *[Fault.LOOKUP_FAILS] * 99)
        times, executor = asked_at(world), executor_of(world)
        await send(world, executor, is_urgent=True)
        assert len(times) == 1
        await executor.settle(world.ledger())

        assert len(times) == 2
        assert len(world.ledger().unsettled) == 1

    live(tmp_path, story)


def test_the_journal_has_the_exchanges_id_of_an_accepted_order_and_why_it_is_still_in_flight(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.inject("find", Fault.STILL_OPEN, Fault.STILL_OPEN, Fault.LOOKUP_FAILS)
        executor = executor_of(world)
        assert await send(world, executor, is_urgent=True) == Unsettled("still open at the exchange")
        (record,) = world.ledger().unsettled
        assert (record.phase, record.exchange_order_id) == (OrderPhase.UNKNOWN, "1")
        assert record.detail == "still open at the exchange"
        known = len(world.journal.history(*_key(world)))
        await executor.settle(world.ledger())
        assert len(world.journal.history(*_key(world))) == known  # the same once more is no news
        await executor.settle(world.ledger())
        assert world.ledger().unsettled[0].detail == "could not be looked up: timeout"
        await executor.settle(world.ledger())

        assert (world.ledger().unsettled, world.ledger().owned) == ((), D("0.01"))

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("fault", "phase", "detail"),
    [(None, OrderPhase.ACCEPTED, "accepted"), (Fault.ANSWER_LOST, OrderPhase.UNKNOWN, "answer lost")],
)
def test_what_a_send_brought_is_journaled_before_the_order_is_asked_for(
    tmp_path: Path, fault: Fault | None, phase: OrderPhase, detail: str
) -> None:
    async def story(world: World) -> None:
        find = world.exchange.find_order
        seen: list[tuple[OrderPhase, str]] = []

        async def look_and_find(*arguments: object) -> object:
            seen.extend((record.phase, record.detail) for record in world.ledger().unsettled)
            return await find(*arguments)  # type: ignore[arg-type]  # passed on

        world.exchange.find_order = look_and_find  # type: ignore[method-assign, assignment]
        if fault:
            world.exchange.inject("submit", fault)
        await send(world, executor_of(world))

        assert seen == [(phase, detail)]

    live(tmp_path, story)


def _key(world: World) -> LedgerKey:
    return world.policies[0].account, BTC


@pytest.mark.parametrize("fault", [None, Fault.REFUSED, Fault.PARTIAL_FILL, Fault.REJECTED_LATER])
def test_of_an_order_that_is_done_nothing_is_kept(tmp_path: Path, fault: Fault | None) -> None:
    async def story(world: World) -> None:
        executor = executor_of(world)
        if fault:
            world.exchange.inject("submit", fault)
        result = await send(world, executor)

        filled = {None: "0.01", Fault.PARTIAL_FILL: "0.005", Fault.REJECTED_LATER: "0"}.get(fault)
        refused = RefusedOutcome(RefusalReason.INSUFFICIENT_MARGIN, "the exchange said refused")
        assert result == (Settled(D(filled)) if filled else refused)
        assert executor._flights == {}
        assert world.ledger().unsettled == ()

    live(tmp_path, story)


def test_an_increase_that_the_disk_did_not_keep_is_not_in_flight(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        executor = executor_of(world)
        world.disk.is_full = True
        with pytest.raises(StorageFailure):
            await send(world, executor)

        assert (world.exchange.calls, world.ledger().unsettled, executor._flights) == ([], (), {})

    live(tmp_path, story)


def test_a_reduction_that_the_disk_did_not_keep_is_not_in_flight_under_its_first_id(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        executor, ids = executor_of(world), []
        await send(world, executor)
        world.exchange.on_submit = lambda intent: ids.append(intent.client_order_id)
        world.disk.is_full = True
        world.exchange.inject("find", Fault.LOOKUP_FAILS)
        assert isinstance(await send(world, executor, SELL, is_urgent=True), Unsettled)

        assert [record.intent.client_order_id for record in world.ledger().unsettled] == ids
        assert len(ids) == 1

    live(tmp_path, story)


def test_not_found_counts_from_the_end_of_the_window_on(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.latency_seconds = 0.0
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        loop, executor = asyncio.get_running_loop(), executor_of(world)
        assert await send(world, executor, is_urgent=True) == Unsettled("not found yet; it may still arrive")
        (record,) = world.ledger().unsettled
        began = executor._flights[record.intent.client_order_id].began_seconds
        closes = began + world.exchange.capabilities.not_found_after_seconds
        await asyncio.sleep(closes - loop.time() - 0.1)
        await executor.settle(world.ledger())
        assert len(world.ledger().unsettled) == 1
        executor._flights[record.intent.client_order_id].began_seconds = 0.0
        loop.time = lambda: world.exchange.capabilities.not_found_after_seconds  # type: ignore[method-assign]
        await executor._settle_order(record.intent, None)

        assert (world.ledger().unsettled, len(world.ledger().lost)) == ((), 1)
        assert executor._flights == {}

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("echoed", "standing"), [("3.9", Standing.ACTIVE), ("4", Standing.REDUCE_ONLY), ("2", Standing.REDUCE_ONLY)]
)
def test_a_leverage_that_differs_by_one_or_more_stops_increases(
    tmp_path: Path, echoed: str, standing: Standing
) -> None:
    async def story(world: World) -> None:
        world.exchange.echoed_leverage = D(echoed)
        await send(world, executor_of(world))

        assert world.ledger().standing is standing

    live(tmp_path, story)


@pytest.mark.parametrize("is_setting", [False, True])
def test_the_leverage_of_a_reduction_or_of_an_exchange_where_it_is_a_setting_is_not_compared(
    tmp_path: Path, *, is_setting: bool
) -> None:
    async def story(world: World) -> None:
        executor = executor_of(world)
        if is_setting:
            world.exchange.capabilities = SETTING_CAPABILITIES
            world.exchange.echoed_leverage = D(9)
            await send(world, executor)
        else:
            await send(world, executor)
            world.exchange.echoed_leverage = D(9)
            await send(world, executor, SELL)

        assert world.ledger().standing is Standing.ACTIVE

    live(tmp_path, story)


def test_another_order_under_our_id_leaves_ours_in_flight_until_the_window_has_closed(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        executor, find = executor_of(world), world.exchange.find_order

        async def find_another(*arguments: object) -> object:
            report = await find(*arguments)  # type: ignore[arg-type]  # passed on
            assert isinstance(report, OrderReport)
            return replace(report, side=Side.SELL)

        world.exchange.find_order = find_another  # type: ignore[method-assign, assignment]
        why = "the exchange shows another order under our id: side sell, meant buy"
        assert await send(world, executor, is_urgent=True) == Unsettled(why)
        assert world.ledger().unsettled[0].detail == why
        await asyncio.sleep(world.exchange.capabilities.not_found_after_seconds)
        await executor.settle(world.ledger())

        assert (world.ledger().unsettled, world.ledger().owned) == ((), D(0))
        assert "order disagrees with its intent" in world.told.names()

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (None, ["order settled"]),
        (Fault.REFUSED, ["order refused"]),
        (Fault.ANSWER_LOST, ["order outcome unknown", "order settled"]),
        (Fault.ORDER_NEVER_ARRIVES, ["order outcome unknown", "order never arrived"]),
    ],
)
def test_every_end_of_an_order_is_told_once(tmp_path: Path, fault: Fault | None, told: list[str]) -> None:
    async def story(world: World) -> None:
        executor = executor_of(world)
        if fault:
            world.exchange.inject("submit", fault)
        await send(world, executor)
        await asyncio.sleep(world.exchange.capabilities.not_found_after_seconds)
        await executor.settle(world.ledger())

        assert world.told.names() == told
        order = {
            "account": "bybit", "symbol": BTC, "side": Side.BUY, "quantity": D("0.01"), "reduce_only": False,
            "decision": 0,
        }  # fmt: skip
        assert all(order.items() <= facts.items() for _, facts in world.told.events)
        if fault is None:
            facts = world.told.events[0][1]
            assert (facts["state"], facts["filled"], facts["price"]) == ("filled", D("0.01"), D(50_000))

    live(tmp_path, story)


def closing(world: World) -> None:
    """From now on the exchange takes a close that it does not know again at once."""
    world.exchange.capabilities = replace(world.exchange.capabilities, repeats_closes=True)


async def lose_a_close(world: World, executor: PlanExecutor) -> None:
    await send(world, executor)
    closing(world)
    world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
    await send(world, executor, CLOSE, is_urgent=True)
    assert len(world.ledger().unsettled) == 1


def test_a_close_that_the_exchange_does_not_know_goes_out_again_under_its_id_and_its_window_begins_anew(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        executor = executor_of(world)
        await lose_a_close(world, executor)
        (lost,) = world.ledger().unsettled
        assert executor.repeatable(world.ledger()) == lost
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await asyncio.sleep(7)
        await send(world, executor, CLOSE, is_urgent=True)
        await asyncio.sleep(7)
        await executor.settle(world.ledger())
        assert [record.intent for record in world.ledger().unsettled] == [lost.intent]
        assert await send(world, executor, CLOSE) == Settled(D("-0.01"))

        assert (world.held(), world.ledger().unsettled, executor._flights) == (D(0), (), {})

    live(tmp_path, story)


def test_a_close_that_the_exchange_knows_after_all_is_not_sent_a_third_time(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        executor = executor_of(world)
        await lose_a_close(world, executor)
        world.exchange.inject("submit", Fault.DUPLICATE)
        result = await send(world, executor, CLOSE, is_urgent=True)
        assert isinstance(result, Unsettled)
        assert executor.repeatable(world.ledger()) is None
        assert "sent again and refused: duplicate_client_order_id: the exchange said duplicate" in str(
            world.told.events
        )

        world.exchange.inject("find", Fault.LOOKUP_FAILS)
        await executor.settle(world.ledger())
        assert len(world.ledger().unsettled) == 1

    live(tmp_path, story)


@pytest.mark.parametrize("fault", [Fault.LOOKUP_FAILS, Fault.STILL_OPEN])
def test_a_close_is_sent_again_only_while_the_exchange_says_that_it_does_not_know_it(
    tmp_path: Path, fault: Fault
) -> None:
    async def story(world: World) -> None:
        executor = executor_of(world)
        await send(world, executor)
        closing(world)
        world.exchange.inject("find", *[fault] * 9)
        await send(world, executor, CLOSE, is_urgent=True)

        assert len(world.ledger().unsettled) == 1
        assert executor.repeatable(world.ledger()) is None
        assert executor_of(world).repeatable(world.ledger()) is None

    live(tmp_path, story)


def test_only_closes_are_sent_again_and_only_where_the_exchange_takes_them(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        executor = executor_of(world)
        closing(world)
        world.exchange.inject("submit", Fault.ORDER_NEVER_ARRIVES)
        await send(world, executor, is_urgent=True)
        assert executor.repeatable(world.ledger()) is None
        await asyncio.sleep(9)
        await executor.settle(world.ledger())
        await lose_a_close(world, executor)
        assert executor.repeatable(world.ledger()) is not None
        world.exchange.capabilities = replace(world.exchange.capabilities, repeats_closes=False)

        assert executor.repeatable(world.ledger()) is None

    live(tmp_path, story)
