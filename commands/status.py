"""`./engine status`: what every source says, what every account should hold and holds, and why they differ."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from commands.status_stages import stage_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from config.home import Home
    from core.model.identity import SourceName
    from core.model.reading import Reading
    from core.model.signal import SourceFrame
    from core.model.target import TradingConfig
    from operations.status_model import AccountState, EngineStatus, SourceState, SymbolState

app = typer.Typer(add_completion=False)

STYLES = {"known": "green", "stale": "yellow", "unknown": "red"}


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit code 1 unless everything is in order.")] = False,
) -> None:
    """Show the way from the sources to the exchanges in numbers, then sources, accounts, halts and what is in flight.

    It is read from the journal and the other files, also while no engine runs; nothing is asked of any exchange.

    Examples:

      ./engine status

      ./engine status --json | jq '.accounts[].symbols[] | select(.is_confirmed | not)'

      ./engine status --json | jq '.stages[] | select(.name == "TradeExecutor").counts'

      ./engine status --check
    """
    import msgspec

    from commands.exit_codes import FAILED, exit_codes
    from config.home import find_home
    from operations.status_model import is_everything_in_order

    with exit_codes():
        found = look(find_home())
    console = Console(soft_wrap=as_json)
    if as_json:
        console.print_json(msgspec.json.encode(found).decode())
    else:
        console.print(render(found))
    if check and not is_everything_in_order(found):
        raise typer.Exit(FAILED)


def look(home: "Home") -> "EngineStatus":
    """The status of one home now.

    Raises:
        core.model.failures.InvalidConfig: If the accounts cannot be read.
    """
    from commands.doctor_machine import machine_problems
    from config.accounts import describe_accounts
    from config.engine_settings_file import EngineSettingsFile
    from core.decisions.judge_source import StalenessPolicy
    from core.model.failures import InvalidConfig
    from operations.status import gather_status
    from operations.wall_clock import WallClock

    now = WallClock().now()
    problems = machine_problems(home, now)
    settings = EngineSettingsFile(home)
    try:
        settings.load()
        policies = settings.staleness_policies()
    except InvalidConfig as error:
        problems.append(str(error))
        policies = {}
    config, frames = _read_sources(home, problems)
    return gather_status(
        home,
        describe_accounts(home),
        frames,
        lambda name: policies.get(name) or StalenessPolicy(),
        problems,
        now,
        config,
    )


def _read_sources(
    home: "Home", problems: list[str]
) -> "tuple[TradingConfig | None, Mapping[SourceName, Reading[SourceFrame]]]":
    """The weights, and what every source with one says now; every source that ever spoke where they are invalid."""
    from config.trading_files import TradingFiles
    from core.model.failures import InvalidConfig
    from core.model.identity import parse_source
    from operations.wall_clock import WallClock
    from signal_processors.depth_files import DepthFiles

    config: TradingConfig | None = None
    try:
        config = TradingFiles(home).load()
        names = {share.source for entry in config.weights for share in entry.sources if share.weight > 0}
    except InvalidConfig as error:
        problems.append(str(error))
        names = {parse_source(path.parent.name) for path in home.path.glob("raw_signals/*/depths.json")}
    files = DepthFiles(home, WallClock())
    return config, {name: files.read_frame(name) for name in sorted(names)}


def render(found: "EngineStatus") -> RenderableType:
    """The status as a person reads it."""
    running = f"running, process {found.process_id}" if found.process_id else "not running"
    headline = Text(f"engine {running}   {found.at:%Y-%m-%d %H:%M:%S} UTC   {found.home}")
    if found.process_id is None:
        headline.stylize("bold red", 0, len(f"engine {running}"))
    lines: list[RenderableType] = [headline, Text(_vital_signs(found))]
    lines += [Text(f"problem: {problem}", style="bold red") for problem in found.problems]
    for halt in found.halts:
        why = halt.why or "no reason given"
        since = f"{halt.at:%Y-%m-%d %H:%M} UTC"
        lines.append(Text(f"{halt.standing}: {halt.scope}, by {halt.by} since {since}: {why}", "yellow"))
    lines += [Text(), *(Text(line, no_wrap=True) for line in stage_lines(found.stages))]
    if found.sources:
        lines.append(_sources(found.sources))
    for account in found.accounts:
        lines.append(_account(account))
    return Group(*lines)


def _vital_signs(found: "EngineStatus") -> str:
    """Sign of life, loop and clocks of the running engine in one line."""
    if found.process_id is None:
        return "sign of life, loop lag and clocks: unknown, as no engine runs"
    differences = found.clock_differences_seconds or {}
    account = max(differences, key=lambda name: abs(differences[name]), default="")
    clock = f"{differences[account]:+.3f} s ({account})" if account else "unknown"
    lag = "unknown" if found.loop_lag_seconds is None else f"{found.loop_lag_seconds:.3f} s"
    life = _seconds(found.sign_of_life_age_seconds)
    return f"sign of life {life} ago   loop lag {lag}   exchange clock {clock}"


def _sources(sources: "Sequence[SourceState]") -> RenderableType:
    table = _table("source", "use", "heartbeat", "content", "depths")
    for source in sources:
        depths = ", ".join(f"{name} {_plain(depth)}" for name, depth in (source.depths or {}).items())
        heartbeat, content = _seconds(source.heartbeat_age_seconds), _seconds(source.content_age_seconds)
        table.add_row(source.source, source.use, heartbeat, content, depths)
    reasons = [Text(f"  {source.source}: {source.reason}") for source in sources if source.reason]
    return Group(Text(), table, *reasons)


def _account(account: "AccountState") -> RenderableType:
    parts = [account.mode, "" if account.is_enabled else "disabled", "" if account.is_armed else "NOT ARMED"]
    value = f"{_plain(round(account.value, 2))} USDT" if account.value is not None else "value unknown"
    age = f"read {_seconds(account.last_pass_age_seconds)} ago" if account.last_pass_age_seconds is not None else ""
    title = "   ".join(part for part in (account.account, *parts, value, age) if part)
    lines: list[RenderableType] = [Text(), Text(title, style="bold")]
    if account.trouble:
        lines.append(Text(f"  {account.trouble}", style="red"))
    if account.symbols:
        table = _table("symbol", "depth", "target", "held", "gap", "", "next try")
        for symbol in account.symbols:
            table.add_row(*_row(symbol))
        lines.append(table)
    for symbol in account.symbols:
        lines += [Text(f"  {symbol.symbol}: {line}") for line in _remarks(symbol)]
    return Group(*lines)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=True)
    for heading in headings:
        table.add_column(heading, no_wrap=heading != "depths")
    return table


def _row(symbol: "SymbolState") -> tuple[RenderableType, ...]:
    state = "confirmed" if symbol.is_confirmed else symbol.knowledge
    return (
        symbol.symbol,
        _plain(symbol.depth),
        _plain(symbol.target),
        _plain(symbol.held),
        _plain(symbol.gap),
        Text(state, style="green" if symbol.is_confirmed else STYLES[symbol.knowledge]),
        _seconds(symbol.next_try_in_seconds),
    )


def _remarks(symbol: "SymbolState") -> "Iterable[str]":
    if symbol.standing != "active":
        yield symbol.standing
    if symbol.why and symbol.why not in symbol.standing:
        yield symbol.why
    for order in symbol.in_flight:
        kind = "reduce-only " if order.reduce_only else ""
        what = f"{order.side} {_plain(order.quantity)} {kind}{order.phase} for {order.age_seconds:.0f} s"
        yield f"in flight: {what}: {order.detail}"


def _plain(number: Decimal | None) -> str:
    from core.model.money import plain

    return "-" if number is None else plain(number)


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{max(0.0, seconds):.0f} s"
