"""`./engine demo`: the whole engine on four paper exchanges, with nothing to set up."""

import asyncio
import contextlib
import shutil
from pathlib import Path
from typing import Annotated

import typer

from commands.exit_codes import CONFIGURATION

FOLDER = Path(__file__).resolve().parent.parent / ".demo"

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the story: 0 only if every account reached its target.")
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a screen, as without a terminal.")] = False,
    seed: Annotated[int, typer.Option(help="Of the prices and of the made SN8 network.")] = 1,
) -> None:
    """Run everything on embedded defaults: no key, no network, no file to edit; nothing outside .demo/ is touched.

    Four paper accounts of 10,000 USDT on Bybit, BloFin, KuCoin and MEXC follow seven TradingView alerts and a made
    SN8 network. On the way the answer to one order is lost, and the engine finds out what became of it.

    Examples:

      ./engine demo             stays up until Ctrl-C, for alerts of your own

      ./engine demo --once      ends after the story
    """
    from rich.console import Console

    from commands.demo_story import tell_story
    from operations.engine_lock import AlreadyRunning, EngineLock

    console = Console()
    home = FOLDER / "home"
    code = 1
    try:
        with EngineLock(FOLDER / "lock"), contextlib.suppress(KeyboardInterrupt):
            shutil.rmtree(home, ignore_errors=True)
            is_screen = console.is_terminal and not plain
            code = asyncio.run(tell_story(home, console, seed, is_screen=is_screen, is_once=once))
    except AlreadyRunning as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        code = CONFIGURATION
    raise typer.Exit(code)
