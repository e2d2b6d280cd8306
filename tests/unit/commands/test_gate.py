"""`./engine test`: which checks each tier has, and that none of them can be passed over."""

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

import commands.test as gate

ROOT = Path(__file__).resolve().parents[3]
TESTS = """
import pytest
def test_of_the_gate(): pass
@pytest.mark.full
def test_of_the_longer_tier(): pass
@pytest.mark.prove
def test_of_the_proof(): pass
"""
NEEDY = """
import pytest
@pytest.mark.system("no-such-program")
def test_that_needs_a_package(): pass
"""


class Runs:
    """Stands in for the processes that the gate starts; those named fail."""

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.names: list[str] = []

    def __call__(self, name: str, _command: Sequence[str], _extra: object = None) -> int:
        self.names.append(name)
        return int(name in self.failing)


@pytest.mark.parametrize("failing", ["format", "lint", "types", "imports", "tests", "tests with processes"])
def test_any_check_that_fails_fails_the_gate_and_the_others_still_run(
    failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(failing)
    monkeypatch.setattr(gate, "_run", runs)

    ended = CliRunner().invoke(gate.app, [])

    assert ended.exit_code == 1
    assert runs.names == ["format", "lint", "types", "imports", "tests", "tests with processes"]


def test_the_longer_tier_checks_the_coverage_as_well() -> None:
    names = [name for name, _ in gate.gate_steps(full=True)]
    assert names == [*(name for name, _ in gate.gate_steps(full=False)), "coverage"]
    assert "--cov" in dict(gate.gate_steps(full=True))["coverage"]
    report = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["report"]
    assert report["fail_under"] >= 85


@pytest.mark.parametrize(
    ("arguments", "selected"),
    [
        ((), ["test_of_the_gate"]),
        (("-m", "full"), ["test_of_the_longer_tier"]),
        (("-k", "longer"), ["test_of_the_longer_tier"]),
        (("test_some.py::test_of_the_proof",), ["test_of_the_proof"]),
    ],
)
def test_plain_pytest_selects_the_tests_of_the_gate_and_others_when_they_are_asked_for(
    arguments: Sequence[str], selected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    options = ("-c", str(ROOT / "pyproject.toml"), f"--rootdir={tmp_path}", "-p", "no:cacheprovider", "--collect-only")
    place = () if "::" in "".join(arguments) else (str(tmp_path),)
    command = (sys.executable, "-m", "pytest", *options, "-q", *arguments, *place)
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own interpreter
    assert [line.partition("::")[2] for line in shown.splitlines() if "::" in line] == selected


def test_a_gate_in_which_everything_passes_ends_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_run", Runs())
    assert CliRunner().invoke(gate.app, ["--full"]).exit_code == 0


@pytest.mark.parametrize(
    ("full", "selected"), [(False, ["test_of_the_gate"]), (True, ["test_of_the_gate", "test_of_the_longer_tier"])]
)
def test_each_tier_selects_its_tests(full: bool, selected: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "test_processes.py").write_text(TESTS.replace("def test_", "@pytest.mark.process\ndef test_process_"))
    for step, kind in (("tests", "test_"), ("tests with processes", "test_process_")):
        marks = dict(gate.gate_steps(full=full))[step][-1]
        shown = pytest_in(tmp_path, "--collect-only", "-q", "-m", marks).stdout
        wanted = [name.replace("test_", kind, 1) for name in selected]
        assert [line.partition("::")[2] for line in shown.splitlines() if "::" in line] == wanted


def test_a_missing_system_package_skips_with_the_remedy_and_fails_where_it_is_required(tmp_path: Path) -> None:
    (tmp_path / "test_needy.py").write_text(NEEDY)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    remedy = "no-such-program missing; install with: sudo ./engine test --install-system"

    skipped = pytest_in(tmp_path)
    failed = pytest_in(tmp_path, **{gate.FAIL_ON_SKIP_VARIABLE: "required"})

    assert (skipped.returncode, failed.returncode) == (0, 1)
    assert remedy in skipped.stdout
    assert remedy in failed.stdout


def test_the_change_gate_installs_the_system_packages_and_then_requires_them() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-2:] == [
        "./engine test --install-system",
        f"{gate.FAIL_ON_SKIP_VARIABLE}=required exec ./engine test",
    ]


def pytest_in(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = (sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), f"--rootdir={folder}", str(folder))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **variables}
    return subprocess.run(  # noqa: S603 - our own interpreter
        (*command, "-p", "no:cacheprovider", *arguments),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
