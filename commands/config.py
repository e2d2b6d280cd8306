"""`./engine config`: check, show, explain, describe and undo what the operator wrote."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from commands.exit_codes import CONFIGURATION, USAGE, exit_codes

if TYPE_CHECKING:
    from config.home import Home
    from config.overrides import Overrides

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="As the engine would be given it.")
]


@app.command()
def check(as_json: AsJson = False) -> None:
    """Check every file of the operator, and how they fit together; exit code 78 if a service would not start.

    Examples:

      ./engine config check

      ./engine config check --json
    """
    from config.findings import Severity, find_in_files
    from config.home import find_home
    from config.key_providers.provider import process_surroundings

    home = find_home()
    findings = find_in_files(home, process_surroundings(home))
    is_wrong = any(finding.severity is Severity.ERROR for finding in findings)
    if as_json:
        listed = [
            {"severity": one.severity, "place": one.place, "text": one.text, "remedy": one.remedy} for one in findings
        ]
        _print_json({"home": str(home.path), "is_valid": not is_wrong, "findings": listed})
    else:
        console = _console()
        for finding in findings:
            console.print(f"{finding.severity}: {finding.place}: {finding.text}. {finding.remedy}")
        count = "nothing to remark" if not findings else f"{len(findings)} to look at"
        console.print(f"{home.path}: {'not valid' if is_wrong else 'valid'}, {count}.")
    raise typer.Exit(CONFIGURATION if is_wrong else 0)


@app.command()
def show(settings: Settings = None, as_json: AsJson = False) -> None:
    """Show the engine's settings in force, and where each comes from: --set, environment, .env, file or default.

    Examples:

      ./engine config show

      ./engine config show --set poll_seconds=1 --json
    """
    _show("", settings, as_json=as_json)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="Dotted name of a setting or section: risk.max_order_notional_usd")],
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Say which value of one setting is in force and where it comes from.

    Examples:

      ./engine config explain poll_seconds

      TRADE_ENGINE_SET_POLL_SECONDS=2 ./engine config explain poll_seconds
    """
    _show(name, settings, as_json=as_json)


@app.command()
def schema(
    file: Annotated[str, typer.Argument(help="A file's name or its beginning; all of them when left out.")] = "",
    write: Annotated[bool, typer.Option("--write", help="Write them into the home's folder `schemas`.")] = False,
) -> None:
    """Print the JSON Schema of the operator's files, by which editors complete and check.

    Examples:

      ./engine config schema engine_config

      ./engine config schema --write

    Then begin a file with "$schema": "./schemas/engine_config.schema.json"; a file that is a list is tied to its
    schema in the editor's own settings.
    """
    from config.files import format_json, write_atomically
    from config.home import find_home
    from config.operator_files import SCHEMA_FOLDER, operator_file, operator_files, schema_name

    with exit_codes():
        files = (operator_file(file),) if file else operator_files()
        if not write:
            content: Any = {one.name: one.json_schema() for one in files}
            _print_json(content[files[0].name] if file else content)
            return
        for one in files:
            path = find_home().path / SCHEMA_FOLDER / schema_name(one)
            write_atomically(path, format_json(one.json_schema()))
            _console().print(str(path))


@app.command()
def reference() -> None:
    """Print the reference of every key of every file, as docs/configuration.md has it.

    Examples:

      ./engine config reference > docs/configuration.md
    """
    from config.reference import format_reference

    typer.echo(format_reference(), nl=False)


@app.command()
def history(
    file: Annotated[str, typer.Argument(help="A file's name or its beginning; all of them when left out.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the versions that came into force, with their author: a script, or somebody's hand.

    Examples:

      ./engine config history

      ./engine config history signal_weight --json
    """
    from config.history import ConfigHistory
    from config.home import find_home
    from config.operator_files import operator_file

    with exit_codes():
        versions = ConfigHistory(find_home()).versions(operator_file(file).name if file else "")
    if as_json:
        _print_json([version.model_dump(exclude={"content"}) for version in versions])
        return
    for version in versions:
        restored = f", brings back {version.restores}" if version.restores else ""
        _console().print(f"{version.number:>5}  {version.at}  {version.file}  by {version.author}{restored}")


@app.command()
def undo(
    file: Annotated[
        str, typer.Argument(help="A file's name or its beginning; the one changed last when left out.")
    ] = "",
    to: Annotated[int | None, typer.Option("--to", help="Number of the version to go back to.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and write nothing.")] = False,
) -> None:
    """Bring back the version before the present one; a running engine takes it up in its next cycle.

    A broken edit is undone to the version that is in force, and kept beside the file.

    Examples:

      ./engine config undo --dry-run

      ./engine config undo

      ./engine config undo signal_weight --to 12
    """
    from config.home import find_home
    from config.operator_files import operator_file
    from config.undo import apply_undo, plan_undo

    with exit_codes():
        home = find_home()
        planned = plan_undo(home, operator_file(file) if file else None, to)
        console = _console()
        console.print(planned.difference or "No difference.", end="" if planned.difference else "\n")
        if dry_run:
            return
        copy = apply_undo(home, planned)
        console.print(f"{planned.path}: version {planned.version.number} by {planned.version.author} is back.")
        if copy:
            console.print(f"What it held, which never came into force, is in {copy.name}.")


def _show(name: str, settings: list[str] | None, *, as_json: bool) -> None:
    from config.engine_settings_file import origin_of, parse_settings, read_settings
    from config.home import find_home

    home: Home = find_home()
    with exit_codes():
        contents = read_settings(home, _overrides(settings))
        values = dict(_flatten(parse_settings(home, contents).model_dump()))
    wanted = {key: value for key, value in values.items() if not name or key == name or key.startswith(f"{name}.")}
    if not wanted:
        typer.echo(f"There is no setting {name}; `./engine config show` lists them all.", err=True)
        raise typer.Exit(USAGE)
    origins = {key: origin_of(home, contents, key) for key in wanted}
    if as_json:
        _print_json({key: {"value": value, "origin": origins[key]} for key, value in wanted.items()})
        return
    for key, value in wanted.items():
        _console().print(f"{key} = {json.dumps(value, default=_as_number)}    ({origins[key]})")


def _overrides(settings: list[str] | None) -> "Overrides":
    from config.overrides import Overrides, split_settings

    return Overrides(command_line=split_settings(settings or []))


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat += _flatten(value, f"{prefix}{key}.")
        else:
            flat.append((f"{prefix}{key}", value))
    return flat


def _console() -> Console:
    return Console(highlight=False, markup=False, soft_wrap=True)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, default=_as_number))


def _as_number(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)
