"""The table of faults by state: aims meet their state exactly, and a run with a thin cell does not pass."""

from collections import Counter
from decimal import Decimal

import pytest

from paper.faults import Fault, FaultKind
from simulation.actions import AimFault, Alert, Heal, Restart, Step
from simulation.aimed_chaos import AimedChaos
from simulation.campaign import Report, lines_of
from simulation.coverage import IMPOSSIBLE, possible_cells, thin_cells
from simulation.states import State
from simulation.trial import run_trial
from simulation.whole_world import Plan

pytestmark = pytest.mark.timeout(120)

SYMBOL = "BTCUSDT"
PLAN = Plan(2, symbols=(SYMBOL,), network_symbols=(), exchanges=("bybit",))
TURN = (Step(5.0, Alert(SYMBOL, Decimal("0.5"))), Step(20.0, Alert(SYMBOL, Decimal("-0.5"))), Step(40.0, Heal()))


def aim(kind: FaultKind, state: State, endpoint: str) -> Step:
    return Step(10.0, AimFault(Fault(kind, exchange="bybit", endpoint=endpoint), state))


@pytest.mark.parametrize(
    ("kind", "state", "endpoint"),
    [
        (FaultKind.SERVER_ERROR, State.NOTHING, "positions"),
        (FaultKind.ANSWER_LOST, State.REDUCTION, "create_order"),
        (FaultKind.LIQUIDATION, State.REDUCTION, "create_order"),
        (FaultKind.FOREIGN_TRADE, State.BETWEEN, "positions"),
        (FaultKind.PARTIAL_FILL, State.BETWEEN, "create_order"),
    ],
)
def test_an_aimed_fault_meets_one_request_in_its_state(kind: FaultKind, state: State, endpoint: str) -> None:
    verdict = run_trial(PLAN, [aim(kind, state, endpoint), *TURN])

    assert verdict.violations == ()
    assert verdict.hits == {(kind, state): 1}


def test_an_increase_and_a_start_are_met_too() -> None:
    steps = [
        Step(4.0, AimFault(Fault(FaultKind.TRUNCATED, exchange="bybit"), State.INCREASE)),
        Step(14.0, AimFault(Fault(FaultKind.HANG, exchange="bybit", endpoint="positions"), State.STARTING)),
        TURN[0],
        Step(15.0, Restart(is_crash=True)),
        Step(40.0, Heal()),
    ]
    verdict = run_trial(PLAN, steps)

    assert verdict.violations == ()
    assert verdict.hits == {(FaultKind.TRUNCATED, State.INCREASE): 1, (FaultKind.HANG, State.STARTING): 1}


def test_a_long_run_with_one_thin_cell_does_not_pass_and_says_which() -> None:
    cells = list(possible_cells())
    thin = (FaultKind.HANG, State.BETWEEN)
    hits = Counter({(str(kind), str(state)): 30 for kind, state in cells})
    full = Report(worlds=1000, simulated_seconds=3_600_000.0, hits=hits)
    assert full.is_passed

    lacking = Report(worlds=1000, simulated_seconds=3_600_000.0, hits=hits - Counter({thin: 1}))

    assert thin_cells(lacking.hits, lacking.hours) == {thin: 29}
    assert not lacking.is_passed
    assert any("hang: 29 between close and open" in line for line in lines_of(lacking))
    assert Report(worlds=9, simulated_seconds=32_400.0).is_passed


def test_what_cannot_be_is_listed_with_its_reason_and_everything_else_is_aimed_at() -> None:
    drawn = {
        (step.action.fault.kind, step.action.state)
        for seed in range(40)
        for step in AimedChaos(Plan(seed)).schedule(3600.0)
        if isinstance(step.action, AimFault)
    }
    assert drawn == set(possible_cells())
    assert all(IMPOSSIBLE.values())
    assert len(drawn) + len(IMPOSSIBLE) == len(FaultKind) * len(State)
