"""`./engine doctor`: whether everything is set up and runs as it should, and what to do where it does not."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from commands.exit_codes import DONE, FAILED, exit_codes

if TYPE_CHECKING:
    from account_processors.passport import Finding, Passport

app = typer.Typer(add_completion=False, help=__doc__)
MARKS = {"good": "[green]ok[/]", "warning": "[yellow]warning[/]", "problem": "[red]PROBLEM[/]"}


@app.command()
def doctor(
    account: Annotated[str, typer.Option("--account", help="Only this one, such as bybit or bybit::main.")] = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="Change what the findings name as changeable, while the account is flat.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before changing an account.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Look at the machine (processes, sources, disk, journal, files), then at every account (key, clock, symbols).

    Each finding comes with its remedy. Nothing is traded; without --apply nothing is changed. A paper account is
    looked at in a copy. With --account the machine is left out. The exit code is 1 when anything is a PROBLEM.

    Examples:

      ./engine doctor

      ./engine doctor --account bybit::main

      ./engine doctor --account bybit --apply

      ./engine doctor --json
    """
    import asyncio

    from commands.doctor_accounts import apply_remedies, inspect_accounts
    from commands.doctor_machine import inspect_machine
    from config.home import find_home
    from operations.wall_clock import WallClock

    findings = [] if account else inspect_machine(find_home(), WallClock())
    with exit_codes():
        passports = asyncio.run(inspect_accounts(find_home(), account))
        if apply:
            _confirm(passports, is_agreed=yes)
            passports = asyncio.run(apply_remedies(find_home(), passports))
    is_fit = _is_fit(findings)
    if as_json:
        machine = {"machine": {"is_fit": is_fit, "findings": list(map(asdict, findings))}} if findings else {}
        typer.echo(json.dumps(machine | {str(one.account): _as_json(one) for one in passports}, indent=2))
    else:
        _show(findings, passports)
    raise typer.Exit(DONE if is_fit and all(one.is_fit for one in passports) else FAILED)


def _is_fit(findings: "list[Finding]") -> bool:
    return not any(finding.severity == "problem" for finding in findings)


def changeable(passport: "Passport") -> "list[Finding]":
    """The findings whose remedy the command can carry out."""
    return [finding for finding in passport.findings if finding.remedy_id]


def _confirm(passports: "list[Passport]", *, is_agreed: bool) -> None:
    for passport in passports:
        for finding in changeable(passport):
            typer.echo(f"{passport.account}: {finding.topic} is {finding.what}; it will be changed", err=True)
    if any(map(changeable, passports)) and not is_agreed:
        typer.confirm("Change these accounts?", abort=True, err=True)


def _as_json(passport: "Passport") -> dict[str, object]:
    return {"is_fit": passport.is_fit, "findings": [asdict(finding) for finding in passport.findings]}


def _show(findings: "list[Finding]", passports: "list[Passport]") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    parts = [("this machine", tuple(findings))] if findings else []
    parts += [(f"{passport.account}: {passport.note}", passport.findings) for passport in passports]
    for title, rows in parts:
        table = Table(title=escape(title), title_justify="left", expand=True)
        for heading in ("", "looked at", "found", "what to do"):
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(MARKS[row.severity], *map(escape, (row.topic, row.what, row.remedy)))
        console.print(table)
    if not passports:
        console.print("No account is configured under that name.")
