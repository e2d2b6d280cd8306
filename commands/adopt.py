"""`./engine adopt`: take over a position that the engine did not open."""

from typing import Annotated

import typer

from commands.operator_command import AsJson, Why, Yes, confirm, give

app = typer.Typer(add_completion=False)


@app.command()
def adopt(
    account: Annotated[str, typer.Argument(help="exchange or exchange::label.")],
    symbol: Annotated[str, typer.Argument(help="Such as BTCUSDT.")],
    why: Why = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Count what the next read finds as ours; the engine then brings it to its target like any other position.

    Example:

      ./engine adopt bybit BTCUSDT --why "opened by the previous version"
    """
    from core.model.standing import Verb

    confirm(f"Let the engine trade the whole {symbol} position of {account} to its target?", yes=yes)
    give(Verb.ADOPT, account, symbol, "", why, as_json=as_json)
