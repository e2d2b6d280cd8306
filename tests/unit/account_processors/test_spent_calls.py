"""What was spent of a long limit outlives its process, however that ends and whatever becomes of the file."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_processors.limiter import LONGEST_WAY_SECONDS, Budget, BudgetExhausted, Lane, Limiter
from account_processors.spent_calls import LARGEST_LEASE, LONGEST_CALL_SECONDS, SpentCalls
from simulation.virtual_time import run_virtually

MINUTE = Budget("minute", 100, 60.0, shared=True)
LEASE = int(MINUTE.weight * LARGEST_LEASE)
RESERVE = int(MINUTE.weight * MINUTE.reserve)
ORDINARY = int(MINUTE.weight) - RESERVE


class LoopClock:
    """The wall clock as the loop's, and how far it was set."""

    def __init__(self) -> None:
        self.set_by_seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
            seconds=asyncio.get_running_loop().time() + self.set_by_seconds
        )


def at_once(write: Callable[[], None]) -> None:
    write()


def limiter_of_a_new_process(path: Path, clock: LoopClock, budget: Budget = MINUTE) -> Limiter:
    return Limiter([SpentCalls(path, clock, at_once).window("blofin live minute", budget)])


async def spend(limiter: Limiter, calls: int, lane: Lane = Lane.ORDINARY, wait: float = 0.0) -> int:
    """How many calls went out, until one would have had to wait for too long."""
    for sent in range(calls):
        try:
            await limiter.admit(["minute"], 1, lane, wait)
        except BudgetExhausted:
            return sent
        limiter.end(["minute"], 1)
    return calls


def test_a_process_that_begins_goes_on_where_the_one_before_it_ended(tmp_path: Path) -> None:
    async def scene() -> None:
        path, clock = tmp_path / "spent.json", LoopClock()
        assert await spend(limiter_of_a_new_process(path, clock), 1000) == ORDINARY
        await asyncio.sleep(30)
        second = limiter_of_a_new_process(path, clock)
        assert await spend(second, 1) == 0
        reductions = await spend(second, 1000, Lane.REDUCTION)
        assert RESERVE - LEASE <= reductions <= RESERVE
        await asyncio.sleep(31 + LONGEST_CALL_SECONDS)
        third = limiter_of_a_new_process(path, clock)
        assert ORDINARY - reductions - LEASE <= await spend(third, 1000) <= ORDINARY - reductions

    run_virtually(scene())


@pytest.mark.parametrize("calls", [1, 3])
def test_a_hundred_short_lives_hold_back_no_exit(tmp_path: Path, calls: int) -> None:
    async def scene() -> None:
        path, clock = tmp_path / "spent.json", LoopClock()
        budget = Budget("minute", 1500, 300.0, shared=True)
        for _ in range(100):
            assert await spend(limiter_of_a_new_process(path, clock, budget), calls) == calls
            await asyncio.sleep(1)
        assert await spend(limiter_of_a_new_process(path, clock, budget), 1000, Lane.REDUCTION) >= 1000 - 300

    run_virtually(scene())


class Life(NamedTuple):
    """Of one process: its calls, how urgent they are, how long their way is, and how long nothing runs afterwards."""

    calls: int
    lane: Lane
    way_seconds: float
    pause_seconds: float


UNHURRIED = st.sampled_from([lane for lane in Lane if lane is not Lane.REDUCTION])
SLOW = st.builds(Life, st.integers(0, 120), UNHURRIED, st.floats(0, 5), st.floats(0, 50))
QUICK = st.builds(Life, st.integers(0, 120), st.sampled_from(Lane), st.floats(0, LONGEST_WAY_SECONDS), st.floats(0, 50))


async def arrivals_of(life: Life, limiter: Limiter) -> list[float]:
    """When the calls of one process reached the exchange."""
    arrived = list[float]()

    async def call() -> None:
        await limiter.admit(["minute"], 1, life.lane, 200.0)
        await asyncio.sleep(life.way_seconds)
        arrived.append(asyncio.get_running_loop().time())
        limiter.end(["minute"], 1)

    await asyncio.gather(*(call() for _ in range(life.calls)))
    return arrived


@settings(max_examples=40, deadline=None)
@given(st.lists(SLOW, min_size=2, max_size=6) | st.lists(QUICK, min_size=2, max_size=6))
def test_no_window_sees_more_than_the_limit_however_many_processes_follow_each_other(lives: list[Life]) -> None:
    async def scene(path: Path) -> list[float]:
        clock, arrived = LoopClock(), list[float]()
        for life in lives:
            arrived += await arrivals_of(life, limiter_of_a_new_process(path, clock))
            await asyncio.sleep(life.pause_seconds)
        return arrived

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Processes end here and not the machine; without syncing a slow disk does not make this a long test.
        patch.setattr(os, "fsync", lambda _: None)
        arrived = run_virtually(scene(Path(folder) / "spent.json"))
    assert len(arrived) == sum(life.calls for life in lives)
    for first, one_too_many in zip(arrived, arrived[int(MINUTE.weight) :], strict=False):
        assert one_too_many - first >= MINUTE.window_seconds


@pytest.mark.parametrize("set_by_seconds", [-7200.0, -30.0])
def test_after_the_clock_was_set_back_what_was_spent_counts_as_spent_just_now(
    tmp_path: Path, set_by_seconds: float
) -> None:
    async def scene() -> None:
        path, clock = tmp_path / "spent.json", LoopClock()
        await spend(limiter_of_a_new_process(path, clock), 1000)
        clock.set_by_seconds = set_by_seconds
        second = limiter_of_a_new_process(path, clock)
        assert await spend(second, 1) == 0
        await asyncio.sleep(61 + LONGEST_CALL_SECONDS)
        third = limiter_of_a_new_process(path, clock)
        assert await spend(third, 1000) >= ORDINARY - LEASE

    run_virtually(scene())


HOSTILE = [b'{"blofin live minute": [[1, %s]]}' % weight for weight in (b"-1e9", b"0", b"1e308", b"1e999", b"NaN")]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"blofin live minute": [["a", 1]]}', b"\xff\xfe", *HOSTILE])
def test_a_file_that_cannot_be_read_counts_as_empty_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    async def scene() -> None:
        path, clock = tmp_path / "spent.json", LoopClock()
        path.write_bytes(content)
        assert await spend(limiter_of_a_new_process(path, clock), 1000) == ORDINARY
        assert await spend(limiter_of_a_new_process(path, clock), 1) == 0

    run_virtually(scene())


def test_calls_go_on_where_nothing_can_be_written(tmp_path: Path) -> None:
    async def scene() -> None:
        (tmp_path / "no folder").write_bytes(b"")
        limiter = limiter_of_a_new_process(tmp_path / "no folder" / "spent.json", LoopClock())
        assert await spend(limiter, 1000) == ORDINARY

    run_virtually(scene())


def test_only_the_newest_state_is_written_where_the_disk_is_slow(tmp_path: Path) -> None:
    async def scene() -> None:
        path, clock, waiting = tmp_path / "spent.json", LoopClock(), list[Callable[[], None]]()
        first = Limiter([SpentCalls(path, clock, waiting.append).window("blofin live minute", MINUTE)])
        await spend(first, 1000)
        assert len(waiting) == 1
        waiting.pop()()
        assert await spend(limiter_of_a_new_process(path, clock), 1) == 0
        await spend(first, 1000, Lane.REDUCTION)
        assert len(waiting) == 1

    run_virtually(scene())


def test_of_short_windows_nothing_is_written_and_of_long_ones_a_bounded_file(tmp_path: Path) -> None:
    async def scene() -> None:
        path, clock = tmp_path / "spent.json", LoopClock()
        await spend(limiter_of_a_new_process(path, clock, Budget("minute", 100, 10.0)), 50)
        assert not path.exists()
        limiter = limiter_of_a_new_process(path, clock)
        for _ in range(10):
            await spend(limiter, 1000)
            await asyncio.sleep(61)
        assert path.stat().st_size < 2000
        assert path.stat().st_mode & 0o777 == 0o600

    run_virtually(scene())
