"""Tries mutants: the tests are collected once; each mutant is a fork of that process with the changed code in place.

A trial runs only the tests that touch the changed statement, first those that noticed another mutant, then the
quickest, and ends with the first that fails. What runs at import (a constant, a default) cannot be changed
afterwards: such a mutant is imported anew and tried by all of them.
"""

import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TextIO

from simulation.forks import Fork
from simulation.loopback import ROOT
from simulation.mutant_coverage import Coverage, Item, record, run_tests
from simulation.mutant_places import mutate

TESTS = "tests/unit/core"
CPU_SECONDS = 120
TEST_SECONDS = 120
SPARE_CPU_SECONDS = 5.0
SLOWER = 5
"""A test that takes this many times its usual processor time, and the spare seconds, will not end."""
LONGEST_TEST_SECONDS = 1.0
"""A test of more processor time than this is left out: it costs more than all others, and little needs it."""

KILLERS_TRIED_FIRST = 5
MEMORY_BYTES = 4 << 30
POLL_SECONDS = 0.005
PRELOADED = ("pytest", "coverage", "apsw", "pydantic", "structlog", "aiohttp", "msgspec", "prometheus_client")
OUT_OF_TIME = "took too much processor time"
ONCE_IMPORTED = "a test, or the import itself"


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
class Trial:
    """What became of a mutant.

    Attributes:
        mutant: Which.
        killer: What noticed, empty when nothing did.
        tests: How many tests could have; None for all.
    """

    mutant: Mutant
    killer: str
    tests: int | None


_Begin = Callable[[], Fork]


def try_all(mutants: Sequence[Mutant], jobs: int, until: float) -> Iterator[Trial]:
    """Try them in forks of this process, which must not have imported `core` yet.

    Args:
        mutants: Which.
        jobs: Trials at once.
        until: When to stop, on the monotonic clock; what is not decided by then is left out.

    Raises:
        RuntimeError: The tests fail without any change, or a trial broke.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    by_name = {(one.path, one.number): one for one in mutants}
    imported: list[Mutant] = []
    collected = Fork(lambda out: _collect_and_try(out, mutants, jobs, until))
    for line in collected.told:
        path, number, killer, tests = json.loads(line)
        mutant = by_name.get((path, number))
        if not mutant:
            raise RuntimeError(killer)
        if killer is None:
            imported.append(mutant)
        else:
            yield Trial(mutant, killer, tests)
    if collected.end():
        raise RuntimeError(f"the tests of {TESTS} cannot be collected, or a trial broke")
    yield from _try_each([(one, None, _begin_imported(one)) for one in imported], jobs, until)


def _try_each(trials: Iterable[tuple[Mutant, int | None, _Begin]], jobs: int, until: float) -> Iterator[Trial]:
    waiting = iter(trials)
    running: list[tuple[Mutant, int | None, Fork]] = []
    while time.monotonic() < until:
        while len(running) < jobs and (following := next(waiting, None)):
            mutant, tests, begin = following
            running.append((mutant, tests, begin()))
        if not running:
            return
        ended = [one for one in running if one[2].has_ended()]
        for one in ended:
            running.remove(one)
            yield _concluded(*one)
        if not ended:
            time.sleep(POLL_SECONDS)  # noqa: TID251 - nothing else runs in this process
    for _, _, fork in running:
        fork.kill()


def _concluded(mutant: Mutant, tests: int | None, fork: Fork) -> Trial:
    killer = fork.told.read()
    status = fork.end()
    if status in (-signal.SIGPROF, -signal.SIGXCPU, -signal.SIGKILL):
        return Trial(mutant, OUT_OF_TIME, tests)
    if status:
        raise RuntimeError(f"the trial of {mutant} ended with {status}")
    return Trial(mutant, killer, tests)


def _pytest(tests: Sequence[str], *plugins: object) -> int:
    """The exit status of pytest."""
    pytest = importlib.import_module("pytest")
    os.chdir(ROOT)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    options = ("-x", "-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not full and not prove")
    return int(pytest.main([*options, "-o", f"timeout={TEST_SECONDS}", *tests], plugins=[_Repeatable(), *plugins]))


class _Repeatable:
    """The same examples in every run, and none made smaller."""

    def pytest_collection(self) -> None:
        hypothesis = importlib.import_module("hypothesis")
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile(
            "repeatable", hypothesis.settings.default, derandomize=True, database=None, phases=phases
        )
        hypothesis.settings.load_profile("repeatable")


# -- changed in place --------------------------------------------------------------------------------------


def _collect_and_try(out: TextIO, mutants: Sequence[Mutant], jobs: int, until: float) -> None:
    killers: list[int] = []

    def tell(mutant: Mutant | None, killer: str | None, tests: int | None) -> None:
        out.write(json.dumps([mutant and mutant.path, mutant and mutant.number, killer, tests]) + "\n")
        out.flush()

    def trials(
        items: Sequence[Item], coverage: Coverage, functions: Mapping[str, Sequence[FunctionType]]
    ) -> Iterator[tuple[Mutant, int | None, _Begin]]:
        for mutant in mutants:
            touching = coverage.touching(mutant.path, mutant.line)
            numbers = touching and [one for one in touching if coverage.seconds[one] <= LONGEST_TEST_SECONDS]
            if numbers:
                known = [one for one in dict.fromkeys(killers) if one in numbers][:KILLERS_TRIED_FIRST]
                tests = [(items[one], coverage.seconds[one]) for one in dict.fromkeys([*known, *numbers])]
                yield mutant, len(numbers), _begin(tests, mutant, functions[str(ROOT / mutant.path)])
            else:
                tell(mutant, None if numbers is None else "", 0)

    class Loop:
        def pytest_runtestloop(self, session: Any) -> bool:  # noqa: ANN401 - pytest's
            coverage = record(session.items, {one.path for one in mutants})
            if coverage.failed:
                tell(None, f"fails on unchanged code: {', '.join(coverage.failed)}", 0)
                return True
            names = [item.nodeid for item in session.items]
            functions = functions_of({str(ROOT / one.path) for one in mutants})
            gc.collect()
            gc.freeze()  # so that a collection in a fork does not copy what it finds
            for trial in _try_each(trials(session.items, coverage, functions), jobs, until):
                tell(trial.mutant, trial.killer, trial.tests)
                if trial.killer in names:
                    killers.insert(0, names.index(trial.killer))
            return True

    if _pytest([TESTS], Loop()):
        raise RuntimeError(f"the tests of {TESTS} cannot be collected")


def _begin(tests: Sequence[tuple[Item, float]], mutant: Mutant, functions: Sequence[FunctionType]) -> _Begin:
    def work(out: TextIO) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        put_in_place(mutant, functions)
        for _, failed in run_tests([item for item, _ in tests], lambda number: _limit_cpu(tests[number][1])):
            if failed:
                out.write(failed)
                return

    return lambda: Fork(work)


def _limit_cpu(usual_seconds: float) -> None:
    """End this process unless the next test ends in time, as long as it may take on a busy machine."""
    signal.setitimer(signal.ITIMER_PROF, SPARE_CPU_SECONDS + SLOWER * usual_seconds)


def functions_of(files: set[str]) -> dict[str, list[FunctionType]]:
    """Every function of each file; looked for once, since a fork that looks at every object copies all memory."""
    found: dict[str, list[FunctionType]] = {file: [] for file in files}
    for one in gc.get_objects():
        if type(one) is FunctionType and one.__code__.co_filename in files:
            found[one.__code__.co_filename].append(one)
    return found


def put_in_place(mutant: Mutant, functions: Sequence[FunctionType]) -> None:
    """Give every function of the mutant's module its changed code.

    Raises:
        RuntimeError: There is none, so nothing would change.
    """
    if not functions:
        raise RuntimeError(f"{mutant.path} was not imported")
    changed = {_name(code): code for code in _codes(_compiled(mutant, str(ROOT / mutant.path)))}
    for function in functions:
        function.__code__ = changed[_name(function.__code__)]


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _name(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _compiled(mutant: Mutant, file: str) -> CodeType:
    return compile(mutate(Path(file).read_text(), mutant.number), file, "exec")


# -- imported anew -----------------------------------------------------------------------------------------


def _begin_imported(mutant: Mutant) -> _Begin:
    def work(out: TextIO) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        sys.meta_path.insert(0, _Mutated(mutant))
        out.write(ONCE_IMPORTED if _pytest(_naming_first(mutant)) else "")

    return lambda: Fork(work)


def _naming_first(mutant: Mutant) -> list[str]:
    """All files of tests, those that name the module first."""
    names = re.compile(rf"\b{Path(mutant.path).stem}\b")
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
        return importlib.util.spec_from_file_location(fullname, file, loader=_Loader(fullname, file, self._mutant))


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """Compiled from the changed tree, never from a cache."""
        del fullname
        return _compiled(self._mutant, str(self.path))
