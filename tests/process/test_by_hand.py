"""The engine as a person starts it: before its sources, from another folder, and ended with Ctrl-C."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from commands.demo_services import ROOT
from config.files import format_json, write_atomically
from config.home import Home
from core.model.identity import AccountId, SourceName, Symbol
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from operations.journal_file import read_only
from operations.wall_clock import WallClock
from signal_processors.depth_files import publish_frame
from simulation.loopback import read_engine_log

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

PATIENCE_SECONDS = 60.0
STOP_SECONDS = 1.5
"""From the signal to the end of the process: what pm2 and people are promised."""
TRADINGVIEW = SourceName("tradingview")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "a home with spaces")
    entry = {"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": Decimal("0.5")}]}
    write_atomically(home.asset_mapping, format_json({"tradingview": {"BTCUSDT": "BTCUSDT"}}))
    write_atomically(home.signal_weights, format_json([entry]))
    write_atomically(home.engine_settings, format_json({"metrics": {"is_enabled": False}}))
    return home


@asynccontextmanager
async def engine(home: Home) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "execute_trades.py")),
        cwd="/",
        env={**os.environ, "TRADE_ENGINE_HOME": str(home.path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_told(home: Home, event: str, times: int = 1) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while sum(line["event"] == event for line in read_engine_log(home)) < times:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_waits_for_its_sources_trades_when_they_speak_and_ends_within_a_second_and_a_half(
    home: Home, number: signal.Signals
) -> None:
    async with engine(home) as process:
        await until_told(home, "account looked at", 4)
        now = WallClock().now()
        signal_of_now = SourceSignal(TRADINGVIEW, "BTCUSDT", Decimal("0.1"), now)
        publish_frame(home, SourceFrame(TRADINGVIEW, 1, now, now, now, SourceStatus.OK, "", True, (signal_of_now,)))
        await until_told(home, "target confirmed", 4)

        process.send_signal(number)
        async with asyncio.timeout(STOP_SECONDS):
            assert await process.wait() == 0

    assert read_engine_log(home)[-1]["event"] == "engine stopped"
    with read_only(home.journal) as journal:
        ledgers = [journal.ledger(AccountId(name), Symbol("BTCUSDT")) for name in ("bybit", "blofin", "kucoin", "mexc")]
    assert all(ledger.owned > 0 and not ledger.unsettled for ledger in ledgers)


def check_status(home: Home) -> tuple[int, Any]:
    told = subprocess.run(
        (sys.executable, "-m", "commands", "status", "--check", "--json"),
        cwd=ROOT,
        env={**os.environ, "TRADE_ENGINE_HOME": str(home.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return told.returncode, json.loads(told.stdout)


def backdate(home: Home) -> None:
    """Let the engine's last sign of life be 100 seconds old."""
    at = WallClock().now().timestamp() - 100
    os.utime(home.engine_lock, (at, at))


async def until_alive(home: Home) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while check_status(home)[0] != 0:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.2)


async def test_a_stopped_process_is_a_problem_until_it_goes_on(home: Home) -> None:
    async with engine(home) as process:
        await until_told(home, "account looked at", 4)
        backdate(home)
        await until_alive(home)
        well = check_status(home)[1]
        process.send_signal(signal.SIGSTOP)
        backdate(home)
        code, hung = check_status(home)
        process.send_signal(signal.SIGCONT)
        await until_alive(home)

    assert set(well["clock_differences_seconds"]) == {"bybit", "blofin", "kucoin", "mexc"}
    assert all(abs(seconds) < 5 for seconds in well["clock_differences_seconds"].values())
    assert well["loop_lag_seconds"] is not None
    assert code == 1
    assert f"process {process.pid}) has given no sign of life for 1" in hung["problems"][0]
    assert "restart it" in hung["problems"][0]
