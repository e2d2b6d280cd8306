"""Lives through worlds until one breaks a rule or the time is up; run in a copy with a planted bug.

    python -m simulation.catching LIMIT_CPU_SECONDS [--error] [AIM ...]

Prints one line of JSON: by which life the bug was caught (empty: by none), what was broken, CPU-seconds spent. A life
in which the program itself fails (rule 0) before any other rule is broken is no catch, since any slip of the pen does
that; with `--error` it is one.
What is broken after the limit counts for nothing.
"""

import json
import resource
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from simulation.aimed import AIMED, Life
from simulation.aimed_reads import AIMED_READS
from simulation.campaign import plan_of, schedule_of
from simulation.crash_points import try_scenario
from simulation.trial import run_trial

LIVES: Mapping[str, Life] = {**AIMED, **AIMED_READS}
CRASH_POINTS = "crash points "
SLOW = frozenset({"the network is silent for a day"})
RANDOM_HOURS = 0.4
EXPECTS_ERROR = "--error"
ERRORS = ("rule 0:", "Traceback", "the child said nothing")
"""How the tale of a program that failed itself begins."""


def main(arguments: Sequence[str]) -> int:
    """Catch or not."""
    limit, aims = float(arguments[0]), [name for name in arguments[1:] if name != EXPECTS_ERROR]
    result = {"by": "", "told": "", "cpu_seconds": 0.0}
    for life, broken in _lives(aims):
        result["cpu_seconds"] = round(_cpu_seconds(), 2)
        error = broken[0] if broken and broken[0].startswith(ERRORS) else ""
        if _cpu_seconds() > limit:
            break
        if error and EXPECTS_ERROR not in arguments:
            result["told"] = result["told"] or f"no catch, an error of the program itself in {life}: {error}"
        elif broken:
            result |= {"by": life, "told": broken[0]}
            break
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _lives(aims: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    """Every life in turn, and what it broke, in order; of crash points, which have none, errors first."""
    others = [name for name in LIVES if name not in aims and name not in SLOW]
    for name in (*aims, *others, f"{CRASH_POINTS}open", f"{CRASH_POINTS}flip"):
        yield name, list(_aimed(name))
    seed = 1
    while True:
        verdict = run_trial(plan_of(seed), schedule_of(seed, RANDOM_HOURS))
        yield f"seed {seed}", [f"rule {v.invariant}: {v.told}" for v in verdict.violations]
        seed += 1


def _aimed(name: str) -> Iterable[str]:
    if name.startswith(CRASH_POINTS):
        scenario, _, lag_seconds = name.removeprefix(CRASH_POINTS).partition(" ")
        found = try_scenario(scenario, float(lag_seconds or 0.0))
        broken = [told for wrong in found.failures.values() for told in wrong]
        return sorted(broken, key=lambda told: not told.startswith(ERRORS))
    verdict = run_trial(LIVES[name].plan, LIVES[name].steps)
    return [f"rule {v.invariant}: {v.told}" for v in verdict.violations]


def _cpu_seconds() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
