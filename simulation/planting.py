"""Plants a bug into a copy of the real files, and lives there until it is caught or the time is up."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from simulation.catching import EXPECTS_ERROR
from simulation.planted import Planted

ROOT = Path(__file__).resolve().parent.parent
LIMIT_CPU_SECONDS = 60
NOT_COPIED = ("tests", "docs", "deploy", ".git", ".venv", "state", "logs", "raw_signals", "__pycache__")
THE_START = "the start"


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of a bug.

    Attributes:
        bug: Which.
        by: The life that broke a rule, or the start where the bug is expected there; empty when nothing caught it.
        told: The rule and how it was broken, or why that is no catch.
        cpu_seconds: Processor time spent.
    """

    bug: Planted
    by: str
    told: str
    cpu_seconds: float

    @property
    def is_caught(self) -> bool:
        """Whether it was caught in time."""
        return bool(self.by) and self.cpu_seconds <= LIMIT_CPU_SECONDS


def catch(bug: Planted) -> Catch:
    """Plant a bug into a copy and live through worlds until one breaks a rule.

    Raises:
        ValueError: If the text to be replaced is not there exactly once.
    """
    error = (EXPECTS_ERROR,) if bug.is_error else ()
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = copy_with(bug, Path(folder) / "engine", NOT_COPIED)
        done = subprocess.run(  # noqa: S603 - our own program
            (sys.executable, "-m", "simulation.catching", str(LIMIT_CPU_SECONDS), *error, *bug.aims),
            cwd=copy,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    lines = done.stdout.splitlines()
    if not lines:
        return Catch(bug, THE_START if bug.is_error else "", f"it ended: {done.stderr.strip()[-300:]}", 0.0)
    told = json.loads(lines[-1])
    return Catch(bug, told["by"], told["told"], told["cpu_seconds"])


def copy_with(bug: Planted, copy: Path, not_copied: Iterable[str]) -> Path:
    """Copy the project with the bug in it.

    Args:
        bug: Which.
        copy: The folder to be made.
        not_copied: Names that are left out.

    Raises:
        ValueError: If the text to be replaced is not there exactly once.
    """
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*not_copied))
    path = copy / bug.path
    path.write_text(plant(bug, path.read_text()))
    return copy


def plant(bug: Planted, text: str) -> str:
    """The text of a file with the bug in it.

    Raises:
        ValueError: If the text to be replaced is not there exactly once.
    """
    if text.count(bug.sound) != 1:
        raise ValueError(f"{bug.path}: the text to be replaced occurs {text.count(bug.sound)} times: {bug.sound!r}")
    return text.replace(bug.sound, bug.broken)
