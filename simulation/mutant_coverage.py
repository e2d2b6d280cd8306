"""Which tests run which statements: a test that never runs a statement cannot notice that it was changed."""

import ast
import importlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TextIO

from simulation.forks import Fork
from simulation.loopback import ROOT

Item = Any  # pytest is a tool of development, not a dependency of the project


@dataclass(frozen=True, slots=True)
class Coverage:
    """What one run of all tests on unchanged code showed.

    Attributes:
        tests: Per file and line the numbers of the tests that run it; what only runs at import is not in it.
        seconds: The processor time of each test, by its number.
        failed: The tests that fail.
    """

    tests: dict[str, dict[int, set[int]]]
    seconds: list[float]
    failed: list[str]

    def touching(self, path: str, line: int) -> list[int] | None:
        """The tests that run the statement at a line, the quickest first; None when it runs at import."""
        lines = statement_at((ROOT / path).read_text(), line)
        if lines is None:
            return None
        by_line = self.tests.get(path, {})
        return sorted(set().union(*(by_line.get(one, ()) for one in lines)), key=self.seconds.__getitem__)


def statement_at(source: str, line: int) -> range | None:
    """The lines of the innermost statement of a function's body at a line; None when there is none."""
    found = [lines for lines in _statements(source) if line in lines]
    return min(found, key=len, default=None)


@lru_cache
def _statements(source: str) -> list[range]:
    """The lines of every statement within a function's body."""
    functions = (one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
    bodies = (statement for function in functions for part in function.body for statement in ast.walk(part))
    return [range(one.lineno, (one.end_lineno or one.lineno) + 1) for one in bodies if isinstance(one, ast.stmt)]


def record(items: Sequence[Item], paths: Iterable[str]) -> Coverage:
    """Run the collected tests once, in a fork.

    Args:
        items: pytest's.
        paths: The files to watch, from the root of the tree.

    Raises:
        RuntimeError: The run did not end.
    """
    watched = {str(ROOT / path): path for path in paths}

    def work(out: TextIO) -> None:
        recorder = importlib.import_module("coverage").Coverage(
            data_file=None, include=list(watched), config_file=False
        )
        recorder.start()
        ran = list(run_tests(items, lambda number: recorder.switch_context(str(number))))
        recorder.stop()
        data = recorder.get_data()
        lines = {watched[file]: data.contexts_by_lineno(file) for file in data.measured_files()}
        seconds, failed = [took for took, _ in ran], [name for _, name in ran if name]
        json.dump({"lines": lines, "seconds": seconds, "failed": failed}, out)

    fork = Fork(work)
    text = fork.told.read()
    if fork.end():
        raise RuntimeError("the run that records what each test runs did not end")
    found = json.loads(text)
    tests = {
        path: {int(line): {int(name) for name in names if name} for line, names in lines.items()}
        for path, lines in found["lines"].items()
    }
    return Coverage(tests, found["seconds"], found["failed"])


def run_tests(items: Sequence[Item], before: Callable[[int], None]) -> Iterator[tuple[float, str]]:
    """Run collected tests in their order: of each the processor time, and its id if it failed, else nothing.

    Args:
        items: pytest's.
        before: Called with each test's number.
    """
    failed: list[str] = []

    class Reports:
        def pytest_runtest_logreport(self, report: Any) -> None:  # noqa: ANN401 - pytest's
            if report.failed:
                failed.append(report.nodeid)

    items[0].config.pluginmanager.register(Reports())
    for number, item in enumerate(items):
        before(number)
        began = time.process_time()
        item.ihook.pytest_runtest_protocol(item=item, nextitem=items[number + 1] if items[number + 1 :] else None)
        yield time.process_time() - began, failed[-1] if failed and failed[-1] == item.nodeid else ""
