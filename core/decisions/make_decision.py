"""When a merged target asks for a new decision, and what that decision is."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from core.decisions.check_risk import DECISION_RULES, Allowed, check_risk
from core.decisions.risk_rules import Proposal, price_problem
from core.decisions.size_position import Sizing, size_position
from core.model.decision import Decision
from core.model.events import DecisionMade, Event, StandingChanged
from core.model.failures import InvalidInput
from core.model.identity import Symbol
from core.model.instrument import NOT_TRADED, Instrument
from core.model.ledger import SymbolLedger
from core.model.money import ZERO, divide, plain, round_towards_zero
from core.model.position import AccountSnapshot, Quote
from core.model.reading import Known, Reading, Unknown
from core.model.risk import ResizeBand, RiskLimits
from core.model.signal import MergedTarget
from core.model.standing import Standing

DEPTH_TOLERANCE = Decimal("0.0001")
DEPTH_TOLERANCE_RATIO = Decimal("0.001")
NO_LIMITS = RiskLimits()


@dataclass(frozen=True, slots=True)
class Readings:
    """Everything one pass read, side by side, in one round trip.

    Attributes:
        snapshot: Value and positions.
        quotes: Prices by symbol.
        instruments: The exchange's rules by symbol.
        volatility: Standard deviation of a day's move by symbol, in percent, where enough was seen.
    """

    snapshot: AccountSnapshot
    quotes: Mapping[Symbol, Reading[Quote]]
    instruments: Reading[Mapping[Symbol, Instrument]]
    volatility: Mapping[Symbol, Decimal] = field(default_factory=dict)


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
    if depth_changed(previous.depth, target.depth) or (previous.is_provisional and not target.is_flat):
        return True
    return not target.is_flat and previous.leverage != target.leverage


def decide(
    ledger: SymbolLedger,
    target: MergedTarget,
    readings: Readings,
    config_version: str,
    now: datetime,
    limits: RiskLimits = NO_LIMITS,
    others_notional: Reading[Decimal] | None = None,
) -> list[Event] | str:
    """The events that make a new target the one in force, or why it cannot be sized.

    A target of zero needs neither value nor price, nor does the exit from the other side; a smaller target is scaled
    down from the last one until it can be sized. An entry from flat or on the other side lifts a restriction that the
    engine itself had set.

    Args:
        ledger: What the journal knows of the symbol.
        target: What the sources ask now, under the account's own cap on leverage.
        readings: What this pass read.
        config_version: The configuration in force.
        now: UTC time.
        limits: The operator's risk limits.
        others_notional: Value of the account's other positions in USDT, None when there are none.
    """
    if target.is_flat:
        return _made(ledger, _flat(ledger, target, config_version, now, ""), now)
    sizing = _size(target, readings, limits, now)
    if isinstance(sizing, str):
        shrunk = _without_size(ledger, target, readings, config_version, now, sizing)
        return _made(ledger, shrunk, now) if shrunk else sizing
    allowed = _cap(ledger, target, sizing, readings, now, limits, others_notional)
    decision = Decision(
        number=_next_number(ledger),
        depth=target.depth,
        leverage=target.leverage,
        config_version=config_version,
        equity=sizing.equity,
        price=sizing.price,
        quantity=allowed.quantity,
        unreachable=sizing.unreachable,
        decided_at=now,
        capped=allowed.why,
        contributions=target.contributions,
    )
    return _made(ledger, decision, now)


def decide_resize(
    ledger: SymbolLedger,
    target: MergedTarget,
    readings: Readings,
    config_version: str,
    now: datetime,
    band: ResizeBand,
    limits: RiskLimits = NO_LIMITS,
    others_notional: Reading[Decimal] | None = None,
) -> list[Event]:
    """The events of a new size for an unchanged target, none while it lies within the band or before its time.

    Args:
        ledger: What the journal knows of the symbol.
        target: What the sources ask, unchanged since the decision in force.
        readings: What this pass read.
        config_version: The configuration in force.
        now: UTC time.
        band: How far the ideal size must have moved, and the least age of the decision.
        limits: The operator's risk limits.
        others_notional: Value of the account's other positions in USDT, None when there are none.
    """
    decision = ledger.decision
    if decision is None or target.is_flat or (now - decision.decided_at).total_seconds() < band.every_seconds:
        return []
    events = decide(ledger, target, readings, config_version, now, limits, others_notional)
    if isinstance(events, str) or not isinstance(events[0], DecisionMade):
        return []
    moved = abs(events[0].decision.quantity - decision.quantity)
    return events if moved * 100 > abs(decision.quantity) * band.band_percent else []


def _flat(ledger: SymbolLedger, target: MergedTarget, config_version: str, now: datetime, why: str) -> Decision:
    """A decision for no position; a reason says that another decision follows as soon as it can be sized."""
    return Decision(
        number=_next_number(ledger),
        depth=ZERO,
        leverage=target.leverage,
        config_version=config_version,
        equity=None,
        price=None,
        quantity=ZERO,
        unreachable=why,
        decided_at=now,
        contributions=target.contributions,
    )


def _without_size(
    ledger: SymbolLedger, target: MergedTarget, readings: Readings, config_version: str, now: datetime, why: str
) -> Decision | None:
    """What can be decided of a target that cannot be sized: to leave the other side, or to shrink as its depth does."""
    previous = ledger.decision
    if previous is None:
        return None
    if previous.quantity * target.depth < ZERO:
        return _flat(ledger, target, config_version, now, why)
    instrument = _tradable(target.symbol, readings)
    before, asked = previous.depth * previous.leverage, target.depth * target.leverage
    if isinstance(instrument, str) or abs(asked) >= abs(before):
        return None
    return replace(
        previous,
        number=_next_number(ledger),
        depth=target.depth,
        leverage=target.leverage,
        config_version=config_version,
        equity=None,
        quantity=round_towards_zero(divide(previous.quantity * asked, before), instrument.lot_step),
        unreachable=f"scaled down from the last target until it can be sized: {why}",
        decided_at=now,
        contributions=target.contributions,
    )


def _next_number(ledger: SymbolLedger) -> int:
    return ledger.decision.number + 1 if ledger.decision else 1


def _made(ledger: SymbolLedger, decision: Decision, now: datetime) -> list[Event]:
    events: list[Event] = [DecisionMade(ledger.account, ledger.symbol, now, decision)]
    is_bound = ledger.binding_until is not None and now < ledger.binding_until
    is_restricted = ledger.standing is Standing.REDUCE_ONLY and not is_bound
    if is_restricted and _is_fresh_entry(ledger.decision, decision):
        events.append(StandingChanged(ledger.account, ledger.symbol, now, Standing.ACTIVE, "engine", "fresh entry"))
    return events


def _cap(
    ledger: SymbolLedger,
    target: MergedTarget,
    sizing: Sizing,
    readings: Readings,
    now: datetime,
    limits: RiskLimits,
    others_notional: Reading[Decimal] | None,
) -> Allowed:
    """The sized quantity under the risk limits."""
    instruments = readings.instruments
    if isinstance(instruments, Unknown) or sizing.quantity == ZERO:
        return Allowed(sizing.quantity, "")
    proposal = Proposal(
        symbol=target.symbol,
        target=sizing.quantity,
        held=ledger.owned,
        depth=target.depth,
        leverage=sizing.leverage,
        price=sizing.price,
        equity=readings.snapshot.equity,
        others_notional=others_notional or Known(ZERO, now),
        quote=readings.quotes.get(target.symbol, Unknown("not read")),
        increases_last_minute=0,
        now=now,
        volatility_percent=readings.volatility.get(target.symbol),
    )
    return check_risk(proposal, limits, DECISION_RULES, instruments.value[target.symbol], keeps_held=False)


def price_of(readings: Readings, symbol: Symbol) -> Decimal | None:
    """The last price that a pass read of a symbol, None when unknown."""
    quote = readings.quotes.get(symbol)
    return quote.value.last if isinstance(quote, Known) else None


def lacks_a_read(symbol: Symbol, readings: Readings) -> bool:
    """Whether a read that failed, and may soon be well, keeps a listed symbol from being sized or traded."""
    instruments = readings.instruments
    if isinstance(instruments, Unknown):
        return True
    quote = readings.quotes.get(symbol)
    return symbol in instruments.value and not (
        isinstance(readings.snapshot.equity, Known) and isinstance(quote, Known)
    )


def _size(target: MergedTarget, readings: Readings, limits: RiskLimits, now: datetime) -> Sizing | str:
    equity, instrument = readings.snapshot.equity, _tradable(target.symbol, readings)
    if isinstance(equity, Unknown):
        return f"account value unknown: {equity.reason}"
    if isinstance(instrument, str):
        return instrument
    quote = readings.quotes.get(target.symbol, Unknown("not read"))
    problem = price_problem(quote, now, limits)
    if limits.target_volatility_percent is not None and target.symbol not in readings.volatility:
        problem = problem or "its volatility is not known yet: half an hour of prices must have been seen"
    if problem or isinstance(quote, Unknown):
        return problem
    leverage = min(target.leverage, instrument.max_leverage)
    try:
        sizing = size_position(equity.value, target.depth, leverage, quote.value.last, instrument)
    except InvalidInput as error:
        return str(error)
    if leverage < target.leverage and not sizing.unreachable:
        above = f"leverage {plain(target.leverage)} is above the exchange's {plain(leverage)}, sized with that"
        return replace(sizing, unreachable=above)
    return sizing


def _tradable(symbol: Symbol, readings: Readings) -> Instrument | str:
    """The rules of a symbol that is traded now, or why there are none."""
    instruments = readings.instruments
    if isinstance(instruments, Unknown):
        return f"the exchange's rules are unknown: {instruments.reason}"
    instrument = instruments.value.get(symbol)
    if instrument is None:
        return "not listed on this exchange"
    return instrument if instrument.tradable else NOT_TRADED


def _is_fresh_entry(previous: Decision | None, decision: Decision) -> bool:
    return decision.depth != ZERO and (previous is None or previous.depth * decision.depth <= ZERO)
