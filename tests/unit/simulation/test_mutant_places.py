"""The mistakes that are planted one at a time into the code that moves money."""

import ast

import pytest

from commands.prove import _sample
from simulation.mutant_places import mutate, places

SOURCE = '''"""Text."""
def f(a: int, b: int) -> int:
    """Text."""
    total = a + 1
    if a < b and not b:
        raise ValueError("why")
    return total
'''


def test_every_kind_of_place_is_found_once_and_texts_and_annotations_are_left_alone() -> None:
    kinds = [change.partition(":")[0] for _, change in places(SOURCE)]

    assert sorted(kinds) == sorted([
        "removed", "Add to Sub", "1 to 2", "condition negated", "And to Or", "Lt to LtE", "removed", "returns nothing",
    ])  # fmt: skip


def test_each_mutant_is_another_program_and_differs_from_every_other() -> None:
    made = {ast.unparse(mutate(SOURCE, number)) for number in range(len(places(SOURCE)))}

    assert len(made) == len(places(SOURCE))
    assert ast.unparse(ast.parse(SOURCE)) not in made


@pytest.mark.parametrize(("asked", "sample"), [("all", 0), ("0", None), ("100", 100)])
def test_how_many_mutants_are_asked_for(asked: str, sample: int | None) -> None:
    assert _sample(asked) == sample
