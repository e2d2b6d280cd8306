"""`./engine bench`: how fast and how frugal the engine is, as ratios to a yardstick of the same run."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False)

CALLS, WEBHOOK = "calls", "webhook"
WIDTH = 140
"""Of a table, also where the output is no terminal."""


@app.command()
def bench(
    parts: Annotated[
        list[str] | None,
        typer.Argument(help="memory, latency, limits, sequential, isolation, calls, webhook; default: all."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, one round: shows that it runs.")] = False,
    symbols: Annotated[list[int] | None, typer.Option(min=1, max=50, help="Only so many of four accounts.")] = None,
    delay_ms: Annotated[list[int] | None, typer.Option(min=0, max=2000, help="Only these answer delays.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=99, help="Whose medians count.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The results as JSON.")] = False,
) -> None:
    """Measure the engine against a bare client that sends the same requests in the fewest waves.

    The exchanges run in another process on loopback and answer after an injected delay. Times are ratios, medians of
    several rounds in which engine and yardstick take turns, so that a busy machine slows both. Calls and the idle hour
    are counted in virtual time and are the same everywhere. Not part of it: real networks, TLS.

    Examples:

      ./engine bench --quick

      ./engine bench calls            API calls per action, and of an hour in which nothing happens

      ./engine bench latency limits   what a real comparison needs a quiet machine for

      ./engine bench latency --symbols 5 --symbols 20 --delay-ms 100 --rounds 5

      ./engine bench --json > bench.json
    """
    import asyncio

    from rich.console import Console

    from benchmarks.suite import FULL, PARTS, QUICK, narrowed

    known = [*PARTS, CALLS, WEBHOOK]
    chosen = parts or known
    unknown = [part for part in chosen if part not in known]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: not one of {', '.join(known)}")
    size = narrowed(QUICK if quick else FULL, symbols, delay_ms, rounds)
    progress = Console(stderr=True)
    results: dict[str, list[dict[str, Any]]] = {}
    for part in chosen:
        progress.print(f"[dim]{part}[/dim]")
        if part == CALLS:
            results |= _calls(is_quick=quick)
        elif part == WEBHOOK:
            results[part] = _webhook(is_quick=quick)
        else:
            results[part] = asyncio.run(PARTS[part](size, lambda text: progress.print(f"  [dim]{text}[/dim]")))
    if as_json:
        typer.echo(json.dumps(results, indent=2))
        return
    for name, rows in results.items():
        _show(name, rows)


def _calls(*, is_quick: bool) -> dict[str, list[dict[str, Any]]]:
    from benchmarks.calls import HOUR_SECONDS, SYMBOLS, count_calls

    counts, idle = count_calls(SYMBOLS[:2] if is_quick else SYMBOLS, 600 if is_quick else HOUR_SECONDS)
    made = [
        {
            "exchange": one.exchange,
            "action": one.action,
            "symbols": one.symbols,
            "calls": sum(one.calls.values()),
            "fewest": one.fewest,
            "ratio": one.ratio,
        }
        for one in counts
    ]
    resting = [
        {"exchange": one.exchange, "full_checks": one.full_checks, "calls": sum(one.calls.values())} for one in idle
    ]
    return {"calls": made, "idle": resting}


def _webhook(*, is_quick: bool) -> list[dict[str, Any]]:
    import asyncio
    import tempfile
    from pathlib import Path

    from benchmarks.webhook_rate import measure

    with tempfile.TemporaryDirectory(prefix="bench-webhook-") as folder:
        results = asyncio.run(measure(1 if is_quick else 3, 0.5 if is_quick else 2.0, Path(folder)))
    return [{"what": name, **numbers} for name, numbers in results.items()]


def _show(name: str, rows: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(*columns, title=name, title_justify="left")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(table)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
