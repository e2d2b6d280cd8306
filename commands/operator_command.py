"""What the commands halt, resume, flatten and adopt share: the scope, the reason, and waiting for the engine."""

import asyncio
import contextlib
import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from commands.exit_codes import exit_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.home import Home
    from core.model.identity import AccountId, SourceName
    from core.model.standing import Scope, Verb

APPLY_SECONDS = 5.0
LOOK_SECONDS = 0.1

Account = Annotated[str, typer.Argument(help="exchange or exchange::label; the whole engine when left out.")]
SymbolName = Annotated[str, typer.Argument(help="Such as BTCUSDT; all symbols when left out.")]
Source = Annotated[str, typer.Option("--source", help="A source instead of accounts: tradingview, bittensor.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for those who read later.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def give(verb: "Verb", account: str, symbol: str, source: str, why: str, *, as_json: bool) -> None:
    """Leave a command for the engine and wait until it applied it, if one runs.

    Raises:
        typer.Exit: With the code of what went wrong.
    """
    from config.home import find_home
    from operations.command_files import give_command
    from operations.engine_lock import running_engine
    from operations.wall_clock import WallClock

    home = find_home()
    with exit_codes():
        scope = _scope(home, account, symbol, source)
        number = give_command(
            home.operator_commands, verb, scope, getpass.getuser(), WallClock().now(), why, _last_applied(home)
        )
        is_running = running_engine(home.engine_lock) is not None
        is_applied = is_running and asyncio.run(_wait(home, number))
    _tell(f"{verb} for {scope}", number, is_running=is_running, is_applied=is_applied, as_json=as_json)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that costs money.

    Raises:
        typer.Abort: If the operator did not agree.
    """
    if not yes:
        typer.confirm(question, abort=True)


def _tell(what: str, number: int, *, is_running: bool, is_applied: bool, as_json: bool) -> None:
    state = "applied" if is_applied else "waiting"
    console = Console(soft_wrap=True, markup=False, highlight=False)
    if as_json:
        console.print_json(data={"number": number, "what": what, "state": state, "engine_runs": is_running})
    elif is_applied:
        console.print(f"{what}: applied.")
    elif is_running:
        console.print(f"{what}: left for the engine, which has not applied it within {APPLY_SECONDS:g} s.")
    else:
        console.print(f"{what}: left for the engine; none runs now, it is applied at the next start.")


async def _wait(home: "Home", number: int) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + APPLY_SECONDS
    while loop.time() < deadline:
        if _last_applied(home) >= number:
            return True
        await asyncio.sleep(LOOK_SECONDS)
    return False


def _last_applied(home: "Home") -> int:
    from core.model.failures import StorageFailure
    from operations.journal_file import read_only

    if not home.journal.exists():
        return 0
    try:
        with read_only(home.journal) as journal:
            return journal.last_command()
    except StorageFailure:
        return 0


def _scope(home: "Home", account: str, symbol: str, source: str) -> "Scope":
    """The scope as named, checked against what is configured, so that a slip of the pen halts nothing else.

    Raises:
        core.model.failures.InvalidInput: If a name is malformed, or names no configured account or known source.
    """
    from core.model.failures import InvalidInput
    from core.model.identity import parse_source, parse_symbol
    from core.model.standing import Scope

    said_by = parse_source(source) if source else None
    if said_by and said_by not in (known := _sources(home)):
        raise InvalidInput(f"source: {said_by} is not one of {', '.join(known)}")
    return Scope(
        configured_account(home, account) if account else None, parse_symbol(symbol) if symbol else None, said_by
    )


def configured_account(home: "Home", name: str) -> "AccountId":
    """The account of a name that an operator typed.

    Raises:
        core.model.failures.InvalidInput: If it is malformed, or names no configured account.
    """
    from config.accounts import describe_accounts
    from core.model.failures import InvalidInput
    from core.model.identity import AccountId

    named = AccountId.parse(name)
    configured = [settings.account for settings in describe_accounts(home)]
    if named not in configured:
        raise InvalidInput(f"account: {named} is not one of {', '.join(map(str, configured))}")
    return named


def _sources(home: "Home") -> "Sequence[SourceName]":
    """Sources that may be stopped: shipped, installed, named by the weights, heard once, or standing stopped now."""
    from config.dialog_sources import signal_sources
    from config.trading_files import TradingFiles
    from core.model.failures import InvalidConfig, StorageFailure
    from operations.journal_file import read_only

    written: list[SourceName] = []
    try:
        written += [share.source for entry in TradingFiles(home).load().weights for share in entry.sources]
    except InvalidConfig:
        written = []  # a broken file must not keep anybody from stopping a source
    if home.journal.exists():
        with contextlib.suppress(StorageFailure), read_only(home.journal) as journal:
            written += [scope.source for scope in journal.standings().by_scope if scope.source]
    return signal_sources(home, written)
