"""One symbol of one account, told from the signal to the order: or why there is no order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import singledispatch

from config.home import Home
from core.model.decision import Decision
from core.model.events import (
    AdoptionGranted,
    DecisionMade,
    Event,
    OrderAccepted,
    OrderIntended,
    OrderNeverArrived,
    OrderOutcomeUnknown,
    OrderRefused,
    OrderResent,
    OrderSettled,
    PositionAdopted,
    StandingChanged,
    SymbolEvent,
    TargetConfirmed,
)
from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ZERO, plain
from core.model.outcome import PassReport
from core.model.reading import Known
from core.model.standing import SetStanding, Standing
from operations.journal_file import read_only
from operations.views import read_passes

EVENTS_TOLD = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the explanation.

    Attributes:
        what: Its name: signal, merged, value, size, caps, order, held, remains ...
        text: In words.
        at: UTC time, None for what has no moment of its own.
    """

    what: str
    text: str
    at: datetime | None = None


def explain(home: Home, account: AccountId, symbol: Symbol) -> Sequence[Step]:
    """Tell the decision in force and everything that happened since it was made; nothing is asked of the exchange.

    Raises:
        core.model.failures.StorageFailure: If there is no journal to read.
    """
    report = read_passes(home.last_passes).get(account)
    with read_only(home.journal) as journal:
        ledger = journal.ledger(account, symbol)
        events = journal.history(account, symbol, EVENTS_TOLD)
        operator = journal.standings().for_symbol(account, symbol)
    if ledger.decision is None:
        return [*_foreign(ledger), Step("no order", _why_undecided(symbol, report)), *_standings(ledger, operator)]
    since = _since(events, ledger.decision.number)
    return [
        *_decision(ledger.decision),
        *(step for event in since if (step := tell_event(event))),
        *_standings(ledger, operator),
        *_remains(ledger, ledger.decision, symbol, report),
    ]


def _decision(decision: Decision) -> list[Step]:
    at, number = decision.decided_at, decision.number
    steps = [
        Step(
            "signal",
            f"{one.source}: depth {plain(one.depth)} since {one.at:%Y-%m-%d %H:%M:%S} UTC x weight {plain(one.weight)} "
            f"= {plain(one.weighted_depth)}",
            one.at,
        )
        for one in decision.contributions
    ]
    merged = f"decision {number}: depth {plain(decision.depth)}, leverage {plain(decision.leverage)}"
    steps.append(Step("merged", f"{merged}, configuration {decision.config_version}", at))
    if decision.equity is not None and decision.price is not None:
        notional = decision.equity * decision.depth * decision.leverage
        exact = notional / decision.price
        steps.append(
            Step(
                "size",
                f"value {_usd(decision.equity)} x depth x leverage = {_usd(notional)} / price {plain(decision.price)} "
                f"= {plain(round(exact, 8))}",
                at,
            )
        )
    if decision.capped:
        steps.append(Step("caps", decision.capped, at))
    rounded = f"target {plain(decision.quantity)}, rounded towards zero to the lot"
    steps.append(Step("target", f"{rounded}; {decision.unreachable}" if decision.unreachable else rounded, at))
    return steps


def _remains(ledger: SymbolLedger, decision: Decision, symbol: Symbol, report: PassReport | None) -> list[Step]:
    outcome = report.outcomes.get(symbol) if report else None
    if outcome is None or report is None:
        return [Step("held", "not read yet")]
    if not isinstance(outcome.held, Known):
        return [Step("held", f"unknown: {outcome.held.reason}", report.at)]
    gap = decision.quantity - outcome.held.value
    held = Step("held", f"{plain(outcome.held.value)} on the exchange", outcome.held.read_at)
    orders = [f"{record.intent.client_order_id} is {record.phase}: {record.detail}" for record in ledger.unsettled]
    flying = [Step("in flight", text) for text in orders]
    if gap == ZERO and not outcome.why:
        return [held, *flying, Step("remains", "nothing: the target is held")]
    retry = f"; next try {outcome.retry_at:%H:%M:%S} UTC" if outcome.retry_at else ""
    why = outcome.why or ("it has not been worked on yet" if gap != ZERO else "")
    return [held, *flying, Step("remains", f"{plain(gap)}: {why}{retry}")]


def _foreign(ledger: SymbolLedger) -> list[Step]:
    return [Step("held", f"{plain(ledger.owned)} of it is ours")] if ledger.owned != ZERO else []


def _why_undecided(symbol: Symbol, report: PassReport | None) -> str:
    if report is None:
        return "no order, because the engine has not made a pass over this account yet"
    outcome = report.outcomes.get(symbol)
    if outcome and outcome.why:
        return f"no order, because {outcome.why}"
    return f"no order, because no source has ever asked for a position in {symbol} here"


def _standings(ledger: SymbolLedger, operator: SetStanding | None) -> list[Step]:
    steps = [Step("halt", str(operator), operator.at)] if operator else []
    if ledger.standing is not Standing.ACTIVE:
        until = f"; until {ledger.binding_until:%H:%M:%S} UTC no fresh entry lifts it" if ledger.binding_until else ""
        steps.append(Step("halt", f"{ledger.standing} by {ledger.standing_reason}{until}"))
    return steps


def _since(events: Sequence[Event], number: int) -> Sequence[Event]:
    for index in reversed(range(len(events))):
        event = events[index]
        if isinstance(event, DecisionMade) and event.decision.number == number:
            return events[index + 1 :]
    return events


@singledispatch
def tell_event(event: SymbolEvent) -> Step | None:
    """One journaled event in words, None when it says nothing of its own."""
    del event
    return None


@tell_event.register
def _(event: OrderIntended) -> Step:
    intent = event.intent
    kind = "reduce-only" if intent.reduce_only else f"leverage {plain(intent.leverage)}, {intent.margin_mode}"
    return Step("order", f"{intent.side} {plain(intent.quantity)} ({kind}), id {intent.client_order_id}", event.at)


@tell_event.register
def _(event: OrderAccepted) -> Step:
    return Step("accepted", f"{event.client_order_id} as {event.exchange_order_id or 'told without an id'}", event.at)


@tell_event.register
def _(event: OrderRefused) -> Step:
    return Step("refused", f"{event.client_order_id}: {event.reason}: {event.detail}", event.at)


@tell_event.register
def _(event: OrderOutcomeUnknown) -> Step:
    return Step("unknown", f"{event.client_order_id}: {event.detail}", event.at)


@tell_event.register
def _(event: OrderSettled) -> Step:
    price = f" at {plain(event.average_price)}" if event.average_price is not None else ""
    return Step("filled", f"{plain(event.filled)}{price}, id {event.client_order_id}", event.at)


@tell_event.register
def _(event: OrderNeverArrived) -> Step:
    return Step("lost", f"{event.client_order_id}: the exchange never got it", event.at)


@tell_event.register
def _(event: OrderResent) -> Step:
    return Step("resent", f"{event.client_order_id} under the same id", event.at)


@tell_event.register
def _(event: TargetConfirmed) -> Step:
    return Step("confirmed", f"a read of the exchange showed {plain(event.quantity)}", event.at)


@tell_event.register
def _(event: AdoptionGranted) -> Step:
    return Step("adoption", f"{event.by} agreed to take over what the next read finds", event.at)


@tell_event.register
def _(event: PositionAdopted) -> Step:
    return Step("adopted", f"{plain(event.quantity)} counts as ours: {event.why}", event.at)


@tell_event.register
def _(event: StandingChanged) -> Step:
    return Step("halt", f"{event.standing} by {event.by}: {event.why}", event.at)


def _usd(amount: Decimal) -> str:
    return f"{plain(round(amount, 2))} USDT"
