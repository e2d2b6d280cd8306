"""`./engine preview`: the orders that candidate files would cause, before they are in force."""

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from commands.exit_codes import exit_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from config.home import Home
    from config.trading_files import TradingContents
    from operations.preview import Preview

app = typer.Typer(add_completion=False)

TAKER_FEE_PERCENT = "0.06"


@app.command()
def preview(
    weights: Annotated[Path | None, typer.Option("--weights", help="Candidate for signal_weight_config.json.")] = None,
    mappings: Annotated[Path | None, typer.Option("--mappings", help="For asset_mapping_config.json.")] = None,
    fee_percent: Annotated[str, typer.Option("--fee-percent", help="Taker fee, for the cost.")] = TAKER_FEE_PERCENT,
    apply: Annotated[bool, typer.Option("--apply", help="Put the files into force afterwards.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show the orders that other weights or mappings would cause on every account, with their cost.

    Computed from what the engine read last, also while it is down; nothing is asked of any exchange.

    Examples:

      ./engine preview

      ./engine preview --weights new_weights.json

      ./engine preview --weights new_weights.json --mappings new_mappings.json --apply
    """
    import msgspec

    from config.home import find_home

    home, console = find_home(), Console(soft_wrap=as_json)
    with exit_codes():
        contents = _contents(home, weights, mappings)
        rows = _rows(home, contents, _fee(fee_percent))
        if apply:
            _install(home, contents)
    if as_json:
        console.print_json(msgspec.json.encode({"applied": apply, "symbols": rows}).decode())
        return
    console.print(_table(rows))
    total = sum((row.cost for row in rows), Decimal(0))
    console.print(f"{sum(len(row.orders) for row in rows)} orders, about {total} USDT in fees.", highlight=False)
    if apply:
        console.print("The files are in force; a running engine follows within a second.")


def _contents(home: "Home", weights: Path | None, mappings: Path | None) -> "TradingContents":
    from config.schemas.reading import read_bytes
    from config.trading_files import MAPPING_REMEDY, WEIGHTS_REMEDY, TradingContents

    return TradingContents(
        read_bytes(mappings or home.asset_mapping, MAPPING_REMEDY),
        read_bytes(weights or home.signal_weights, WEIGHTS_REMEDY),
    )


def _rows(home: "Home", contents: "TradingContents", fee_percent: Decimal) -> "Sequence[Preview]":
    from config.accounts import describe_accounts
    from config.engine_settings_file import EngineSettingsFile
    from config.trading_files import parse_trading
    from core.decisions.heed_source import frame_to_judge, heed_operator
    from core.decisions.judge_source import judge_source
    from core.model.money import ZERO
    from core.model.reading import Known
    from operations.journal_file import read_only
    from operations.preview import Candidate, preview_account
    from operations.views import read_passes
    from operations.wall_clock import WallClock
    from signal_processors.depth_files import DepthFiles

    clock, config, settings = WallClock(), parse_trading(home, contents), EngineSettingsFile(home)
    names = {share.source for entry in config.weights for share in entry.sources if share.weight > ZERO}
    now, files, passes = clock.now(), DepthFiles(home, clock), read_passes(home.last_passes)
    with read_only(home.journal) as journal:
        judged = {}
        for name in sorted(names):
            reading, last_good = files.read_frame(name), journal.last_frames().get(name)
            operator = journal.standings().for_source(name)
            if isinstance(reading, Known):
                frame = frame_to_judge(settings.min_depth_change(name), operator, last_good, reading.value)
                reading = Known(frame, reading.read_at)
            policy = settings.load().source(name).staleness
            judged[name] = heed_operator(judge_source(name, reading, last_good, policy, now), operator)
        candidate = Candidate(config, judged, settings.limits(), journal.standings(), fee_percent, now)
        rows = [
            preview_account(candidate, one.policy, journal.ledgers(one.account), passes.get(one.account))
            for one in describe_accounts(home)
        ]
    return [row for account in rows for row in account]


def _install(home: "Home", contents: "TradingContents") -> None:
    from config.files import write_atomically
    from config.history import recorded

    for path, content in ((home.asset_mapping, contents.mapping), (home.signal_weights, contents.weights)):
        before = path.read_bytes() if path.exists() else None
        if before != content:
            with recorded(path, before, content, "engine preview"):
                write_atomically(path, content)


def _fee(text: str) -> Decimal:
    from core.model.failures import InvalidInput

    try:
        fee = Decimal(text)
    except InvalidOperation:
        raise InvalidInput(f"fee-percent: {text!r} is not a number") from None
    if not 0 <= fee <= 1:
        raise InvalidInput(f"fee-percent: {text} is outside 0..1")
    return fee


def _table(rows: "Sequence[Preview]") -> Table:
    from core.model.money import plain

    table = Table(box=None)
    for heading in ("account", "symbol", "depth", "held", "target", "orders", "cost", "why"):
        table.add_column(heading, no_wrap=heading not in ("orders", "why"))
    for row in rows:
        orders = ", then ".join(
            f"{order.side} {plain(order.quantity)} ({order.purpose}, {order.notional} USDT)" for order in row.orders
        )
        held, target = ("-" if number is None else plain(number) for number in (row.held, row.target))
        cost = plain(row.cost) if row.orders else "-"
        table.add_row(row.account, row.symbol, plain(row.depth), held, target, orders or "-", cost, row.why)
    return table
