"""Bugs planted into a copy of the real files are caught by the simulation."""

import pytest

from simulation.planted import PLANTED, ROOT, Planted, catch

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
CAUGHT_BY_NOBODY = (
    "an error inside an answer of 200 is not looked at",
    "a create is tried again below our own layer",
    "all positions of all miners vanish and the depths follow at once",
    "an edit that is not valid counts as an empty one",
)
"""Another guard stands behind each of these: a malformed answer is unknown, an id is executed once, depths have a grace
time, and a source without weights is not a source that asks for zero; none of them is the worse for it."""

NAMES = [bug.name for bug in PLANTED]


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
@pytest.mark.parametrize("bug", PLANTED, ids=NAMES)
def test_the_simulation_catches_a_planted_bug(bug: Planted) -> None:
    assert bool(catch(bug).by) is (bug.name not in CAUGHT_BY_NOBODY)
