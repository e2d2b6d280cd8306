"""What one account is asked to hold, and which of its symbols need a look."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from core.decisions.make_decision import cap_leverage
from core.model.identity import Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ONE, ZERO
from core.model.policy import AccountPolicy
from core.model.risk import RiskLimits
from core.model.signal import MergedTarget
from core.model.standing import Standing, Standings
from core.model.target import Targets

LATE_LANDING = timedelta(minutes=10)
"""How long after its send an order that was given up may still turn up on an account which is otherwise left alone.

As long, a position that went missing may be there again.
"""


def wanted_targets(
    policy: AccountPolicy,
    targets: Targets,
    ledgers: Sequence[SymbolLedger],
    standings: Standings,
    limits: RiskLimits,
    now: datetime,
) -> Mapping[Symbol, MergedTarget]:
    """The targets of one account: those of the merge under its caps, and zero for what is no longer configured.

    A symbol whose source is unreadable is left as it is, unless the operator asked to be flat; one that is proven flat
    and no longer configured is forgotten.

    Args:
        policy: The operator's wishes; a disabled account wants nothing.
        targets: What the merge asks of every account.
        ledgers: What the journal knows of the account's symbols.
        standings: What the operator has set; FLAT asks for zero.
        limits: The risk limits, for their cap on leverage.
        now: UTC time.
    """
    wanted = dict(targets.by_symbol) if policy.is_enabled else {}
    for ledger in ledgers:
        symbol = ledger.symbol
        is_left_alone = (
            policy.is_enabled and symbol in targets.unready and not _is_to_be_flat(policy, symbol, standings)
        )
        if symbol not in wanted and not is_left_alone and has_history(ledger) and not is_over(ledger, now):
            wanted[symbol] = MergedTarget(symbol, ZERO, ledger.decision.leverage if ledger.decision else ONE)
    return {
        symbol: _flattened(
            cap_leverage(cap_leverage(target, policy.leverage_cap), limits.max_leverage), policy, standings
        )
        for symbol, target in wanted.items()
    }


def needs_calls(
    policy: AccountPolicy,
    wanted: Mapping[Symbol, MergedTarget],
    ledgers: Sequence[SymbolLedger],
    now: datetime,
    left_alone: Mapping[Symbol, SymbolLedger],
) -> bool:
    """Whether a pass must read the account; a disabled one costs no call once nothing of ours is left.

    Unless an order was given up a short while ago, or the position went missing: should it be there after all, there is
    something to close.

    Args:
        policy: The operator's wishes.
        wanted: What the account is asked to hold.
        ledgers: What the journal knows of its symbols.
        now: UTC time.
        left_alone: Symbols of which a pass proved that what is held is not ours, with their ledgers as they were then.
    """
    if policy.is_enabled and wanted:
        return True
    return any(
        ledger.unsettled
        or ledger.owned != ZERO
        or (ledger.adopter and has_history(ledger))
        or not (ledger.decision is None or ledger.is_confirmed or _is_left_alone(ledger, left_alone))
        or any(abs(now - record.sent_at) < LATE_LANDING for record in ledger.lost)
        or _is_missing(ledger, now)
        for ledger in ledgers
    )


def pursued_symbols(
    wanted: Mapping[Symbol, MergedTarget], ledgers: Sequence[SymbolLedger], now: datetime
) -> list[Symbol]:
    """Symbols to be kept in line: those that must shrink or turn first, since exits overtake entries."""
    followed = [
        ledger for ledger in ledgers if has_history(ledger) and (ledger.symbol in wanted or not is_over(ledger, now))
    ]
    return [ledger.symbol for ledger in sorted(followed, key=lambda ledger: not shrinks(ledger))]


def is_over(ledger: SymbolLedger, now: datetime) -> bool:
    """Whether the symbol is proven flat, and nothing that went missing is looked for any more."""
    return ledger.is_flat and not _is_missing(ledger, now)


def has_history(ledger: SymbolLedger) -> bool:
    """Whether anything was ever decided for the symbol, or anything of it is ours."""
    return ledger.decision is not None or ledger.owned != ZERO


def shrinks(ledger: SymbolLedger) -> bool:
    """Whether the decision in force asks for less than is ours, or for the other side."""
    wanted = ledger.decision.quantity if ledger.decision else ZERO
    return ledger.owned * wanted < ZERO or abs(wanted) < abs(ledger.owned)


def asks_for_less(ledger: SymbolLedger, target: MergedTarget) -> bool:
    """Whether a target that is not decided yet may want less than what is ours, or the other side."""
    depth = ledger.decision.depth if ledger.decision else ZERO
    return ledger.owned != ZERO and (target.depth * ledger.owned <= ZERO or abs(target.depth) < abs(depth))


def _is_missing(ledger: SymbolLedger, now: datetime) -> bool:
    """Whether what was ours went missing so short a while ago that it may be there again."""
    return ledger.shrunk_at is not None and abs(now - ledger.shrunk_at) < LATE_LANDING


def _is_left_alone(ledger: SymbolLedger, left_alone: Mapping[Symbol, SymbolLedger]) -> bool:
    """Whether nothing is wanted beside a position that is not ours, and nothing has happened since that was proven."""
    is_flat = ledger.decision is not None and ledger.decision.quantity == ZERO
    return is_flat and left_alone.get(ledger.symbol) == ledger


def _flattened(target: MergedTarget, policy: AccountPolicy, standings: Standings) -> MergedTarget:
    """The target, or zero where the operator asked to be flat."""
    is_flat = _is_to_be_flat(policy, target.symbol, standings)
    return replace(target, depth=ZERO, contributions=()) if is_flat else target


def _is_to_be_flat(policy: AccountPolicy, symbol: Symbol, standings: Standings) -> bool:
    operator = standings.for_symbol(policy.account, symbol)
    return operator is not None and operator.standing is Standing.FLAT
