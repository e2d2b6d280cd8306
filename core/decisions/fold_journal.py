"""Events to ledgers: what the journal says now, and the only place where a ledger changes."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import singledispatch

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
from core.model.failures import EngineError
from core.model.identity import ClientOrderId
from core.model.ledger import IllegalTransition, LedgerKey, OrderPhase, OrderRecord, SymbolLedger
from core.model.money import ZERO, is_smaller
from core.model.standing import Standing

LOST_ORDERS_REMEMBERED = 20
"""How many lost orders per symbol are looked at again when a position is unexplained."""


def fold_changes(ledgers: Mapping[LedgerKey, SymbolLedger], events: Iterable[Event]) -> dict[LedgerKey, SymbolLedger]:
    """The ledgers that the events change, as they are after them, in order; the given mapping is not changed.

    Raises:
        IllegalTransition: If an event cannot follow what is already known.
    """
    changed: dict[LedgerKey, SymbolLedger] = {}
    for event in events:
        key = (event.account, event.symbol)
        ledger = changed.get(key) or ledgers.get(key) or SymbolLedger(*key)
        changed[key] = apply(ledger, event)
    return changed


def apply(ledger: SymbolLedger, event: Event) -> SymbolLedger:
    """One ledger after one event.

    Raises:
        IllegalTransition: If the event cannot follow what is already known.
    """
    return _apply(event, ledger)


@singledispatch
def _apply(event: SymbolEvent, ledger: SymbolLedger) -> SymbolLedger:
    raise EngineError(f"{ledger.account} {ledger.symbol}: the journal holds an unknown event {type(event).__name__}")


@_apply.register
def _(event: DecisionMade, ledger: SymbolLedger) -> SymbolLedger:
    last = ledger.decision.number if ledger.decision else 0
    if event.decision.number != last + 1:
        raise IllegalTransition(f"{ledger.account} {ledger.symbol}: decision {event.decision.number} follows {last}")
    return replace(ledger, decision=event.decision)


@_apply.register
def _(event: OrderIntended, ledger: SymbolLedger) -> SymbolLedger:
    if any(record.intent.client_order_id == event.intent.client_order_id for record in ledger.orders):
        raise IllegalTransition(f"order {event.intent.client_order_id}: intended twice")
    record = OrderRecord(event.intent, OrderPhase.INTENDED, event.at)
    return replace(ledger, orders=(*ledger.orders, record), steps=ledger.steps + 1, ever_traded=True)


@_apply.register
def _(event: OrderAccepted, ledger: SymbolLedger) -> SymbolLedger:
    record = ledger.record_of(event.client_order_id).moved_to(OrderPhase.ACCEPTED, "accepted")
    return _with_record(ledger, replace(record, exchange_order_id=event.exchange_order_id))


@_apply.register
def _(event: OrderRefused, ledger: SymbolLedger) -> SymbolLedger:
    ledger.record_of(event.client_order_id).moved_to(OrderPhase.REFUSED, event.detail)
    return _without_record(ledger, event.client_order_id)


@_apply.register
def _(event: OrderOutcomeUnknown, ledger: SymbolLedger) -> SymbolLedger:
    record = ledger.record_of(event.client_order_id)
    if record.phase is OrderPhase.UNKNOWN:
        return _with_record(ledger, replace(record, detail=event.detail))
    return _with_record(ledger, record.moved_to(OrderPhase.UNKNOWN, event.detail))


@_apply.register
def _(event: OrderSettled, ledger: SymbolLedger) -> SymbolLedger:
    record = ledger.record_of(event.client_order_id).moved_to(OrderPhase.SETTLED, "settled")
    if event.filled * record.intent.side.sign < 0 or abs(event.filled) > record.intent.quantity:
        raise IllegalTransition(
            f"order {event.client_order_id}: a fill of {event.filled} does not fit "
            f"{record.intent.side} {record.intent.quantity}"
        )
    settled = _without_record(ledger, event.client_order_id)
    if event.filled == ZERO:
        return settled
    filled = replace(settled, owned=ledger.owned + event.filled, last_fill=event.filled, last_fill_at=event.at)
    filled = replace(filled, shrunk_from=ZERO, shrunk_at=None)
    # Before an increase the position was proven; a reduction may come while a change by somebody else is doubted.
    return _explained(filled, event.at) if abs(filled.owned) > abs(ledger.owned) else filled


@_apply.register
def _(event: OrderNeverArrived, ledger: SymbolLedger) -> SymbolLedger:
    record = ledger.record_of(event.client_order_id).moved_to(OrderPhase.LOST, "never arrived")
    folded = _with_record(ledger, record)
    forgotten = {lost.intent.client_order_id for lost in folded.lost[:-LOST_ORDERS_REMEMBERED]}
    kept = tuple(order for order in folded.orders if order.intent.client_order_id not in forgotten)
    return replace(folded, orders=kept)


@_apply.register
def _(event: OrderResent, ledger: SymbolLedger) -> SymbolLedger:
    return _with_record(ledger, ledger.record_of(event.client_order_id).moved_to(OrderPhase.INTENDED, "resent"))


@_apply.register
def _(event: TargetConfirmed, ledger: SymbolLedger) -> SymbolLedger:
    confirmed = replace(ledger, confirmed=event.number, confirmed_depth=event.depth, last_fill_at=None)
    return _explained(confirmed, event.at)


@_apply.register
def _(event: PositionAdopted, ledger: SymbolLedger) -> SymbolLedger:
    is_missing = not ledger.adopter and not event.is_told and is_smaller(event.quantity, ledger.owned)
    before, since = (ledger.owned, event.at) if is_missing else (ZERO, None)
    taken = replace(ledger, owned=event.quantity, ever_traded=True, adopter="")
    return _explained(replace(taken, shrunk_from=before, shrunk_at=since), event.at)


@_apply.register
def _(event: AdoptionGranted, ledger: SymbolLedger) -> SymbolLedger:
    return replace(ledger, adopter=event.by)


@_apply.register
def _(event: StandingChanged, ledger: SymbolLedger) -> SymbolLedger:
    reason = "" if event.standing is Standing.ACTIVE else f"{event.by}: {event.why}"
    return replace(ledger, standing=event.standing, standing_reason=reason, binding_until=event.binding_until)


def _explained(ledger: SymbolLedger, at: datetime) -> SymbolLedger:
    """From here what is held is known; the newest decision on its side is the one that sized it."""
    candidates = (ledger.decision, ledger.sized_by)
    sized_by = next((made for made in candidates if made and made.quantity * ledger.owned > ZERO), None)
    return replace(ledger, explained_at=at, sized_by=sized_by)


def _with_record(ledger: SymbolLedger, record: OrderRecord) -> SymbolLedger:
    client_order_id = record.intent.client_order_id
    orders = tuple(record if order.intent.client_order_id == client_order_id else order for order in ledger.orders)
    return replace(ledger, orders=orders)


def _without_record(ledger: SymbolLedger, client_order_id: ClientOrderId) -> SymbolLedger:
    orders = tuple(order for order in ledger.orders if order.intent.client_order_id != client_order_id)
    return replace(ledger, orders=orders)
