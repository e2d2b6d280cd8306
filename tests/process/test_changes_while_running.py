"""A running engine takes up what the operator changes, refuses what is invalid, and shows no secret while it fails."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from commands.demo_services import ROOT
from config.files import format_json, write_atomically
from config.history import ConfigHistory
from config.home import Home
from config.key_providers.provider import Surroundings
from config.secrets_upkeep import rotate_key
from core.model.events import OrderIntended
from core.model.failures import StorageFailure
from core.model.identity import AccountId, SourceName, Symbol
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from operations.journal_file import read_only
from operations.wall_clock import WallClock
from signal_processors.depth_files import publish_frame

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

BTC = Symbol("BTCUSDT")
TRADINGVIEW, BITTENSOR = SourceName("tradingview"), SourceName("bittensor")
EXCHANGES = ("bybit", "blofin", "kucoin", "mexc")
PATIENCE_SECONDS = 90.0
KEYS = {"api_key": "CANARYkey0000000001", "api_secret": "CANARYsecret00000002"}
PASSPHRASE = "CANARYpassphrase0003"


class Desk:
    """One home with a running engine, and what its files say."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.environment = {"XDG_CONFIG_HOME": str(folder / "xdg"), "TRADE_ENGINE_HOME": str(self.home.path)}
        self.home.logs.mkdir(parents=True)
        self.set_up(self.home.engine_settings, {"metrics": {"is_enabled": False}})
        self.map(tradingview={"BTCUSDT": "BTCUSDT"})
        self.weigh(tradingview="0.5")

    def set_up(self, path: Path, content: object) -> None:
        write_atomically(path, format_json(content))

    def map(self, **sources: dict[str, str]) -> None:
        self.set_up(self.home.asset_mapping, sources)

    def weigh(self, **weights: str) -> None:
        sources = [{"source": source, "weight": Decimal(weight)} for source, weight in weights.items()]
        self.set_up(self.home.signal_weights, [{"symbol": "BTCUSDT", "leverage": 3, "sources": sources}])

    def have_accounts(self, *, mexc: bool) -> None:
        accounts = [{"exchange": name, "mode": "paper", "enabled": name != "mexc" or mexc} for name in EXCHANGES]
        self.set_up(self.home.credentials, {"accounts": accounts})
        self.home.credentials.chmod(0o600)

    def say(self, source: SourceName, symbol: str, depth: str, *, sequence: int = 1) -> None:
        now = WallClock().now()
        signal = SourceSignal(source, symbol, Decimal(depth), now)
        publish_frame(self.home, SourceFrame(source, sequence, now, now, now, SourceStatus.OK, "", True, (signal,)))

    def log(self) -> str:
        return "".join(path.read_text() for path in sorted(self.home.logs.iterdir()))

    def pass_of(self, exchange: str) -> str:
        """What is told of the account's last pass, empty before the first."""
        path = self.home.last_passes / f"{exchange}.json"
        return path.read_text() if path.exists() else ""

    def everything(self) -> dict[str, bytes]:
        """Every file of the home and of the user's configuration folder."""
        files = [path for path in self.home.path.parent.rglob("*") if path.is_file()]
        return {str(path): path.read_bytes() for path in files}

    def depths(self, *exchanges: str) -> set[Decimal | None]:
        """The confirmed depth of each of the exchanges, None where none is."""
        if not self.home.journal.exists():
            return {None}
        try:
            with read_only(self.home.journal) as journal:
                ledgers = [journal.ledger(AccountId(exchange), BTC) for exchange in exchanges]
        except StorageFailure:  # the engine has not finished making it
            return {None}
        return {ledger.confirmed_depth if ledger.is_confirmed else None for ledger in ledgers}

    def orders(self) -> int:
        with read_only(self.home.journal) as journal:
            events = [event for exchange in EXCHANGES for event in journal.history(AccountId(exchange), BTC)]
        return sum(isinstance(event, OrderIntended) for event in events)

    @asynccontextmanager
    async def engine(self, *program: str) -> AsyncIterator["asyncio.subprocess.Process"]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *(program or ("execute_trades.py",)), "--set", "poll_seconds=0.2"),
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            output, _ = await process.communicate()
            (self.home.logs / "output.txt").write_bytes(output)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - another process has no event to wait for
            await asyncio.sleep(0.1)


async def test_mappings_weights_sources_and_accounts_change_under_a_running_engine(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.have_accounts(mexc=True)
    desk.say(TRADINGVIEW, "BTCUSDT", "0.1")
    desk.say(BITTENSOR, "BTCUSD", "0.2")
    async with desk.engine() as process:
        await until(lambda: desk.depths(*EXCHANGES) == {Decimal("0.05")})

        desk.weigh(tradingview="0.5", bittensor="0.25")
        desk.map(tradingview={"BTCUSDT": "BTCUSDT"}, bittensor={"BTCUSD": "BTCUSDT"})
        await until(lambda: desk.depths(*EXCHANGES) == {Decimal("0.1")})

        desk.weigh(tradingview="0.8", bittensor="0.25")
        await until(lambda: "sum to 1.05" in desk.log())
        assert desk.depths(*EXCHANGES) == {Decimal("0.1")}

        before, passes = desk.orders(), {exchange: desk.pass_of(exchange) for exchange in EXCHANGES}
        desk.set_up(desk.home.credentials, {"bybit": KEYS})
        desk.home.credentials.chmod(0o600)
        desk.say(TRADINGVIEW, "BTCUSDT", "0.1", sequence=2)  # of another time, so that every account passes
        await until(lambda: all(desk.pass_of(exchange) != told for exchange, told in passes.items()))
        assert desk.depths(*EXCHANGES) == {Decimal("0.1")}
        assert desk.orders() == before

        desk.weigh(tradingview="0", bittensor="0.25")
        desk.have_accounts(mexc=False)
        await until(lambda: desk.depths("bybit", "blofin", "kucoin") == {Decimal("0.05")})
        await until(lambda: desk.depths("mexc") == {Decimal(0)})

        assert process.returncode is None
        assert desk.log().count("engine started") == 1
    authors = [(version.file, version.author) for version in ConfigHistory(desk.home).versions()]
    assert authors.count((desk.home.signal_weights.name, "hand")) == 3
    assert authors.count((desk.home.asset_mapping.name, "hand")) == 2


ELSEWHERE = """
import sys
import execute_trades
sys.platform = "darwin"
sys.modules["asyncinotify"] = None  # not installed there
sys.exit(execute_trades.main(sys.argv[1:]))
"""
"""The engine as on a system without inotify, once everything that differs by system itself is imported."""


async def test_without_inotify_new_frames_and_edits_are_found_by_looking(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.have_accounts(mexc=True)
    async with desk.engine("-c", ELSEWHERE):
        desk.say(TRADINGVIEW, "BTCUSDT", "0.1")
        await until(lambda: desk.depths(*EXCHANGES) == {Decimal("0.05")})
        desk.weigh(tradingview="0.4")
        await until(lambda: desk.depths(*EXCHANGES) == {Decimal("0.04")})


@asynccontextmanager
async def echoing_server() -> AsyncIterator[str]:
    """An exchange that fails and repeats in its answer everything it was sent."""

    async def answer(request: web.Request) -> web.Response:
        sent = f"{request.method} {request.path_qs} {dict(request.headers)} {await request.text()}"
        code = 500 if "time" in request.path else 400
        return web.Response(text=json.dumps({"retCode": 10003, "code": 10003, "msg": sent}), status=code)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_a_failing_engine_shows_no_secret_anywhere(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.say(TRADINGVIEW, "BTCUSDT", "0.1")
    async with echoing_server() as url:
        sections: dict[str, Any] = {}
        for number, name in enumerate(EXCHANGES):
            urls = dict.fromkeys(("public", "private", "rest", "futuresPublic", "futuresPrivate", "contract"), url)
            keys = {**KEYS, "api_key": f"{KEYS['api_key']}{number}", "api_passphrase": PASSPHRASE}
            sections[name] = {**keys, "mode": "sandbox", "urls": urls}
        desk.set_up(desk.home.credentials, sections)
        rotate_key(desk.home, Surroundings(desk.home, desk.environment))
        async with desk.engine():
            await until(lambda: all(map(desk.pass_of, EXCHANGES)) and "ACCESS-KEY" in desk.pass_of("blofin"))

    shown = desk.everything()
    assert len(shown) >= 6
    assert [name for name, content in shown.items() if b"CANARY" in content] == []
