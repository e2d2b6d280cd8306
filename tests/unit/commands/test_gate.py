"""`./engine test`: which checks each tier has, and that none of them can be passed over."""

import subprocess
import sys
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
