"""The operator's caps on exposure in a simulated world: they bite, and what passes them is called broken."""

from decimal import Decimal

import pytest

import core.account_limits
import core.decisions.make_decision
from core.decisions.check_risk import Allowed
from core.decisions.risk_rules import Proposal
from paper.faults import Fault, FaultKind
from simulation.actions import Alert, Break, Step
from simulation.campaign import plan_of
from simulation.trial import Verdict, run_trial
from simulation.whole_world import Plan

pytestmark = pytest.mark.timeout(120)

BTC, ETH = "BTCUSDT", "ETHUSDT"
PLAN = Plan(2, symbols=(BTC, ETH), network_symbols=(), exchanges=("bybit",), cap_share=Decimal("0.6"))
LARGEST = (Step(5.0, Alert(BTC, Decimal(1))), Step(20.0, Alert(ETH, Decimal(-1))))
LATE = Fault(FaultKind.LATE, endpoint="create_order", symbol=BTC, seconds=4.0)


def broken(verdict: Verdict) -> set[str]:
    """What was called broken, each by the end of its sentence."""
    assert {violation.invariant for violation in verdict.violations} <= {2}
    return {"account" if "brought the account" in one.told else "position" for one in verdict.violations}


def test_a_world_with_caps_trades_less_and_comes_to_rest_below_them() -> None:
    verdict = run_trial(PLAN, LARGEST)

    assert verdict.violations == ()
    assert verdict.seen["target capped"] == 2
    assert verdict.seen["increase judged by the cap of its symbol"] == 2
    assert verdict.seen["increase judged by the cap of its account"] == 2
    assert "place excused" not in verdict.seen


def let_pass(proposal: Proposal, *_: object, **__: object) -> Allowed:
    return Allowed(proposal.target, "")


def test_an_engine_that_lets_everything_pass_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (core.account_limits, core.decisions.make_decision):
        monkeypatch.setattr(place, "check_risk", let_pass)

    assert broken(run_trial(PLAN, LARGEST)) == {"position", "account"}


@pytest.mark.parametrize("late_at", [4.0, 9.0], ids=["opening", "closing"])
def test_an_increase_leaves_room_for_what_is_on_its_way_and_what_is_not_closed_yet(late_at: float) -> None:
    steps = [
        Step(late_at, Break(LATE)),
        Step(5.0, Alert(BTC, Decimal("0.6"))),
        Step(6.0 if late_at < 5.0 else 10.0, Alert(BTC, Decimal(0))),
        Step(6.1 if late_at < 5.0 else 10.1, Alert(ETH, Decimal("0.6"))),
    ]
    verdict = run_trial(PLAN, sorted(steps, key=lambda step: step.at_seconds))

    assert verdict.seen["fill"] == 4
    assert verdict.violations == ()


def test_every_fourth_world_has_caps() -> None:
    shares = [plan_of(seed).cap_share for seed in range(1, 41)]

    assert [seed for seed, share in enumerate(shares, 1) if share] == list(range(2, 41, 4))
    assert all(Decimal("0.6") <= share <= Decimal("0.8") for share in shares if share)
