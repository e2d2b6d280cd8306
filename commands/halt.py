"""`./engine halt`: send nothing at all, or only reductions, until `./engine resume`."""

from typing import Annotated

import typer

from commands.operator_command import Account, AsJson, Source, SymbolName, Why, give

app = typer.Typer(add_completion=False)

ReduceOnly = Annotated[bool, typer.Option("--reduce-only", help="Still let exits and smaller targets through.")]


@app.command()
def halt(
    account: Account = "",
    symbol: SymbolName = "",
    source: Source = "",
    why: Why = "",
    reduce_only: ReduceOnly = False,
    as_json: AsJson = False,
) -> None:
    """Stop the engine, an account, a symbol or a source; what is held stays open, and `./engine status` shows it.

    Examples:

      ./engine halt --why "exchange announced an upgrade"

      ./engine halt bybit BTCUSDT --reduce-only

      ./engine halt --source bittensor
    """
    from core.model.standing import Verb

    give(Verb.REDUCE_ONLY if reduce_only else Verb.HALT, account, symbol, source, why, as_json=as_json)
