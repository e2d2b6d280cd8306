"""The exchange's clock: measured before the first signed call and every hour, corrected, told when it is far off."""

from dataclasses import replace
from datetime import timedelta

import pytest

from account_processors.clock_offset import MEASURE_EVERY_SECONDS
from core.model.order import RefusalReason, RefusedOutcome, Side
from core.model.reading import Known, Unknown
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import CALLS, EXCHANGES, Bench, must_know, play


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("seconds", [-90, 90])
def test_a_far_clock_is_corrected_and_told(name: str, seconds: int) -> None:
    async def scene(bench: Bench) -> None:
        bench.clock.step(seconds)
        assert isinstance(await bench.exchange.read_positions(), Known)
        assert abs(bench.exchange.clock_offset.offset + timedelta(seconds=seconds)) < timedelta(milliseconds=50)
        assert "clock differs from the exchange's" in bench.told.names()
        report = await (await bench.ready()).trade(Side.BUY, "0.02")
        assert abs(report.created_at - bench.clock.now()) < timedelta(seconds=1)

    play(name, scene)


@pytest.mark.parametrize(("seconds", "is_told"), [(0.4, False), (-0.4, False), (0.6, True), (-0.6, True)])
def test_a_difference_is_told_above_half_a_second_and_corrected_below_it_as_well(seconds: float, is_told: bool) -> None:
    async def scene(bench: Bench) -> None:
        bench.clock.step(seconds)
        must_know(await bench.exchange.read_positions())
        assert ("clock differs from the exchange's" in bench.told.names()) == is_told
        assert abs(bench.exchange.clock_offset.offset + timedelta(seconds=seconds)) < timedelta(milliseconds=50)

    play("bybit", scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_clock_is_measured_once_an_hour(name: str) -> None:
    async def scene(bench: Bench) -> None:
        for _ in range(3):
            await bench.exchange.read_positions()
        assert bench.calls_of("time") == 1
        await bench.pause(MEASURE_EVERY_SECONDS)
        await bench.exchange.read_positions()
        assert bench.calls_of("time") == 2
        assert "clock differs from the exchange's" not in bench.told.names()

    play(name, scene)


SKEWED_READ = Fault(FaultKind.CLOCK_SKEW, endpoint="positions", seconds=-400.0)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_refused_time_fails_one_read_and_is_measured_anew(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.break_next(SKEWED_READ)
        assert isinstance(await bench.exchange.read_positions(), Unknown)
        assert isinstance(await bench.exchange.read_positions(), Known)
        assert bench.calls_of("time") == 2

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_with_two_tries_a_refused_time_costs_no_read(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.break_next(SKEWED_READ)
        assert isinstance(await bench.exchange.read_positions(), Known)

    play(name, scene, calls=replace(CALLS, read_tries=2))


@pytest.mark.parametrize("seconds", [30.0, -30.0, 200.0])
@pytest.mark.parametrize("name", EXCHANGES)
def test_after_a_step_of_our_clock_an_order_still_shows_when_it_was_sent(name: str, seconds: float) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.clock.step(seconds)
        assert isinstance(await bench.exchange.read_positions(), Known)
        sent_at = bench.clock.now()
        report = await bench.trade(Side.BUY, "0.02")
        assert abs(report.created_at - sent_at) < timedelta(seconds=1)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_refused_time_on_an_order_is_a_proven_refusal(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        bench.break_next(Fault(FaultKind.CLOCK_SKEW, endpoint="create_order", seconds=-400.0))
        outcome = await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02"))
        assert isinstance(outcome, RefusedOutcome)
        assert outcome.reason is RefusalReason.CLOCK

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_that_does_not_tell_its_time_is_read_all_the_same(name: str) -> None:
    async def scene(bench: Bench) -> None:
        bench.house.faults.add(Fault(FaultKind.SERVER_ERROR, exchange=name, endpoint="time", count=None))
        must_know(await bench.exchange.read_positions())
        assert "clock not measured" in bench.told.names()

    play(name, scene)
