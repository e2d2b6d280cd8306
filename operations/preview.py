"""What candidate files would make every account do, from what the engine read last; nothing is sent or written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.decisions.account_targets import wanted_targets
from core.decisions.judge_source import JudgedSource
from core.decisions.make_decision import Readings, asks_for_decision, decide
from core.decisions.merge_signals import merge_signals
from core.decisions.reconcile import reconcile
from core.model.decision import Decision
from core.model.events import DecisionMade, StandingChanged
from core.model.identity import SourceName, Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ZERO
from core.model.outcome import PassReport
from core.model.policy import AccountPolicy
from core.model.position import Quote
from core.model.reading import Known, Unknown
from core.model.risk import RiskLimits
from core.model.signal import MergedTarget
from core.model.standing import Standing, Standings
from core.model.target import Targets, TradingConfig
from core.position_prover import held_of

ANY_AGE_SECONDS = 1e9
HUNDRED = Decimal(100)

Decided = tuple[Decision | None, bool]
"""The decision that would be in force, and whether it lifts a restriction."""


@dataclass(frozen=True, slots=True)
class PreviewedOrder:
    """One order that would be sent."""

    side: str
    quantity: Decimal
    purpose: str
    notional: Decimal


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of one symbol of one account.

    Attributes:
        account: Its key.
        symbol: Its unified name.
        depth: Merged depth under the candidate files.
        leverage: Leverage under them.
        held: What is held, None when unknown.
        target: What would be held, None when it cannot be sized from what was read last.
        orders: What would be sent, in order.
        cost: Estimated fees in USDT.
        why: Why nothing would be sent, or what limits the target.
    """

    account: str
    symbol: str
    depth: Decimal
    leverage: Decimal
    held: Decimal | None
    target: Decimal | None
    orders: Sequence[PreviewedOrder]
    cost: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is tried.

    Attributes:
        config: The candidate files.
        judged: What every source says now.
        limits: The risk limits in force.
        standings: What is held back.
        fee_percent: Taker fee for the estimate of the cost.
        now: UTC time.
    """

    config: TradingConfig
    judged: Mapping[SourceName, JudgedSource]
    limits: RiskLimits
    standings: Standings
    fee_percent: Decimal
    now: datetime


def preview_account(
    candidate: Candidate, policy: AccountPolicy, ledgers: Sequence[SymbolLedger], report: PassReport | None
) -> list[Preview]:
    """Every symbol of one account under the candidate files.

    Args:
        candidate: What is tried.
        policy: The account's.
        ledgers: What the journal knows of it.
        report: Its last pass, None before the first.
    """
    merge = merge_signals(candidate.config, candidate.judged)
    targets = Targets(0, candidate.config.version, merge.targets, merge.unready)
    wanted = wanted_targets(policy, targets, ledgers, candidate.standings, candidate.limits, candidate.now)
    by_symbol = {ledger.symbol: ledger for ledger in ledgers}
    sizes = {ledger.symbol: _size_of(ledger, report) for ledger in ledgers}
    rows = []
    for symbol, target in wanted.items():
        ledger = by_symbol.get(symbol) or SymbolLedger(policy.account, symbol)
        others = sum((size for other, size in sizes.items() if other != symbol), ZERO)
        decided = _decided(candidate, target, ledger, report, others)
        if not isinstance(decided, str) and decided[0] is not None:
            sizes[symbol] = abs(decided[0].quantity) * (decided[0].price or ZERO)
        rows.append(_preview(candidate, policy, target, ledger, report, decided, merge.unready.get(symbol, "")))
    return rows


def _size_of(ledger: SymbolLedger, report: PassReport | None) -> Decimal:
    """The value in USDT of what was decided, or is ours without a decision."""
    decision = ledger.decision
    price = (decision.price if decision else None) or (report.prices.get(ledger.symbol) if report else None)
    return abs(decision.quantity if decision else ledger.owned) * (price or ZERO)


def _preview(
    candidate: Candidate,
    policy: AccountPolicy,
    target: MergedTarget,
    ledger: SymbolLedger,
    report: PassReport | None,
    decided: Decided | str,
    unready: str,
) -> Preview:
    held = _held(ledger, report)
    nothing = Preview(str(ledger.account), ledger.symbol, target.depth, target.leverage, held, None, (), ZERO, "")
    if report is None or report.snapshot is None or held is None:
        return replace(nothing, why="the position is unknown: the account was not read")
    if isinstance(decided, str):
        return replace(nothing, why=decided)
    decision, is_lifted = decided
    if decision is None:
        return replace(nothing, target=ZERO)
    price, instrument = report.prices.get(ledger.symbol), report.rules.get(ledger.symbol)
    if instrument is None or price is None:
        return replace(nothing, target=decision.quantity, why="price and rules are known after the next pass")
    plan = reconcile(held, decision.quantity, instrument, price)
    orders = [
        PreviewedOrder(trade.side, trade.quantity, trade.purpose, round(trade.quantity * price, 2))
        for trade in plan.trades
    ]
    cost = sum((order.notional for order in orders), ZERO) * candidate.fee_percent / HUNDRED
    reasons = [plan.note, decision.capped, decision.unreachable]
    if orders:
        reasons += _why_it_waits(candidate, policy, ledger, unready, is_lifted=is_lifted)
    why = "; ".join(reason for reason in reasons if reason)
    return replace(nothing, target=decision.quantity, orders=orders, cost=round(cost, 4), why=why)


def _why_it_waits(
    candidate: Candidate, policy: AccountPolicy, ledger: SymbolLedger, unready: str, *, is_lifted: bool
) -> list[str]:
    """What would keep an order, or at least an increase, from being sent at once."""
    operator = candidate.standings.for_symbol(policy.account, ledger.symbol)
    is_restricted = ledger.standing is not Standing.ACTIVE and not is_lifted
    return [
        "" if policy.is_armed else "not armed: nothing is sent",
        str(operator) if operator else "",
        f"{ledger.standing}: {ledger.standing_reason}" if is_restricted else "",
        f"no increase now: {unready}" if unready else "",
    ]


def _decided(
    candidate: Candidate, target: MergedTarget, ledger: SymbolLedger, report: PassReport | None, others: Decimal
) -> Decided | str:
    """The decision that would be in force and whether it lifts a restriction, or why it cannot be sized."""
    if not asks_for_decision(ledger, target) or report is None or report.snapshot is None:
        return ledger.decision, False
    if target.symbol not in report.rules and not target.is_flat:
        return _by_value_alone(target, report)
    quotes = {symbol: Known(Quote(price, report.at), report.at) for symbol, price in report.prices.items()}
    readings = Readings(report.snapshot, quotes, Known(report.rules, report.at))
    limits = replace(candidate.limits, max_quote_age_seconds=ANY_AGE_SECONDS)
    events = decide(ledger, target, readings, candidate.config.version, candidate.now, limits, Known(others, report.at))
    if isinstance(events, str):
        return events
    is_lifted = any(isinstance(event, StandingChanged) for event in events)
    return next(event.decision for event in events if isinstance(event, DecisionMade)), is_lifted


def _by_value_alone(target: MergedTarget, report: PassReport) -> str:
    equity = report.snapshot.equity if report.snapshot else Unknown("not read")
    if isinstance(equity, Unknown):
        return "new here; the account value is unknown"
    notional = round(equity.value * target.depth * target.leverage, 2)
    return f"new here; would be worth about {notional} USDT, price and rules are known after the next pass"


def _held(ledger: SymbolLedger, report: PassReport | None) -> Decimal | None:
    positions = report.snapshot.positions if report and report.snapshot else Unknown("not read")
    if isinstance(positions, Unknown):
        return None
    outcome = report.outcomes.get(ledger.symbol) if report else None
    if outcome and isinstance(outcome.held, Known):
        return outcome.held.value
    held = held_of(positions, Symbol(ledger.symbol))
    return held.value if isinstance(held, Known) else None
