"""The risk gate: a proposed position passes every rule in order and comes out the same or smaller."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.decisions.risk_rules import (
    Cap,
    Proposal,
    Refusal,
    Rule,
    allow_symbol,
    cap_account_notional,
    cap_depth,
    cap_gross_leverage,
    cap_symbol_notional,
    refuse_haste,
    refuse_leverage,
    refuse_odd_price,
    refuse_odd_value,
    scale_by_volatility,
)
from core.model.instrument import Instrument
from core.model.money import ZERO, plain, round_towards_zero
from core.model.risk import RiskLimits

DECISION_RULES: tuple[Rule, ...] = (
    allow_symbol,
    refuse_leverage,
    cap_depth,
    scale_by_volatility,
    cap_symbol_notional,
    cap_account_notional,
    cap_gross_leverage,
)
"""What a new target must pass once, when it is decided; the outcome is journaled with it."""

TRADE_RULES: tuple[Rule, ...] = (
    allow_symbol,
    refuse_leverage,
    refuse_odd_value,
    refuse_odd_price,
    refuse_haste,
    cap_symbol_notional,
    cap_account_notional,
    cap_gross_leverage,
)
"""What every increase must pass again just before it is sent."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the gate lets through.

    Attributes:
        quantity: Signed, never larger than the proposed one and never of the other sign.
        why: Which rules made it smaller, empty when none did.
    """

    quantity: Decimal
    why: str


def check_risk(
    proposal: Proposal, limits: RiskLimits, rules: Sequence[Rule], instrument: Instrument, *, keeps_held: bool
) -> Allowed:
    """Pass a proposed position through the rules.

    A proposal that only reduces what is held comes out unchanged, or smaller still where a cap says so.

    Args:
        proposal: What somebody would like to hold.
        limits: The operator's limits.
        rules: In order; each may make the position smaller.
        instrument: Its lot step; a cap is rounded down to it.
        keeps_held: Whether caps leave alone what is already held, as refusals always do.
    """
    is_same_side = proposal.held * proposal.target > ZERO
    held = abs(proposal.held) if is_same_side else ZERO
    wanted = abs(proposal.target)
    reasons = []
    for rule in rules:
        ruling = rule(proposal, limits)
        largest = _largest(ruling, held, instrument, keeps_held=keeps_held)
        if ruling is not None and largest is not None and largest < wanted:
            wanted = largest
            reasons.append(ruling.why)
    if not reasons:
        return Allowed(proposal.target, "")
    sign = 1 if proposal.target > ZERO else -1
    return Allowed(sign * wanted, f"held at {plain(wanted)} by {'; '.join(reasons)}")


def _largest(
    ruling: Cap | Refusal | None, held: Decimal, instrument: Instrument, *, keeps_held: bool
) -> Decimal | None:
    if ruling is None:
        return None
    if isinstance(ruling, Refusal):
        return held
    largest = round_towards_zero(ruling.largest, instrument.lot_step)
    return max(largest, held) if keeps_held else largest
