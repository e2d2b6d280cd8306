"""`./engine arm`: agree that the engine sends orders on a live account."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from commands.exit_codes import FAILED, exit_codes
from commands.operator_command import AsJson, Yes, confirm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.accounts import AccountSettings

app = typer.Typer(add_completion=False)


@app.command()
def arm(
    account: Annotated[str, typer.Argument(help="exchange or exchange::label.")],
    yes: Yes = False,
    disarm: Annotated[bool, typer.Option("--disarm", help="Withdraw the consent instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show account, value and caps, and record the consent for this very key; a new key is unarmed again.

    Restart the engine afterwards: `pm2 restart trade-engine`, or stop and start `python3 execute_trades.py`.

    Examples:

      ./engine arm bybit

      ./engine arm bybit::main --disarm
    """
    from config.accounts import load_accounts
    from config.consents import withdraw_consent
    from config.home import find_home
    from core.model.failures import InvalidInput
    from core.model.identity import AccountId
    from operations.arming import arm_account, facts_of
    from operations.wall_clock import WallClock

    home, console = find_home(), Console(soft_wrap=True, markup=False, highlight=False)
    with exit_codes():
        named = AccountId.parse(account)
        settings = next((one for one in load_accounts(home) if one.account == named), None)
        if settings is None:
            raise InvalidInput(f"account: {named} is not configured; run python3 config/credentials.py")
        if disarm:
            was_armed = withdraw_consent(home.consents, named)
            _tell(console, settings, "disarmed" if was_armed else "was not armed", as_json=as_json)
            return
        if settings.is_armed:
            _tell(console, settings, "armed already", as_json=as_json)
            return
        shown = facts_of(home, settings)
        if not as_json:
            console.print(_table(settings, shown))
        confirm(f"Let the engine send orders with real money on {named}?", yes=yes)
        arm_account(home, settings, WallClock().now(), getpass.getuser(), shown)
    _tell(console, settings, "armed; restart the engine", as_json=as_json)


def _table(settings: "AccountSettings", shown: "Mapping[str, str]") -> Table:
    table = Table(title=f"{settings.account}", show_header=False, title_justify="left")
    for name, text in shown.items():
        table.add_row(name, text)
    return table


def _tell(console: Console, settings: "AccountSettings", state: str, *, as_json: bool) -> None:
    if as_json:
        console.print_json(data={"account": str(settings.account), "mode": settings.mode, "state": state})
    else:
        console.print(f"{settings.account}: {state}.")
    if state == "was not armed":
        raise typer.Exit(FAILED)
