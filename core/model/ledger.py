"""What the journal knows of one symbol of one account, folded from its events."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.model.decision import Decision
from core.model.failures import EngineError
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.money import ZERO
from core.model.order import OrderIntent
from core.model.standing import Standing

LedgerKey = tuple[AccountId, Symbol]
"""What a ledger is filed under."""


class OrderPhase(StrEnum):
    """Where one of our orders is in its life."""

    INTENDED = "intended"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    LOST = "lost"
    REFUSED = "refused"
    SETTLED = "settled"


TRANSITIONS: dict[OrderPhase, frozenset[OrderPhase]] = {
    OrderPhase.INTENDED: frozenset(
        {OrderPhase.ACCEPTED, OrderPhase.REFUSED, OrderPhase.UNKNOWN, OrderPhase.SETTLED, OrderPhase.LOST}
    ),
    OrderPhase.ACCEPTED: frozenset({OrderPhase.SETTLED, OrderPhase.UNKNOWN, OrderPhase.LOST}),
    OrderPhase.UNKNOWN: frozenset({OrderPhase.INTENDED, OrderPhase.ACCEPTED, OrderPhase.SETTLED, OrderPhase.LOST}),
    OrderPhase.LOST: frozenset({OrderPhase.INTENDED, OrderPhase.SETTLED}),
    OrderPhase.REFUSED: frozenset(),
    OrderPhase.SETTLED: frozenset(),
}
"""The whole life of an order. LOST may still turn out SETTLED: an order that landed after its window. Back to INTENDED
goes what is sent again under its id."""

UNSETTLED = frozenset({OrderPhase.INTENDED, OrderPhase.ACCEPTED, OrderPhase.UNKNOWN})
"""Phases in which an order may still change the position."""


class IllegalTransition(EngineError):
    """The journal holds, or was about to hold, something that cannot happen to an order."""


@dataclass(frozen=True, slots=True)
class OrderRecord:
    """One of our orders that is not yet settled, or that was lost and is remembered.

    Attributes:
        intent: What we meant.
        phase: Where it is in its life.
        sent_at: UTC time of its first send; one sent again may still turn out to be that one.
        exchange_order_id: The exchange's id, empty while not told.
        detail: The last thing we learned about it, in words.
    """

    intent: OrderIntent
    phase: OrderPhase
    sent_at: datetime
    exchange_order_id: str = ""
    detail: str = ""

    @property
    def is_unsettled(self) -> bool:
        """Whether it may still change the position."""
        return self.phase in UNSETTLED

    def moved_to(self, phase: OrderPhase, detail: str) -> "OrderRecord":
        """The record in its next phase.

        Raises:
            IllegalTransition: If an order cannot go there from where it is.
        """
        if phase not in TRANSITIONS[self.phase]:
            raise IllegalTransition(f"order {self.intent.client_order_id}: {self.phase} cannot become {phase}")
        return replace(self, phase=phase, detail=detail)


@dataclass(frozen=True, slots=True)
class SymbolLedger:
    """Everything remembered of one symbol of one account.

    Attributes:
        account: Whose.
        symbol: Which.
        decision: The target in force, None before the first.
        owned: Signed quantity that journaled fills and adoptions explain.
        orders: Unsettled and remembered lost orders, oldest first.
        steps: How many orders were ever intended; the next one's id is derived from it.
        standing: What may be done with the symbol.
        standing_reason: Who set it and why, empty while active.
        confirmed: The decision number that a fresh read last agreed with, 0 before the first.
        confirmed_depth: The depth of that decision.
        ever_traded: Whether any order was ever intended or any position adopted.
        adopter: Who agreed to take over whatever the next read finds, empty when nobody.
        binding_until: UTC time before which a fresh entry does not lift the standing, None when any does.
        last_fill: Signed quantity of the last settled order that filled anything.
        last_fill_at: UTC time at which that was learned; None before the first, and after a read confirmed the target.
        explained_at: UTC time at which the position was last as our fills or an adoption explain it, None before the
            first; a reduction does not move it, since it may follow a change by somebody else.
        sized_by: The decision that sized what was held then, kept beyond an exit decided since; None when flat.
        shrunk_from: What was ours before a smaller position was taken as ours without the operator's word; zero when
            that never happened, or an order of ours has filled since.
        shrunk_at: UTC time of that, None with zero.
    """

    account: AccountId
    symbol: Symbol
    decision: Decision | None = None
    owned: Decimal = ZERO
    orders: tuple[OrderRecord, ...] = ()
    steps: int = 0
    standing: Standing = Standing.ACTIVE
    standing_reason: str = ""
    confirmed: int = 0
    confirmed_depth: Decimal = ZERO
    ever_traded: bool = False
    adopter: str = ""
    binding_until: datetime | None = None
    last_fill: Decimal = ZERO
    last_fill_at: datetime | None = None
    explained_at: datetime | None = None
    sized_by: Decision | None = None
    shrunk_from: Decimal = ZERO
    shrunk_at: datetime | None = None

    @property
    def unsettled(self) -> tuple[OrderRecord, ...]:
        """Orders that may still change the position."""
        return tuple(record for record in self.orders if record.is_unsettled)

    @property
    def lost(self) -> tuple[OrderRecord, ...]:
        """Orders whose window closed without a trace; looked at again when a position is unexplained."""
        return tuple(record for record in self.orders if record.phase is OrderPhase.LOST)

    @property
    def is_flat(self) -> bool:
        """Whether the symbol is proven flat, with no order that may still change it."""
        decision = self.decision
        is_flat = decision is None or (decision.quantity == ZERO and self.is_confirmed)
        return is_flat and self.owned == ZERO and not self.orders and not self.adopter

    @property
    def is_confirmed(self) -> bool:
        """Whether a fresh read agreed with the decision in force."""
        return self.decision is not None and self.confirmed == self.decision.number

    def record_of(self, client_order_id: ClientOrderId) -> OrderRecord:
        """The record of one of the remembered orders.

        Raises:
            IllegalTransition: If no such order is remembered.
        """
        for record in self.orders:
            if record.intent.client_order_id == client_order_id:
                return record
        raise IllegalTransition(f"{self.account} {self.symbol}: no order {client_order_id} is in flight")
