"""Every branch of what decides and of what sends orders is taken by some test."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)
def test_decisions_and_the_plan_executor_are_covered_branch_by_branch(tmp_path: Path) -> None:
    arguments = ("-q", "-m", "not full", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'run'}")
    coverage = ("--cov=core.decisions", "--cov=core.plan_executor", "--cov-branch", "--cov-fail-under=100")
    command = (sys.executable, "-m", "pytest", "tests/unit/core", *arguments, *coverage, "--cov-report=term-missing")
    environment = {"COVERAGE_FILE": str(tmp_path / "coverage"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own tests

    assert run.returncode == 0, run.stdout[-3000:]
