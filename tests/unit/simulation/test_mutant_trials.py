"""Mutants are put in place of the imported code, and tried by the tests that touch their statement."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from simulation.loopback import ROOT
from simulation.mutant_coverage import Coverage, statement_at
from simulation.mutant_places import places
from simulation.mutant_trials import Mutant, Trial, functions_of, put_in_place
from simulation.mutants import _Verdicts

SOURCE = """LIMIT = 3


def is_small(number, limit=LIMIT):
    return number < limit


class Till:
    def total(self, prices):
        def taxed(price):
            return price + 1

        if not prices:
            return 0
        return sum(
            taxed(price)
            for price in prices
        )
"""


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    path = tmp_path / "priced.py"
    path.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("priced", path)
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def change(module: ModuleType, told: str) -> None:
    file = str(module.__file__)
    number = [change for _, change in places(SOURCE)].index(told)
    put_in_place(Mutant(file, number, 0, told), functions_of({file})[file])


def test_a_function_that_was_imported_already_does_what_the_mutant_says(module: ModuleType) -> None:
    imported_by_name = module.is_small
    assert not imported_by_name(3)

    change(module, "Lt to LtE: number < limit")

    assert imported_by_name(3)
    assert module.Till().total([1, 2]) == 5


def test_methods_and_functions_within_functions_are_changed_too(module: ModuleType) -> None:
    till = module.Till()

    change(module, "Add to Sub: price + 1")

    assert till.total([1, 2]) == 1


@pytest.mark.parametrize(
    ("line", "lines"),
    [(1, None), (4, None), (5, range(5, 6)), (11, range(11, 12)), (13, range(13, 15)), (17, range(15, 19))],
)
def test_what_a_mutant_changes_is_its_innermost_statement_or_runs_at_import(line: int, lines: range | None) -> None:
    assert statement_at(SOURCE, line) == lines


def test_the_tests_of_a_statement_come_quickest_first(tmp_path: Path) -> None:
    path = tmp_path / "priced.py"
    path.write_text(SOURCE)
    coverage = Coverage({str(path): {15: {0, 1}, 16: {2}, 11: {3}}}, [0.3, 0.1, 0.2, 0.0], [])

    assert coverage.touching(str(path), 17) == [1, 2, 0]
    assert coverage.touching(str(path), 5) == []
    assert coverage.touching(str(path), 1) is None


def test_verdicts_are_kept_and_are_those_of_one_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, mutant = tmp_path / "verdicts", Mutant("core/decisions/reconcile.py", 3, 29, "Mult to Div")
    killed, survived = Trial(mutant, "a test", 4), Trial(replace(mutant, number=4), "", None)
    mutants = [killed.mutant, survived.mutant]
    kept = _Verdicts(path, mutants)
    assert kept.read() == {}
    kept.keep(killed)
    kept.keep(survived)

    assert _Verdicts(path, mutants).read() == {killed.mutant: killed, survived.mutant: survived}
    monkeypatch.setattr("simulation.mutants._digest", lambda: "of other code")
    assert _Verdicts(path, mutants).read() == {}
    assert path.read_text() == "of other code\n"


@pytest.mark.full
@pytest.mark.timeout(600)
def test_every_chosen_mutant_is_noticed_or_named() -> None:
    ran = subprocess.run(
        (sys.executable, "-m", "simulation.mutants", "12", "1", "1"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(ran.stdout)

    assert report["tried"] == 12
    assert report["killed"] + len(report["survivors"]) == 12
    assert report["killed"] >= 9
    assert report["unfinished"] == 0
