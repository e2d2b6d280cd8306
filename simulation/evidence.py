"""The files of the long evidence: which code it is about, pieces that outlive an interruption, and their sums."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from config.files import write_atomically
from paper.faults import FaultKind
from simulation.campaign import Report
from simulation.loopback import ROOT
from simulation.states import State

PIECES = "pieces"
NOT_CODE = ("docs", "tests", "deploy", "benchmarks")
"""Folders whose changes leave what was proven as it is."""


@dataclass(frozen=True, slots=True)
class Build:
    """What is proven.

    Attributes:
        commit: The commit that is checked out.
        code: A digest of the committed code, which commits to documents and tests do not change.
        is_clean: Whether no file differs from the commit, the evidence itself left aside.
        python: Its version.
        ccxt: Its version.
    """

    commit: str
    code: str
    is_clean: bool
    python: str
    ccxt: str

    def as_json(self) -> dict[str, object]:
        """As plain values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def describe_build() -> Build:
    """The build that is checked out here."""
    listed = _git("ls-tree", "HEAD").splitlines()
    code = [line for line in listed if line.partition("\t")[2] not in NOT_CODE and not line.endswith(".md")]
    changed = _git("status", "--porcelain", "--", ":/", ":!/docs/evidence")
    return Build(
        commit=_git("rev-parse", "HEAD"),
        code=hashlib.sha256("\n".join(code).encode()).hexdigest()[:16],
        is_clean=not changed,
        python=platform.python_version(),
        ccxt=version("ccxt"),
    )


class Evidence:
    """A folder of evidence about one build.

    A piece that is there already is not made again while the code is the same, so that a run which was interrupted
    goes on where it ended. Of files that differ from the commit nobody knows what they were: then all is made anew.
    """

    def __init__(self, folder: Path, build: Build) -> None:
        self._folder = folder
        self._build = build

    def piece(self, name: str, make: Callable[[], Any]) -> Any:  # noqa: ANN401 - plain JSON
        """What a piece showed, now or in an earlier run over the same code.

        Args:
            name: Of the piece, with everything that it depends on besides the code.
            make: Makes it; gives plain values.
        """
        path = self._folder / PIECES / f"{name}.json"
        kept = self._kept(path)
        if kept is not None:
            return kept
        result = make()
        self._write(path, result)
        return result

    def write(self, name: str, result: object) -> None:
        """Write the result of a part, with the build that it is about."""
        self._write(self._folder / f"{name}.json", result)

    def _kept(self, path: Path) -> Any:  # noqa: ANN401 - plain JSON
        try:
            content = json.loads(path.read_bytes())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        kept = content["build"]
        is_same = all(kept[name] == getattr(self._build, name) for name in ("code", "python", "ccxt"))
        return content["result"] if is_same and kept["is_clean"] and self._build.is_clean else None

    def _write(self, path: Path, result: object) -> None:
        content = {"build": self._build.as_json(), "result": result}
        write_atomically(path, (json.dumps(content, indent=2, default=str) + "\n").encode())


def add_up(pieces: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], bool]:
    """The reports of several runs of worlds as one, and whether it passes.

    Args:
        pieces: What `Report.as_json` gave, of worlds that differ.
    """
    total = Report()
    violations: list[object] = []
    for piece in pieces:
        total.worlds += piece["worlds"]
        total.simulated_seconds += piece["hours"] * 3600
        total.cpu_seconds += piece["cpu_seconds"]
        total.slowest_seconds = max(total.slowest_seconds, piece["slowest_convergence_seconds"])
        total.take_slowest(piece["slowest_by_exchange_seconds"])
        total.seen.update(piece["exchanges"])
        total.told.update(piece["engine"])
        for kind, row in piece["faults_by_state"].items():
            total.hits.update({(FaultKind(kind), State(state)): hits for state, hits in row.items()})
        violations += piece["violations"]
    is_passed = total.is_passed and not violations
    return {**total.as_json(), "violations": violations}, is_passed


def _git(*arguments: str) -> str:
    command = ("git", "-C", str(ROOT), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - git
