"""Bugs planted into a copy of the real files are caught by the simulation."""

import pytest

from simulation.planted import CAUGHT_BY_NOBODY, PLANTED, ROOT, Planted, catch

QUICKEST = (
    "a close is not reduce-only",
    "a symbol that is removed from the weights is forgotten with its position",
    "two engines may run on the same data",
    "an increase goes out although the leverage could not be set",
    "an accepted order counts as filled",
    "sizes are rounded up",
    "a failure that proves nothing counts as a refusal",
    "a failed read of positions counts as flat",
)
NAMES = [bug.name for bug in PLANTED]
DEMANDED = (1, 3, 4, 5, 6, 7, 9, 10, 12, 17, 20, 22, 23, 42, 43, 46, 50, 58, 64, 66, 70, 75, 76, 79, 82)
"""Numbers in the catalogue of failures of which at least one bug is planted."""


def test_every_demanded_failure_is_planted_and_every_exception_is_one_of_them() -> None:
    assert set(DEMANDED) <= {bug.number for bug in PLANTED}
    assert len(set(NAMES)) == len(NAMES)
    assert set(CAUGHT_BY_NOBODY) <= set(NAMES)


@pytest.mark.parametrize("bug", PLANTED, ids=NAMES)
def test_every_planted_bug_still_fits_the_files(bug: Planted) -> None:
    text = (ROOT / bug.path).read_text()

    assert text.count(bug.sound) == 1
    assert bug.broken not in text or bug.broken in bug.sound


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", QUICKEST)
def test_the_simulation_catches_a_planted_bug_quickly(name: str) -> None:
    bug = next(bug for bug in PLANTED if bug.name == name)

    assert catch(bug).by in bug.aims


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in CAUGHT_BY_NOBODY])
def test_the_simulation_catches_a_planted_bug(name: str) -> None:
    assert catch(next(bug for bug in PLANTED if bug.name == name)).by
