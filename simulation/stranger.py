"""Another installation with a home and a journal of its own that trades one of the accounts with the same keys."""

import asyncio
from decimal import Decimal
from pathlib import Path

from account_processors.registry import forget_shared
from config.accounts import AccountMode, AccountSettings
from config.files import format_json, write_atomically
from config.home import Home
from core.model.identity import AccountId, SourceName
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.ports.clock import Clock
from execute_trades import Engine, World, connect_paper
from operations.committers import commit_inline
from paper.house import PaperHouse
from signal_processors.depth_files import publish_frame
from simulation.scene import Scene
from simulation.webhook_world import Told

SOURCE = SourceName("tradingview")
WEIGHT = Decimal("0.2")
REMEMBERED_SECONDS = 60.0
"""For how long after its end its calls may still count against what the account may ask."""


class Stranger:
    """The other installation; its orders are its own and no doing of the engine that is watched.

    Attributes:
        told: What its engine told.
    """

    def __init__(self, folder: Path, clock: Clock, house: PaperHouse, scene: Scene) -> None:
        self.told = Told()
        self._home = Home(folder)
        self._clock = clock
        self._house = house
        self._scene = scene

    async def trade(self, exchange: str, symbol: str, depth: Decimal, epoch: str, seconds: float) -> None:
        """Start, follow one depth for so long, and stop."""
        self._write_files(symbol, depth)
        settings = AccountSettings(AccountId(exchange), AccountMode.PAPER, is_armed=True, adopt_on_first_start=True)
        forget_shared()
        connection = connect_paper(settings, self._house, self._clock, self.told)
        world = World(self._clock, self.told, commit_inline, epoch, {settings.account: connection})
        engine = Engine(self._home, [settings], world)
        self._scene.stranger_tags.add(engine.journal.tag)
        self._scene.strangers_until[exchange] = self._scene.time() + seconds + REMEMBERED_SECONDS
        stop = asyncio.Event()
        running = asyncio.create_task(engine.run(stop))
        await asyncio.sleep(seconds)
        stop.set()
        await running
        await connection.close()
        engine.close()

    def _write_files(self, symbol: str, depth: Decimal) -> None:
        entry = {"symbol": symbol, "leverage": 3, "sources": [{"source": SOURCE, "weight": WEIGHT}]}
        write_atomically(self._home.signal_weights, format_json([entry]))
        write_atomically(self._home.asset_mapping, format_json({SOURCE: {symbol: symbol}}))
        now = self._clock.now()
        signal = SourceSignal(SOURCE, symbol, depth, now)
        frame = SourceFrame(SOURCE, 1, now, now, None, SourceStatus.OK, "", authenticated=False, signals=(signal,))
        publish_frame(self._home, frame)
