"""Whole lives: seeded misfortune, every rule checked at every step, and everything on target once it is over."""

import gc
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from commands.demo_services import ROOT
from paper.effects import MarketState
from paper.faults import Fault, FaultKind
from simulation.actions import Alert, Break, Heal, Market, Restart, Step
from simulation.campaign import COMPARED_EVERY, plan_of, schedule_of
from simulation.coverage import possible_cells
from simulation.trial import run_trial
from simulation.twins import compare_replays, compare_twins
from simulation.whole_world import Plan

pytestmark = pytest.mark.timeout(600)

SIMULATED = "simulated hours and CPU-seconds"
"""The name under which tests/conftest.py finds what a test lived through."""
HITS = "faults by state"
"""The name under which it finds how often each kind of fault met the engine in each state, as rows."""

WORLDS_PER_TEST = 4
GATE_WORLDS, FULL_WORLDS = 80, 200
"""Of an hour each: about 5 CPU-minutes in the gate. `./engine test` prints the hours and the time at its end, and fails
when a kind of fault met the engine too seldom in some state, once there are hours enough to tell."""


def live_through(first: int, record_property: Callable[[str, object], None]) -> None:
    """Live through some worlds of an hour each, of which none may break a rule, and report what that took."""
    begun, hours, broken = time.process_time(), 0.0, {}
    hits: Counter[tuple[str, str]] = Counter()
    for seed in range(first, first + WORLDS_PER_TEST):
        verdict = run_trial(plan_of(seed), schedule_of(seed, 1.0))
        hours += verdict.seconds / 3600
        hits.update(verdict.hits)
        if verdict.violations or not verdict.seen["order"]:
            broken[f"./engine simulate --hours 1 --seed {seed}"] = verdict.violations
    record_property(SIMULATED, [hours, time.process_time() - begun])
    record_property(HITS, [[str(kind), str(state), count] for (kind, state), count in hits.items()])

    assert broken == {}


@pytest.mark.parametrize("first", range(1, GATE_WORLDS + 1, WORLDS_PER_TEST))
def test_no_rule_is_broken_and_everything_heals(first: int, record_property: Callable[[str, object], None]) -> None:
    live_through(first, record_property)


@pytest.mark.full
@pytest.mark.parametrize("first", range(GATE_WORLDS + 1, FULL_WORLDS + 1, WORLDS_PER_TEST))
def test_no_rule_is_broken_in_many_more_hours(first: int, record_property: Callable[[str, object], None]) -> None:
    live_through(first, record_property)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(COMPARED_EVERY, FULL_WORLDS + 1, COMPARED_EVERY))
def test_every_tenth_world_is_as_its_twins_and_lives_the_same_life_twice(seed: int) -> None:
    assert compare_twins(seed) == []
    assert compare_replays(plan_of(seed), schedule_of(seed, 1.0)) == []


LIVED = """
def test_first_half(record_property):
    record_property({simulated!r}, [50.0, 100.0])
    record_property({hits!r}, {first!r})

def test_second_half(record_property):
    record_property({simulated!r}, [50.0, 100.0])
    record_property({hits!r}, {second!r})
"""


@pytest.mark.parametrize("lacking", [1, pytest.param(0, marks=pytest.mark.full)])
def test_a_run_of_many_hours_with_one_thin_cell_fails_though_its_tests_pass(lacking: int, tmp_path: Path) -> None:
    first = [[str(kind), str(state), 2] for kind, state in possible_cells()]
    second = [[kind, state, 1] for kind, state, _ in first[lacking:]]
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_lived.py").write_text(LIVED.format(simulated=SIMULATED, hits=HITS, first=first, second=second))
    command = (sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", tmp_path, "-n", "1", tmp_path)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours

    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == lacking
    assert ("a fault too rare" in done.stdout) is bool(lacking)


def test_the_same_seed_lives_the_same_life_whatever_the_hash_seed() -> None:
    program = (
        "from simulation.campaign import plan_of, schedule_of; from simulation.trial import run_trial; "
        "from simulation.whole_world import Plan; from simulation.aimed import AIMED; "
        "print(run_trial(Plan(3), schedule_of(3, 0.1)).digest); "
        "lives = [AIMED['a second engine elsewhere'], AIMED['no room for the journal']]; "
        "print([run_trial(life.plan, life.steps).digest for life in lives])"
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
