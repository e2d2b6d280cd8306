"""`./engine bench`: how fast and how frugal the engine is, as ratios to a yardstick of the same run."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False)

ALL = "all"
WIDTH = 150
"""Of a table, also where the output is no terminal."""


@app.command()
def bench(
    parts: Annotated[
        list[str] | None, typer.Option("--part", help="One of those listed below; may be given more than once.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Tiny sizes, one round: shows that it runs.")] = False,
    symbols: Annotated[list[int] | None, typer.Option(min=1, max=50, help="Only so many of four accounts.")] = None,
    delay_ms: Annotated[list[int] | None, typer.Option(min=0, max=2000, help="Only these answer delays.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=99, help="Whose medians count.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Keep the results in this .md and the .json beside it, part by part.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The results as JSON.")] = False,
) -> None:
    """Measure the engine against a bare client that sends the same requests in the fewest waves.

    The exchanges run in another process on loopback and answer after an injected delay. Times are ratios, medians of
    several rounds in which engine and yardstick take turns, so that a busy machine slows both; limits, sequential,
    calls, cpu and sn8 are done once. Calls and the idle hour are counted in virtual time and are the same everywhere.
    Not part of it: real networks, TLS.

    Parts: memory (of a further account), orders (signal to acknowledged orders), limits (the same in front of published
    limits), sequential (one after the other), hung (beside an exchange in trouble), start (to the first order, with a
    position to repair), calls (per action and in an idle hour), cpu (of single calls), webhook, sn8; all by default.

    Examples:

      ./engine bench --quick

      ./engine bench --part calls            API calls per action, and of an hour in which nothing happens

      ./engine bench --part orders --symbols 5 --symbols 20 --delay-ms 100 --rounds 5

      ./engine bench --part all --evidence docs/evidence/bench.md     what a real comparison needs a quiet machine for

      ./engine bench --part webhook --json
    """
    from rich.console import Console

    from benchmarks.evidence import keep_evidence, measured_now
    from benchmarks.suite import FULL, PARTS, QUICK, narrowed, rounds_of

    chosen = list(PARTS) if not parts or ALL in parts else parts
    unknown = [part for part in chosen if part not in PARTS]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: not one of {', '.join([*PARTS, ALL])}")
    if evidence and evidence.suffix != ".md":
        raise typer.BadParameter(f"{evidence}: the name must end in .md")
    size = narrowed(QUICK if quick else FULL, symbols, delay_ms, rounds)
    progress = Console(stderr=True)
    results: dict[str, list[dict[str, Any]]] = {}
    for number, part in enumerate(chosen, start=1):
        progress.print(f"[dim]{number}/{len(chosen)} {part}[/dim]")
        tables = PARTS[part](size, lambda text: progress.print(f"  [dim]{text}[/dim]"))
        results |= tables
        if evidence:
            keep_evidence(evidence, measured_now(tables, rounds_of(part, size)))
        if not as_json:
            _show_all(tables)
    if as_json:
        typer.echo(json.dumps(results, indent=2))


def _show_all(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.width = max(console.width, WIDTH)
    for name, rows in tables.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        table = Table(*columns, title=name, title_justify="left")
        for row in rows:
            table.add_row(*(_cell(row.get(column, "")) for column in columns))
        console.print(table)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
