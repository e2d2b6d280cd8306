"""Bugs planted into a copy of the real files are caught by the simulation."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from simulation.planted import CAUGHT_BY_NOBODY, PLANTED, Planted
from simulation.planting import LIMIT_CPU_SECONDS, NOT_COPIED, ROOT, Catch, catch, copy_with, plant

QUICKEST = (
    "a close is not reduce-only",
    "a symbol that is removed from the weights is forgotten with its position",
    "two engines may run on the same data",
    "an increase goes out although the leverage could not be set",
    "an accepted order counts as filled",
    "sizes are rounded up",
    "a failure that proves nothing counts as a refusal",
    "a failed read of positions counts as flat",
)
NAMES = [bug.name for bug in PLANTED]
DEMANDED = (1, 3, 4, 5, 6, 7, 9, 10, 12, 17, 20, 22, 23, 42, 43, 46, 50, 58, 64, 66, 70, 75, 76, 79, 82)
"""Numbers in the catalogue of failures of which at least one bug is planted."""

DEMANDED_BY_NAME = (
    "the journal's epoch is left out of the order id",
    "the journal is not synced at a commit",
    "targets are acted on only when the signals changed",
    "what settles an order is kept in two writes instead of one",
    "the account's value is read again for each symbol",
    "a number that is none is let through",
)
"""Of our own; the rest of what is demanded has a number."""


def bug_named(name: str) -> Planted:
    return next(bug for bug in PLANTED if bug.name == name)


def test_every_demanded_failure_is_planted_and_every_exception_is_one_of_them() -> None:
    assert set(DEMANDED) <= {bug.number for bug in PLANTED}
    assert set(DEMANDED_BY_NAME) <= set(NAMES)
    assert len(set(NAMES)) == len(NAMES)
    assert set(CAUGHT_BY_NOBODY) <= set(NAMES)


@pytest.mark.parametrize("bug", PLANTED, ids=NAMES)
def test_every_planted_bug_still_fits_the_files(bug: Planted) -> None:
    text = (ROOT / bug.path).read_text()

    assert text.count(bug.sound) == 1
    assert bug.broken not in text or bug.broken in bug.sound


def test_every_planted_bug_is_a_program_that_knows_its_names(tmp_path: Path) -> None:
    """So that none is caught for a slip of the pen."""
    for number, bug in enumerate(PLANTED):
        (tmp_path / f"bug_{number}.py").write_text(plant(bug, (ROOT / bug.path).read_text()))
    ruff = Path(sys.executable).parent / "ruff"
    options = ("--isolated", "--no-cache", "--select", "F821,F822,F823", "--output-format", "concise")
    done = subprocess.run((ruff, "check", *options, tmp_path), capture_output=True, text=True, check=False)  # noqa: S603 - our own files

    assert done.returncode == 0, done.stdout + done.stderr


def try_here(tmp_path: Path, program: str, *arguments: str) -> dict[str, object]:
    """What simulation.catching says where every life goes as the program lets it."""
    script = tmp_path / "catch.py"
    script.write_text(program)
    done = subprocess.run(  # noqa: S603 - our own program
        (sys.executable, script, *arguments), cwd=ROOT, capture_output=True, text=True, check=True
    )
    told: dict[str, object] = json.loads(done.stdout)
    return told


LIVED = """
import sys
sys.path.insert(0, "")
from simulation import catching
lives = iter({lives})
catching._lives = lambda aims: lives
catching._cpu_seconds = iter({seconds}).__next__
sys.exit(catching.main(sys.argv[1:]))
"""
FAILED = ("first", ["rule 0: NameError", "rule 3: not on target"])
BROKEN = ("second", ["rule 6: not reduce-only"])


def test_a_life_in_which_the_program_itself_fails_first_is_no_catch_unless_that_is_expected(tmp_path: Path) -> None:
    program = LIVED.format(lives=[FAILED, BROKEN], seconds=[1.0] * 4)

    assert try_here(tmp_path, program, "60")["by"] == "second"
    assert try_here(tmp_path, program, "60", "--error")["by"] == "first"


def test_what_is_broken_after_the_limit_is_no_catch(tmp_path: Path) -> None:
    program = LIVED.format(lives=[("first", []), BROKEN], seconds=[1.0, 1.0, 60.5, 60.5])

    assert try_here(tmp_path, program, "60")["by"] == ""


def test_a_program_that_does_not_start_is_caught_only_where_that_is_expected() -> None:
    bug = Planted(0, "a slip of the pen", "simulation/catching.py", "\nERRORS = (", "\nERRORS = nonsense(")

    assert not catch(bug).is_caught
    assert catch(replace(bug, is_error=True)).is_caught
    assert not Catch(bug, "a life", "a rule", LIMIT_CPU_SECONDS + 1.0).is_caught


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", QUICKEST)
def test_the_simulation_catches_a_planted_bug_quickly(name: str) -> None:
    caught = catch(bug_named(name))

    assert caught.is_caught, caught
    assert caught.by in caught.bug.aims


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in CAUGHT_BY_NOBODY])
def test_the_simulation_catches_a_planted_bug(name: str) -> None:
    caught = catch(bug_named(name))

    assert caught.is_caught, caught


@pytest.mark.full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", CAUGHT_BY_NOBODY)
def test_the_guard_notices_what_no_life_catches(name: str, tmp_path: Path) -> None:
    copy = copy_with(bug_named(name), tmp_path / "engine", set(NOT_COPIED) - {"tests"})
    command = (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", CAUGHT_BY_NOBODY[name])
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)  # noqa: S603 - our own tests

    assert "1 failed" in done.stdout, done.stdout
