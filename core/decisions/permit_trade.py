"""Whether the next trade of a plan may be sent now. A reduction is stopped by very little, an increase by any doubt."""

from dataclasses import dataclass, replace
from decimal import Decimal

from core.decisions.judge_position import PositionJudgement, Whose
from core.model.ledger import OrderRecord, SymbolLedger
from core.model.money import ZERO
from core.model.plan import Purpose, Trade
from core.model.standing import SetStanding, Standing


@dataclass(frozen=True, slots=True)
class Blocked:
    """The trade must not be sent now, and why."""

    why: str


def permit_trade(
    trade: Trade,
    held: Decimal,
    ledger: SymbolLedger,
    judgement: PositionJudgement,
    unready: str,
    operator: SetStanding | None = None,
    repeatable: OrderRecord | None = None,
) -> Trade | Blocked:
    """Allow a trade, make it smaller, or block it.

    While an order is unsettled the position cannot be explained yet; a reduction then takes at most what our fills
    and that order together could have made. Of a position that somebody made larger, only our share is closed, and
    only where all of it is to go: for a target of zero, or on the other side.

    Args:
        trade: The next trade of the plan.
        held: The freshly read position, signed.
        ledger: What the journal knows of the symbol.
        judgement: Whose the position is.
        unready: Why the symbol's sources forbid an increase, empty when they do not.
        operator: The severest standing that the operator set over the symbol, None when active.
        repeatable: An unsettled reduction that the exchange does not know and that may be sent again, if there is one.
    """
    if operator and operator.standing is Standing.HALTED:
        return Blocked(str(operator))
    if judgement.whose is Whose.STALE:
        return Blocked(f"the position is not known: {judgement.evidence}")
    if judgement.whose is Whose.FIRST_SIGHT:
        return Blocked(f"a position that we did not open ({judgement.evidence}); adopt it or close it")
    if trade.purpose.is_reduction:
        return _permit_reduction(trade, held, ledger, judgement, repeatable)
    if operator:
        return Blocked(str(operator))
    return _permit_increase(trade, ledger, judgement, unready)


def _permit_reduction(
    trade: Trade, held: Decimal, ledger: SymbolLedger, judgement: PositionJudgement, repeatable: OrderRecord | None
) -> Trade | Blocked:
    if any(record.intent.reduce_only for record in ledger.unsettled):
        return _permit_repetition(trade, repeatable)
    if ledger.unsettled:
        most = _most_that_could_be_ours(held, ledger)
        if most == ZERO:
            return Blocked("none of the position can be ours while an order is unsettled")
        return replace(trade, quantity=min(trade.quantity, most))
    if judgement.whose in (Whose.OURS, Whose.SHRUNK):
        return trade
    ours = _share_of(held, ledger.owned)
    if ours == ZERO or trade.purpose is not Purpose.CLOSE:
        return Blocked(f"the position is not ours alone ({judgement.evidence})")
    return replace(trade, quantity=min(trade.quantity, ours))


def _permit_repetition(trade: Trade, repeatable: OrderRecord | None) -> Trade | Blocked:
    """A lost reduction again, where all of it belongs to what is to be closed now: done twice it is not too much."""
    if repeatable and trade.purpose is Purpose.CLOSE:
        intent = repeatable.intent
        if intent.side is trade.side and intent.quantity <= trade.quantity:
            return replace(trade, quantity=intent.quantity)
    return Blocked("a reduction is still unsettled")


def _permit_increase(trade: Trade, ledger: SymbolLedger, judgement: PositionJudgement, unready: str) -> Trade | Blocked:
    if ledger.unsettled:
        return Blocked("an order is still unsettled")
    if ledger.standing is not Standing.ACTIVE:
        return Blocked(f"{ledger.standing}: {ledger.standing_reason}")
    if judgement.whose is not Whose.OURS:
        return Blocked(f"the position changed without us ({judgement.evidence})")
    if unready:
        return Blocked(unready)
    return trade


def _share_of(held: Decimal, owned: Decimal) -> Decimal:
    """How much of a held position is ours, unsigned."""
    return min(abs(held), abs(owned)) if held * owned > ZERO else ZERO


def _most_that_could_be_ours(held: Decimal, ledger: SymbolLedger) -> Decimal:
    """The largest part of a held position that fills and unsettled orders could explain, unsigned."""
    side = 1 if held > ZERO else -1
    arriving = (record.intent.signed_quantity * side for record in ledger.unsettled)
    most = ledger.owned * side + sum((quantity for quantity in arriving if quantity > ZERO), ZERO)
    return max(ZERO, min(abs(held), most))
