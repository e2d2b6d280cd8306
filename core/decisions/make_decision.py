"""When a merged target asks for a new decision, and what that decision is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.decisions.size_position import Sizing, size_position
from core.model.decision import Decision
from core.model.events import DecisionMade, Event, StandingChanged
from core.model.failures import InvalidInput
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.money import ZERO
from core.model.position import AccountSnapshot, Quote
from core.model.reading import Known, Reading, Unknown
from core.model.signal import MergedTarget
from core.model.standing import Standing

DEPTH_TOLERANCE = Decimal("0.0001")
DEPTH_TOLERANCE_RATIO = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything one pass read, side by side, in one round trip.

    Attributes:
        snapshot: Value and positions.
        quotes: Prices by symbol.
        instruments: The exchange's rules by symbol.
    """

    snapshot: AccountSnapshot
    quotes: Mapping[Symbol, Reading[Quote]]
    instruments: Reading[Mapping[Symbol, Instrument]]


def depth_changed(previous: Decimal, current: Decimal) -> bool:
    """Whether a depth moved by more than max(0.0001, 0.1 %), or to zero, from zero or through it."""
    if previous == current:
        return False
    if previous * current <= ZERO:
        return True
    return abs(current - previous) > max(DEPTH_TOLERANCE, abs(previous) * DEPTH_TOLERANCE_RATIO)


def cap_leverage(target: MergedTarget, cap: Decimal | None) -> MergedTarget:
    """The target under an account's own cap on leverage; None caps nothing."""
    return target if cap is None or cap >= target.leverage else replace(target, leverage=cap)


def asks_for_decision(ledger: SymbolLedger, target: MergedTarget) -> bool:
    """Whether the target differs from the decision in force.

    Args:
        ledger: What the journal knows of the symbol.
        target: What the sources ask now, under the account's own cap.
    """
    previous = ledger.decision
    if previous is None:
        return not target.is_flat or ledger.owned != ZERO
    if depth_changed(previous.depth, target.depth):
        return True
    return not target.is_flat and previous.leverage != target.leverage


def decide(
    ledger: SymbolLedger, target: MergedTarget, readings: Readings, config_version: str, now: datetime
) -> list[Event] | str:
    """The events that make a new target the one in force, or why it cannot be sized.

    A target of zero needs neither value nor price. An entry from flat or on the other side lifts a
    restriction that the engine itself had set.
    """
    number = ledger.decision.number + 1 if ledger.decision else 1
    if target.is_flat:
        decision = Decision(number, ZERO, target.leverage, config_version, None, None, ZERO, "", now)
    else:
        sizing = _size(target, readings)
        if isinstance(sizing, str):
            return sizing
        decision = Decision(
            number=number,
            depth=target.depth,
            leverage=target.leverage,
            config_version=config_version,
            equity=sizing.equity,
            price=sizing.price,
            quantity=sizing.quantity,
            unreachable=sizing.unreachable,
            decided_at=now,
        )
    events: list[Event] = [DecisionMade(ledger.account, ledger.symbol, now, decision)]
    if ledger.standing is Standing.REDUCE_ONLY and _is_fresh_entry(ledger.decision, decision):
        events.append(StandingChanged(ledger.account, ledger.symbol, now, Standing.ACTIVE, "engine", "fresh entry"))
    return events


def price_of(readings: Readings, symbol: Symbol) -> Decimal | None:
    """The last price that a pass read of a symbol, None when unknown."""
    quote = readings.quotes.get(symbol)
    return quote.value.last if isinstance(quote, Known) else None


def _size(target: MergedTarget, readings: Readings) -> Sizing | str:
    equity, instruments = readings.snapshot.equity, readings.instruments
    quote = readings.quotes.get(target.symbol, Unknown("not read"))
    if isinstance(equity, Unknown):
        return f"account value unknown: {equity.reason}"
    if isinstance(instruments, Unknown):
        return f"the exchange's rules are unknown: {instruments.reason}"
    instrument = instruments.value.get(target.symbol)
    if instrument is None:
        return "not listed on this exchange"
    if isinstance(quote, Unknown):
        return f"price unknown: {quote.reason}"
    try:
        return size_position(equity.value, target.depth, target.leverage, quote.value.last, instrument)
    except InvalidInput as error:
        return str(error)


def _is_fresh_entry(previous: Decision | None, decision: Decision) -> bool:
    return decision.depth != ZERO and (previous is None or previous.depth * decision.depth <= ZERO)
