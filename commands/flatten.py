"""`./engine flatten`: close what is ours and stay flat until `./engine resume`."""

import typer

from commands.operator_command import Account, AsJson, Source, SymbolName, Why, Yes, confirm, give

app = typer.Typer(add_completion=False)


@app.command()
def flatten(
    account: Account = "",
    symbol: SymbolName = "",
    source: Source = "",
    why: Why = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Close, reduce-only, what the engine opened; positions that are not ours are never touched.

    Examples:

      ./engine flatten --yes --why "going on holiday"

      ./engine flatten bybit BTCUSDT

      ./engine flatten --source bittensor
    """
    from core.model.standing import Verb

    what = f"the share of {source}" if source else " ".join(part for part in (account, symbol) if part) or "everything"
    confirm(f"Close {what} at market and stay flat until ./engine resume?", yes=yes)
    give(Verb.FLATTEN, account, symbol, source, why, as_json=as_json)
