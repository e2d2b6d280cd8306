"""What `./engine prove` keeps: the build that was proven, and pieces that an interrupted run need not make again."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.prove import app
from simulation.campaign import Report
from simulation.evidence import Build, Evidence, add_up, describe_build

ROOT = Path(__file__).resolve().parents[3]
BUILD = Build("c0ffee", "abc", is_clean=True, python="3.11", ccxt="4.5")


def test_evidence_names_its_commit_and_whether_files_differed() -> None:
    git = ("git", "-C", str(ROOT))
    commit = subprocess.run((*git, "rev-parse", "HEAD"), capture_output=True, text=True, check=True)  # noqa: S603 - git
    status = subprocess.run((*git, "status", "--porcelain"), capture_output=True, text=True, check=True)  # noqa: S603 - git

    told = describe_build()

    assert told.commit == commit.stdout.strip()
    assert told.is_clean == (not [line for line in status.stdout.splitlines() if "docs/evidence" not in line])
    assert len(told.code) == 16


def test_a_piece_is_made_once_for_the_same_code_and_again_for_another(tmp_path: Path) -> None:
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        return made[-1]

    builds = (BUILD, replace(BUILD, commit="decade"), replace(BUILD, code="def"), replace(BUILD, is_clean=False))
    assert [Evidence(tmp_path, build).piece("one", make) for build in builds] == [0, 0, 1, 2]
    assert Evidence(tmp_path, replace(BUILD, is_clean=False)).piece("one", make) == 3
    assert Evidence(tmp_path, BUILD).piece("one", make) == 4
    assert Evidence(tmp_path, BUILD).piece("one", make) == 4


def test_a_part_is_written_with_the_build_it_is_about(tmp_path: Path) -> None:
    Evidence(tmp_path, BUILD).write("kills", {"kills": 3})

    written = json.loads((tmp_path / "kills.json").read_bytes())
    assert written["build"]["commit"] == "c0ffee"
    assert written["result"] == {"kills": 3}


def report_of(worlds: int, hits: int, slowest: float) -> Report:
    report = Report(worlds=worlds, simulated_seconds=3600.0 * worlds, cpu_seconds=2.0, slowest_seconds=slowest)
    report.seen.update(order=worlds)
    report.hits["hang", "starting"] = hits
    return report


def test_runs_of_worlds_add_up_to_one() -> None:
    first, second = report_of(2, 5, 31.0), report_of(3, 7, 40.0)
    first.take_slowest({"bybit": 31.0, "mexc": 3.0})
    second.take_slowest({"bybit": 2.0, "blofin": 40.0})
    one, other = first.as_json(), second.as_json()
    total, is_passed = add_up([one, other])

    assert is_passed
    assert (total["worlds"], total["hours"], total["slowest_convergence_seconds"]) == (5, 5.0, 40.0)
    assert total["slowest_by_exchange_seconds"] == {"blofin": 40.0, "bybit": 31.0, "mexc": 3.0}
    assert total["exchanges"] == {"order": 5}
    assert total["faults_by_state"]["hang"]["starting"] == 12


def test_one_broken_rule_or_a_thin_cell_of_a_long_run_fails_the_whole() -> None:
    broken = {**report_of(1, 1, 1.0).as_json(), "violations": [{"replay": "again", "told": ["1: two at once"]}]}
    total, is_passed = add_up([report_of(1, 1, 1.0).as_json(), broken])

    assert not is_passed
    assert total["violations"] == broken["violations"]
    assert not add_up([report_of(60, 0, 1.0).as_json()] * 2)[1]


@pytest.mark.parametrize("wrong", ["some", "-3"])
def test_a_number_of_mutants_that_is_none_is_refused(wrong: str, tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, [f"--mutants={wrong}", "--folder", str(tmp_path)])

    assert answer.exit_code == 2
    assert list(tmp_path.iterdir()) == []
