"""`./engine simulate`: the whole engine through seeded misfortune in virtual time."""

import json
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)

HOURS_PER_WORLD = 1.0


@app.command()
def simulate(
    hours: Annotated[float, typer.Option(min=0.05, help="Simulated hours in all.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Of the first world; the next ones count up.")] = 1,
    jobs: Annotated[int, typer.Option(min=1, help="Worlds at once, one process each.")] = 1,
    trace: Annotated[
        bool, typer.Option("--trace", help="Print what a world will meet and when, instead of living it.")
    ] = False,
    crash_points: Annotated[
        bool, typer.Option("--crash-points", help="Stop the machine at every moment of short scenarios instead.")
    ] = False,
    scenario: Annotated[
        list[str] | None, typer.Option(help="With --crash-points: only this scenario; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Live through worlds of an hour each: alerts, faults, crashes, edits, liquidations; then everything heals.

    In every world all rules of truth are checked at every step against the exchanges' own books, and in the end every
    position must equal its target or name a reason. A world that fails is cut down, in at most 16 tries, to fewer steps
    that still fail, shown with the command that replays the whole world. The report counts which kind of fault met the
    engine in which state; in runs of 100 hours and more every cell needs 30 hits per 1,000 hours. Exit code 1 if any
    rule was broken or a cell is thin.

    Examples:

      ./engine simulate --hours 4

      ./engine simulate --hours 1 --seed 17          one world again

      ./engine simulate --hours 1 --seed 17 --trace  its schedule: alerts, faults, crashes, edits and their times

      ./engine simulate --hours 200 --jobs 2 --json

      ./engine simulate --crash-points --jobs 2      every moment of opening, resizing, flipping, ...

      ./engine simulate --crash-points --scenario flip
    """
    if crash_points:
        raise typer.Exit(_try_crash_points(scenario or [], jobs, as_json=as_json))
    from rich.console import Console

    from simulation.campaign import lines_of, run_campaign, schedule_of

    console = Console(stderr=True)
    if trace:
        for step in schedule_of(seed, min(hours, HOURS_PER_WORLD)):
            typer.echo(f"{step.at_seconds:10.3f} {step.action}")
        return
    report = run_campaign(hours, seed, jobs, HOURS_PER_WORLD, console)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2))
    else:
        for line in lines_of(report):
            typer.echo(line)
    raise typer.Exit(0 if report.is_passed else 1)


def _try_crash_points(wanted: list[str], jobs: int, *, as_json: bool) -> int:
    from dataclasses import asdict

    from simulation.crash_points import LAGS_SECONDS, SCENARIOS, try_all

    unknown = set(wanted) - set(SCENARIOS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(SCENARIOS)}")
    found = try_all(wanted or list(SCENARIOS), LAGS_SECONDS, jobs)
    failures = sum(len(one.failures) for one in found)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
        return 1 if failures else 0
    for one in found:
        lag = f"reads {one.lag_seconds:g} s late"
        typer.echo(f"{one.scenario:8} {one.exchange:7} {lag:16} {one.points:4} points, {len(one.failures)} failures")
        for place, wrong in one.failures.items():
            typer.echo(f"  {place}")
            for line in wrong:
                typer.echo(f"    {line}")
    typer.echo(f"{sum(one.points for one in found)} points in all, {failures} failures")
    return 1 if failures else 0
