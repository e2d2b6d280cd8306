"""Lives aimed at one class of fault each: no rule is broken, and everything ends on target."""

import pytest

from simulation.catching import LIVES, SLOW
from simulation.trial import run_trial

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("name", [name for name in LIVES if name not in SLOW])
def test_an_aimed_life_breaks_no_rule(name: str) -> None:
    verdict = run_trial(LIVES[name].plan, LIVES[name].steps)

    assert verdict.violations == ()
    assert verdict.seconds > 0


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(SLOW))
def test_a_long_aimed_life_breaks_no_rule(name: str) -> None:
    assert run_trial(LIVES[name].plan, LIVES[name].steps).violations == ()
