"""A clone as a new user makes it, in a home without anything: the launcher prepares it from the registry."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = [pytest.mark.process, pytest.mark.full, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "LANG", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "UV_CACHE_DIR")
KEPT_MORE = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT")


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


def test_the_launcher_prepares_a_clone_and_the_demo_converges_in_it(
    clone: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    assert "demo" in call(tmp_path, environment, str(clone / "engine"), "--help")
    told = call(tmp_path, environment, str(clone / "engine"), "demo", "--once")

    assert "positions equal targets on 4 of 4 accounts" in told
    assert call(clone, environment, "git", "status", "--porcelain") == ""
    assert {path.name for path in (tmp_path / "home").iterdir()} <= {".cache", ".local"}
