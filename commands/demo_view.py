"""What the demo shows: each source's depth, the merged target, and every account's target against what it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from config.home import Home
from core.decisions.judge_source import StalenessPolicy, judge_source
from core.decisions.merge_signals import merge_signals
from core.model.events import (
    DecisionMade,
    Event,
    OrderIntended,
    OrderOutcomeUnknown,
    OrderRefused,
    OrderSettled,
    TargetConfirmed,
)
from core.model.failures import StorageFailure
from core.model.identity import AccountId, Symbol, parse_source
from core.model.money import ZERO, plain
from core.model.reading import Known, Reading
from core.model.signal import MergedTarget, SourceFrame
from core.model.target import TradingConfig
from core.ports.clock import Clock
from core.ports.signal_source import SignalSource
from operations.journal_file import read_only
from operations.views import read_passes

NEWEST_EVENTS = 12


@dataclass(frozen=True, slots=True)
class Holding:
    """One symbol of one account.

    Attributes:
        depth: The merged depth that its decision was made for, None before the first.
        target: What it should hold, None before the first decision.
        held: What the exchange showed last, None while unknown.
        is_confirmed: Whether a fresh read agreed with the target.
        why: Why not, in words.
    """

    depth: Decimal | None
    target: Decimal | None
    held: Decimal | None
    is_confirmed: bool
    why: str = ""

    @property
    def exceeds_target(self) -> bool:
        """Whether more is held than was asked for, as after an order that was sent twice."""
        return self.held is not None and self.target is not None and abs(self.held) > abs(self.target)


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything the screen shows at one moment."""

    frames: Mapping[str, Reading[SourceFrame]]
    merged: Mapping[Symbol, MergedTarget]
    holdings: Mapping[tuple[AccountId, Symbol], Holding]
    events: Sequence[Event] = field(default=())

    def is_on_target(self, account: AccountId) -> bool:
        """Whether the account's exchange showed every target."""
        return all(
            holding.target is None or (holding.is_confirmed and holding.held == holding.target)
            for (owner, _), holding in self.holdings.items()
            if owner == account
        )

    def follows(self, source: str, symbol: str, depth: Decimal) -> bool:
        """Whether the source says this depth, every account decided on the merge of it, and stands on target."""
        frame, merged = self.frames.get(source), self.merged.get(Symbol(symbol))
        if not isinstance(frame, Known) or merged is None:
            return False
        said = {signal.source_symbol: signal.depth for signal in frame.value.signals}
        held = [holding for (_, name), holding in self.holdings.items() if name == symbol]
        is_decided = all(holding.depth is not None and _is_close(holding.depth, merged.depth) for holding in held)
        accounts = {account for account, _ in self.holdings}
        return said.get(symbol) == depth and is_decided and all(self.is_on_target(account) for account in accounts)


def _is_close(decided: Decimal, merged: Decimal) -> bool:
    """Whether a decision still stands for the merge: a source that moves at every poll is followed in steps."""
    return decided == merged or (decided * merged > ZERO and abs(decided - merged) <= abs(merged) / 10)


def look(
    home: Home, config: TradingConfig, accounts: Sequence[AccountId], sources: SignalSource, clock: Clock
) -> Picture:
    """Read the demo's files, as an operator could; nothing is asked of the services."""
    names = [parse_source(name) for name in config.mappings]
    frames = {name: sources.read_frame(name) for name in names}
    judged = {name: judge_source(name, frames[name], None, StalenessPolicy(), clock.now()) for name in names}
    merged = merge_signals(config, judged).targets
    holdings, events = _read_journal(home, config, accounts)
    return Picture({str(name): frame for name, frame in frames.items()}, merged, holdings, events)


def _read_journal(
    home: Home, config: TradingConfig, accounts: Sequence[AccountId]
) -> tuple[dict[tuple[AccountId, Symbol], Holding], list[Event]]:
    passes = read_passes(home.last_passes)
    holdings: dict[tuple[AccountId, Symbol], Holding] = {}
    events: list[Event] = []
    try:
        with read_only(home.journal) as journal:
            for account in accounts:
                for weights in config.weights:
                    symbol = weights.symbol
                    ledger = journal.ledger(account, symbol)
                    outcome = passes[account].outcomes.get(symbol) if account in passes else None
                    held = outcome.held.value if outcome and isinstance(outcome.held, Known) else None
                    decision = ledger.decision
                    depth, target = (decision.depth, decision.quantity) if decision else (None, None)
                    holdings[account, symbol] = Holding(
                        depth,
                        target,
                        held,
                        ledger.is_confirmed and not ledger.unsettled,
                        outcome.why if outcome else "",
                    )
                    events += journal.history(account, symbol)
    except StorageFailure:
        return {}, []
    return holdings, sorted(events, key=lambda event: event.at)


def screen(picture: Picture, note: str) -> RenderableType:
    """The whole screen."""
    return Group(
        Panel(Text(note), title="trade engine: demo on four paper exchanges", border_style="cyan"),
        _sources_table(picture),
        _accounts_table(picture),
        _events_table(picture),
    )


def line_of(event: Event) -> str:
    """One event as a line of plain text."""
    return f"{event.account} {event.symbol}: {_told(event)}"


def _told(event: Event) -> str:
    text = _words(type(event).__name__)
    match event:
        case DecisionMade(decision=decision):
            text = f"target {plain(decision.quantity)} (depth {plain(decision.depth)} x {decision.leverage})"
        case OrderIntended(intent=intent):
            reducing = ", reduce-only" if intent.reduce_only else ""
            text = f"{intent.side} {plain(intent.quantity)}{reducing} [{intent.client_order_id}]"
        case OrderSettled(filled=filled, average_price=price):
            text = f"filled {plain(filled)}" + (f" at {plain(price)}" if price else "")
        case OrderOutcomeUnknown(detail=detail):
            text = f"answer lost, asking for the order by its id ({detail[:60]})"
        case OrderRefused(reason=reason):
            text = f"refused ({reason})"
        case TargetConfirmed(quantity=quantity):
            text = f"confirmed {plain(quantity)}"
    return text


def _words(name: str) -> str:
    """OrderAccepted as `order accepted`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


def time_of(at: datetime) -> str:
    """The time of day, to the tenth of a second."""
    return at.strftime("%H:%M:%S.%f")[:10]


def _sources_table(picture: Picture) -> Table:
    table = Table(title="what the sources say", expand=True, title_justify="left")
    table.add_column("pair")
    for source in picture.frames:
        table.add_column(source, justify="right")
    table.add_column("merged depth", justify="right")
    for symbol, target in picture.merged.items():
        by_source = {part.source: part for part in target.contributions}
        cells = [
            f"{plain(by_source[source].depth.quantize(Decimal('0.0001')))} x {by_source[source].weight}"
            if source in by_source
            else "-"
            for source in map(parse_source, picture.frames)
        ]
        table.add_row(symbol, *cells, plain(target.depth.quantize(Decimal("0.00001"))))
    return table


def _accounts_table(picture: Picture) -> Table:
    table = Table(title="target / held", expand=True, title_justify="left")
    table.add_column("account")
    symbols = list(dict.fromkeys(symbol for _, symbol in picture.holdings))
    for symbol in symbols:
        table.add_column(symbol, justify="right")
    for account in dict.fromkeys(account for account, _ in picture.holdings):
        table.add_row(str(account), *(_holding_text(picture.holdings[account, symbol]) for symbol in symbols))
    return table


def _holding_text(holding: Holding) -> Text:
    if holding.target is None:
        return Text("-", style="dim")
    held = "?" if holding.held is None else plain(holding.held)
    style = "green" if holding.is_confirmed else "yellow"
    return Text(f"{plain(holding.target)} / {held}", style="dim" if holding.target == ZERO == holding.held else style)


def _events_table(picture: Picture) -> Table:
    table = Table(title="what happened", expand=True, title_justify="left", show_header=False, box=None)
    table.add_column("at", width=10, style="dim")
    table.add_column("event", no_wrap=True)
    for event in picture.events[-NEWEST_EVENTS:]:
        table.add_row(time_of(event.at), Text(line_of(event)))
    return table
