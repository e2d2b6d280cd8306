"""Lives through worlds until one breaks a rule or the time is up; run in a copy with a planted bug.

    python -m simulation.catching LIMIT_CPU_SECONDS [AIM ...]

Prints one line of JSON: by which life the bug was caught (empty: by none), what was broken, CPU-seconds spent.
"""

import json
import resource
import sys
from collections.abc import Iterator, Sequence

from simulation.aimed import AIMED
from simulation.campaign import plan_of, schedule_of
from simulation.crash_points import try_scenario
from simulation.trial import run_trial

CRASH_POINTS = "crash points "
SLOW = frozenset({"the network is silent for a day"})
RANDOM_HOURS = 0.4


def main(arguments: Sequence[str]) -> int:
    """Catch or not."""
    limit, aims = float(arguments[0]), arguments[1:]
    caught = "", ""
    for life, told in _lives(aims):
        if told:
            caught = life, told
        if told or _cpu_seconds() > limit:
            break
    result = {"by": caught[0], "told": caught[1], "cpu_seconds": round(_cpu_seconds(), 2)}
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _lives(aims: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Every life in turn, and what it broke."""
    others = [name for name in AIMED if name not in aims and name not in SLOW]
    for name in (*aims, *others, f"{CRASH_POINTS}open", f"{CRASH_POINTS}flip"):
        yield name, _aimed(name)
    seed = 1
    while True:
        verdict = run_trial(plan_of(seed), schedule_of(seed, RANDOM_HOURS))
        yield f"seed {seed}", next((f"rule {v.invariant}: {v.told}" for v in verdict.violations), "")
        seed += 1


def _aimed(name: str) -> str:
    if name.startswith(CRASH_POINTS):
        found = try_scenario(name.removeprefix(CRASH_POINTS), 0.0)
        return next((f"{place}: {'; '.join(wrong)}" for place, wrong in found.failures.items()), "")
    life = AIMED[name]
    verdict = run_trial(life.plan, life.steps)
    return next((f"rule {v.invariant}: {v.told}" for v in verdict.violations), "")


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
