"""Changes one place of the code that moves money, and asks whether a test of tests/unit/core notices.

    python -m simulation.mutants SAMPLE SEED JOBS [BUDGET_SECONDS]

SAMPLE 0 means all. Prints one object of JSON, and to the standard error output what survives as soon as it does. A
mutant that fails a test, cannot be imported or runs out of processor time is killed; one that passes every test
survives: either nothing would notice that mistake, or it changes nothing.
"""

import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from simulation.loopback import ROOT
from simulation.mutant_places import places
from simulation.mutant_trials import OUT_OF_TIME, Mutant, Trial, try_all


@dataclass(frozen=True, slots=True)
class MutationReport:
    """What the tests noticed.

    Attributes:
        possible: How many mutants there are.
        tried: How many were chosen.
        killed: How many a test noticed.
        seed: Of the sample.
        cpu_seconds: What all of it took.
        survivors: Those that nothing noticed.
        untouched: Those of them whose statement no test runs.
        stopped: Those that were noticed because a test did not end.
        unfinished: Those that were not decided when the time was up. They count as not noticed.
        modules: Per file how many were chosen and how many were noticed.
    """

    possible: int
    tried: int
    killed: int
    seed: int
    cpu_seconds: float
    survivors: Sequence[Mutant]
    untouched: Sequence[Mutant]
    stopped: Sequence[Mutant]
    unfinished: Sequence[Mutant]
    modules: Mapping[str, tuple[int, int]]

    @property
    def score(self) -> float:
        """The share that was noticed, 0 to 1; 0 where none was tried."""
        return self.killed / self.tried if self.tried else 0.0


def all_mutants() -> list[Mutant]:
    """Every mutant of the pure decisions and of the executor of plans."""
    paths = [*sorted((ROOT / "core" / "decisions").glob("*.py")), ROOT / "core" / "plan_executor.py"]
    return [
        Mutant(str(path.relative_to(ROOT)), number, line, change)
        for path in paths
        for number, (line, change) in enumerate(places(path.read_text()))
    ]


def try_mutants(sample: int, seed: int, jobs: int, budget_seconds: float) -> MutationReport:
    """Try a seeded sample (0: all) in forks of this process, which must not have imported `core` yet.

    Raises:
        RuntimeError: The tests fail without any change.
    """
    everything = all_mutants()
    chosen = random.Random(seed).sample(everything, sample if 0 < sample < len(everything) else len(everything))
    trials: dict[Mutant, Trial] = {}
    for trial in try_all(chosen, jobs, time.monotonic() + budget_seconds):
        trials[trial.mutant] = trial
        if not trial.killer:
            sys.stderr.write(f"{len(trials)} of {len(chosen)}: {_told(trial)}\n")
    chosen_in = Counter(one.path for one in chosen)
    killed_in = Counter(one.mutant.path for one in trials.values() if one.killer)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return MutationReport(
        possible=len(everything),
        tried=len(chosen),
        killed=sum(bool(one.killer) for one in trials.values()),
        seed=seed,
        cpu_seconds=round(used.ru_utime + used.ru_stime, 1),
        survivors=_in_order(one.mutant for one in trials.values() if not one.killer),
        untouched=_in_order(one.mutant for one in trials.values() if not one.killer and one.tests == 0),
        stopped=_in_order(one.mutant for one in trials.values() if one.killer == OUT_OF_TIME),
        unfinished=_in_order(one for one in chosen if one not in trials),
        modules={path: (chosen_in[path], killed_in[path]) for path in sorted(chosen_in)},
    )


def _told(trial: Trial) -> str:
    one = trial.mutant
    return f"survived {'all' if trial.tests is None else trial.tests} tests: {one.path}:{one.line} {one.change}"


def _in_order(mutants: Iterable[Mutant]) -> list[Mutant]:
    return sorted(mutants, key=lambda one: (one.path, one.number))


def main(arguments: Sequence[str]) -> int:
    """Try, and tell in JSON."""
    sample, seed, jobs = (int(one) for one in arguments[:3])
    report = try_mutants(sample, seed, jobs, float(arguments[3]) if arguments[3:] else float("inf"))
    sys.stdout.write(json.dumps({"score": round(report.score, 3), **asdict(report)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
