"""An order that meets a fault is refused only where that is proven, and what became of it is found by its id."""

from dataclasses import replace
from decimal import Decimal

import pytest

from core.model.order import (
    Accepted,
    NotFound,
    OrderReport,
    RefusalReason,
    RefusedOutcome,
    Side,
    UnknownOutcome,
)
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import EXCHANGES, Bench, play

NEVER_ARRIVED = (
    Fault(FaultKind.HANG),
    Fault(FaultKind.CUT_BEFORE),
    Fault(FaultKind.SERVER_ERROR, status=500),
    Fault(FaultKind.SERVER_ERROR, status=502),
    Fault(FaultKind.SERVER_ERROR, status=504),
    Fault(FaultKind.HTML_PAGE, status=503),
    Fault(FaultKind.HTML_PAGE, status=200),
    Fault(FaultKind.REFUSED, code="987654"),
    Fault(FaultKind.REFUSED),
)
ARRIVED = (
    Fault(FaultKind.ANSWER_LOST),
    Fault(FaultKind.TRUNCATED),
    Fault(FaultKind.LATENCY, seconds=0.5),
    Fault(FaultKind.MISSING_FIELD, field="orderId"),
    Fault(FaultKind.WRONG_FIELD, field="orderId", value=""),
)
REFUSALS = {
    FaultKind.RATE_LIMITED: {RefusalReason.RATE_LIMITED},
    FaultKind.REVOKED_KEY: {RefusalReason.AUTHENTICATION},
}


def name_of(fault: Fault) -> str:
    return f"{fault.kind} {fault.status or fault.code or fault.field}".strip()


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("fault", NEVER_ARRIVED, ids=name_of)
def test_an_order_that_never_arrived_is_unknown_and_then_not_found(name: str, fault: Fault) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        bench.break_next(replace(fault, endpoint="create_order"))
        intent = bench.intent(Side.BUY, "0.02")
        assert isinstance(await bench.exchange.submit_order(intent), UnknownOutcome)
        assert await bench.exchange.find_order(intent.symbol, intent.client_order_id) == NotFound()
        assert bench.calls_of("create_order") == 1
        assert await bench.position() is None

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("fault", ARRIVED, ids=name_of)
def test_an_order_whose_answer_is_lost_is_never_sent_twice_and_found_with_its_fill(name: str, fault: Fault) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        bench.break_next(replace(fault, endpoint="create_order"))
        intent = bench.intent(Side.BUY, "0.02")
        outcome = await bench.exchange.submit_order(intent)
        assert isinstance(outcome, Accepted if fault.kind is FaultKind.LATENCY else UnknownOutcome), outcome
        report = await bench.settled(intent)
        assert report.signed_fill == Decimal("0.02")
        assert bench.calls_of("create_order") == 1
        held = await bench.position()
        assert held is not None
        assert held.quantity == Decimal("0.02")

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("kind", REFUSALS)
def test_a_proven_refusal_says_why(name: str, kind: FaultKind) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        bench.break_next(Fault(kind, endpoint="create_order"))
        outcome = await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02"))
        assert isinstance(outcome, RefusedOutcome), outcome
        assert outcome.reason in REFUSALS[kind]

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_order_that_lands_after_our_deadline_is_found_when_it_has(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        bench.break_next(Fault(FaultKind.LATE, endpoint="create_order", seconds=4.0))
        intent = bench.intent(Side.BUY, "0.02")
        assert isinstance(await bench.exchange.submit_order(intent), UnknownOutcome)
        assert await bench.exchange.find_order(intent.symbol, intent.client_order_id) == NotFound()
        assert bench.exchange.capabilities.not_found_after_seconds > 4.0
        await bench.pause(2.5)
        assert (await bench.settled(intent)).signed_fill == Decimal("0.02")

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_partial_fill_and_a_late_reject_are_told_as_they_are(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.break_next(Fault(FaultKind.PARTIAL_FILL, endpoint="create_order"))
        partly = await bench.trade(Side.BUY, "0.02")
        assert partly.filled_quantity == Decimal("0.01")
        bench.break_next(Fault(FaultKind.REJECTED_LATER, endpoint="create_order", seconds=0.2))
        rejected = await bench.trade(Side.BUY, "0.02")
        assert rejected.filled_quantity == 0
        assert rejected.average_price is None
        held = await bench.position()
        assert held is not None
        assert held.quantity == Decimal("0.01")

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.HANG),
        Fault(FaultKind.CUT_BEFORE),
        Fault(FaultKind.SERVER_ERROR, status=502),
        Fault(FaultKind.HTML_PAGE),
        Fault(FaultKind.TRUNCATED),
        Fault(FaultKind.RATE_LIMITED),
        Fault(FaultKind.MAINTENANCE),
        Fault(FaultKind.REVOKED_KEY),
        Fault(FaultKind.REFUSED, code="987654"),
    ],
    ids=name_of,
)
def test_a_look_up_that_fails_proves_nothing(name: str, fault: Fault) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        report = await bench.trade(Side.BUY, "0.02")
        bench.break_next(replace(fault, endpoint=bench.look_up))
        found = await bench.exchange.find_order(report.symbol, report.client_order_id)
        assert isinstance(found, UnknownOutcome), found

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_same_id_again_executes_nothing_and_the_order_is_still_there(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        intent = bench.intent(Side.BUY, "0.02")
        first = await bench.exchange.submit_order(intent)
        assert isinstance(first, Accepted)
        again = await bench.exchange.submit_order(intent)
        if isinstance(again, RefusedOutcome):
            assert again.reason is RefusalReason.DUPLICATE_CLIENT_ORDER_ID
        else:
            assert again == first
        report = await bench.settled(intent)
        assert isinstance(report, OrderReport)
        held = await bench.position()
        assert held is not None
        assert held.quantity == Decimal("0.02")

    play(name, scene)


def test_on_bybit_not_found_needs_the_history_too() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.break_next(Fault(FaultKind.SERVER_ERROR, endpoint="order_history", status=502))
        intent = bench.intent(Side.BUY, "0.02")
        assert isinstance(await bench.exchange.find_order(intent.symbol, intent.client_order_id), UnknownOutcome)
        assert await bench.exchange.find_order(intent.symbol, intent.client_order_id) == NotFound()

    play("bybit", scene)
