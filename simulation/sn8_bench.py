"""One SN8 poller before one made SN8 server, in process and in virtual time."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from config.home import Home
from core.model.signal import SourceFrame
from paper.sn8 import Sn8Server
from paper.sn8_session import Sn8Session
from paper.sn8_world import Sn8World
from signal_processors.bittensor_client import Sn8Access
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.bittensor_poller import BittensorPoller
from signal_processors.records import RecordLog
from simulation.virtual_time import START, VirtualClock, run_virtually

HISTORY = timedelta(days=30)
KEY = "made-sn8-key"
KEY_OF_TIER_30 = "made-sn8-key-of-tier-30"
MAPPING = {"bittensor": {"BTCUSDT": ["BTCUSD", "BTCUSDC"], "ETHUSD": "ETHUSDT", "SOLUSD": "SOLUSDT"}}


@dataclass
class Told:
    """core.ports.telemetry.Telemetry that keeps what it is told."""

    events: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def tell(self, event: str, **facts: object) -> None:
        """Keep it."""
        self.events.append((event, facts))


@dataclass
class Sn8Bench:
    """What a story has in its hands.

    Attributes:
        home: The poller's files.
        clock: Virtual; it can be stepped.
        server: The made server, with its faults.
        poller: The poller.
        told: What the poller told.
    """

    home: Home
    clock: VirtualClock
    server: Sn8Server
    poller: BittensorPoller
    told: Told

    @property
    def frame(self) -> SourceFrame:
        """The frame as it was last written."""
        frame = self.poller.frame
        if frame is None:
            raise LookupError("no frame was written yet")
        return frame

    def depths(self) -> dict[str, Decimal]:
        """The frame's depths by source id."""
        return {signal.source_symbol: signal.depth for signal in self.frame.signals}

    def write_settings(self, **fields: object) -> None:
        """Replace bittensor_processor_config.json."""
        self.home.bittensor_settings.write_text(json.dumps(fields))

    async def poll_minutes(self, count: int) -> None:
        """Poll once a minute, so that every poll meets a rebuilt body."""
        for _ in range(count):
            await self.poller.poll_once()
            await asyncio.sleep(60)


def play_sn8(home: Home, story: Callable[[Sn8Bench], Awaitable[None]], miners: int = 24, key: str = KEY) -> None:
    """Run a story; playing twice on one home restarts the poller there.

    Args:
        home: Gets the mapping if it has none.
        story: What happens.
        miners: How many the server has.
        key: The poller's key.
    """
    if not home.asset_mapping.exists():
        home.asset_mapping.write_text(json.dumps(MAPPING))

    async def play() -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        server = Sn8Server(Sn8World(7, START, miners, HISTORY), clock, {KEY: 100, KEY_OF_TIER_30: 30})
        record = RecordLog(home.raw_signals(SOURCE))
        told = Told()
        access = Sn8Access("http://sn8.made", key)
        poller = BittensorPoller(home, access, Sn8Session(server), clock, told, record, random.Random(1))
        try:
            await story(Sn8Bench(home, clock, server, poller, told))
        finally:
            await record.close()

    run_virtually(play())
