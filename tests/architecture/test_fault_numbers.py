"""Every fault of the catalogue that can touch the engine has a test that is named after its number."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ORDERS_AND_POSITIONS, EXCHANGE_AND_NETWORK = range(1, 29), range(29, 44)
CONFIGURATION, PROCESS_DISK_AND_TIME = range(70, 79), range(79, 92)


def numbers_in(name: str) -> set[int]:
    """The faults that a test is named after: `test_fault_01_02_what_it_shows`."""
    found = re.match(r"test_fault_((?:\d\d_)+)", name)
    return {int(number) for number in found[1].split("_") if number} if found else set()


def test_every_fault_has_a_test_named_after_its_number() -> None:
    named: set[int] = set()
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                named |= numbers_in(node.name)

    catalogue = {*ORDERS_AND_POSITIONS, *EXCHANGE_AND_NETWORK, *CONFIGURATION, *PROCESS_DISK_AND_TIME}
    assert sorted(catalogue - named) == []


def test_a_name_tells_all_of_its_numbers() -> None:
    assert numbers_in("test_fault_01_02_03_a_failed_read") == {1, 2, 3}
    assert numbers_in("test_a_fault_meets_what_it_names") == set()
