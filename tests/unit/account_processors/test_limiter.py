"""Budgets on loop time: never more than published, a reserve for reductions, obedience after a limit was hit."""

import asyncio
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_processors.ccxt_client import CallSettings
from account_processors.limiter import (
    LONGEST_WAY_SECONDS,
    LOOK_UP_EVERY_SECONDS,
    Budget,
    BudgetExhausted,
    Lane,
    Limiter,
    Window,
)
from simulation.virtual_time import run_virtually

TRADE = Budget("trade", 10, 1.0)


def limiter_of(*budgets: Budget) -> Limiter:
    return Limiter([Window(budget) for budget in budgets])


async def times_of(limiter: Limiter, calls: int, lane: Lane, wait: float = 100.0) -> list[float]:
    loop = asyncio.get_running_loop()
    times: list[float] = []

    async def call() -> None:
        await limiter.admit(["trade"], 1, lane, wait)
        times.append(loop.time())
        limiter.end(["trade"], 1)

    await asyncio.gather(*(call() for _ in range(calls)))
    return times


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.sampled_from(Lane))
def test_no_window_ever_holds_more_than_its_weight(calls: int, lane: Lane) -> None:
    times = sorted(run_virtually(times_of(limiter_of(TRADE), calls, lane)))
    limit = {Lane.ORDINARY: 8, Lane.LOOK_UP: 9, Lane.REDUCTION: 10}[lane]
    for index, at in enumerate(times):
        within = [other for other in times[index:] if other < at + TRADE.window_seconds - 1e-9]
        assert len(within) <= limit


class Sent(NamedTuple):
    """A call: when it is wanted, how urgent it is, how long it is on its way and how long its answer takes."""

    wanted_at: float
    lane: Lane
    transit_seconds: float
    answer_seconds: float


UNHURRIED = st.sampled_from([lane for lane in Lane if lane is not Lane.REDUCTION])
SLOW = st.builds(Sent, st.floats(0, 3), UNHURRIED, st.floats(0, 2), st.floats(0, 2))
QUICK = st.builds(Sent, st.floats(0, 3), st.sampled_from(Lane), st.floats(0, LONGEST_WAY_SECONDS), st.floats(0, 2))


async def arrivals_of(calls: list[Sent]) -> list[float]:
    loop, limiter, arrived = asyncio.get_running_loop(), limiter_of(TRADE), list[float]()

    async def send(call: Sent) -> None:
        await asyncio.sleep(call.wanted_at)
        await limiter.admit(["trade"], 1, call.lane, 1000.0)
        await asyncio.sleep(call.transit_seconds)
        arrived.append(loop.time())
        await asyncio.sleep(call.answer_seconds)
        limiter.end(["trade"], 1)

    await asyncio.gather(*map(send, calls))
    return sorted(arrived)


@settings(max_examples=60, deadline=None)
@given(st.lists(QUICK, min_size=11, max_size=60) | st.lists(SLOW, min_size=11, max_size=60))
def test_however_long_calls_are_on_their_way_no_window_of_the_exchange_sees_more_than_its_weight(
    calls: list[Sent],
) -> None:
    arrived = run_virtually(arrivals_of(calls))
    assert len(arrived) == len(calls)
    for first, one_too_many in zip(arrived, arrived[10:], strict=False):
        assert one_too_many - first >= TRADE.window_seconds


def test_slow_calls_and_quick_ones_after_them_do_not_meet_in_one_window() -> None:
    slow = [Sent(0.0, Lane.REDUCTION, 0.9, 0.1)] * 10
    quick = [Sent(1.0, Lane.REDUCTION, 0.0, 0.1)] * 10
    arrived = run_virtually(arrivals_of(slow + quick))
    assert arrived[9] == pytest.approx(0.9, rel=0.01)
    assert arrived[10] >= 2.0


def test_a_call_waits_for_those_under_way_at_least_a_window_and_no_longer_than_it_may() -> None:
    async def scene() -> None:
        limiter = limiter_of(TRADE)
        for _ in range(8):
            await limiter.admit(["trade"], 1, Lane.ORDINARY, 0.0)
        with pytest.raises(BudgetExhausted) as turned_away:
            await limiter.admit(["trade"], 1, Lane.ORDINARY, 0.9)
        assert turned_away.value.wait_seconds == pytest.approx(1.0, rel=0.01)
        with pytest.raises(BudgetExhausted):
            await limiter.admit(["trade"], 1, Lane.ORDINARY, 3.5)
        assert asyncio.get_running_loop().time() == pytest.approx(3.0, rel=0.01)

    run_virtually(scene())


def test_reductions_do_not_wait_for_the_answers_of_increases_that_hang() -> None:
    async def scene() -> None:
        loop, limiter = asyncio.get_running_loop(), limiter_of(TRADE)
        for lane, calls in ((Lane.ORDINARY, 8), (Lane.REDUCTION, 2)):
            for _ in range(calls):
                await limiter.admit(["trade"], 1, lane, 0.0)
        for _ in range(10):
            await limiter.admit(["trade"], 1, Lane.REDUCTION, CallSettings().longest_wait_before_write_seconds)
        assert loop.time() == pytest.approx(TRADE.window_seconds + LONGEST_WAY_SECONDS, rel=0.01)
        with pytest.raises(BudgetExhausted):
            await limiter.admit(["trade"], 1, Lane.ORDINARY, 0.9)

    run_virtually(scene())


def test_a_reduction_goes_at_once_where_ordinary_calls_have_used_their_share() -> None:
    async def scene() -> float:
        limiter = limiter_of(TRADE)
        await times_of(limiter, 8, Lane.ORDINARY)
        before = asyncio.get_running_loop().time()
        await limiter.admit(["trade"], 1, Lane.REDUCTION, 0.0)
        with pytest.raises(BudgetExhausted):
            await limiter.admit(["trade"], 1, Lane.ORDINARY, 0.5)
        return asyncio.get_running_loop().time() - before

    assert run_virtually(scene()) < 0.01


def test_during_a_block_reductions_go_and_all_but_one_look_up_wait() -> None:
    async def scene() -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        limiter = limiter_of(TRADE)
        limiter.block(["trade"], 30.0)
        await limiter.admit(["trade"], 1, Lane.REDUCTION, 0.0)
        reduced_at = loop.time()
        with pytest.raises(BudgetExhausted, match="left alone"):
            await limiter.admit(["trade"], 1, Lane.LOOK_UP, LOOK_UP_EVERY_SECONDS - 0.1)
        await limiter.admit(["trade"], 1, Lane.LOOK_UP, LOOK_UP_EVERY_SECONDS + 0.1)
        looked_at = loop.time()
        with pytest.raises(BudgetExhausted):
            await limiter.admit(["trade"], 1, Lane.LOOK_UP, LOOK_UP_EVERY_SECONDS - 0.1)
        await limiter.admit(["trade"], 1, Lane.ORDINARY, 60.0)
        return reduced_at, looked_at, loop.time()

    reduced_at, looked_at, went_at = run_virtually(scene())
    assert reduced_at < 0.01
    assert looked_at == pytest.approx(LOOK_UP_EVERY_SECONDS)
    assert went_at >= 30.0


def test_once_the_exchange_answers_again_look_ups_wait_no_longer_and_ordinary_calls_still_do() -> None:
    async def scene() -> float:
        limiter = limiter_of(TRADE)
        limiter.block(["trade"], 60.0)
        await limiter.admit(["trade"], 1, Lane.REDUCTION, 0.0)
        limiter.answered(["trade"])
        await times_of(limiter, 5, Lane.LOOK_UP, wait=0.0)
        with pytest.raises(BudgetExhausted):
            await limiter.admit(["trade"], 1, Lane.ORDINARY, 50.0)
        limiter.block(["trade"], 60.0)
        with pytest.raises(BudgetExhausted):
            await limiter.admit(["trade"], 1, Lane.LOOK_UP, 0.0)
        return asyncio.get_running_loop().time()

    assert run_virtually(scene()) < 0.01


def test_a_call_that_would_wait_too_long_spends_nothing() -> None:
    async def scene() -> None:
        limiter = limiter_of(TRADE, Budget("address", 1, 60.0, shared=True, reserve=0.0))
        await limiter.admit(["address"], 1, Lane.ORDINARY, 0.0)
        with pytest.raises(BudgetExhausted, match="address"):
            await limiter.admit(["trade", "address"], 1, Lane.ORDINARY, 1.0)
        assert len(await times_of(limiter, 8, Lane.ORDINARY, wait=0.0)) == 8

    run_virtually(scene())


def test_a_call_heavier_than_the_whole_budget_goes_alone() -> None:
    async def scene() -> None:
        await limiter_of(Budget("detail", 1, 5.0, reserve=0.0)).admit(["detail"], 3, Lane.ORDINARY, 0.0)

    run_virtually(scene())
