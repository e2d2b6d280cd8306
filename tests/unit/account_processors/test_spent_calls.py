"""What was spent of a long limit outlives its process, however that ends and whatever becomes of the file."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from account_processors.limiter import Budget, BudgetExhausted, Lane, Limiter
from account_processors.spent_calls import LEASE_SHARE, SpentCalls
from simulation.virtual_time import run_virtually

MINUTE = Budget("minute", 100, 60.0, shared=True)
LEASE = int(MINUTE.weight * LEASE_SHARE)
ORDINARY = int(MINUTE.weight * (1 - MINUTE.reserve))


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


async def spend(limiter: Limiter, calls: int, lane: Lane = Lane.ORDINARY, wait: float = 0.0) -> list[float]:
    """When calls went out, until one would have had to wait for too long."""
    went = []
    for _ in range(calls):
        try:
            await limiter.admit(["minute"], 1, lane, wait)
        except BudgetExhausted:
            break
        went.append(asyncio.get_running_loop().time())
        limiter.end(["minute"], 1)
    return went


def test_a_process_that_begins_goes_on_where_the_one_before_it_ended(tmp_path: Path) -> None:
    async def scene() -> None:
        path, clock = tmp_path / "spent.json", LoopClock()
        assert len(await spend(limiter_of_a_new_process(path, clock), 1000)) == ORDINARY
        await asyncio.sleep(30)
        second = limiter_of_a_new_process(path, clock)
        assert await spend(second, 1) == []
        assert len(await spend(second, 1000, Lane.REDUCTION)) == MINUTE.weight - ORDINARY
        await asyncio.sleep(31)
        third = limiter_of_a_new_process(path, clock)
        assert len(await spend(third, 1000)) == ORDINARY - (MINUTE.weight - ORDINARY) - LEASE

    run_virtually(scene())


def test_of_a_process_that_spent_little_at_most_one_lease_too_much_is_counted(tmp_path: Path) -> None:
    async def scene() -> None:
        path, clock = tmp_path / "spent.json", LoopClock()
        await spend(limiter_of_a_new_process(path, clock), 1)
        assert len(await spend(limiter_of_a_new_process(path, clock), 1000)) == ORDINARY - LEASE

    run_virtually(scene())


LIVES = st.lists(st.tuples(st.integers(0, 120), st.sampled_from(Lane), st.floats(0, 50)), min_size=2, max_size=8)


@settings(max_examples=50, deadline=None)
@given(LIVES)
def test_no_window_sees_more_than_the_limit_however_many_processes_follow_each_other(
    lives: list[tuple[int, Lane, float]],
) -> None:
    async def scene(path: Path) -> list[float]:
        clock, went = LoopClock(), list[float]()
        for calls, lane, pause_seconds in lives:
            went += await spend(limiter_of_a_new_process(path, clock), calls, lane, wait=70.0)
            await asyncio.sleep(pause_seconds)
        return went

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        # Processes end here and not the machine; without syncing a slow disk does not make this a long test.
        patch.setattr(os, "fsync", lambda _: None)
        went = run_virtually(scene(Path(folder) / "spent.json"))
    for first, one_too_many in zip(went, went[int(MINUTE.weight) :], strict=False):
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
        assert await spend(second, 1) == []
        await asyncio.sleep(61)
        assert len(await spend(second, 1000)) == ORDINARY

    run_virtually(scene())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"blofin live minute": [["a", 1]]}', b"\xff\xfe"])
def test_a_file_that_cannot_be_read_counts_as_empty_and_is_replaced(tmp_path: Path, content: bytes) -> None:
    async def scene() -> None:
        path, clock = tmp_path / "spent.json", LoopClock()
        path.write_bytes(content)
        assert len(await spend(limiter_of_a_new_process(path, clock), 1000)) == ORDINARY
        assert await spend(limiter_of_a_new_process(path, clock), 1) == []

    run_virtually(scene())


def test_calls_go_on_where_nothing_can_be_written(tmp_path: Path) -> None:
    async def scene() -> None:
        (tmp_path / "no folder").write_bytes(b"")
        limiter = limiter_of_a_new_process(tmp_path / "no folder" / "spent.json", LoopClock())
        assert len(await spend(limiter, 1000)) == ORDINARY

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
