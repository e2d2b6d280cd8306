"""Whose a position is: what journaled fills explain, and what they do not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from core.model.decision import Decision
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.money import ONE, ZERO, divide, is_smaller, plain
from core.model.position import ClosingCause
from core.model.reading import Reading, Unknown

STALE_READ_SECONDS = 60.0
"""How long a read that shows the position from before our last fill counts as late, not as somebody else's doing."""

LIQUIDATION_SHARE = Decimal("0.7")
"""Share of the margin that an adverse move must have eaten for a vanished position to look liquidated."""

LIQUIDATION_REST = timedelta(minutes=15)
"""After a liquidation or a deleveraging, a fresh entry counts only so much later."""

LONGEST_QUOTE = 200
"""How many characters of an exchange's own words get into the journal."""

TOLD = {
    ClosingCause.LIQUIDATION: "the exchange says that it was a liquidation",
    ClosingCause.DELEVERAGING: "the exchange says that it was auto-deleveraging (ADL)",
    ClosingCause.ORDINARY: "the exchange says that it was an ordinary trade",
}


RETURN_COUNTS_FOR = timedelta(days=1)
"""How long after it went missing a position that is there again counts as ours."""


class Whose(StrEnum):
    """Whose a position is."""

    OURS = "ours"
    FIRST_SIGHT = "first_sight"
    SHRUNK = "shrunk"
    RETURNED = "returned"
    FOREIGN = "foreign"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class PositionJudgement:
    """What may be done with a held position.

    Attributes:
        whose: OURS: journaled fills explain it within one lot. FIRST_SIGHT: we never traded the symbol and
            something is held. SHRUNK: someone closed part or all of ours (hand, liquidation, ADL), or the exchange
            left it out. RETURNED: it is there again as it was before it shrank. FOREIGN: it is larger than ours or on
            the other side. STALE: the read still shows the position from before our last fill, so nothing is known of
            the one after it.
        evidence: In words, for people; empty when ours.
    """

    whose: Whose
    evidence: str = ""


def judge_position(ledger: SymbolLedger, held: Decimal, instrument: Instrument, now: datetime) -> PositionJudgement:
    """Compare a freshly read position with what journaled fills explain.

    Only to be asked when no order of ours is unsettled.
    """
    if abs(held - ledger.owned) < instrument.lot_step:
        return PositionJudgement(Whose.OURS)
    told = f"the exchange holds {plain(held)}, our fills explain {plain(ledger.owned)}"
    if not ledger.ever_traded:
        return PositionJudgement(Whose.FIRST_SIGHT, told)
    if _shows_the_time_before(ledger, held, instrument, now):
        return PositionJudgement(Whose.STALE, f"{told}; the exchange still shows the time before our last fill")
    if _is_there_again(ledger, held, instrument, now):
        return PositionJudgement(
            Whose.RETURNED, f"{told} and had explained {plain(ledger.shrunk_from)} before it shrank"
        )
    shrunk = is_smaller(held, ledger.owned)
    return PositionJudgement(Whose.SHRUNK if shrunk else Whose.FOREIGN, told)


def is_turned(ledger: SymbolLedger, held: Decimal, now: datetime) -> bool:
    """Whether somebody turned our position: what is held is on the other side, so nothing of ours is left.

    Soon after a fill of ours a read may be older than several of them, and shows what we turned ourselves.
    """
    return held * ledger.owned < ZERO and not _has_filled_lately(ledger, now)


@dataclass(frozen=True, slots=True)
class ClosingJudgement:
    """Why a position shrank without us.

    Attributes:
        cause: What the exchange said, else LIQUIDATION where the price speaks for one, None where nothing does.
        evidence: In words, for people.
        is_told: Whether the exchange said it.
    """

    cause: ClosingCause | None
    evidence: str
    is_told: bool = False

    @property
    def rests(self) -> bool:
        """Whether a fresh entry has to wait for `LIQUIDATION_REST`."""
        return self.cause in (ClosingCause.LIQUIDATION, ClosingCause.DELEVERAGING)


def judge_closing(ledger: SymbolLedger, told: Reading[ClosingCause], price: Decimal | None) -> ClosingJudgement:
    """Why a position shrank: the exchange's own word, and what the price says only where there is none.

    An ordinary trade is no such word where it may have been our own: asked for since before a fill of ours, the
    exchange's records hold that one too.

    Args:
        ledger: What the journal knows of the symbol.
        told: What the exchange says of the time since the position was last explained.
        price: Last price in USDT, None when unknown.
    """
    # The exit may have been decided before the end of the position was seen; it was sized by the entry.
    sized_by = ledger.sized_by if ledger.explained_at else ledger.decision
    if isinstance(told, Unknown):
        why = told.reason[:LONGEST_QUOTE]
    elif told.value is ClosingCause.ORDINARY and _may_be_ours(ledger):
        why = "the exchange tells of ordinary trades, which may be our own"
    else:
        return ClosingJudgement(told.value, TOLD[told.value], is_told=True)
    if looks_liquidated(sized_by, price):
        return ClosingJudgement(ClosingCause.LIQUIDATION, f"by the price it looks like a liquidation ({why})")
    return ClosingJudgement(None, f"nothing speaks for a liquidation ({why})")


def looks_liquidated(decision: Decision | None, price: Decimal | None) -> bool:
    """Whether the price has moved against a decided position far enough to have liquidated it.

    An isolated position is liquidated where its loss has eaten its margin but for the maintenance part; a move of
    0.7 / leverage against the decided price is taken as that. An unknown price counts as liquidated.
    """
    if decision is None or decision.price is None or decision.quantity == ZERO:
        return False
    if price is None:
        return True
    side = ONE if decision.quantity > ZERO else -ONE
    adverse_move = divide((decision.price - price) * side, decision.price)
    return adverse_move * max(decision.leverage, ONE) >= LIQUIDATION_SHARE


def _is_there_again(ledger: SymbolLedger, held: Decimal, instrument: Instrument, now: datetime) -> bool:
    """Whether the position is to the lot what it was when it went missing, with no fill of ours since.

    No read tells a list that lacked a row from a hand that closed and opened the very same again.
    """
    if ledger.shrunk_at is None or abs(now - ledger.shrunk_at) > RETURN_COUNTS_FOR:
        return False
    return abs(held - ledger.shrunk_from) < instrument.lot_step


def _shows_the_time_before(ledger: SymbolLedger, held: Decimal, instrument: Instrument, now: datetime) -> bool:
    before = ledger.owned - ledger.last_fill
    return _has_filled_lately(ledger, now) and abs(held - before) < instrument.lot_step


def _has_filled_lately(ledger: SymbolLedger, now: datetime) -> bool:
    filled_at = ledger.last_fill_at
    return filled_at is not None and now - filled_at <= timedelta(seconds=STALE_READ_SECONDS)


def _may_be_ours(ledger: SymbolLedger) -> bool:
    """Whether an order of ours may have filled since the position was last explained."""
    explained_at, filled_at = ledger.explained_at, ledger.last_fill_at
    return explained_at is None or (filled_at is not None and filled_at > explained_at)
