"""How late an account's pass is: what shows that an engine whose loop lives does not look at an account any more."""

import asyncio
from pathlib import Path

from core.model.identity import AccountId
from core.model.policy import AccountPolicy
from core.model.position import AccountSnapshot
from core.ports.settings import DefaultSettings
from simulation.bare_exchange import Fault
from simulation.bare_world import World, live

SOUND, BARRED, IDLE, HUNG, BROKEN = (AccountId(name) for name in ("bybit", "blofin", "kucoin", "mexc", "okx"))
FULL_CHECK_SECONDS = DefaultSettings().full_check_seconds()
A_WHILE_SECONDS = 600.0
IN_TIME_SECONDS = 5.0


async def hang() -> AccountSnapshot:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def fail() -> AccountSnapshot:
    raise RuntimeError("a fault of ours")


def test_only_an_account_whose_passes_do_not_end_well_is_overdue(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for _ in range(20):
            world.exchanges[BARRED].inject("read", Fault.BARRED)
        world.exchanges[HUNG].read_snapshot = hang  # type: ignore[method-assign]
        world.exchanges[BROKEN].read_snapshot = fail  # type: ignore[method-assign]
        world.sources.say(BTC="0.1")
        stop = asyncio.Event()
        engine = asyncio.create_task(world.executor.run(stop))
        await asyncio.sleep(A_WHILE_SECONDS)
        overdue = world.executor.overdue_seconds()
        stop.set()
        await engine

        assert "account quarantined" in world.told.names()
        assert [account for account, seconds in overdue.items() if seconds > IN_TIME_SECONDS] == [HUNG, BROKEN]
        assert min(overdue[HUNG], overdue[BROKEN]) >= A_WHILE_SECONDS - FULL_CHECK_SECONDS - IN_TIME_SECONDS

    idle = AccountPolicy(IDLE, is_enabled=False)
    live(
        tmp_path,
        story,
        *(AccountPolicy(one) for one in (SOUND, BARRED)),
        idle,
        AccountPolicy(HUNG),
        AccountPolicy(BROKEN),
    )
