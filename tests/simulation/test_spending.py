"""An engine that starts again keeps limits of minutes as well, and the checker tells on one that does not."""

import asyncio
from pathlib import Path

import pytest

from paper.ledger import Entry
from simulation.full_disk import Full
from simulation.scene import Violation
from simulation.virtual_time import run_virtually
from simulation.whole_world import Plan, WholeWorld

pytestmark = pytest.mark.timeout(120)

PLAN = Plan(2, symbols=("BTCUSDT",), network_symbols=(), exchanges=("blofin",))


async def read_positions(world: WholeWorld, seconds: float) -> None:
    """Read them for so long as fast as the engine's own budgets allow."""
    assert world.engine
    exchange = world.engine.workers[0]._exchange
    until = world.clock.seconds() + seconds
    while world.clock.seconds() < until:
        await asyncio.gather(*(exchange.read_positions() for _ in range(20)))
        await asyncio.sleep(0.5)


def restart_in_mid_window(
    folder: Path, *, forgets: bool = False, is_full: bool = False
) -> tuple[list[Violation], list[Entry]]:
    """A crash after four minutes of reading, and reading on; what was told, and which calls were refused."""

    async def main() -> tuple[list[Violation], list[Entry]]:
        world = WholeWorld(folder, PLAN)
        with world.disk.listening():
            async with world.running():
                await read_positions(world, 120.0)
                if is_full:
                    world.disk.full = Full.EVERYTHING
                await read_positions(world, 120.0)
                await world.stop_engine(is_crash=True)
                world.disk.full = Full.NOTHING
                if forgets:
                    world.home.spent_calls.unlink()
                await world.start_engine()
                await read_positions(world, 50.0)
        await world.house.close()
        return world.watcher.violations, world.house.ledger.entries("refused_request", "blofin")

    return run_virtually(main())


def test_after_a_crash_in_mid_window_no_call_is_refused(tmp_path: Path) -> None:
    assert restart_in_mid_window(tmp_path) == ([], [])


def test_an_engine_that_forgot_what_was_spent_passes_the_limit_and_is_told(tmp_path: Path) -> None:
    told, refused = restart_in_mid_window(tmp_path, forgets=True)

    assert refused
    assert {one.invariant for one in told} == {13}
    assert "five minutes" in told[0].told


def test_where_a_full_disk_kept_no_note_the_refusals_are_nobodys_fault(tmp_path: Path) -> None:
    told, refused = restart_in_mid_window(tmp_path, is_full=True)

    assert refused
    assert told == []
