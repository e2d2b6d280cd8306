"""`./engine init`: the first set-up, from nothing to an engine that trades on paper or waits to be armed."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from commands.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parent.parent
CHECKS = (("doctor",), ("config", "check"))
"""The commands that look at the result, the best first."""

app = typer.Typer(add_completion=False)


@app.command()
def init(
    *,
    live: Annotated[
        bool | None,
        typer.Option("--live/--paper", help="Accounts with keys, or made-up exchanges.", show_default=False),
    ] = None,
    exchange: Annotated[list[str] | None, typer.Option(help="bybit, blofin, kucoin or mexc; may be repeated.")] = None,
    pair: Annotated[list[str] | None, typer.Option(help="Such as BTCUSDT; may be repeated.")] = None,
    leverage: Annotated[str, typer.Option(help="Of the new pairs, 1 to 20.")] = "",
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE=WEIGHT", help="Of the new pairs; the sources named are those followed."),
    ] = None,
    non_interactive: Annotated[
        bool, typer.Option("--non-interactive", help="Ask nothing; take the options and the proposals.")
    ] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Look at the result at the end.")] = True,
) -> None:
    """Set up accounts, signal sources, pairs, weights and the webhook's key in one go.

    Asks everything first and writes at the end. What exists already is kept, also files of the original project.

    Examples:

      ./engine init

      ./engine init --paper --non-interactive

      ./engine init --live --exchange bybit --pair BTCUSDT --leverage 2 --weight tradingview=0.2
    """
    from commands.init_session import Wishes, set_up
    from config.dialog import run_dialog, standard_console
    from config.home import find_home
    from config.key_providers.provider import process_surroundings
    from operations.wall_clock import WallClock

    console, home, clock = standard_console(), find_home(), WallClock()
    wishes = Wishes(live, tuple(exchange or ()), tuple(pair or ()), leverage, tuple(weight or ()), not non_interactive)
    around, look = process_surroundings(home), _look_at_result if check else _look_at_nothing
    raise typer.Exit(run_dialog(console, lambda: set_up(console, home, around, clock, wishes, look)))


def _look_at_result() -> None:
    """Run the best check there is; what it finds is for reading, the set-up itself is done."""
    names = {entry.name for entry in CATALOGUE}
    command = next((command for command in CHECKS if command[0] in names), None)
    if command:
        subprocess.run((sys.executable, "-m", "commands", *command), cwd=ROOT, check=False)  # noqa: S603 - our own command


def _look_at_nothing() -> None:
    return
