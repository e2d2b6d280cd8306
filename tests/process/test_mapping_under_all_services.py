"""A mapping that the documented dialogs add is taken up by all three services, none of which is started anew."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from commands.demo_defaults import EXCHANGES, SN8_KEY
from commands.demo_services import ROOT, Service, Services, free_port
from config.files import PRIVATE_MODE, format_json, write_atomically
from config.history import ConfigHistory
from config.home import Home
from core.model.decision import Decision
from core.model.failures import InvalidInput, StorageFailure
from core.model.identity import AccountId, SourceName, Symbol
from operations.journal_file import read_only
from operations.wall_clock import WallClock
from paper.sn8 import Sn8Server
from paper.sn8_session import serve_sn8
from paper.sn8_world import Sn8World
from signal_processors.depth_files import parse_frame

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

BTC, ETH, SOL = Symbol("BTCUSDT"), Symbol("ETHUSDT"), Symbol("SOLUSDT")
BITTENSOR = SourceName("bittensor")
PATIENCE_SECONDS = 90.0


class Desk:
    """Three services on one home, and what their files say."""

    def __init__(self, home: Home, url: str, session: aiohttp.ClientSession) -> None:
        self.home = home
        self.url = url
        self._session = session

    async def post(self, symbol: str) -> int:
        body = {"symbol": symbol, "direction": "long", "action": "buy", "size": "60/100", "price": "3263.55"}
        async with self._session.post(self.url, json=body) as answer:
            return answer.status

    async def is_healthy(self) -> bool:
        try:
            async with self._session.get(f"{self.url}health") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def sn8_ids(self) -> set[str]:
        """What the poller publishes."""
        path = self.home.depths(BITTENSOR)
        try:
            return {signal.source_symbol for signal in parse_frame(path.read_bytes(), path).signals}
        except (FileNotFoundError, InvalidInput):
            return set()

    def decisions(self, symbol: Symbol) -> list[Decision]:
        """The confirmed decision of every account that has one for the symbol."""
        if not self.home.journal.exists():
            return []
        try:
            with read_only(self.home.journal) as journal:
                ledgers = [journal.ledger(AccountId(exchange), symbol) for exchange in EXCHANGES]
        except StorageFailure:  # the engine has not finished making it
            return []
        return [ledger.decision for ledger in ledgers if ledger.decision and ledger.is_confirmed]

    def is_traded_everywhere(self, symbol: Symbol, depth: Decimal | None = None) -> bool:
        """Whether all accounts hold a confirmed position of this depth, or of any but none."""
        depths = [decision.depth for decision in self.decisions(symbol)]
        return len(depths) == len(EXCHANGES) and all(one == depth if depth is not None else one for one in depths)

    async def use_dialog(self, script: str, *settings: str) -> None:
        options = [part for setting in settings for part in ("--set", setting)]
        environment = {**os.environ, "TRADE_ENGINE_HOME": str(self.home.path)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, *options, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
        )
        told, _ = await process.communicate()
        assert process.returncode == 0, told


def write_home(folder: Path, sn8_url: str) -> Home:
    home = Home(folder)
    access = {"bittensor_sn8": {"api_key": SN8_KEY, "endpoint": sn8_url}}
    write_atomically(home.credentials, format_json(access), PRIVATE_MODE)
    write_atomically(home.engine_settings, format_json({"metrics": {"is_enabled": False}}))
    write_atomically(home.bittensor_settings, format_json({"interval_seconds": 10}))
    mappings = {"tradingview": {"BTCUSDT": "BTCUSDT"}, "bittensor": {"BTCUSD": "BTCUSDT"}}
    write_atomically(home.asset_mapping, format_json(mappings))
    sources = [{"source": "tradingview", "weight": Decimal("0.5")}]
    write_atomically(home.signal_weights, format_json([{"symbol": "BTCUSDT", "leverage": 3, "sources": sources}]))
    return home


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[tuple[Desk, Services]]:
    clock = WallClock()
    web, sn8_port = await serve_sn8(Sn8Server(Sn8World(5, clock.now(), 24), clock, {SN8_KEY: 100}), 0)
    home, port = write_home(tmp_path / "home", f"http://127.0.0.1:{sn8_port}/miner-positions"), free_port()
    services = Services(
        [
            Service("tradingview-endpoint", ("signal_endpoints/tradingview_endpoint.py", "--port", str(port))),
            Service("bittensor-signals", ("signal_processors/bittensor_processor.py", "--metrics-port", "0")),
            Service("trade-engine", ("execute_trades.py",)),
        ],
        home.path,
    )
    await services.start()
    try:
        async with aiohttp.ClientSession() as session:
            told = Desk(home, f"http://127.0.0.1:{port}/", session)
            await until(told.is_healthy)
            yield told, services
    finally:
        await services.stop()
        await web.cleanup()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.1)


async def test_pairs_added_by_the_dialogs_are_traded_while_all_three_services_keep_running(
    desk: tuple[Desk, Services],
) -> None:
    running, services = desk
    assert await running.post("BTCUSDT") == 200
    await until(lambda: running.is_traded_everywhere(BTC, Decimal("0.3")))
    await until(lambda: running.sn8_ids() == {"BTCUSD"})
    assert await running.post("ETHUSDT") == 422

    await running.use_dialog("config/asset_mapping.py", "tradingview.ETHUSDT=ETHUSDT", "bittensor.SOLUSD=SOLUSDT")
    await running.use_dialog(
        "config/signal_weights.py",
        *("ETHUSDT.leverage=2", "ETHUSDT.tradingview=0.25", "SOLUSDT.leverage=2", "SOLUSDT.bittensor=0.5"),
    )

    async def is_eth_taken() -> bool:
        return await running.post("ETHUSDT") == 200

    await until(is_eth_taken)
    await until(lambda: running.sn8_ids() == {"BTCUSD", "SOLUSD"})
    await until(lambda: running.is_traded_everywhere(ETH, Decimal("0.15")))
    await until(lambda: running.is_traded_everywhere(SOL))

    write_atomically(running.home.bittensor_settings, format_json({"interval_seconds": 10, "min_trades": 1000}))
    await until(lambda: "no miner qualifies" in running.home.depths(BITTENSOR).read_text())

    services.check()  # complains of a process that has ended
    home = running.home
    kept = [(version.file, version.author) for version in ConfigHistory(home).versions()]
    for file, script in ((home.asset_mapping, "asset_mapping.py"), (home.signal_weights, "signal_weights.py")):
        assert [author for name, author in kept if name == file.name] == ["hand", script]
    assert kept.count((home.bittensor_settings.name, "hand")) == 2
    assert json.loads(home.asset_mapping.read_text())["bittensor"] == {"BTCUSD": "BTCUSDT", "SOLUSD": "SOLUSDT"}
