"""What status and doctor say of an engine that runs: whether it lives, its loop, the clocks, passes that are late."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from account_processors.passport import Severity
from commands.app import app
from commands.doctor_engine import inspect_engine
from commands.status import look
from config.files import format_json
from config.home import HOME_VARIABLE, Home
from operations.engine_lock import EngineLock
from operations.journal_file import open_journal
from operations.sign_of_life import OVERDUE_AFTER_SECONDS, Vitals
from operations.wall_clock import WallClock


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A sound home with nothing to trade, and this process as its engine."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    home = Home(tmp_path)
    home.asset_mapping.write_bytes(format_json({"tradingview": {}}))
    home.signal_weights.write_bytes(format_json([]))
    open_journal(home.journal, "00" * 16).close()
    with EngineLock(home.engine_lock):
        yield home


def say(
    home: Home, *, lag: float = 0.01, clocks: dict[str, float] | None = None, overdue: dict[str, float] | None = None
) -> None:
    vitals = Vitals(os.getpid(), WallClock().now(), lag, clocks or {}, overdue or {})
    home.vitals.write_bytes(msgspec.json.encode(vitals))


def fall_silent(home: Home) -> None:
    at = WallClock().now().timestamp() - 100
    os.utime(home.engine_lock, (at, at))


def found(home: Home) -> list[tuple[Severity, str]]:
    return [(one.severity, one.topic) for one in inspect_engine(home, WallClock().now())]


def status() -> tuple[int, Any]:
    result = CliRunner().invoke(app, ["status", "--check", "--json"])
    return result.exit_code, json.loads(result.stdout)


def shown() -> str:
    return CliRunner().invoke(app, ["status"]).stdout


def test_status_shows_loop_lag_and_clocks_of_a_running_engine(home: Home) -> None:
    say(home, lag=0.25, clocks={"bybit": 0.01, "mexc::main": -0.12})
    code, told = status()

    assert code == 0, told["problems"]
    assert told["loop_lag_seconds"] == 0.25
    assert told["clock_differences_seconds"] == {"bybit": 0.01, "mexc::main": -0.12}
    assert 0 <= told["sign_of_life_age_seconds"] < 60
    assert "loop lag 0.250 s   exchange clock -0.120 s (mexc::main)" in shown()


def test_an_engine_that_only_just_began_is_alive_and_the_rest_unknown(home: Home) -> None:
    code, told = status()
    assert (code, told["loop_lag_seconds"], told["clock_differences_seconds"]) == (0, None, None)
    assert "loop lag unknown   exchange clock unknown" in shown()
    assert found(home) == [(Severity.GOOD, "engine")]


def test_a_clock_beyond_the_doctors_limit_is_a_problem_in_status_as_well(home: Home) -> None:
    say(home, clocks={"bybit": 0.4, "mexc": 0.6})
    code, told = status()

    assert code == 1
    (problem,) = told["problems"]
    assert problem.startswith("the clock differs from that of mexc's exchange by +0.600 s; synchronize")
    assert found(home) == [(Severity.GOOD, "engine"), (Severity.WARNING, "clock")]


def test_a_silent_engine_is_a_problem_although_its_process_lives(home: Home) -> None:
    say(home)
    fall_silent(home)
    code, told = status()

    assert code == 1
    (problem,) = told["problems"]
    assert problem.startswith(f"the engine (process {os.getpid()}) has given no sign of life for 100 s; it hangs")
    assert "restart it" in problem
    assert found(home) == [(Severity.PROBLEM, "engine")]


def test_an_account_whose_pass_is_late_is_a_problem_once_it_is_very_late(home: Home) -> None:
    say(home, overdue={"mexc": OVERDUE_AFTER_SECONDS - 1})
    assert status()[0] == 0

    say(home, overdue={"mexc": OVERDUE_AFTER_SECONDS + 1})
    code, told = status()
    assert code == 1
    assert told["problems"][0].startswith("mexc should have been looked at 151 s ago, and no pass has ended since")


def test_a_loop_that_lags_is_a_warning_of_the_doctor(home: Home) -> None:
    say(home, lag=1.5)
    assert found(home) == [(Severity.WARNING, "engine")]
    assert status()[0] == 0


def test_of_an_engine_that_does_not_run_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    home = Home(tmp_path)
    with EngineLock(home.engine_lock):
        say(home)
    told = status()[1]

    assert [told[name] for name in ("sign_of_life_age_seconds", "loop_lag_seconds", "clock_differences_seconds")] == [
        None, None, None,
    ]  # fmt: skip
    assert "sign of life, loop lag and clocks: unknown, as no engine runs" in shown()
    assert found(home) == []


def test_a_long_path_is_shown_whole_in_the_doctors_table(home: Home) -> None:
    home.signal_weights.write_text("{")
    said = CliRunner().invoke(app, ["doctor"]).stdout
    column = "".join(line.split("│")[3].strip() for line in said.splitlines() if line.count("│") == 5)

    assert "…" not in said
    assert f"{home.signal_weights}:" in column


def test_without_a_source_there_is_no_empty_table(home: Home) -> None:
    assert look(home).sources == []
    assert "heartbeat" not in shown()
