"""A machine stopped at any moment of an opening or a flip loses no alert, doubles nothing and ends on target."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from commands.demo_services import ROOT
from config.files import write_atomically
from simulation.losing_disk import LosingDisk

ALL = ("open", "resize", "flip", "disable", "config", "burst")
GATE = ("open", "flip")


def try_points(names: Sequence[str]) -> list[dict[str, Any]]:
    """In a process of its own, since it forks at every point."""
    options = [part for name in names for part in ("--scenario", name)]
    done = subprocess.run(  # noqa: S603 - our own program
        (sys.executable, "-m", "commands", "simulate", "--crash-points", "--json", *options),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def failures_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {f"{one['scenario']} {one['lag_seconds']}": one["failures"] for one in found if one["failures"]}


@pytest.mark.timeout(600)
def test_a_machine_that_stops_anywhere_in_an_opening_or_a_flip_ends_on_target() -> None:
    found = try_points(GATE)

    assert failures_of(found) == {}
    assert {(one["scenario"], one["lag_seconds"]) for one in found} == {(n, lag) for n in GATE for lag in (0, 1, 2)}
    assert all(one["points"] > 50 for one in found)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_machine_that_stops_anywhere_in_all_scenarios_ends_on_target() -> None:
    assert failures_of(try_points(ALL)) == {}


def test_a_power_cut_takes_what_was_not_synced(tmp_path: Path) -> None:
    home, left = tmp_path / "home", tmp_path / "left"
    home.mkdir()
    disk = LosingDisk(home)
    with disk.listening():
        write_atomically(home / "kept.json", b"kept")
        (home / "lost.txt").write_bytes(b"never synced")
        connection = apsw.Connection(str(home / "kept.sqlite"))
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE kept (number); INSERT INTO kept VALUES (1)")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("INSERT INTO kept VALUES (2)")
        disk.after_power_cut(left)
        disk.after_kill(tmp_path / "killed")
        connection.close()

    assert (left / "kept.json").read_bytes() == b"kept"
    assert not (left / "lost.txt").exists() or (left / "lost.txt").read_bytes() == b""
    assert list(apsw.Connection(str(left / "kept.sqlite")).execute("SELECT number FROM kept")) == [(1,)]
    killed = apsw.Connection(str(tmp_path / "killed" / "kept.sqlite"))
    assert list(killed.execute("SELECT number FROM kept")) == [(1,), (2,)]
