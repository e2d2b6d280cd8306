"""docs/promises.md tells the truth: every promise once, every named test really there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ((?:TE|AT|AX|XA)-\d+) \| .* \| (\w+) \| (.*) ?\|$")
NAMED = re.compile(r"`([^`]+\.py)::(\w+)`")
COUNTS = {"TE": 129, "AT": 43, "AX": 45, "XA": 30}


def _rows() -> list[tuple[str, str, str]]:
    lines = (ROOT / "docs" / "promises.md").read_text().splitlines()
    return [match.groups() for line in lines if (match := ROW.match(line))]  # type: ignore[misc]


@cache
def _tests_of(path: str) -> frozenset[str]:
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    names = (node.name for node in ast.walk(ast.parse(file.read_text())) if hasattr(node, "name") and node.name)
    return frozenset(name for name in names if name.startswith("test_"))


def test_every_promise_has_exactly_one_row() -> None:
    expected = [f"{part}-{number:02d}" for part, count in COUNTS.items() for number in range(1, count + 1)]
    assert [identifier for identifier, _, _ in _rows()] == expected


@pytest.mark.parametrize(("identifier", "state", "kept_by"), _rows(), ids=[row[0] for row in _rows()])
def test_a_row_names_tests_that_exist(identifier: str, state: str, kept_by: str) -> None:
    assert state in {"kept", "begun", "open", "declined"}, identifier
    named = NAMED.findall(kept_by)
    assert bool(named) == (state in {"kept", "begun"}), f"{identifier} is {state} and names {named}"
    missing = [f"{path}::{name}" for path, name in named if name not in _tests_of(path)]
    assert missing == []
