"""A clone as a new user makes it, in a home without anything: the README's ways to install it, from the registry."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.full, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "LANG", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "UV_CACHE_DIR")
KEPT_MORE = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
IMPORT_EVERYTHING = """
import importlib, pathlib, pkgutil
rooms = sorted(path.parent.name for path in pathlib.Path(".").glob("*/__init__.py"))
names = [one.name for room in rooms for one in pkgutil.walk_packages([room], room + ".")]
for name in ["execute_trades", *names]:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
print(len(names))
"""
SCRIPTS = (
    "execute_trades.py",
    "config/credentials.py",
    "config/asset_mapping.py",
    "config/signal_weights.py",
    "signal_endpoints/tradingview_endpoint.py",
    "signal_processors/bittensor_processor.py",
)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    target = tmp_path / "trade engine"
    call(tmp_path, {}, "git", "clone", "-q", str(ROOT), str(target))
    return target


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where packages come from, and a home of its own."""
    (tmp_path / "home").mkdir()
    kept = {name: os.environ[name] for name in (*KEPT, *KEPT_MORE) if name in os.environ}
    return {**kept, "HOME": str(tmp_path / "home"), "PYTHONDONTWRITEBYTECODE": "1"}


def call(folder: Path, environment: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(  # noqa: S603 - the commands of the README
        command,
        cwd=folder,
        env=dict(environment) or None,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_pip_alone_installs_all_that_every_module_and_script_needs(clone: Path, environment: dict[str, str]) -> None:
    call(clone, environment, sys.executable, "-m", "venv", ".venv")
    python = str(clone / ".venv" / "bin" / "python")
    call(clone, environment, python, "-m", "pip", "install", "-q", "--only-binary", ":all:", "-e", ".")

    call(clone, environment, python, "-m", "pip", "check")
    assert int(call(clone, environment, python, "-c", IMPORT_EVERYTHING)) > 100
    for script in SCRIPTS:
        assert "--help" in call(clone, environment, python, script, "--help"), script
    call(clone, environment, python, "config/asset_mapping.py", "--set", "tradingview.BTCUSDT=BTCUSDT")
    assert (clone / "asset_mapping_config.json").exists()
    assert call(clone, environment, "git", "status", "--porcelain") == ""


def test_the_launcher_prepares_a_clone_and_the_demo_converges_in_it(
    clone: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    assert "demo" in call(tmp_path, environment, str(clone / "engine"), "--help")
    told = call(tmp_path, environment, str(clone / "engine"), "demo", "--once")

    assert "positions equal targets on 4 of 4 accounts" in told
    assert call(clone, environment, "git", "status", "--porcelain") == ""
    assert {path.name for path in (tmp_path / "home").iterdir()} <= {".cache", ".local"}
