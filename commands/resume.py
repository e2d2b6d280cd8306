"""`./engine resume`: lift what was halted, restricted or flattened, by the operator or by a rule."""

import typer

from commands.operator_command import Account, AsJson, Source, SymbolName, Why, give

app = typer.Typer(add_completion=False)


@app.command()
def resume(
    account: Account = "", symbol: SymbolName = "", source: Source = "", why: Why = "", as_json: AsJson = False
) -> None:
    """Follow the sources again; everything within the scope is lifted, and losses are measured anew.

    Examples:

      ./engine resume

      ./engine resume bybit BTCUSDT --why "closed by hand, may enter again"
    """
    from core.model.standing import Verb

    give(Verb.RESUME, account, symbol, source, why, as_json=as_json)
