"""`./engine prove`: the long evidence, written to docs/evidence for everybody to read and to repeat."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from simulation.evidence import Evidence

app = typer.Typer(add_completion=False)

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "docs" / "evidence"
LEAST_MUTATION_SCORE = 0.85
HOURS_PER_PIECE = 25.0
KILLS_PER_PIECE = 25


@app.command()
def prove(
    hours: Annotated[float, typer.Option(min=0.0, help="Simulated hours; 0 skips this part.")] = 1000.0,
    kills: Annotated[int, typer.Option(min=0, help="Real processes to kill; 0 skips this part.")] = 300,
    seed: Annotated[int, typer.Option(help="Of the first world.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Worlds at once.")] = 2,
    crash_points: Annotated[bool, typer.Option(help="Stop the machine at every moment of all scenarios.")] = True,
    planted: Annotated[bool, typer.Option(help="Plant every known bug and see it caught.")] = True,
    mutants: Annotated[str, typer.Option(metavar="N|all", help="Mutants of the money path to try; 0: none.")] = "all",
    folder: Annotated[Path, typer.Option(help="Where the evidence goes.")] = EVIDENCE,
) -> None:
    """Run what the gate has no time for, and write each part's figures, with their commit, as soon as it is done.

    An interrupted run goes on where it ended when it is started again over the same code: what it had finished lies in
    the folder `pieces` beside the evidence. Delete that folder to make everything anew.

    Exit code 1 if any rule was broken, any point or kill failed, a bug that used to be caught was not, or
    fewer than 85 % of the mutants were noticed.

    Examples:

      ./engine prove

      ./engine prove --hours 20 --kills 30 --no-planted --mutants 100

      ./engine prove --hours 1000 --kills 0 --no-crash-points --no-planted --mutants 0    the worlds alone
    """
    from rich.console import Console

    from simulation.evidence import Evidence, describe_build

    console = Console(stderr=True)
    sample = _sample(mutants)
    build = describe_build()
    evidence = Evidence(folder, build)
    parts: list[tuple[str, bool, Callable[[], tuple[bool, str]]]] = [
        ("simulation", hours > 0, lambda: _simulate(evidence, hours, seed, jobs, console)),
        ("crash points", crash_points, lambda: _try_crash_points(evidence, jobs)),
        ("planted bugs", planted, lambda: _plant(evidence, jobs)),
        ("mutants", sample is not None, lambda: _mutate(evidence, sample or 0, seed, jobs)),
        ("kills", kills > 0, lambda: _kill(evidence, kills, seed)),
    ]
    console.print(f"commit {build.commit[:12]}{'' if build.is_clean else ', with files that differ from it'}")
    failed: list[str] = []
    for name, is_wanted, part in parts:
        if is_wanted:
            is_passed, told = part()
            console.print(f"{name}: {told}{'' if is_passed else ' FAILED'}", highlight=False)
            failed += [] if is_passed else [name]
    console.print(f"failed: {', '.join(failed)}" if failed else f"all is proven; see {folder}")
    raise typer.Exit(1 if failed else 0)


def _simulate(evidence: "Evidence", hours: float, seed: int, jobs: int, console: "Console") -> tuple[bool, str]:
    from commands.simulate import HOURS_PER_WORLD
    from simulation.campaign import run_campaign
    from simulation.coverage import ENFORCED_FROM_HOURS
    from simulation.evidence import add_up

    def live(first: int, part: float) -> dict[str, Any]:
        return run_campaign(part, first, jobs, HOURS_PER_WORLD, console).as_json()

    pieces: list[dict[str, Any]] = []
    for done, part in _pieces(hours, HOURS_PER_PIECE):
        first = seed + round(done / HOURS_PER_WORLD)
        pieces.append(evidence.piece(f"worlds-{first}-{part:g}h", lambda first=first, part=part: live(first, part)))  # type: ignore[misc]
        total, is_passed = add_up(pieces)
        evidence.write("simulation", {"seed": seed, "hours_asked": hours, **total})
    seen = total["exchanges"]
    happened = f"{seen.get('order', 0)} orders, {seen.get('flip', 0)} flips"
    counts = f"{total['hours']:.1f} hours in {total['worlds']} worlds, {happened}"
    thin = f", faults too rare: {'; '.join(total['thin_cells'])}" if hours >= ENFORCED_FROM_HOURS else ""
    return is_passed, f"{counts}, {len(total['violations'])} worlds broke a rule{thin if total['thin_cells'] else ''}"


def _try_crash_points(evidence: "Evidence", jobs: int) -> tuple[bool, str]:
    from dataclasses import asdict

    from simulation.crash_points import LAGS_SECONDS, SCENARIOS, try_all

    found = [
        one
        for name in SCENARIOS
        for one in evidence.piece(
            f"crash-points-{name}",
            lambda name=name: [asdict(one) for one in try_all([name], LAGS_SECONDS, jobs)],  # type: ignore[misc]
        )
    ]
    evidence.write("crash_points", found)
    failures = sum(len(one["failures"]) for one in found)
    return not failures, f"{sum(one['points'] for one in found)} moments, {failures} failures"


def _plant(evidence: "Evidence", jobs: int) -> tuple[bool, str]:
    from concurrent.futures import ThreadPoolExecutor

    from simulation.planted import CAUGHT_BY_NOBODY, PLANTED, Planted
    from simulation.planting import catch

    def row_of(bug: Planted) -> dict[str, Any]:
        one = catch(bug)
        told = {"is_caught": one.is_caught, "by": one.by, "told": one.told, "cpu_seconds": one.cpu_seconds}
        return {"number": bug.number, "bug": bug.name, **told}

    # Each bug lives in a process of its own; these threads only wait for one.
    with ThreadPoolExecutor(jobs) as pool:
        rows = list(
            pool.map(lambda bug: evidence.piece(f"planted-{bug.name.replace(' ', '-')}", lambda: row_of(bug)), PLANTED)
        )
    evidence.write("planted", rows)
    missed = [row["bug"] for row in rows if not row["is_caught"]]
    is_passed = set(missed) <= set(CAUGHT_BY_NOBODY)
    return is_passed, f"{len(rows) - len(missed)} of {len(rows)} caught{''.join(f'; not: {name}' for name in missed)}"


def _sample(mutants: str) -> int | None:
    """How many mutants: nothing for none, 0 for all."""
    if mutants == "all":
        return 0
    if not mutants.isdecimal():
        raise typer.BadParameter("a whole number or `all`", param_hint="--mutants")
    return int(mutants) or None


def _mutate(evidence: "Evidence", sample: int, seed: int, jobs: int) -> tuple[bool, str]:
    """In a process of its own, which has imported nothing of what is changed."""
    import subprocess
    import sys

    def run() -> Any:  # noqa: ANN401 - plain JSON
        command = (sys.executable, "-m", "simulation.mutants", str(sample), str(seed), str(jobs))
        return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - ours

    report = evidence.piece(f"mutants-{sample or 'all'}-{seed}", run)
    evidence.write("mutants", report)
    score = float(report["score"])
    return score >= LEAST_MUTATION_SCORE, f"{report['killed']} of {report['tried']} noticed, {score:.1%}"


def _kill(evidence: "Evidence", kills: int, seed: int) -> tuple[bool, str]:
    import tempfile
    from dataclasses import asdict

    from simulation.real_kills import kill_for_real

    def kill(count: int, number: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="kills-") as home:
            return asdict(asyncio.run(kill_for_real(Path(home), count, number)))

    total: dict[str, Any] = {"kills": 0, "alerts": 0, "orders": 0, "in_flight": 0, "wrong": []}
    for done, size in _pieces(kills, KILLS_PER_PIECE):
        count, number = round(size), seed + round(done)
        report = evidence.piece(f"kills-{number}-{count}", lambda count=count, number=number: kill(count, number))  # type: ignore[misc]
        total = {name: total[name] + report[name] for name in total}
        evidence.write("kills", {"seed": seed, **total})
    struck = f"{total['kills']} kills, {total['in_flight']} of them with an order in flight"
    told = f"{struck}, {total['alerts']} alerts, {total['orders']} orders, {len(total['wrong'])} wrong"
    return not total["wrong"], told


def _pieces(whole: float, size: float) -> Iterator[tuple[float, float]]:
    """Where each piece begins, and how large it is."""
    done = 0.0
    while whole - done > 1e-9:
        part = min(size, whole - done)
        yield done, part
        done += part
