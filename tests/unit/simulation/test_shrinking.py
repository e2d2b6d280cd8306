"""A world that broke a rule is told with the command that lives it again, and with little more than it needs."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from simulation import campaign
from simulation.actions import Alert, Step
from simulation.scene import Violation
from simulation.trial import Verdict
from simulation.whole_world import Plan

BROKEN = Violation(1, 12.5, "two at once")
PLAN = Plan(7)


def steps(count: int) -> list[Step]:
    return [Step(float(number), Alert("BTCUSDT", Decimal(number))) for number in range(count)]


def shrunk(monkeypatch: pytest.MonkeyPatch, schedule: Sequence[Step], guilty: Sequence[Step]) -> tuple[list[Step], int]:
    """What is left of a schedule in which a rule breaks when all the guilty steps are there; in how many trials."""
    trials = 0

    def run(_: Plan, candidate: Sequence[Step]) -> Verdict:
        nonlocal trials
        trials += 1
        is_broken = all(step in candidate for step in guilty)
        return Verdict((BROKEN,) if is_broken else (), "", 0.0, {}, {}, 0.0)

    monkeypatch.setattr(campaign, "run_trial", run)
    return list(campaign.shrink(PLAN, schedule)), trials


def test_a_short_schedule_is_cut_down_to_what_breaks_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = steps(8)

    assert shrunk(monkeypatch, schedule, [schedule[4]])[0] == [schedule[4]]
    assert shrunk(monkeypatch, schedule, [schedule[2], schedule[5]])[0] == [schedule[2], schedule[5]]


def test_a_long_schedule_is_cut_behind_what_breaks_the_rule_in_few_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = steps(200)
    guilty = [schedule[3], schedule[90]]

    left, trials = shrunk(monkeypatch, schedule, guilty)

    assert left[-1] == guilty[-1]
    assert guilty[0] in left
    assert left == [step for step in schedule if step in left]
    assert len(left) <= 91
    assert trials <= campaign.SHRINKING_TRIALS


def test_a_failure_is_told_with_its_replay_its_rule_and_what_it_needs() -> None:
    report = campaign.Report(failed=[campaign.Failure(42, 1.0, [BROKEN], steps(2)[1:])])

    told = "\n".join(campaign.lines_of(report))

    assert "FAILED seed 42; replay with: ./engine simulate --hours 1 --seed 42" in told
    assert "at 12.500 s, rule 1: two at once" in told
    assert "1.000 Alert(symbol='BTCUSDT', depth=Decimal('1'))" in told
    assert told.endswith("1 worlds broke a rule")
