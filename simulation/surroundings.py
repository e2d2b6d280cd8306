"""What machine and other installations do to a simulated world: a full disk, services that stop, a second engine."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from core.model.identity import AccountId
from simulation.actions import FillDisk, FreeDisk, RunStranger, StartService, StopService
from simulation.full_disk import ELSEWHERE, Full
from simulation.services import Service
from simulation.stranger import Stranger
from simulation.trading_view import ANSWERED, GATEWAY_ANSWERS
from simulation.whole_world import WholeWorld

REFUSED = 422
NOT_STORED = 503
TOLD_WITHIN_SECONDS = 5.0
JOURNAL_FAILED = "journal not durable, increases stop, reductions go on"


class Surroundings:
    """The machine under one world.

    Args:
        world: The world.
        start_engine: Starts its engine, where its files allow that.
    """

    def __init__(self, world: WholeWorld, start_engine: Callable[[], Awaitable[None]]) -> None:
        self._world = world
        self._start_engine = start_engine
        self._epochs = random.Random(f"strangers {world.plan.seed}")
        self._strangers = 0
        self._told_before = 0

    def answers_allowed(self, symbol: str) -> tuple[int, ...]:
        """How the endpoint may answer an alert now; 200 only when it can be kept."""
        world = self._world
        if not world.services.is_up(Service.ENDPOINT):
            return (GATEWAY_ANSWERS,)
        if world.disk.full is Full.EVERYTHING:
            return (NOT_STORED,)
        return (ANSWERED,) if symbol in world.mapped else (ANSWERED, REFUSED)

    async def apply(self, action: FillDisk | FreeDisk | StopService | StartService | RunStranger) -> None:
        """Let it happen."""
        world = self._world
        match action:
            case FillDisk(full=full):
                self._fill(full)
            case FreeDisk():
                await self.free_disk()
            case StopService(service=service) if world.draw("service crash"):
                world.services.crash(service)
            case StopService(service=service):
                await world.services.stop(service)
            case StartService(service=service):
                await world.services.start(service)
            case RunStranger(exchange=exchange, symbol=symbol, depth=depth, seconds=seconds):
                self._strangers += 1
                folder = world.home.path / f"{ELSEWHERE}-{self._strangers}"
                stranger = Stranger(folder, world.clock, world.house, world.watcher.scene)
                await stranger.trade(exchange, symbol, depth, f"{self._epochs.getrandbits(128):032x}", seconds)

    async def heal(self) -> None:
        """Everything runs, on a disk with room."""
        if self._world.disk.full is not Full.NOTHING or (self._world.engine and self._world.engine.journal.problem()):
            await self.free_disk()
        for service in Service:
            await self._world.services.start(service)

    async def free_disk(self) -> None:
        """Give room, see that the failure was told, and start everything anew."""
        world = self._world
        await self._check_told()
        world.disk.full = Full.NOTHING
        world.watcher.orders.durable_only = None
        await world.stop_engine()
        for service in Service:
            await world.services.stop(service)
            await world.services.start(service)
        await self._start_engine()

    def _fill(self, full: Full) -> None:
        world = self._world
        if world.disk.full is not Full.NOTHING:
            return
        world.disk.full = full
        self._told_before = world.watcher.told[JOURNAL_FAILED]
        if world.engine:
            accounts = [AccountId(name) for name in world.plan.exchanges]
            ledgers = [ledger for account in accounts for ledger in world.engine.journal.ledgers(account)]
            alive = (record.intent.client_order_id for ledger in ledgers for record in ledger.unsettled)
            world.watcher.orders.durable_only = frozenset(alive)

    async def _check_told(self) -> None:
        """A journal that fails is told within a few seconds; the write that failed may have been a moment ago."""
        if self._fails_untold():
            await asyncio.sleep(TOLD_WITHIN_SECONDS)
            if self._fails_untold():
                self._world.watcher.fail(9, "the journal failed and nobody was told")

    def _fails_untold(self) -> bool:
        world = self._world
        is_failing = world.engine is not None and bool(world.engine.journal.problem())
        return is_failing and world.watcher.told[JOURNAL_FAILED] == self._told_before
