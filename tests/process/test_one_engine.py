"""A second engine never starts: not on the same folder, and not from another folder with the same key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.home import HOME_VARIABLE, Home
from operations.engine_lock import EngineLock
from operations.exchange_key_locks import ExchangeKeyLocks

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION_OR_LOCK = 78


def start_engine(home: Home) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, HOME_VARIABLE: str(home.path), "XDG_CONFIG_HOME": str(home.path / "xdg")}
    command = [sys.executable, "execute_trades.py"]
    return subprocess.run(  # noqa: S603 - our own code
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.process
def test_a_second_engine_on_the_same_folder_ends_with_78_and_the_holders_process_id(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with EngineLock(home.engine_lock):
        second = start_engine(home)

    assert second.returncode == CONFIGURATION_OR_LOCK
    assert f"process {os.getpid()}" in second.stdout + second.stderr


@pytest.mark.process
def test_an_engine_from_another_folder_with_the_same_key_ends_with_78(tmp_path: Path) -> None:
    home, key = Home(tmp_path), f"one-key-{os.getpid()}"
    home.credentials.write_text(json.dumps({"bybit": {"api_key": key, "api_secret": "secret", "mode": "live"}}))
    home.credentials.chmod(0o600)
    with ExchangeKeyLocks([("bybit", key)]):
        second = start_engine(home)

    told = second.stdout + second.stderr
    assert second.returncode == CONFIGURATION_OR_LOCK
    assert f"bybit: another engine trades with this key (process {os.getpid()})" in told
    assert key not in told
