"""Worlds that differ in one thing end alike, and the comparison notices when they do not."""

import pytest

from paper.faults import Fault, FaultKind
from simulation import twins
from simulation.actions import Break, DisableAccount, Heal, Step
from simulation.campaign import schedule_of
from simulation.whole_world import Plan

pytestmark = pytest.mark.timeout(120)


def test_restarts_and_another_s_trouble_change_nothing() -> None:
    assert twins.compare_twins(10) == []


def test_trouble_that_reaches_the_others_is_called_rule_12(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere = Break(Fault(FaultKind.CUT_BEFORE, endpoint="create_order", count=4))
    monkeypatch.setattr(twins, "_trouble", lambda *_: [Step(1.0, everywhere), Step(80.0, Heal())])

    assert {violation.invariant for violation in twins.compare_twins(10)} == {12}


def test_a_restart_that_leaves_another_position_is_called_rule_18(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "Restart", lambda **_: DisableAccount("mexc"))

    assert {violation.invariant for violation in twins.compare_twins(10)} == {18}


def test_a_second_life_that_goes_another_way_is_called_rule_17(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = schedule_of(10, 0.05)
    assert twins.compare_replays(Plan(10), steps) == []

    lived = iter(("one digest", "another"))
    monkeypatch.setattr(twins, "run_trial", lambda *_: type("Lived", (), {"digest": next(lived)}))

    assert [violation.invariant for violation in twins.compare_replays(Plan(10), steps)] == [17]
