"""Changes one place of the code that moves money, and asks whether a test of tests/unit/core notices.

    python -m simulation.mutants SAMPLE SEED JOBS [BUDGET_SECONDS [VERDICTS]]

SAMPLE 0 means all. Prints one object of JSON, and to the standard error output what survives as soon as it does. A
mutant that fails a test, cannot be imported or runs out of processor time is killed; one that passes every test
survives: either nothing would notice that mistake, or it changes nothing. VERDICTS is a file that keeps what is
decided: started again with it over the same code and tests, only the rest is tried.
"""

import hashlib
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from simulation.loopback import ROOT
from simulation.mutant_places import places
from simulation.mutant_trials import OUT_OF_TIME, TESTS, Mutant, Trial, try_all


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
        unfinished: How many were not decided when the time was up. They count as not noticed in `score` alone.
        modules: Per file how many were decided and how many were noticed.
    """

    possible: int
    tried: int
    killed: int
    seed: int
    cpu_seconds: float
    survivors: Sequence[Mutant]
    untouched: Sequence[Mutant]
    stopped: Sequence[Mutant]
    unfinished: int
    modules: Mapping[str, tuple[int, int]]

    @property
    def score(self) -> float:
        """The share that was noticed, 0 to 1; 0 where none was tried."""
        return self.killed / self.tried if self.tried else 0.0

    @property
    def score_of_decided(self) -> float:
        """The same of those that were decided: of a run that was stopped, a random sample of all."""
        decided = self.tried - self.unfinished
        return self.killed / decided if decided else 0.0


def all_mutants() -> list[Mutant]:
    """Every mutant of the pure decisions and of the executor of plans."""
    paths = [*sorted((ROOT / "core" / "decisions").glob("*.py")), ROOT / "core" / "plan_executor.py"]
    return [
        Mutant(str(path.relative_to(ROOT)), number, line, change)
        for path in paths
        for number, (line, change) in enumerate(places(path.read_text()))
    ]


def try_mutants(sample: int, seed: int, jobs: int, budget_seconds: float, kept: Path | None = None) -> MutationReport:
    """Try a seeded sample (0: all) in forks of this process, which must not have imported `core` yet.

    Args:
        sample: How many.
        seed: Of the sample and its order.
        jobs: Trials at once.
        budget_seconds: When to stop.
        kept: Where verdicts are kept, and taken from if they are of the same code and tests.

    Raises:
        RuntimeError: The tests fail without any change.
    """
    everything = all_mutants()
    chosen = random.Random(seed).sample(everything, sample if 0 < sample < len(everything) else len(everything))
    verdicts = _Verdicts(kept, everything)
    trials = {one: trial for one, trial in verdicts.read().items() if one in chosen}
    rest = [one for one in chosen if one not in trials]
    for trial in try_all(rest, jobs, time.monotonic() + budget_seconds) if rest and budget_seconds > 0 else ():
        trials[trial.mutant] = trial
        verdicts.keep(trial)
        if not trial.killer:
            sys.stderr.write(f"{len(trials)} of {len(chosen)}: {_told(trial)}\n")
    decided_in = Counter(one.path for one in trials)
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
        unfinished=len(chosen) - len(trials),
        modules={path: (decided_in[path], killed_in[path]) for path in sorted(decided_in)},
    )


class _Verdicts:
    """What was decided, one object a line, below a digest of the code and the tests that it is true of."""

    def __init__(self, path: Path | None, mutants: Sequence[Mutant]) -> None:
        self._path = path
        self._mutants = {(one.path, one.number): one for one in mutants}

    def read(self) -> dict[Mutant, Trial]:
        """What was kept of the same code and tests; else the file begins anew."""
        digest = _digest()
        lines = self._path.read_text().splitlines() if self._path and self._path.exists() else []
        if lines[:1] == [digest]:
            rows = (json.loads(line) for line in lines[1:])
            found = (Trial(self._mutants[path, number], killer, tests) for path, number, killer, tests in rows)
            return {trial.mutant: trial for trial in found}
        if self._path:
            self._path.write_text(f"{digest}\n")
        return {}

    def keep(self, trial: Trial) -> None:
        """Add one line."""
        if self._path:
            with self._path.open("a") as file:
                file.write(json.dumps([trial.mutant.path, trial.mutant.number, trial.killer, trial.tests]) + "\n")


def _digest() -> str:
    parts = ("core/**/*.py", f"{TESTS}/*.py", "simulation/bare_*.py", "simulation/virtual_time.py")
    files = sorted(file for part in parts for file in ROOT.glob(part))
    return hashlib.sha256(b"\n".join(file.read_bytes() for file in files)).hexdigest()


def _told(trial: Trial) -> str:
    one = trial.mutant
    return f"survived {'all' if trial.tests is None else trial.tests} tests: {one.path}:{one.line} {one.change}"


def _in_order(mutants: Iterable[Mutant]) -> list[Mutant]:
    return sorted(mutants, key=lambda one: (one.path, one.number))


def main(arguments: Sequence[str]) -> int:
    """Try, and tell in JSON."""
    sample, seed, jobs = (int(one) for one in arguments[:3])
    budget_seconds = float(arguments[3]) if arguments[3:] else float("inf")
    report = try_mutants(sample, seed, jobs, budget_seconds, Path(arguments[4]) if arguments[4:] else None)
    scores = {"score": round(report.score, 3), "score_of_decided": round(report.score_of_decided, 3)}
    sys.stdout.write(json.dumps({**scores, **asdict(report)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
