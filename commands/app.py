"""The `./engine` command line: a table of contents whose commands are imported only when they are run."""

import importlib

import typer
from typer.core import TyperCommand, TyperGroup

from commands.catalogue import CATALOGUE, Entry


class LazyGroup(TyperGroup):
    """A group that knows its commands' names and summaries without importing their files."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]  # noqa: ARG002 - typer's form
        """The names in the order of the catalogue."""
        return list(_ENTRIES)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]  # noqa: ARG002 - typer's form
        """The command's line of the table of contents."""
        entry = _ENTRIES.get(cmd_name)
        if entry is None:
            return None
        return TyperCommand(entry.name, help=entry.summary, short_help=entry.summary, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: typer.Context, args: list[str]):  # type: ignore[no-untyped-def, override]  # noqa: ANN201 - typer's private types
        """The command that was asked for, imported now."""
        entry = _ENTRIES.get(args[0])
        if entry is None:
            return super().resolve_command(ctx, args)
        command = typer.main.get_command(importlib.import_module(entry.module).app)
        return entry.name, command, args[1:]


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_ENTRIES: dict[str, Entry] = {entry.name: entry for entry in CATALOGUE}


@app.callback()
def engine() -> None:
    """Follow several signal sources and keep accounts on several exchanges in line with their weighted target.

    Begin with [bold]./engine demo[/bold]: no key, no exchange, no file to edit.
    Every command explains itself: [bold]./engine COMMAND --help[/bold]. Exit codes: 0 done, 1 failed, 2 wrong usage,
    78 configuration or lock.
    """
