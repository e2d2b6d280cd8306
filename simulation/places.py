"""One symbol of one account of a simulated world: whether it is where it should be, and what excuses it if not."""

from dataclasses import dataclass
from decimal import Decimal

from core.model.decision import Decision
from core.model.ledger import SymbolLedger
from core.model.money import ONE, ZERO, plain
from core.model.order import RefusalReason
from core.model.standing import Standing

DEPTH_LEFT_ALONE = Decimal("0.06")
"""A source that moves at every poll is followed in steps of 5 %."""

LEAST_DEPTH_CHANGE = Decimal("0.0001")
"""A smaller change of a depth that stays on its side is no new decision."""

BELOW_MINIMUM = "less than the exchange's minimum"
"""In the reason of what is left because an order for it would be too small."""

ANOTHER_ENGINE = "another engine"
"""In the reason of an account that another engine was seen to trade on; that may be found out after the healing."""

BY_LIMIT = "by the limit of"
"""In the reason of an increase that a cap on exposure holds down."""

NOT_LISTED = "not listed on this exchange"
"""The reason of a symbol that is not in the engine's list of the exchange's rules."""

IN_TROUBLE = "the exchange is in trouble since"
"""Begins the reason of an increase that waits after several orders in a row without a clear answer."""

BANNED = "the exchange wants to be left alone for another"
"""In the reason of what an exchange that was asked too much keeps from being read or sent; it says for how long."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the engine, the exchange and the sources say of one symbol of one account.

    Attributes:
        ledger: What the engine's journal knows.
        asked: The merged depth; zero for a disabled account and for what is not configured just now.
        held: What the exchange holds, signed, in base asset.
        why: What the engine names as the reason of a difference, empty where it names none.
        lot: The market's, in base asset.
        trades: Whether the market trades.
        is_tainted: Whether somebody else ever had a hand in the position.
        has_stranger: Whether somebody else ever had a hand in any position of the account.
        is_followed: Whether the account is enabled and the symbol configured; what is not and is flat is forgotten.
        is_listed_since: Whether it was put back on the exchange after the engine read the rules, less than an hour ago.
        has_stuck: Whether another symbol of the account holds too much where nothing can be traded.
    """

    ledger: SymbolLedger
    asked: Decimal
    held: Decimal
    why: str = ""
    lot: Decimal = ONE
    trades: bool = True
    is_tainted: bool = False
    has_stranger: bool = False
    is_followed: bool = True
    is_listed_since: bool = False
    has_stuck: bool = False

    @property
    def decided(self) -> Decimal:
        """The signed quantity of the decision in force."""
        return self.ledger.decision.quantity if self.ledger.decision else ZERO

    @property
    def gap(self) -> str:
        """How it differs from what is asked, empty when it does not."""
        decision = self.ledger.decision
        if decision is None:
            if self.held != ZERO:
                return f"holds {plain(self.held)} without a decision"
            return f"merged depth {plain(self.asked)} has no decision" if self.asked != ZERO else ""
        is_forgotten = not self.is_followed and decision.quantity == ZERO
        if not is_forgotten and not _follows(decision, self.asked):
            return f"decided on depth {plain(decision.depth)}, asked is {plain(self.asked)}"
        if self.held != decision.quantity or not self.ledger.is_confirmed:
            return f"holds {plain(self.held)}, decision {decision.number} asks {plain(decision.quantity)}"
        return ""

    @property
    def is_reduction(self) -> bool:
        """Whether the decision in force, or a target that it does not follow yet, asks for less than is held."""
        decision = self.ledger.decision
        if self.is_too_large:
            return True
        if self.asked * self.held <= ZERO or decision is None:
            return self.held != ZERO
        if decision.depth * self.asked <= ZERO:
            return False
        return abs(self.held) > abs(decision.quantity * self.asked / decision.depth) * (ONE + DEPTH_LEFT_ALONE)

    @property
    def waits_for_window(self) -> bool:
        """Whether a reduction of a part may still arrive, which twice would be too much; a whole one is sent again."""
        return self.held * self.decided > ZERO and any(record.intent.reduce_only for record in self.ledger.unsettled)

    @property
    def is_paced(self) -> bool:
        """Whether an increase waits after refusals, orders without an answer or a ban, as the engine names it."""
        is_refused = self.why.partition(":")[0] in set(RefusalReason)
        return not self.is_reduction and (is_refused or self.why.startswith(IN_TROUBLE) or BANNED in self.why)

    @property
    def excuse(self) -> str:
        """The reason that waiting does not take away for a difference, empty where there is none.

        A position that is too large is excused only where nothing can be traded, or where what is too much is not
        ours: every other reason forbids increases alone, and no decision. Of what others hold where nothing is asked
        and nothing is ours the engine has nothing to say; for all else it must name a reason.
        """
        decision, standing = self.ledger.decision, self.ledger.standing
        is_decided = decision is not None and _follows(decision, self.asked)
        is_too_small = bool(self.why) and is_decided and not self.is_too_large
        excuses = {
            "foreign": self._is_of_others and (bool(self.why) or self._has_no_part),
            "does not trade": bool(self.why) and not self.trades,
            str(standing): is_too_small and standing is not Standing.ACTIVE,
            "below minimum": is_too_small and BELOW_MINIMUM in self.why,
            BY_LIMIT: is_too_small and BY_LIMIT in self.why and self.has_stuck,
            NOT_LISTED: self.why == NOT_LISTED and self.is_listed_since and not self._is_known,
            ANOTHER_ENGINE: is_too_small and ANOTHER_ENGINE in self.why and self.has_stranger,
        }
        return next((told for told, holds in excuses.items() if holds), "")

    @property
    def is_too_large(self) -> bool:
        """Whether more is held than decided, or the other side."""
        return self.held * self.decided < ZERO or abs(self.held) > abs(self.decided)

    @property
    def _is_of_others(self) -> bool:
        """Whether somebody's hand left what our fills do not explain, and nothing of ours is still to be closed there.

        Of a position that somebody made larger our share is closed only where all of it is to go.
        """
        owned = self.ledger.owned
        if not self.is_tainted or abs(self.held - owned) < self.lot:
            return False
        return self.decided * self.held > ZERO or owned * self.held <= ZERO

    @property
    def _is_known(self) -> bool:
        """Whether it was traded or sized once, so that the engine looks for it again."""
        decision = self.ledger.decision
        return self.ledger.ever_traded or bool(decision and decision.price)

    @property
    def _has_no_part(self) -> bool:
        return self.decided == ZERO and self.ledger.owned == ZERO and not self.ledger.unsettled


def _follows(decision: Decision, asked: Decimal) -> bool:
    least = LEAST_DEPTH_CHANGE if decision.depth * asked > ZERO else ZERO
    return abs(decision.depth - asked) <= max(abs(asked) * DEPTH_LEFT_ALONE, least)
