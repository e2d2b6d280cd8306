"""Whole lives: seeded misfortune, every rule checked at every step, and everything on target once it is over."""

import gc
import os
import subprocess
import sys
from decimal import Decimal

import pytest

from commands.demo_services import ROOT
from paper.effects import MarketState
from paper.faults import Fault, FaultKind
from simulation.actions import Alert, Break, Heal, Market, Restart, Step
from simulation.campaign import schedule_of
from simulation.trial import Verdict, run_trial
from simulation.whole_world import Plan

pytestmark = pytest.mark.timeout(300)

HOURS = 0.4


def live(seed: int, hours: float = HOURS) -> Verdict:
    return run_trial(Plan(seed), schedule_of(seed, hours))


@pytest.mark.parametrize("seed", range(1, 7))
def test_no_rule_is_broken_and_everything_heals(seed: int) -> None:
    verdict = live(seed)

    assert verdict.violations == ()
    assert verdict.seen["order"] > 0


def test_the_same_seed_lives_the_same_life_whatever_the_hash_seed() -> None:
    program = (
        "from simulation.campaign import schedule_of; from simulation.trial import run_trial; "
        "from simulation.whole_world import Plan; print(run_trial(Plan(3), schedule_of(3, 0.1)).digest)"
    )
    digests = {
        subprocess.run(  # noqa: S603 - our own program
            (sys.executable, "-c", program),
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "424242")
    }
    assert len(digests) == 1


def test_a_crash_right_behind_a_lost_answer_doubles_nothing() -> None:
    lost = Fault(FaultKind.ANSWER_LOST, endpoint="create_order", count=None)
    steps = [
        Step(5.0, Break(lost)),
        Step(5.01, Alert("BTCUSDT", Decimal("0.8"))),
        Step(5.3, Restart(is_crash=True)),
        Step(9.0, Alert("BTCUSDT", Decimal("-0.8"))),
        Step(9.3, Restart(is_crash=True)),
    ]
    verdict = run_trial(Plan(2, symbols=("BTCUSDT",), network_symbols=()), steps)

    assert verdict.violations == ()
    assert verdict.told["order outcome unknown"] >= 4


@pytest.mark.parametrize("reopened_seconds", [20.0, 90.0, 200.0])
def test_a_market_that_was_halted_and_trades_again_is_traded_within_a_full_check(reopened_seconds: float) -> None:
    steps = [
        Step(4.0, Market("bybit", "BTCUSDT", MarketState.HALTED)),
        Step(5.0, Alert("BTCUSDT", Decimal("0.5"))),
        Step(reopened_seconds - 9.0, Alert("BTCUSDT", Decimal("0.6"))),
        Step(reopened_seconds, Heal()),
    ]
    verdict = run_trial(Plan(2, symbols=("BTCUSDT",), network_symbols=()), steps)

    assert verdict.violations == ()
    assert verdict.converged_seconds < 65


def test_a_crash_leaves_no_task_behind(caplog: pytest.LogCaptureFixture) -> None:
    steps = [Step(5.0, Alert("BTCUSDT", Decimal("0.5")))]
    steps += [Step(8.0 + 1.07 * number, Restart(is_crash=True)) for number in range(8)]

    def collect(_: float) -> None:
        gc.collect()

    run_trial(Plan(2, symbols=("BTCUSDT",), network_symbols=()), steps, collect)

    assert "was destroyed" not in caplog.text
