"""`./engine source`: the sources of signals that are known, and running one that another package brings."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Sources of signals, also those of other packages.")

USAGE, CONFIGURATION = 2, 78


@app.command("list")
def show(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show every known source and how it is run.

    Example:

      ./engine source list
    """
    from core.model.failures import InvalidInput
    from signal_processors.registry import SHIPPED, source_names

    try:
        commands = {str(name): _command(str(name), SHIPPED.get(name, "")) for name in source_names()}
    except InvalidInput as error:
        raise _complaint(str(error), CONFIGURATION) from error
    if as_json:
        Console(soft_wrap=True).print_json(data=commands)
        return
    width = max(map(len, commands))
    for name, command in commands.items():
        Console(soft_wrap=True, markup=False, highlight=False).print(f"{name:<{width}}  {command}")


@app.command()
def run(name: Annotated[str, typer.Argument(help="As `list` shows it.")]) -> None:
    """Run the source of another package until it is interrupted; the engine follows its frames as any other's.

    Example:

      ./engine source run moon
    """
    from config.home import find_home
    from core.model.failures import InvalidInput
    from core.model.identity import parse_source
    from operations.logs import StructuredTelemetry, set_up_logs
    from operations.wall_clock import WallClock
    from signal_processors.registry import SourceContext, make_source

    home = find_home()
    try:
        service = f"{parse_source(name)}-source"
        context = SourceContext(parse_source(name), home, WallClock(), StructuredTelemetry(service))
        source = make_source(context)
    except InvalidInput as error:
        raise _complaint(str(error), USAGE) from error
    set_up_logs(service, home.logs)
    try:
        asyncio.run(source.run())
    except KeyboardInterrupt:
        context.telemetry.tell("stopped", source=name)


def _command(name: str, script: str) -> str:
    return f"python3 {script}" if script else f"./engine source run {name}"


def _complaint(text: str, code: int) -> typer.Exit:
    Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print(text)
    return typer.Exit(code)
