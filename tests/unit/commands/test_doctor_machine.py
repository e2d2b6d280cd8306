import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from account_processors.passport import Finding, Severity
from commands import doctor_machine
from commands.doctor_machine import inspect_machine
from config.files import format_json, write_atomically
from config.home import Home
from core.model.identity import SourceName
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from operations.engine_lock import EngineLock
from operations.journal_file import open_journal
from operations.processes import Running, running_services
from signal_processors.depth_files import publish_frame

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRADINGVIEW = SourceName("tradingview")


class Fixed:
    """core.ports.clock.Clock that stands still."""

    def now(self) -> datetime:
        return NOW


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A sound home: one weighted source that is alive, a journal."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    home = Home(tmp_path / "home")
    write_atomically(home.asset_mapping, format_json({"tradingview": {"BTCUSDT": "BTCUSDT"}}))
    entry = {"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": Decimal("0.5")}]}
    write_atomically(home.signal_weights, format_json([entry]))
    say(home, NOW)
    open_journal(home.journal, "00" * 16).close()
    return home


def say(home: Home, heartbeat_at: datetime) -> None:
    signal = SourceSignal(TRADINGVIEW, "BTCUSDT", Decimal("0.1"), heartbeat_at)
    frame = SourceFrame(TRADINGVIEW, 1, heartbeat_at, heartbeat_at, heartbeat_at, SourceStatus.OK, "", True, (signal,))
    publish_frame(home, frame)


def found(home: Home) -> list[Finding]:
    """Everything but that no engine runs, which holds in every case here."""
    return [one for one in inspect_machine(home, Fixed()) if one.what != "trade-engine does not run"]


def bad(home: Home) -> list[tuple[Severity, str]]:
    return [(one.severity, one.topic) for one in found(home) if one.severity is not Severity.GOOD]


def test_a_sound_machine_has_nothing_to_complain_of_and_is_left_as_it_is(home: Home) -> None:
    before = sorted(home.path.rglob("*"))
    assert bad(home) == []
    assert {one.topic for one in found(home)} == {"tradingview", "disk", "journal", "files"}
    assert {path for path in home.path.rglob("*") if path.suffix not in {".sqlite-shm", ".sqlite-wal"}} <= set(before)


def test_each_fault_flips_exactly_its_own_check(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    say(home, NOW - timedelta(seconds=90))
    assert bad(home) == [(Severity.WARNING, "tradingview")]
    home.depths("tradingview").write_text("{")
    assert bad(home) == [(Severity.PROBLEM, "tradingview")]
    home.depths("tradingview").unlink()
    assert bad(home) == [(Severity.WARNING, "tradingview")]
    say(home, NOW)

    monkeypatch.setattr(doctor_machine, "LITTLE_FREE_BYTES", 10**18)
    assert bad(home) == [(Severity.WARNING, "disk")]
    monkeypatch.setattr(doctor_machine, "LEAST_FREE_BYTES", 10**18)
    assert bad(home) == [(Severity.PROBLEM, "disk")]
    monkeypatch.undo()

    journal = home.journal.read_bytes()
    home.journal.write_bytes(b"no journal at all" * 100)
    assert bad(home) == [(Severity.PROBLEM, "journal")]
    home.journal.write_bytes(journal)

    home.engine_settings.write_text('{"poll_secondss": 1}')
    assert bad(home) == [(Severity.PROBLEM, "files")]
    home.engine_settings.unlink()

    monkeypatch.setattr(
        doctor_machine, "running_services", lambda _: [Running("trade-engine", 1), Running("trade-engine", 2)]
    )
    assert bad(home) == [(Severity.PROBLEM, "processes")]


def test_every_complaint_has_a_remedy(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    say(home, NOW - timedelta(days=1))
    home.signal_weights.write_text("[")
    home.journal.write_bytes(b"x" * 5000)
    monkeypatch.setattr(doctor_machine, "LEAST_FREE_BYTES", 10**18)

    complaints = [one for one in inspect_machine(home, Fixed()) if one.severity is not Severity.GOOD]

    assert len(complaints) >= 4
    assert all(one.remedy for one in complaints)


def test_the_one_of_two_engines_that_holds_the_lock_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = [Running("trade-engine", os.getpid()), Running("trade-engine", 2)]
    monkeypatch.setattr(doctor_machine, "running_services", lambda _: twice)
    with EngineLock(home.engine_lock):
        (finding,) = [one for one in found(home) if one.topic == "processes"]
    assert f"all but {os.getpid()}" in finding.remedy


def test_processes_of_other_homes_other_programs_and_ended_ones_do_not_count(tmp_path: Path) -> None:
    project, processes = tmp_path / "project", tmp_path / "proc"
    project.mkdir()

    def run(pid: int, command: str, cwd: Path = project, environment: str = "") -> None:
        folder = processes / str(pid)
        folder.mkdir(parents=True)
        (folder / "cmdline").write_bytes(command.encode().replace(b" ", b"\0") + b"\0")
        (folder / "environ").write_bytes(environment.encode())
        (folder / "cwd").symlink_to(cwd)

    run(10, "/venv/bin/python execute_trades.py")
    run(11, f"python3 {project}/execute_trades.py --log-level DEBUG", tmp_path)
    run(12, "python3 signal_endpoints/tradingview_endpoint.py")
    run(13, "python3 execute_trades.py", environment="TRADE_ENGINE_HOME=/elsewhere\0")
    run(14, "vim execute_trades.py")
    run(15, "python3 execute_trades.py", tmp_path / "another")
    (processes / "16").mkdir()
    (processes / "self").mkdir()

    assert running_services(Home(project), processes) == [
        Running("trade-engine", 10),
        Running("trade-engine", 11),
        Running("tradingview-endpoint", 12),
    ]
    assert running_services(Home(Path("/elsewhere")), processes) == [Running("trade-engine", 13)]
    assert running_services(Home(project), tmp_path / "nothing") == []
