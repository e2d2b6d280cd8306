"""The documented services under the real pm2, in a folder of its own."""

import asyncio
import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from commands.demo_defaults import SN8_KEY, write_defaults
from commands.demo_services import ROOT, free_port
from config.files import format_json, write_atomically
from config.home import Home
from core.model.failures import StorageFailure
from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from operations.engine_lock import running_engine
from operations.journal_file import read_only
from operations.processes import running_services
from operations.wall_clock import WallClock
from paper.sn8 import Sn8Server
from paper.sn8_session import serve_sn8
from paper.sn8_world import Sn8World

pytestmark = [pytest.mark.process, pytest.mark.system("pm2"), pytest.mark.timeout(240)]

SERVICES = ("tradingview-endpoint", "bittensor-signals", "trade-engine")
ACCOUNTS = [AccountId(exchange) for exchange in ("bybit", "blofin", "kucoin", "mexc")]
BTC = Symbol("BTCUSDT")
WEIGHT = Decimal("0.5")
PATIENCE_SECONDS = 60.0
EXIT_CONFIGURATION = 78
BARE_PATIENCE_MILLISECONDS = 1600
CANARIES = {"TRADE_ENGINE_KEY": "CANARYdatakey000001", "VAULT_TOKEN": "CANARYvault00000002"}
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Pm2:
    """pm2 over a home of ours, with an environment like the activated one of the README."""

    def __init__(self, pm2_home: Path, home: Home, port: int) -> None:
        self.pm2_home = pm2_home
        self.home = home
        self.url = f"http://127.0.0.1:{port}/"
        self.environment = {
            **os.environ,
            "HOME": str(home.path.parent),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PM2_HOME": str(pm2_home),
            "TRADE_ENGINE_HOME": str(home.path),
            "TRADE_ENGINE_VENV": str(Path(sys.executable).parent.parent),
            **CANARIES,
        }

    async def __call__(self, *arguments: str) -> str:
        child = await asyncio.create_subprocess_exec(
            "pm2", *arguments, cwd=ROOT, env=self.environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await child.communicate()
        text = ESCAPES.sub("", output.decode())
        assert child.returncode == 0, text
        return text

    async def listed(self) -> dict[str, dict[str, Any]]:
        """What pm2 says of each service: status, restarts, pid."""
        output = await self("jlist")
        apps = json.loads(output[output.index("[{") :] if "[{" in output else "[]")
        return {app["name"]: {**app["pm2_env"], "pid": app["pid"]} for app in apps}

    async def statuses(self) -> dict[str, str]:
        return {name: str(app["status"]) for name, app in (await self.listed()).items()}

    async def check_all(self, status: str) -> None:
        assert await self.statuses() == dict.fromkeys(SERVICES, status)

    async def has_refused(self) -> bool:
        """Whether pm2 has learnt that the engine ended with the code of a lock or of its configuration."""
        return bool((await self.listed())["trade-engine"].get("exit_code") == EXIT_CONFIGURATION)

    def log(self) -> list[dict[str, Any]]:
        path = self.home.logs / "trade-engine.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.log())

    async def post(self, size: str) -> None:
        body = {"symbol": "BTCUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": size}
        async with aiohttp.ClientSession() as session, session.post(self.url, json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def is_healthy(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}health") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def is_in_line(self, depth: str) -> bool:
        return all(
            ledger.is_confirmed and ledger.decision is not None and ledger.decision.depth == Decimal(depth) * WEIGHT
            for ledger in self.ledgers()
        )

    def has_in_flight(self) -> bool:
        return any(ledger.unsettled for ledger in self.ledgers())

    def orders(self) -> int:
        return sum(ledger.steps for ledger in self.ledgers())

    def ledgers(self) -> list[SymbolLedger]:
        try:
            with read_only(self.home.journal) as journal:
                return [journal.ledger(account, BTC) for account in ACCOUNTS]
        except StorageFailure:  # the engine has not finished making it
            return [SymbolLedger(account, BTC) for account in ACCOUNTS]


@pytest.fixture
async def pm2(tmp_path: Path) -> AsyncIterator[Pm2]:
    folder = Path(tempfile.mkdtemp(prefix="pm2-"))  # its sockets' paths must be short
    async with made_miners() as sn8_port:
        home, port = write_defaults(tmp_path / "home", sn8_port), free_port()
        settings = {"metrics": {"is_enabled": False}, "webhook": {"port": port, "metrics_port": 0}}
        write_atomically(home.engine_settings, format_json(settings))
        running = Pm2(folder, home, port)
        try:
            yield running
        finally:
            await running("kill")
            for left in running_services(home):  # by a daemon that a failing test had killed
                os.kill(left.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def made_miners() -> AsyncIterator[int]:
    clock = WallClock()
    web, port = await serve_sn8(Sn8Server(Sn8World(5, clock.now(), 24), clock, {SN8_KEY: 100}), 0)
    try:
        yield port
    finally:
        await web.cleanup()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.2)


async def test_the_three_services_trade_restart_come_back_and_never_run_twice(pm2: Pm2) -> None:
    await pm2("start", "ecosystem.config.js")
    await until(pm2.is_healthy)
    await pm2.post("5.8/100")
    await until(lambda: pm2.is_in_line("0.058"))
    await pm2.check_all("online")

    await fault(pm2, "latency", "--seconds", "2", "--exchange", "bybit", "--endpoint", "create_order", "--count", "0")
    await pm2.post("7.5/100")
    await until(pm2.has_in_flight)
    await pm2("restart", "trade-engine")
    await until(lambda: pm2.is_in_line("0.075"))
    assert pm2.count("engine started") == 2

    orders = pm2.orders()
    await pm2("restart", "bittensor-signals")
    await pm2("restart", "all")
    await until(lambda: pm2.count("engine started") == 3)
    await until(pm2.is_healthy)
    await pm2.check_all("online")
    assert pm2.orders() == orders

    await pm2("save")
    saved = (pm2.pm2_home / "dump.pm2").read_text()
    assert all(canary not in saved for canary in CANARIES.values())
    assert str(pm2.home.path) in saved

    before = {name: app["pid"] for name, app in (await pm2.listed()).items()}
    os.kill(int((pm2.pm2_home / "pm2.pid").read_text()), signal.SIGKILL)
    await pm2("resurrect")
    await until(pm2.has_refused)
    second = (await pm2.listed())["trade-engine"]
    assert running_engine(pm2.home.engine_lock) == before["trade-engine"]
    assert pm2.count("engine not started") == 1
    assert second["restart_time"] == 0

    for pid in before.values():
        os.kill(pid, signal.SIGINT)
    await until(lambda: pm2.count("engine stopped") == 3)
    await pm2("restart", "all")
    await until(lambda: pm2.count("engine started") == 4)
    await until(pm2.is_healthy)
    await pm2.check_all("online")
    assert pm2.is_in_line("0.075")

    await pm2("stop", "all")
    await pm2.check_all("stopped")
    assert pm2.count("engine stopped") == 4
    assert pm2.orders() == orders


async def test_the_documented_command_runs_one_engine_which_ends_within_pm2s_own_patience(pm2: Pm2) -> None:
    await pm2("start", "execute_trades.py", "--name", "trade-engine", "--interpreter", "python3")
    await until(lambda: pm2.count("engine started") == 1)

    engine = (await pm2.listed())["trade-engine"]
    assert (engine["status"], engine["restart_time"]) == ("online", 0)
    assert int(engine.get("kill_timeout", BARE_PATIENCE_MILLISECONDS)) == BARE_PATIENCE_MILLISECONDS
    assert "engine started" in await pm2("logs", "trade-engine", "--nostream", "--lines", "50")

    await pm2("stop", "trade-engine")
    assert [line["event"] for line in pm2.log()][-1] == "engine stopped"
    assert running_engine(pm2.home.engine_lock) is None


async def test_a_configuration_error_is_not_tried_again(pm2: Pm2) -> None:
    weights = json.loads(pm2.home.signal_weights.read_text())
    weights[0]["leverage"] = 50
    pm2.home.signal_weights.write_text(json.dumps(weights))

    await pm2("start", "ecosystem.config.js", "--only", "trade-engine")
    await until(pm2.has_refused)
    await asyncio.sleep(4)  # longer than the pause before another try

    engine = (await pm2.listed())["trade-engine"]
    assert engine["restart_time"] == 0
    assert pm2.count("engine not started") == 1
    assert engine["status"] != "online"


async def test_the_documented_rotation_settings_are_kept(pm2: Pm2) -> None:
    settings = {"max_size": "50M", "retain": "10", "compress": "true", "rotateInterval": "00 */6 * * *"}
    for name, value in settings.items():
        await pm2("set", f"pm2-logrotate:{name}", value)

    shown = await pm2("conf", "pm2-logrotate")
    for name, value in settings.items():
        assert re.search(rf"{name} .*{re.escape(value)}", shown), shown


@pytest.mark.full
async def test_pm2_logrotate_takes_the_documented_settings_and_the_engine_stays_up(pm2: Pm2) -> None:
    await pm2("start", "execute_trades.py", "--name", "trade-engine", "--interpreter", "python3")
    await pm2("install", "pm2-logrotate")
    await pm2("set", "pm2-logrotate:max_size", "50M")
    await asyncio.sleep(60)

    listed = await pm2.listed()
    assert (listed["trade-engine"]["status"], listed["trade-engine"]["restart_time"]) == ("online", 0)
    assert listed["pm2-logrotate"]["status"] == "online"


async def fault(pm2: Pm2, *arguments: str) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "commands", "paper", "fault", *arguments,
        cwd=ROOT, env={**os.environ, **pm2.environment}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await child.wait() == 0
