"""Whose a position is: what journaled fills explain, and what they do not."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.money import ZERO, plain


class Whose(StrEnum):
    """Whose a position is."""

    OURS = "ours"
    FIRST_SIGHT = "first_sight"
    SHRUNK = "shrunk"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class PositionJudgement:
    """What may be done with a held position.

    Attributes:
        whose: OURS: journaled fills explain it within one lot. FIRST_SIGHT: we never traded the symbol and
            something is held. SHRUNK: someone closed part or all of ours (hand, liquidation, ADL).
            FOREIGN: it is larger than ours or on the other side.
        evidence: In words, for people; empty when ours.
    """

    whose: Whose
    evidence: str = ""


def judge_position(ledger: SymbolLedger, held: Decimal, instrument: Instrument) -> PositionJudgement:
    """Compare a freshly read position with what journaled fills explain.

    Only to be asked when no order of ours is unsettled.
    """
    if abs(held - ledger.owned) < instrument.lot_step:
        return PositionJudgement(Whose.OURS)
    told = f"the exchange holds {plain(held)}, our fills explain {plain(ledger.owned)}"
    if not ledger.ever_traded:
        return PositionJudgement(Whose.FIRST_SIGHT, told)
    shrunk = held == ZERO or (held * ledger.owned > ZERO and abs(held) < abs(ledger.owned))
    return PositionJudgement(Whose.SHRUNK if shrunk else Whose.FOREIGN, told)
