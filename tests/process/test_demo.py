"""The newcomer's first command, as a real process without a terminal."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pexpect
import pytest

from commands.demo_services import ROOT

OPERATORS_FILES = (
    "credentials.json",
    "asset_mapping_config.json",
    "signal_weight_config.json",
    "engine_config.json",
    "webhook_keys.json",
)


def told_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file that is not hidden, and not made by the interpreter."""
    files = {path.relative_to(folder): path for path in folder.rglob("*")}
    return {
        str(name): (path.stat().st_size, path.stat().st_mtime_ns)
        for name, path in files.items()
        if path.is_file() and "__pycache__" not in name.parts and not any(part.startswith(".") for part in name.parts)
    }


@pytest.mark.process
@pytest.mark.timeout(150)
def test_the_demo_ends_with_every_account_on_target_nothing_doubled_and_the_lost_answer_recovered(
    tmp_path: Path,
) -> None:
    real = tmp_path / "real"
    for folder in (real, tmp_path / "home", tmp_path / "tmp", tmp_path / "xdg"):
        folder.mkdir()
    for name in OPERATORS_FILES:
        (real / name).write_text("no JSON: whoever reads it fails")
    environment = {
        **os.environ,
        "TRADE_ENGINE_HOME": str(real),
        "TRADE_ENGINE_SET_POLL_SECONDS": "never",
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(tmp_path / "tmp"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
    }
    outside, project = told_of(tmp_path), told_of(ROOT)
    command = (sys.executable, "-m", "commands", "demo", "--once")

    ended = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=140, check=False
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = re.search(
        r"positions equal targets on (\d) of 4 accounts, (\d+) orders, (\d+) doubled, (\d+)", ended.stdout
    )
    assert summary is not None, ended.stdout
    on_target, orders, doubled, lost = map(int, summary.groups())
    assert (on_target, doubled, lost) == (4, 0, 1)
    assert orders >= 4 * 7
    assert "answer lost, asking for the order by its id" in ended.stdout
    assert (
        "1 lost answer recovered\nwithout --once it stays up, for alerts of your own:\n  curl -X POST" in ended.stdout
    )
    assert (told_of(tmp_path), told_of(ROOT)) == (outside, project)


@pytest.mark.process
@pytest.mark.full
@pytest.mark.timeout(200)
def test_on_a_terminal_it_stays_up_alone_until_ctrl_c(tmp_path: Path) -> None:
    clone = str(tmp_path / "clone")
    pexpect.run(f"git clone -q {ROOT} {clone}")
    child = pexpect.spawn(
        sys.executable,
        ["-m", "commands", "demo"],
        cwd=clone,
        timeout=120,
        dimensions=(50, 140),
        encoding="utf-8",
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore ^C
    )
    child.expect("curl -X POST (http://127.0.0.1:\\d+/)")
    assert child.match
    with urllib.request.urlopen(f"{child.match[1]}health", timeout=20) as answer:  # noqa: S310 - on loopback
        assert answer.status == 200
    second = subprocess.run(
        (sys.executable, "-m", "commands", "demo"), cwd=clone, capture_output=True, text=True, timeout=60, check=False
    )
    assert second.returncode == 78
    assert f"(process {child.pid})" in second.stdout
    child.sendcontrol("c")
    child.expect(pexpect.EOF)
    child.close()

    assert (child.exitstatus, child.signalstatus) == (0, None)
