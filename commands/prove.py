"""`./engine prove`: the long evidence, written to docs/evidence for everybody to read and to repeat."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(add_completion=False)

EVIDENCE = Path(__file__).resolve().parent.parent / "docs" / "evidence"
LEAST_MUTATION_SCORE = 0.85


@app.command()
def prove(
    hours: Annotated[float, typer.Option(min=0.05, help="Simulated hours.")] = 1000.0,
    kills: Annotated[int, typer.Option(min=0, help="Real processes to kill; 0 skips this part.")] = 300,
    seed: Annotated[int, typer.Option(help="Of the first world.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Worlds at once.")] = 2,
    crash_points: Annotated[bool, typer.Option(help="Stop the machine at every moment of all scenarios.")] = True,
    planted: Annotated[bool, typer.Option(help="Plant every known bug and see it caught.")] = True,
    mutants: Annotated[str, typer.Option(metavar="N|all", help="Mutants of the money path to try; 0: none.")] = "all",
    folder: Annotated[Path, typer.Option(help="Where the evidence goes.")] = EVIDENCE,
) -> None:
    """Run what the gate has no time for, and write each part's figures as soon as it is done.

    Exit code 1 if any rule was broken, any point or kill failed, a bug that used to be caught was not, or
    fewer than 85 % of the mutants were noticed.

    Examples:

      ./engine prove

      ./engine prove --hours 20 --kills 30 --no-planted --mutants 100
    """
    from rich.console import Console

    console = Console(stderr=True)
    sample = _sample(mutants)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "build.json", describe_build(hours=hours, kills=kills, seed=seed, mutants=mutants))
    parts: list[tuple[str, bool, Callable[[], bool]]] = [
        ("simulation", True, lambda: _simulate(folder, hours, seed, jobs, console)),
        ("crash points", crash_points, lambda: _try_crash_points(folder, jobs)),
        ("planted bugs", planted, lambda: _plant(folder)),
        ("mutants", sample is not None, lambda: _mutate(folder, sample or 0, seed, jobs)),
        ("kills", kills > 0, lambda: _kill(folder, kills, seed)),
    ]
    failed = [name for name, is_wanted, part in parts if is_wanted and not part()]
    console.print(f"failed: {', '.join(failed)}" if failed else f"all is proven; see {folder}")
    raise typer.Exit(1 if failed else 0)


def describe_build(**options: float | str) -> dict[str, object]:
    """What was proven, and how to have it again: the commit, whether files differed from it, versions, the options."""
    import platform
    import subprocess
    from importlib.metadata import version

    def git(*arguments: str) -> str:
        command = ("git", "-C", str(EVIDENCE.parent), *arguments)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - git

    changed = git("status", "--porcelain", "--", ":/", ":!/docs/evidence")
    versions = {"python": platform.python_version(), "ccxt": version("ccxt")}
    return {"commit": git("rev-parse", "HEAD"), "is_clean": not changed, **versions, **options}


def _simulate(folder: Path, hours: float, seed: int, jobs: int, console: "Console") -> bool:
    from commands.simulate import HOURS_PER_WORLD
    from simulation.campaign import run_campaign

    report = run_campaign(hours, seed, jobs, HOURS_PER_WORLD, console)
    _write(folder / "simulation.json", report.as_json())
    return report.is_passed


def _try_crash_points(folder: Path, jobs: int) -> bool:
    from dataclasses import asdict

    from simulation.crash_points import LAGS_SECONDS, SCENARIOS, try_all

    found = try_all(list(SCENARIOS), LAGS_SECONDS, jobs)
    _write(folder / "crash_points.json", [asdict(one) for one in found])
    return not any(one.failures for one in found)


def _plant(folder: Path) -> bool:
    from simulation.planted import CAUGHT_BY_NOBODY, PLANTED, catch

    catches = [catch(bug) for bug in PLANTED]
    rows = [
        {"number": one.bug.number, "bug": one.bug.name, "by": one.by, "told": one.told, "cpu_seconds": one.cpu_seconds}
        for one in catches
    ]
    _write(folder / "planted.json", rows)
    return all(one.by or one.bug.name in CAUGHT_BY_NOBODY for one in catches)


def _sample(mutants: str) -> int | None:
    """How many mutants: nothing for none, 0 for all."""
    if mutants == "all":
        return 0
    if not mutants.isdecimal():
        raise typer.BadParameter("a whole number or `all`", param_hint="--mutants")
    return int(mutants) or None


def _mutate(folder: Path, sample: int, seed: int, jobs: int) -> bool:
    """In a process of its own, which has imported nothing of what is changed."""
    import subprocess
    import sys

    command = (sys.executable, "-m", "simulation.mutants", str(sample), str(seed), str(jobs))
    ran = subprocess.run(command, cwd=EVIDENCE.parent.parent, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    report = json.loads(ran.stdout)
    _write(folder / "mutants.json", report)
    return float(report["score"]) >= LEAST_MUTATION_SCORE


def _kill(folder: Path, kills: int, seed: int) -> bool:
    import tempfile
    from dataclasses import asdict

    from simulation.real_kills import kill_for_real

    with tempfile.TemporaryDirectory(prefix="kills-") as home:
        report = asyncio.run(kill_for_real(Path(home), kills, seed))
    _write(folder / "kills.json", asdict(report))
    return not report.wrong


def _write(path: Path, content: object) -> None:
    from config.files import write_atomically

    write_atomically(path, (json.dumps(content, indent=2, default=str) + "\n").encode())
