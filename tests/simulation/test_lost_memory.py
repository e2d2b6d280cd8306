"""What an engine over a full disk had only in memory: the checks remember it when the engine dies."""

from decimal import Decimal

from paper.faults import Fault, FaultKind
from simulation.actions import Alert, Break, FillDisk, FreeDisk, Restart, Step
from simulation.full_disk import Full
from simulation.trial import run_trial
from simulation.whole_world import Plan

SYMBOL = "BTCUSDT"


def test_a_close_that_arrives_after_its_engine_died_with_a_failed_journal_was_meant_by_it() -> None:
    slow = Fault(FaultKind.LATENCY, endpoint="create_order", symbol=SYMBOL, count=None, seconds=4.0)
    happenings = (
        (5.0, Alert(SYMBOL, Decimal("0.5"))),
        (15.0, FillDisk(Full.JOURNAL)),
        (16.0, Break(slow)),
        (17.0, Alert(SYMBOL, Decimal(0))),
        (18.5, Restart(is_crash=True)),
        (60.0, FreeDisk()),
    )

    verdict = run_trial(Plan(2, symbols=(SYMBOL,), network_symbols=()), [Step(at, action) for at, action in happenings])

    assert verdict.violations == ()
