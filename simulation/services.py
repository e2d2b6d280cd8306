"""The endpoint and the poller of a simulated home: each may stop and start again without the other."""

import asyncio
import fcntl
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from enum import StrEnum
from pathlib import Path

from config.home import Home
from core.model.failures import InvalidConfig
from core.model.signal import SourceStatus
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry
from paper.sn8 import Sn8Server
from paper.sn8_session import Sn8Session
from signal_endpoints.in_process import Answer, request
from signal_endpoints.tradingview_service import TradingViewService
from signal_processors.bittensor_client import Sn8Access
from signal_processors.bittensor_mapping import SOURCE as BITTENSOR
from signal_processors.bittensor_poller import BittensorPoller
from signal_processors.records import RecordLog
from simulation.processes import Process, Voice
from simulation.watched_sqlite import path_of

SN8_KEY = "made-sn8-key"
LOCK_NAME = ".writer.lock"


class Service(StrEnum):
    """One of the processes beside the engine."""

    ENDPOINT = "endpoint"
    POLLER = "poller"


_SOURCES: Mapping[Service, str] = {Service.ENDPOINT: "tradingview", Service.POLLER: BITTENSOR}


class Services:
    """What runs beside the engine over one home.

    Attributes:
        webhook: The endpoint's application, as it ran last.
    """

    def __init__(self, home: Home, clock: Clock, telemetry: Telemetry, sn8: Sn8Server, seed: int) -> None:
        self.webhook = TradingViewService(home, clock, telemetry)
        self._home = home
        self._clock = clock
        self._telemetry = telemetry
        self._sn8 = sn8
        self._seed = seed
        self._running: dict[Service, tuple[Process, AsyncExitStack]] = {}
        self._dead: list[tuple[Process, AsyncExitStack]] = []
        self._turned_away: set[Service] = set()
        self._poller: BittensorPoller | None = None
        self._polling: asyncio.Task[None] | None = None

    def is_up(self, service: Service) -> bool:
        """Whether it runs."""
        has_ended = service is Service.POLLER and self._polling is not None and self._polling.done()
        return service in self._running and not has_ended

    async def start(self, service: Service) -> None:
        """Start it, unless it runs; over a file that is not valid it ends at once and stays down."""
        if self.is_up(service):
            return
        await self.stop(service)
        process, stack = Process(), AsyncExitStack()
        voice = Voice(process, self._telemetry)
        if service is Service.ENDPOINT:
            webhook = TradingViewService(self._home, self._clock, voice)
            try:
                await process.begin(stack.enter_async_context(webhook))
            except InvalidConfig:
                self._turned_away.add(service)
                return
            self.webhook = webhook
        else:
            record = RecordLog(self._home.raw_signals(BITTENSOR))
            stack.push_async_callback(record.close)
            self._poller = self._make_poller(record, voice)
            self._polling = process.begin(self._poller.run())
            stack.push_async_callback(_end, self._polling)
        self._running[service] = process, stack

    async def post(self, body: bytes) -> Answer:
        """Post a body to the endpoint, which runs."""
        process, _ = self._running[Service.ENDPOINT]
        return await process.begin(request(self.webhook, body))

    async def start_those_turned_away(self) -> None:
        """Start what a file that was not valid kept from running, as an operator does who has mended it."""
        has_ended = {service for service in self._running if not self.is_up(service)}
        for service in sorted(self._turned_away | has_ended):
            await self.start(service)

    async def restart_failed_poller(self) -> None:
        """Start the poller anew where it calls its source failed, as an operator does who has renewed the key.

        By itself it asks again only after five minutes, which is longer than a world is given to come to rest.
        """
        if self._poller and self.is_up(Service.POLLER) and self._poller.condition.status is SourceStatus.FAILED:
            await self.stop(Service.POLLER)
            await self.start(Service.POLLER)

    async def stop(self, service: Service) -> None:
        """Stop it, if it runs."""
        self._turned_away.discard(service)
        _, stack = self._running.pop(service, (None, None))
        if stack:
            await stack.aclose()

    def crash(self, service: Service) -> None:
        """Let it die in mid-step, if it runs."""
        self._turned_away.discard(service)
        running = self._running.pop(service, None)
        if running:
            running[0].kill()
            self._dead.append(running)
            free_locks(self._home.raw_signals(_SOURCES[service]) / LOCK_NAME)

    async def dispose_of_dead(self) -> None:
        """Once the world is judged, let those that crashed wind down."""
        dead, self._dead = self._dead, []
        for process, stack in dead:
            await process.dispose()
            await stack.aclose()

    def _make_poller(self, record: RecordLog, voice: Voice) -> BittensorPoller:
        access = Sn8Access("http://sn8.invalid/miner-positions", SN8_KEY)
        chance = random.Random(self._seed)
        return BittensorPoller(self._home, access, Sn8Session(self._sn8), self._clock, voice, record, chance)


def free_locks(path: Path) -> None:
    """Give up the locks of a process that died: the system does that, which cannot know of ours."""
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        if path_of(number) == str(path):
            fcntl.flock(number, fcntl.LOCK_UN)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
