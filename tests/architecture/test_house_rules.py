"""The rules of CONTRIBUTING.md that no linter knows: sizes, banned names, a reason beside every exception."""

import ast
import re
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "account_processors",
    "benchmarks",
    "commands",
    "config",
    "core",
    "operations",
    "paper",
    "signal_endpoints",
    "signal_processors",
    "simulation",
)
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 60
LARGEST_MEDIAN = 12
BANNED = re.compile(r"^(utils?|helpers?|common|misc)$|_(utils?|helpers?)$")
BARE_EXCEPTION = re.compile(r"noqa(: [A-Z0-9, ]+)?$")


@cache
def sources() -> dict[str, str]:
    """Every file of the product by its name relative to the project."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in [*paths, ROOT / "execute_trades.py"]}


@cache
def functions() -> dict[str, int]:
    """How many lines every function has, without its docstring."""
    lines: dict[str, int] = {}
    for file, text in sources().items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                docstring = node.body[0] if ast.get_docstring(node) else None
                told = docstring.end_lineno - docstring.lineno + 1 if docstring and docstring.end_lineno else 0
                lines[f"{file}:{node.lineno} {node.name}"] = node.end_lineno - node.lineno + 1 - told
    return lines


def test_every_room_is_looked_at() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == set(ROOMS)


def test_no_file_is_longer_than_its_limit() -> None:
    assert [name for name, text in sources().items() if text.count("\n") > MOST_LINES_OF_A_FILE] == []


def test_functions_are_short() -> None:
    assert [name for name, lines in functions().items() if lines >= MOST_LINES_OF_A_FUNCTION] == []
    assert median(functions().values()) <= LARGEST_MEDIAN


@pytest.mark.parametrize("name", ["utils", "common", "string_helpers", "misc"])
def test_names_that_say_nothing_are_recognised(name: str) -> None:
    assert BANNED.search(name)


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    parts = {part.removesuffix(".py") for name in sources() for part in name.split("/")}
    assert [part for part in parts if BANNED.search(part)] == []


def test_nothing_is_printed() -> None:
    calls = [
        f"{name}:{node.lineno}"
        for name, text in sources().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []


def test_every_exception_from_a_rule_has_its_reason_beside_it() -> None:
    bare = [
        f"{name}:{number}"
        for name, text in sources().items()
        for number, line in enumerate(text.splitlines(), 1)
        if BARE_EXCEPTION.search(line)
    ]
    assert bare == []
