"""The first start with real keys: nothing is armed by itself, and what is missing is said once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from commands.demo_services import ROOT
from config.files import PRIVATE_MODE, format_json, write_atomically
from config.home import Home
from simulation.loopback import read_engine_log

pytestmark = [pytest.mark.process, pytest.mark.timeout(240)]

START_SECONDS = 60.0
STOP_SECONDS = 20.0
"""An idle machine needs less than two."""


def keys(name: str) -> dict[str, dict[str, str]]:
    """A key of this very test: of two engines with one key the second does not start, wherever it runs."""
    return {"bybit": {"api_key": f"live-{name}-of-{os.getpid()}", "api_secret": "live-secret-never-valid-0001"}}


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Home:
    home = Home(tmp_path / "home")
    write_atomically(home.asset_mapping, format_json({"tradingview": {"BTCUSDT": "BTCUSDT"}}))
    entry = {"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": 0.5}]}
    write_atomically(home.signal_weights, format_json([entry]))
    write_atomically(home.engine_settings, format_json({"metrics": {"is_enabled": False}}))
    write_atomically(home.credentials, format_json(keys(request.node.name)), PRIVATE_MODE)
    return home


def start_and_stop(home: Home, *arguments: str, stop: signal.Signals = signal.SIGINT) -> list[dict[str, Any]]:
    """Run the engine until it says that it started, ask it to end, and return what it told."""
    environment = {**os.environ, "TRADE_ENGINE_HOME": str(home.path), "XDG_CONFIG_HOME": str(home.path / "xdg")}
    command = (sys.executable, "execute_trades.py", *arguments)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as engine:  # noqa: S603 - our own entry script
        deadline = time.monotonic() + START_SECONDS
        while not any(line["event"] == "engine started" for line in read_engine_log(home)):
            assert engine.poll() is None, read_engine_log(home)
            assert time.monotonic() < deadline
            time.sleep(0.1)  # noqa: TID251 - the test waits for another process
        engine.send_signal(stop)
        try:
            assert engine.wait(STOP_SECONDS) == 0
        finally:
            engine.kill()
    return read_engine_log(home)


def test_a_live_account_is_not_armed_and_the_others_are_said_to_be_missing_once(home: Home) -> None:
    lines = start_and_stop(home, stop=signal.SIGTERM)

    (started,) = [line for line in lines if line["event"] == "engine started"]
    assert started["accounts"] == ["bybit (live, not armed)"]
    missing = [line["exchanges"] for line in lines if line["event"] == "exchanges not configured"]
    assert missing == [["blofin", "kucoin", "mexc"]]
    assert not home.consents.exists()


def test_a_start_with_live_records_the_consent_for_this_very_key(home: Home) -> None:
    (armed,) = [line for line in start_and_stop(home, "--live") if line["event"] == "account armed"]
    assert (armed["account"], armed["symbols"]) == ("bybit", "BTCUSDT")

    write_atomically(home.credentials, format_json(keys("another")), PRIVATE_MODE)
    (home.logs / "trade-engine.jsonl").unlink()
    (started,) = [line for line in start_and_stop(home) if line["event"] == "engine started"]
    assert started["accounts"] == ["bybit (live, not armed)"]
