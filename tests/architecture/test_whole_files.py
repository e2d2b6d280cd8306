"""Whole files are written through config.files.write_atomically; what writes otherwise is named with its reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "account_processors", "commands", "config", "core", "operations", "paper", "signal_endpoints", "signal_processors",
)  # fmt: skip
ALLOWED = {
    "operations/logs.py": "a rotated log is packed beside itself and renamed; nothing rests on it",
    "commands/demo_services.py": "what a demo's process prints",
    "paper/operator_requests.py": "a request is written under another name and renamed",
}
WRITERS = {"write_text", "write_bytes"}


def writes(tree: ast.AST) -> Iterator[int]:
    """Lines that write a file in place."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        modes = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        modes += [keyword.value.value for keyword in node.keywords if isinstance(keyword.value, ast.Constant)]
        is_write_mode = any(
            isinstance(mode, str) and set(mode) <= set("wxabt+") and set(mode) & set("wx") for mode in modes
        )
        if name in WRITERS or (name == "open" and is_write_mode):
            yield node.lineno


def found() -> dict[str, list[int]]:
    places = {}
    for path in sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        lines = list(writes(ast.parse(path.read_text(encoding="utf-8"))))
        if lines:
            places[str(path.relative_to(ROOT))] = lines
    return places


def test_fault_72_no_file_of_state_is_written_in_place() -> None:
    assert set(found()) - set(ALLOWED) == set()


def test_every_exception_is_still_needed() -> None:
    assert set(ALLOWED) - set(found()) == set()


@pytest.mark.parametrize(
    "code", ["open('a', 'w')", "path.open('wb')", "path.open(mode='x')", "gzip.open(p, 'wb')", "path.write_text('')"]
)
def test_a_write_in_place_is_seen(code: str) -> None:
    assert list(writes(ast.parse(code))) == [1]
    assert list(writes(ast.parse("path.open('rb'); open('w.txt'); os.write(3, b'')"))) == []
