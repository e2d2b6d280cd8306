"""Changes one place of the code that moves money, and asks whether a test of tests/unit/core notices.

    python -m simulation.mutants SAMPLE SEED JOBS [BUDGET_SECONDS]

SAMPLE 0 means all. Prints one object of JSON. A mutant that fails a test, cannot be imported or runs out of processor
time is killed; one that passes every test survives: either nothing would notice that mistake, or it changes nothing.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, ModuleType

from simulation.loopback import ROOT
from simulation.mutant_places import mutate, places

TESTS = "tests/unit/core"
CPU_SECONDS = 60
TEST_SECONDS = 60
POLL_SECONDS = 0.02
MEMORY_BYTES = 4 << 30
PRELOADED = ("pytest", "apsw", "pydantic", "structlog", "aiohttp", "msgspec", "prometheus_client")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed place.

    Attributes:
        path: The module's file, from the root of the tree.
        number: Which of the module's places.
        line: Where it is.
        change: What was changed.
    """

    path: str
    number: int
    line: int
    change: str


@dataclass(frozen=True, slots=True)
class MutationReport:
    """What the tests noticed.

    Attributes:
        possible: How many mutants there are.
        tried: How many were tried.
        killed: How many a test noticed.
        seed: Of the sample.
        cpu_seconds: What all of it took.
        survivors: Those that nothing noticed.
        unfinished: Those that no test had noticed when the time was up. They count as not noticed.
    """

    possible: int
    tried: int
    killed: int
    seed: int
    cpu_seconds: float
    survivors: Sequence[Mutant]
    unfinished: Sequence[Mutant] = ()

    @property
    def score(self) -> float:
        """The share that was noticed, 0 to 1; 0 where none was tried."""
        return self.killed / self.tried if self.tried else 0.0


def all_mutants() -> list[Mutant]:
    """Every mutant of the pure decisions and of the executor of plans."""
    paths = [*sorted((ROOT / "core" / "decisions").glob("*.py")), ROOT / "core" / "plan_executor.py"]
    return [
        Mutant(str(path.relative_to(ROOT)), number, line, change)
        for path in paths
        for number, (line, change) in enumerate(places(path.read_text()))
    ]


def try_mutants(sample: int, seed: int, jobs: int, budget_seconds: float) -> MutationReport:
    """Try a seeded sample (0: all) in forks of this process, which must not have imported `core` yet.

    Raises:
        RuntimeError: The tests fail without any change.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    everything = all_mutants()
    order = random.Random(seed).sample(everything, sample if 0 < sample < len(everything) else len(everything))
    until = time.monotonic() + budget_seconds
    running: dict[int, Mutant | None] = {_start(None): None}
    verdicts: dict[Mutant, bool] = {}
    while (order or running) and time.monotonic() < until:
        while order and len(running) < jobs:
            mutant = order.pop(0)
            running[_start(mutant)] = mutant
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            time.sleep(POLL_SECONDS)  # noqa: TID251 - nothing else runs in this process
            continue
        tried = running.pop(pid)
        if tried:
            verdicts[tried] = status == 0
        elif status:
            raise RuntimeError(f"the tests of {TESTS} fail on unchanged code")
    unfinished = [one for one in (_stop(pid, running[pid]) for pid in running) if one]
    survivors = sorted((one for one, lives in verdicts.items() if lives), key=lambda one: (one.path, one.number))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return MutationReport(
        possible=len(everything),
        tried=len(verdicts) + len(unfinished),
        killed=len(verdicts) - len(survivors),
        seed=seed,
        cpu_seconds=round(used.ru_utime + used.ru_stime, 1),
        survivors=survivors,
        unfinished=unfinished,
    )


def _stop(pid: int, mutant: Mutant | None) -> Mutant | None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return mutant


def _start(mutant: Mutant | None) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        os._exit(_run_tests(mutant))
    finally:
        os._exit(1)


def _run_tests(mutant: Mutant | None) -> int:
    pytest = importlib.import_module("pytest")  # a tool of development, not a dependency of the project

    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    os.chdir(ROOT)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    if mutant:
        sys.meta_path.insert(0, _Mutated(mutant))
    quiet = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not full and not prove")
    return int(pytest.main([*quiet, "-o", f"timeout={TEST_SECONDS}", *_tests_for(mutant)]))


def _tests_for(mutant: Mutant | None) -> list[str]:
    """All files of tests, those that name the module first."""
    module = Path(mutant.path).stem if mutant else ""
    names = re.compile(rf"\b{module}\b")
    files = sorted((ROOT / TESTS).glob("test_*.py"))
    return [str(one) for one in sorted(files, key=lambda one: not names.search(one.read_text()))]


class _Mutated(importlib.abc.MetaPathFinder):
    """Gives the changed code to whoever imports the module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = mutant.path.removesuffix(".py").replace("/", ".")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The changed module's own loader; nothing for any other."""
        del path, target
        if fullname != self._name:
            return None
        file = str(ROOT / self._mutant.path)
        return importlib.util.spec_from_file_location(
            fullname, file, loader=_Loader(fullname, file, self._mutant.number)
        )


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, number: int) -> None:
        super().__init__(fullname, path)
        self._number = number

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the changed tree, never from a cache."""
        del fullname
        return compile(mutate(Path(self.path).read_text(), self._number), self.path, "exec")


def main(arguments: Sequence[str]) -> int:
    """Try, and tell in JSON."""
    sample, seed, jobs = (int(one) for one in arguments[:3])
    report = try_mutants(sample, seed, jobs, float(arguments[3]) if arguments[3:] else float("inf"))
    sys.stdout.write(json.dumps({"score": round(report.score, 3), **asdict(report)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
