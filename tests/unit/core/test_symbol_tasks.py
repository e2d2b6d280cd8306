"""What ends in a later pass than it began in went by what that earlier one knew."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.model.identity import Symbol
from core.model.outcome import SymbolOutcome
from core.model.reading import Known
from core.symbol_tasks import Place, SymbolTasks

BTC = Symbol("BTCUSDT")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SHORT = SymbolOutcome(BTC, Known(Decimal(0), NOW), is_confirmed=False, why="a source was silent")
DONE = SymbolOutcome(BTC, Known(Decimal(1), NOW), is_confirmed=True)
SOON = SymbolOutcome(BTC, Known(Decimal(0), NOW), is_confirmed=False, why="not found yet", retry_at=NOW)


class StillClock:
    def now(self) -> datetime:
        return NOW


def step(release: asyncio.Event, outcome: SymbolOutcome) -> Callable[[Place], Awaitable[SymbolOutcome]]:
    async def work(_: Place) -> SymbolOutcome:
        await release.wait()
        return outcome

    return work


@pytest.mark.parametrize(("outcome", "looks_again"), [(SHORT, True), (DONE, False), (SOON, False)])
async def test_a_step_that_outlasted_its_pass_and_fell_short_is_looked_at_again_at_once(
    outcome: SymbolOutcome, looks_again: bool
) -> None:
    wake, release = asyncio.Event(), asyncio.Event()
    tasks = SymbolTasks(5, wake, StillClock(), lambda *_: None)
    tasks.start(BTC, step(release, outcome), is_exit=False)
    wake.set()
    await tasks.wait()
    assert [one.why for one in tasks.collect()] == ["an earlier step is still under way"]

    wake.clear()
    tasks.start(BTC, step(release, outcome), is_exit=False)
    asyncio.get_running_loop().call_soon(release.set)
    await tasks.wait()

    assert tasks.collect() == [outcome]
    assert wake.is_set() is looks_again


async def test_a_step_that_fell_short_in_its_own_pass_waits_for_the_next_check() -> None:
    wake, release = asyncio.Event(), asyncio.Event()
    tasks = SymbolTasks(5, wake, StillClock(), lambda *_: None)
    release.set()
    for _ in range(2):
        tasks.start(BTC, step(release, SHORT), is_exit=False)
        await tasks.wait()
        assert tasks.collect() == [SHORT]

    assert not wake.is_set()
