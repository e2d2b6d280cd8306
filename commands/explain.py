"""`./engine explain`: one symbol of one account from the signal to the order, or why there is no order."""

from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(add_completion=False)


@app.command()
def explain(
    account: Annotated[str, typer.Argument(help="exchange or exchange::label.")],
    symbol: Annotated[str, typer.Argument(help="Such as BTCUSDT.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Tell signal, weight, merged depth, size, caps, rounding, orders, fills, and what remains and why.

    From the journal, also while the engine is down.

    Examples:

      ./engine explain bybit BTCUSDT

      ./engine explain bybit::main ETHUSDT --json
    """
    import msgspec

    from commands.exit_codes import exit_codes
    from commands.operator_command import configured_account
    from config.home import find_home
    from core.model.identity import AccountId, parse_symbol
    from operations.explain import explain as explain_symbol

    with exit_codes():
        home = find_home()
        steps = explain_symbol(home, AccountId.parse(account), parse_symbol(symbol))
        if not any(step.at for step in steps):
            configured_account(home, account)  # nothing known of it: more likely a slip of the pen than an old account
    console = Console(soft_wrap=True, markup=False, highlight=False)
    if as_json:
        console.print_json(msgspec.json.encode(steps).decode())
        return
    for step in steps:
        at = f"{step.at:%m-%d %H:%M:%S}" if step.at else " " * 14
        console.print(f"{at}  {step.what:<10} {step.text}")
