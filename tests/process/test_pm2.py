"""The documented services under the real pm2, in a folder of its own."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pexpect
import pytest

from commands.demo_defaults import SN8_KEY, WEIGHTS, write_defaults
from commands.demo_services import ROOT, free_port
from config.files import PRIVATE_MODE, format_json, write_atomically
from config.home import Home
from config.schemas.credentials import WITH_PASSPHRASE
from config.webhook_keys import add_key, save_keys
from core.model.failures import StorageFailure
from core.model.identity import AccountId, SourceName, Symbol
from core.model.ledger import SymbolLedger
from core.model.reading import Known
from core.model.signal import SourceStatus
from operations.engine_lock import running_engine
from operations.journal_file import read_only
from operations.processes import running_services
from operations.views import read_passes
from operations.wall_clock import WallClock
from paper.account import PaperKeys
from paper.house import PaperHouse, requests_folder
from paper.serving import Served
from paper.sn8 import Sn8Server
from paper.sn8_session import serve_sn8
from paper.sn8_world import Sn8World
from signal_processors.depth_files import DepthFiles
from simulation.loopback import read_engine_log

pytestmark = [pytest.mark.process, pytest.mark.system("pm2"), pytest.mark.timeout(240)]

SERVICES = ("tradingview-endpoint", "bittensor-signals", "trade-engine")
ACCOUNTS = [AccountId(exchange) for exchange in ("bybit", "blofin", "kucoin", "mexc")]
BTC = Symbol("BTCUSDT")
WEIGHT = Decimal("0.5")
PATIENCE_SECONDS = 60.0
EXIT_CONFIGURATION = 78
BARE_PATIENCE_MILLISECONDS = 1600
CANARIES = {"TRADE_ENGINE_KEY": "CANARYdatakey000001", "VAULT_TOKEN": "CANARYvault00000002"}
NEW_SN8_KEY = "made-sn8-key-two"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


class Pm2:
    """pm2 over a home of ours, with an environment like the activated one of the README."""

    def __init__(self, pm2_home: Path, home: Home, port: int, sn8: Sn8Server) -> None:
        self.pm2_home = pm2_home
        self.home = home
        self.sn8 = sn8
        self.key: dict[str, str] = {}
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
        return await run("pm2", *arguments, environment=self.environment)

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
        return read_engine_log(self.home)

    def count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.log())

    async def post(self, size: str) -> None:
        body = {"symbol": "BTCUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": size, **self.key}
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

    def troubles(self) -> list[str]:
        """What keeps each account from working, as its last pass left it."""
        return [one.trouble for one in read_passes(self.home.last_passes).values()]

    def has_read_all_since(self, at: datetime) -> bool:
        """Whether every account had a pass after that time that found what was decided, and nothing wrong."""
        passes = [one for one in read_passes(self.home.last_passes).values() if one.at > at and not one.trouble]
        return sum(one.outcomes[BTC].is_confirmed for one in passes if BTC in one.outcomes) == len(ACCOUNTS)

    def has_good_miners_since(self, at: datetime) -> bool:
        frame = DepthFiles(self.home, WallClock()).read_frame(SourceName("bittensor"))
        return (
            isinstance(frame, Known)
            and frame.value.status is SourceStatus.OK
            and frame.value.fetched_at is not None
            and frame.value.fetched_at > at
        )

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
    async with made_miners() as (sn8, sn8_port):
        home, port = write_defaults(tmp_path / "home", sn8_port), free_port()
        settings = {"metrics": {"is_enabled": False}, "webhook": {"port": port, "metrics_port": 0}}
        write_atomically(home.engine_settings, format_json(settings))
        running = Pm2(folder, home, port, sn8)
        try:
            yield running
        finally:
            await running("kill")
            for left in running_services(home):  # by a daemon that a failing test had killed
                os.kill(left.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def made_miners() -> AsyncIterator[tuple[Sn8Server, int]]:
    clock = WallClock()
    server = Sn8Server(Sn8World(5, clock.now(), 24), clock, {SN8_KEY: 100})
    web, port = await serve_sn8(server, 0)
    try:
        yield server, port
    finally:
        await web.cleanup()


class Venues:
    """The four exchanges where an owner has an account each, served by the test, and what their own books say."""

    LABEL = "test"

    def __init__(self, house: PaperHouse, served: Served) -> None:
        self.house = house
        keys = {str(account): house.open_account(account.exchange, self.LABEL) for account in ACCOUNTS}
        for name in keys:
            house.prepare_account(name, self.LABEL)
        self.sections = {
            name: {"mode": "sandbox", "urls": {"base": served.base_url(name)}, **self._fields(name, key)}
            for name, key in keys.items()
        }

    def make_new_keys(self) -> dict[str, str]:
        """What the owner does at every exchange; from then on it refuses the key before. Values by dialog's field."""
        return {
            f"{name}.{field}": text
            for name in self.sections
            for field, text in self._fields(name, self.house.change_keys(name, self.LABEL)).items()
        }

    def held(self) -> dict[str, Decimal]:
        found = {}
        for name in self.sections:
            positions = self.house.account(name, self.LABEL).positions.values()
            found[name] = sum((position.quantity for position in positions), Decimal(0))
        return found

    def orders(self) -> dict[str, int]:
        return {name: len(self.house.account(name, self.LABEL).orders) for name in self.sections}

    @staticmethod
    def _fields(name: str, keys: PaperKeys) -> dict[str, str]:
        phrase = {"api_passphrase": keys.passphrase} if name in WITH_PASSPHRASE else {}
        return {"api_key": keys.api_key, "api_secret": keys.secret, **phrase}


@asynccontextmanager
async def made_venues() -> AsyncIterator[Venues]:
    house = PaperHouse(WallClock(), seed=os.getpid(), is_limited=False)  # of two engines with one key one refuses
    served = await house.serve(0)
    try:
        yield Venues(house, served)
    finally:
        await served.stop()
        await house.close()


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

    await fault(pm2, "latency", "--seconds", "4", "--exchange", "bybit", "--endpoint", "create_order", "--count", "0")
    await pm2.post("7.5/100")
    await until(pm2.has_in_flight)
    await pm2("restart", "trade-engine")
    await until(lambda: pm2.count("engine started") == 2)
    await until(lambda: pm2.is_in_line("0.075"))

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
    await until(lambda: not running_services(pm2.home))
    assert pm2.count("engine stopped") == 3
    await pm2("restart", "all")
    await until(lambda: pm2.count("engine started") == 4)
    await until(pm2.is_healthy)
    await pm2.check_all("online")
    assert pm2.is_in_line("0.075")

    await pm2("stop", "all")
    await pm2.check_all("stopped")
    assert pm2.count("engine stopped") == 4
    assert pm2.orders() == orders


PRIVATE_MOUNTS = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--mount")
PRIVATE_UNITS = 'mount --bind "$UNITS" /etc/systemd/system && '
"""Before what writes units, in a mount namespace of its own: the machine's own stay as they are."""


@pytest.mark.system("systemctl")
async def test_the_documented_startup_makes_the_three_services_come_back_with_the_machine(
    pm2: Pm2, private_units: Path
) -> None:
    readme = (ROOT / "README.md").read_text()
    written = readme.partition("# Start them with the machine\n")[2].partition("\n")[0]
    assert written == "pm2 startup && pm2 save --force"
    await pm2("start", "ecosystem.config.js")
    await until(pm2.is_healthy)
    await pm2.post("5.8/100")
    await until(lambda: pm2.is_in_line("0.058"))
    offline = {**pm2.environment, "UNITS": str(private_units), "SYSTEMD_OFFLINE": "1", "USER": "trader"}

    await run(*PRIVATE_MOUNTS, "/bin/sh", "-c", PRIVATE_UNITS + written, environment=offline)
    unit = (private_units / "pm2-trader.service").read_text()
    at_boot = dict(line.split("=", 1) for line in re.findall(r"^Environment=(.+)$", unit, re.MULTILINE))
    assert (private_units / "multi-user.target.wants" / "pm2-trader.service").is_symlink()
    assert at_boot["PM2_HOME"] == str(pm2.pm2_home)

    (shutdown,) = re.findall(r"^ExecStop=(.+)$", unit, re.MULTILINE)
    await run(*shutdown.split(), environment=at_boot)
    assert running_services(pm2.home) == []
    (boot,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    await run(*boot.split(), environment=at_boot)
    await until(lambda: pm2.count("engine started") == 2)
    await until(pm2.is_healthy)
    await pm2.check_all("online")
    await pm2.post("7.5/100")
    await until(lambda: pm2.is_in_line("0.075"))


@pytest.mark.system("systemctl")
async def test_without_root_the_documented_startup_says_what_to_paste_and_does_not_go_on(
    folder_of_nobody: Path,
) -> None:
    home = {"HOME": str(folder_of_nobody), "PM2_HOME": str(folder_of_nobody / ".pm2"), "USER": "nobody"}
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.geteuid() == 0 else ()
    said = await run(*nobody, "pm2", "startup", environment={**os.environ, **home}, code=1)
    assert re.search(r"^sudo env PATH=\S+ \S*pm2 startup systemd -u \S+ --hp \S+$", said, re.MULTILINE)


@pytest.fixture
def folder_of_nobody() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pm2-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def private_units(tmp_path: Path) -> Path:
    """The folder that stands for systemd's own in a mount namespace, where the kernel lets this process have one."""
    units = tmp_path / "units"
    units.mkdir()
    command = (*PRIVATE_MOUNTS, "mount", "--bind", str(units), "/etc/systemd/system")
    tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - in a namespace of its own
    if tried.returncode != 0:
        pytest.skip(f"no mount namespace here: {tried.stderr.strip()}")
    return units


async def run(*command: str, environment: dict[str, str], code: int = 0) -> str:
    child = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await child.communicate()
    text = ESCAPES.sub("", output.decode())
    assert child.returncode == code, text
    return text


async def test_new_keys_are_used_after_the_restart_of_the_services_concerned_and_positions_and_cache_survive(
    pm2: Pm2,
) -> None:
    async with made_venues() as venues:
        sn8 = json.loads(pm2.home.credentials.read_text())
        write_atomically(pm2.home.credentials, format_json({**sn8, **venues.sections}), PRIVATE_MODE)
        settings = json.loads(pm2.home.engine_settings.read_text())
        write_atomically(pm2.home.engine_settings, format_json({**settings, "full_check_seconds": 1}))
        write_atomically(pm2.home.signal_weights, format_json(WEIGHTS[:1]))
        keys, pm2.key["key"] = add_key((), "trend", WallClock().now())
        save_keys(pm2.home, keys)
        await pm2("start", "ecosystem.config.js")
        await until(pm2.is_healthy)
        await pm2.post("5.8/100")
        await until(lambda: pm2.is_in_line("0.058"))
        before = {name: app["pid"] for name, app in (await pm2.listed()).items()}
        held, orders, cache = venues.held(), venues.orders(), pm2.home.account_depths.read_bytes()
        assert all(held.values())

        new = {**venues.make_new_keys(), "bittensor_sn8.api_key": NEW_SN8_KEY}
        pm2.sn8.change_keys({NEW_SN8_KEY: 100})
        await until(lambda: all("credentials" in trouble for trouble in pm2.troubles()))
        await enter(pm2, new)

        restarted = WallClock().now()
        await pm2("restart", "bittensor-signals", "trade-engine")
        await until(lambda: pm2.has_read_all_since(restarted))
        after = {name: app["pid"] for name, app in (await pm2.listed()).items()}
        assert [name for name in SERVICES if before[name] == after[name]] == ["tradingview-endpoint"]
        assert (venues.held(), venues.orders()) == (held, orders)
        assert pm2.home.account_depths.read_bytes() == cache
        await until(lambda: pm2.has_good_miners_since(restarted))

        await pm2.post("7.5/100")
        await until(lambda: pm2.is_in_line("0.075"))
        assert venues.orders() == {name: count + 1 for name, count in orders.items()}
        assert all(venues.held()[name] > size for name, size in held.items())


async def enter(pm2: Pm2, fields: dict[str, str]) -> None:
    """Give new keys to the documented script, each by a variable, so that none stands in a list of processes."""
    given = {f"NEW_{number}": text for number, text in enumerate(fields.values())}
    options = [f"--set={field}=env:{variable}" for field, variable in zip(fields, given, strict=True)]
    environment = {name: text for name, text in pm2.environment.items() if name not in CANARIES}
    await run(sys.executable, "config/credentials.py", *options, environment={**environment, **given})


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


@pytest.mark.full
async def test_every_service_is_reached_alone_by_its_documented_name_and_monit_shows_all(pm2: Pm2) -> None:
    await pm2("start", "ecosystem.config.js")
    await until(pm2.is_healthy)
    await until(lambda: pm2.count("engine started") == 1)
    watching = pexpect.spawn("pm2", ["monit"], env=pm2.environment, dimensions=(50, 200), encoding="utf-8", timeout=30)
    waiting = {name[:10] for name in SERVICES}  # it shortens long names
    while waiting:
        found = sorted(waiting)
        waiting.remove(found[watching.expect_exact(found)])
    watching.sendcontrol("c")
    watching.expect(pexpect.EOF)

    before = await pm2.listed()
    for name in SERVICES:
        await pm2("restart", name)
        now = await pm2.listed()
        assert [one for one in SERVICES if now[one]["pid"] != before[one]["pid"]] == [name]
        assert name in await pm2("logs", name, "--nostream", "--lines", "5")
        before = now
    await until(pm2.is_healthy)
    for count, name in enumerate(SERVICES, 1):
        await pm2("stop", name)
        assert list((await pm2.statuses()).values()) == ["stopped"] * count + ["online"] * (len(SERVICES) - count)
    assert [line["event"] for line in pm2.log()][-1] == "engine stopped"


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
    await run(sys.executable, "-m", "commands", "paper", "fault", *arguments, environment=pm2.environment)
    await until(lambda: not any(requests_folder(pm2.home.paper).glob("*.json")))  # it is in force once it was taken
