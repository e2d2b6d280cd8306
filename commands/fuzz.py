"""`./engine fuzz`: every parser of bytes from outside under spoiled input, for as long as one likes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simulation.fuzzing import Target, TargetReport

app = typer.Typer(add_completion=False)

CONFIRMED = "read or refused as declared"


@app.command()
def fuzz(
    minutes: Annotated[float, typer.Option(min=0.0, help="How long; every target has one round at least.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of the first round; the next ones count up.")] = 1,
    target: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    replay: Annotated[Path | None, typer.Option(help="With one --target: give it this file and nothing else.")] = None,
    folder: Annotated[Path, typer.Option(help="Where failing inputs are kept.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:
    """Spoil valid messages, files and answers: each must be read, or refused as its parser declares.

    Bits, cut ends, repeated names, huge numbers, NaN, deep nesting, odd texts; for the webhook, the frame files, the
    journal, the SN8 answer, the configuration files and the answers of the four exchanges. An input that brings any
    other exception, or takes more than 5 seconds of processor time, is cut down and kept in a file, to be tried again.
    Exit code 1 if there was one.

    Examples:

      ./engine fuzz --minutes 10

      ./engine fuzz --minutes 480 --seed 1000 --json

      ./engine fuzz --target webhook --target bybit

      ./engine fuzz --target sn8 --replay fuzz-sn8.bin
    """
    from simulation.fuzzing import all_targets

    known = all_targets()
    unknown = set(target or ()) - set(known)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(known)}")
    chosen = [known[name] for name in target or known]
    if replay is None:
        reports = _run(chosen, seed, minutes)
    elif len(chosen) == 1:
        reports = [_replay(chosen[0], replay)]
    else:
        raise typer.BadParameter("--replay needs exactly one --target")
    if as_json:
        typer.echo(json.dumps([report.as_json() for report in reports], indent=2))
    for report in reports:
        said = report.failure.error if report.failure else CONFIRMED
        if not as_json:
            typer.echo(f"{report.target:12} {report.inputs:9} inputs: {said}")
        if report.failure and replay is None:
            _keep(report.target, report.failure.content, folder)
    raise typer.Exit(1 if any(report.failure for report in reports) else 0)


def _run(targets: "list[Target]", seed: int, minutes: float) -> "list[TargetReport]":
    from rich.console import Console
    from rich.progress import Progress

    from simulation.fuzzing import fuzz as run

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("fuzz", total=1.0)
        return run(
            targets,
            seed,
            minutes,
            lambda name, inputs, share: progress.update(task, completed=share, description=f"{name}: {inputs} inputs"),
        )


def _replay(target: "Target", path: Path) -> "TargetReport":
    from simulation.fuzzing import TargetReport

    if not path.is_file():
        raise typer.BadParameter(f"{path}: no such file")
    return TargetReport(target.name, 1, target.first_failure(iter([path.read_bytes()])))


def _keep(target: str, content: bytes, folder: Path) -> None:
    from config.files import write_atomically

    path = folder / f"fuzz-{target}.bin"
    write_atomically(path, content)
    typer.echo(f"kept; again: ./engine fuzz --target {target} --replay {path}", err=True)
