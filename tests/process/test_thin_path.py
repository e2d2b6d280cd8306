"""The whole path as real processes on loopback: alerts over HTTP in, positions on four paper exchanges out."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from commands.demo_defaults import EXCHANGES
from commands.demo_services import ROOT, Service, Services, free_port
from config.files import PRIVATE_MODE, format_json, write_atomically
from config.home import Home
from core.model.events import OrderIntended
from core.model.failures import StorageFailure
from core.model.identity import AccountId, SourceName, Symbol
from core.model.reading import Known
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from operations.journal_file import read_only
from operations.views import read_passes
from operations.wall_clock import WallClock
from signal_processors.depth_files import publish_frame

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

BTC = Symbol("BTCUSDT")
WEIGHT = Decimal("0.5")
ACCOUNTS = [AccountId(exchange) for exchange in EXCHANGES]
PATIENCE_SECONDS = 90.0
STOP_SECONDS = 1.5
"""From the signal to the end of the process, also while orders are under way."""
LONG, LONGER = ("long", "buy", "5.8/100"), ("long", "buy", "7.5/100")
SHORT, SHORTER = ("short", "sell", "-5.8/100"), ("short", "sell", "-7.5/100")
EXIT_LONG, EXIT_SHORT = ("flat", "sell", "Exit @ 3263.55"), ("flat", "buy", "Exit @ 3263.55")


def write_home(folder: Path) -> Home:
    home = Home(folder)
    write_atomically(home.asset_mapping, format_json({"tradingview": {"BTCUSDT": "BTCUSDT"}}))
    entry = {"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": WEIGHT}]}
    write_atomically(home.signal_weights, format_json([entry]))
    write_atomically(home.engine_settings, format_json({"metrics": {"is_enabled": False}}))
    return home


class Running:
    """The endpoint and the engine, and what the engine's files say of them."""

    def __init__(self, home: Home, port: int, session: aiohttp.ClientSession) -> None:
        self.home = home
        self.url = f"http://127.0.0.1:{port}/"
        self._session = session

    async def post(self, direction: str, action: str, size: str, **more: str) -> dict[str, Any]:
        body = {"symbol": "BTCUSDT", "direction": direction, "action": action, "leverage": "3", "size": size, **more}
        extra = {"priority": "high", "takeprofit": "0.0", "trailstop": "0.0", "price": "3263.55"}
        async with self._session.post(self.url, json=body | extra) as answer:
            assert answer.status == 200, await answer.text()
            told: dict[str, Any] = await answer.json()
            return told

    async def send(self, body: bytes) -> tuple[int, str]:
        async with self._session.post(self.url, data=body) as answer:
            return answer.status, await answer.text()

    async def is_healthy(self) -> bool:
        try:
            async with self._session.get(f"{self.url}health") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    def orders(self) -> int:
        with read_only(self.home.journal) as journal:
            events = [event for account in ACCOUNTS for event in journal.history(account, BTC)]
        return sum(isinstance(event, OrderIntended) for event in events)

    def has_sent(self) -> bool:
        """Whether the engine has noted its first order."""
        try:
            return self.orders() > 0
        except StorageFailure:
            return False

    def is_in_line(self, depth: Decimal) -> bool:
        """Whether all four exchanges showed the position of this depth, which the engine had decided and confirmed."""
        try:
            return self._is_in_line(depth)
        except StorageFailure:
            return False  # the engine is only just making its journal

    def _is_in_line(self, depth: Decimal) -> bool:
        passes = read_passes(self.home.last_passes)
        with read_only(self.home.journal) as journal:
            for account in ACCOUNTS:
                ledger = journal.ledger(account, BTC)
                outcome = passes[account].outcomes.get(BTC) if account in passes else None
                if ledger.decision is None or ledger.decision.depth != depth or not ledger.is_confirmed:
                    return False
                if outcome is None or not isinstance(outcome.held, Known):
                    return False
                if outcome.held.value != ledger.decision.quantity:
                    return False
        return True


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    home, port = write_home(tmp_path / "home"), free_port()
    services = Services(
        [
            Service("tradingview-endpoint", ("signal_endpoints/tradingview_endpoint.py", "--port", str(port))),
            Service("trade-engine", ("execute_trades.py",)),
        ],
        home.path,
    )
    await services.start()
    try:
        async with aiohttp.ClientSession() as session:
            told = Running(home, port, session)
            await until(told.is_healthy)
            yield told
    finally:
        await services.stop()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.1)


async def test_the_documented_alerts_move_four_paper_accounts_to_their_depth_times_weight(running: Running) -> None:
    story = [
        (LONG, "0.058"),
        (LONGER, "0.075"),
        (EXIT_LONG, "0"),
        (SHORT, "-0.058"),
        (SHORTER, "-0.075"),
        (EXIT_SHORT, "0"),
    ]
    for alert, depth in story:
        await running.post(*alert)
        await until(partial(running.is_in_line, Decimal(depth) * WEIGHT))

    assert running.orders() == 6 * len(ACCOUNTS)


async def test_the_same_alert_again_and_moving_prices_send_no_order(running: Running) -> None:
    await running.post(*LONG, event_id="one")
    await until(partial(running.is_in_line, Decimal("0.058") * WEIGHT))

    again = await running.post(*LONG, event_id="one")
    await asyncio.sleep(4)  # the paper prices move every second

    assert again["result"] == "duplicate"
    assert running.orders() == len(ACCOUNTS)
    assert running.is_in_line(Decimal("0.058") * WEIGHT)


MALFORMED = [
    (b"{", ("JSON",)),
    (b"long BTCUSDT please", ("JSON",)),
    (b'{"direction": "long", "action": "buy", "size": "5.8/100"}', ("symbol",)),
    (b'{"symbol": "BTCUSDT", "direction": "up", "action": "buy", "size": "5.8/100"}', ("direction", "is not long")),
    (b'{"symbol": "BTCUSDT", "direction": "long", "action": "buy", "size": "580/100"}', ("size",)),
    (b'{"symbol": "BTCUSDT", "direction": "long", "action": "buy", "size": "NaN/100"}', ("size",)),
    (b'{"symbol": "DOGEUSDT", "direction": "long", "action": "buy", "size": "5/100"}', ("symbol", "not mapped")),
]


async def test_a_malformed_alert_is_refused_with_field_and_reason_and_trades_nothing(running: Running) -> None:
    for body, said in MALFORMED:
        status, text = await running.send(body)
        assert 400 <= status < 500, text
        assert [part for part in said if part not in text] == [], text

    await running.post(*LONG)
    await until(partial(running.is_in_line, Decimal("0.058") * WEIGHT))
    assert running.orders() == len(ACCOUNTS)


async def start_engine(home: Home) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "execute_trades.py"),
        cwd=ROOT,
        env={**os.environ, "TRADE_ENGINE_HOME": str(home.path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_stop_among_orders_ends_with_0_at_once_and_the_next_start_finishes_them_and_doubles_none(
    tmp_path: Path, number: signal.Signals
) -> None:
    home, now = write_home(tmp_path / "home"), WallClock().now()
    source = SourceName("tradingview")
    signal_of_btc = SourceSignal(source, "BTCUSDT", Decimal("0.058"), now)
    publish_frame(home, SourceFrame(source, 1, now, now, now, SourceStatus.OK, "", True, (signal_of_btc,)))

    async with aiohttp.ClientSession() as session:
        told = Running(home, 0, session)
        for is_enough in (told.has_sent, partial(told.is_in_line, Decimal("0.058") * WEIGHT)):
            shutil.rmtree(home.last_passes, ignore_errors=True)  # so that what is told is this start's
            engine = await start_engine(home)
            try:
                await until(is_enough)
                engine.send_signal(number)
                async with asyncio.timeout(STOP_SECONDS):
                    assert await engine.wait() == 0
            finally:
                if engine.returncode is None:
                    engine.kill()
                    await engine.wait()
        assert told.orders() == len(ACCOUNTS)


def run(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TRADE_ENGINE_HOME": str(home.path)}
    command = (sys.executable, *arguments)
    return subprocess.run(  # noqa: S603 - our own entry scripts
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_invalid_weight_file_stops_the_start_with_path_field_value_and_code_78(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    weights = json.loads(home.signal_weights.read_text())
    weights[0]["leverage"] = 50
    home.signal_weights.write_text(json.dumps(weights))

    ended = run(home, "execute_trades.py")

    assert ended.returncode == 78
    for part in (str(home.signal_weights), "leverage", "50"):
        assert part in ended.stderr
    assert not home.journal.exists()


def test_fault_34_a_key_without_its_secret_stops_the_start_with_code_78_and_asks_nobody(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    write_atomically(home.credentials, format_json({"bybit": {"api_key": "CANARY-of-the-key"}}), PRIVATE_MODE)

    ended = run(home, "execute_trades.py")

    assert ended.returncode == 78, "pm2 and systemd start every other code again"
    for part in (str(home.credentials), "bybit", "api_secret"):
        assert part in ended.stderr
    assert ended.stdout == ""
    assert "CANARY" not in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not home.journal.exists()


def test_a_port_in_use_is_said_and_nothing_is_served(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run(home, "signal_endpoints/tradingview_endpoint.py", "--port", port)

    assert ended.returncode == 78
    assert port in ended.stderr
    assert "in use" in ended.stderr
