"""`./engine doctor`: whether every account can be traded as it is set up, and what to do where it cannot."""

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
    """Look at every account: key and rights, modes, clock, value, and the symbols of the weight file.

    Each finding comes with its remedy. Nothing is traded; without --apply nothing is changed. A paper account is
    looked at in a copy. The exit code is 1 when something keeps an account from being traded.

    Examples:

      ./engine doctor

      ./engine doctor --account bybit::main

      ./engine doctor --account bybit --apply

      ./engine doctor --json
    """
    import asyncio

    from commands.doctor_accounts import apply_remedies, inspect_accounts
    from config.home import find_home

    with exit_codes():
        passports = asyncio.run(inspect_accounts(find_home(), account))
        if apply:
            _confirm(passports, is_agreed=yes)
            passports = asyncio.run(apply_remedies(find_home(), passports))
    if as_json:
        typer.echo(json.dumps({str(one.account): _as_json(one) for one in passports}, indent=2))
    else:
        _show(passports)
    raise typer.Exit(DONE if all(one.is_fit for one in passports) else FAILED)


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


def _show(passports: "list[Passport]") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for passport in passports:
        table = Table(title=f"{passport.account}: {passport.note}", title_justify="left", expand=True)
        for heading in ("", "looked at", "found", "what to do"):
            table.add_column(heading)
        for finding in passport.findings:
            table.add_row(MARKS[finding.severity], finding.topic, finding.what, finding.remedy)
        console.print(table)
    if not passports:
        console.print("No account is configured under that name.")
