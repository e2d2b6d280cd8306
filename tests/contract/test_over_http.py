"""The same conversations over loopback HTTP. The whole suite takes that way when TRADE_ENGINE_CONTRACT_WAY is http."""

import os
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.order import NotFound, RefusalReason, RefusedOutcome, Side, UnknownOutcome
from core.model.reading import Known, Unknown
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import BTC, ETH, EXCHANGES, Bench, Way, must_know, play

READ_FAULTS = (
    Fault(FaultKind.HANG),
    Fault(FaultKind.SERVER_ERROR, status=502),
    Fault(FaultKind.HTML_PAGE, status=503),
    Fault(FaultKind.TRUNCATED),
    Fault(FaultKind.REFUSED, code="987654"),
)


@pytest.mark.parametrize("name", EXCHANGES)
def test_open_close_and_everything_read_in_between(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        quotes = await bench.exchange.read_quotes([BTC, ETH])
        assert all(isinstance(quote, Known) for quote in quotes.values())
        opened = await bench.trade(Side.SELL, "0.02")
        assert opened.signed_fill == Decimal("-0.02")
        held = await bench.position()
        assert held is not None
        assert held.quantity == Decimal("-0.02")
        closed = await bench.trade(Side.BUY, "0.02", reduce_only=True)
        assert closed.signed_fill == Decimal("0.02")
        assert await bench.position() is None
        assert must_know((await bench.exchange.read_snapshot()).equity) < 10_000
        nothing = await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02", reduce_only=True))
        assert isinstance(nothing, RefusedOutcome)
        assert nothing.reason is RefusalReason.NOTHING_TO_REDUCE

    play(name, scene, way=Way.HTTP)


@pytest.mark.parametrize("name", EXCHANGES)
def test_faults_leave_reads_unknown_and_orders_to_be_looked_up(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        for fault in READ_FAULTS:
            bench.break_next(replace(fault, endpoint="positions"))
            assert isinstance(await bench.exchange.read_positions(), Unknown)
            bench.break_next(replace(fault, endpoint="create_order"))
            intent = bench.intent(Side.BUY, "0.001")
            assert isinstance(await bench.exchange.submit_order(intent), UnknownOutcome)
            arrived = fault.kind is FaultKind.TRUNCATED
            found = await bench.exchange.find_order(BTC, intent.client_order_id)
            assert isinstance(found, NotFound) != arrived, (fault, found)
        bench.break_next(Fault(FaultKind.ANSWER_LOST, endpoint="create_order"))
        lost = bench.intent(Side.BUY, "0.002")
        assert isinstance(await bench.exchange.submit_order(lost), UnknownOutcome)
        assert (await bench.settled(lost)).signed_fill == Decimal("0.002")
        held = await bench.position()
        assert held is not None
        assert held.quantity == Decimal("0.003")

    play(name, scene, way=Way.HTTP)


@pytest.mark.full
@pytest.mark.timeout(900)  # 500 tests, of which some spend an hour of a served exchange's seconds
def test_the_whole_suite_over_http() -> None:
    run = subprocess.run(  # noqa: S603 - this interpreter on this folder
        [sys.executable, "-m", "pytest", "-q", "-m", "not full", "-p", "no:cacheprovider", str(Path(__file__).parent)],
        env={**os.environ, "TRADE_ENGINE_CONTRACT_WAY": Way.HTTP},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:]
