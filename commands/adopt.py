"""`./engine adopt`: take over a position that the engine did not open."""

from typing import TYPE_CHECKING, Annotated

import typer

from commands.operator_command import AsJson, Why, Yes, confirm, give

if TYPE_CHECKING:
    from config.home import Home

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
    from commands.exit_codes import exit_codes
    from config.home import find_home
    from core.model.standing import Verb

    with exit_codes():
        _check_symbol(find_home(), account, symbol)
    confirm(f"Let the engine trade the whole {symbol} position of {account} to its target?", yes=yes)
    give(Verb.ADOPT, account, symbol, "", why, as_json=as_json)


def _check_symbol(home: "Home", account: str, symbol: str) -> None:
    """Refuse a symbol that is neither traded nor was looked at: the word would lie in wait for a later position.

    Raises:
        core.model.failures.InvalidInput: If so, or if a name is malformed.
    """
    from config.trading_files import TradingFiles
    from core.model.failures import InvalidConfig, InvalidInput
    from core.model.identity import AccountId, parse_symbol
    from operations.views import read_passes

    named = parse_symbol(symbol)
    try:
        known = {entry.symbol for entry in TradingFiles(home).load().weights}
    except InvalidConfig:
        return  # which symbols are traded is not known now
    last = read_passes(home.last_passes).get(AccountId.parse(account))
    known |= set(last.outcomes) if last else set()
    if named not in known:
        raise InvalidInput(f"symbol: {named} is not one of {', '.join(sorted(known))}")
