"""A position that nobody brings to its target is called late in its time, and so is one that is not configured."""

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path

import pytest

from simulation.actions import EditWeights
from simulation.calm import CalmCheck
from simulation.trial import Trial
from simulation.virtual_time import run_virtually
from simulation.whole_world import Plan, WholeWorld

pytestmark = pytest.mark.timeout(120)

SYMBOL = "BTCUSDT"
PLAN = Plan(2, symbols=(SYMBOL,), network_symbols=(), exchanges=("bybit",))


def told_of(folder: Path, neglect: Callable[[WholeWorld], Coroutine[None, None, None]]) -> list[tuple[int, int]]:
    """The rules that are called broken, and how many seconds after its account stopped to trade."""

    async def main() -> list[tuple[int, int]]:
        world = WholeWorld(folder, PLAN)
        with world.disk.listening():
            async with world.running():
                await world.alert(SYMBOL, Decimal("0.5"))
                await asyncio.sleep(10)
                for task in asyncio.all_tasks():
                    if task.get_name() == "bybit":
                        task.cancel()
                begun = world.clock.seconds()
                await neglect(world)
        await world.house.close()
        return [(one.invariant, round(one.at_seconds - begun)) for one in world.watcher.violations]

    return run_virtually(main())


@pytest.mark.parametrize(
    ("depth", "after_seconds"),
    [("0", 30), ("-0.5", 30), ("0.3", 30), ("0.9", 39)],
    ids=["exit", "flip", "less", "more"],
)
def test_what_is_asked_and_not_even_decided_is_called_late_in_its_time(
    tmp_path: Path, depth: str, after_seconds: int
) -> None:
    async def ask(world: WholeWorld) -> None:
        await world.alert(SYMBOL, Decimal(depth))
        await Trial(world).heal_and_converge()
        assert world.watcher.seen["place judged"] == 1

    assert told_of(tmp_path, ask) == [(3, after_seconds)]


def test_a_symbol_that_was_removed_and_is_still_held_is_called_late(tmp_path: Path) -> None:
    async def remove(world: WholeWorld) -> None:
        calm = CalmCheck(world)
        calm.take(EditWeights({}))
        world.write_weights({})
        for _ in range(2):
            await asyncio.sleep(200)
            calm.look()

    assert told_of(tmp_path, remove) == [(12, 400)]
