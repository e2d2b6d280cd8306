"""Everything that happens to one symbol of one account: the journal's vocabulary. Every view is folded from these."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.model.decision import Decision
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.order import OrderIntent
from core.model.standing import Standing


@dataclass(frozen=True, slots=True)
class SymbolEvent:
    """Something that happened to one symbol of one account.

    Attributes:
        account: Whose symbol.
        symbol: The unified symbol.
        at: UTC time.
    """

    account: AccountId
    symbol: Symbol
    at: datetime


@dataclass(frozen=True, slots=True)
class DecisionMade(SymbolEvent):
    """A new target was sized."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class OrderIntended(SymbolEvent):
    """We are about to send this order; from here on it counts as in flight."""

    intent: OrderIntent


@dataclass(frozen=True, slots=True)
class OrderAccepted(SymbolEvent):
    """The exchange said that it has the order."""

    client_order_id: ClientOrderId
    exchange_order_id: str


@dataclass(frozen=True, slots=True)
class OrderRefused(SymbolEvent):
    """The exchange proved that it did not execute the order."""

    client_order_id: ClientOrderId
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class OrderOutcomeUnknown(SymbolEvent):
    """The send ended without proof either way."""

    client_order_id: ClientOrderId
    detail: str


@dataclass(frozen=True, slots=True)
class OrderSettled(SymbolEvent):
    """The order was fetched by its id and can fill no further.

    Attributes:
        filled: Signed base-asset quantity that it filled in all.
        average_price: In USDT, None when nothing filled.
    """

    client_order_id: ClientOrderId
    filled: Decimal
    average_price: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderNeverArrived(SymbolEvent):
    """The order's receive window has closed and the exchange knows no such id."""

    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True)
class OrderResent(SymbolEvent):
    """An order that never arrived, or whose arrival is not known, goes out once more under the same id."""

    client_order_id: ClientOrderId


@dataclass(frozen=True, slots=True)
class TargetConfirmed(SymbolEvent):
    """A fresh read of the exchange agreed with the decision's quantity within one lot."""

    number: int
    depth: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class AdoptionGranted(SymbolEvent):
    """The operator agreed to take over whatever the next read finds."""

    by: str


@dataclass(frozen=True, slots=True)
class PositionAdopted(SymbolEvent):
    """From here on this quantity counts as ours, whoever traded it.

    Attributes:
        quantity: Signed.
        why: The evidence, in words.
        is_told: Whether the exchange's own records say how it came to be so.
    """

    quantity: Decimal
    why: str
    is_told: bool = False


@dataclass(frozen=True, slots=True)
class StandingChanged(SymbolEvent):
    """What may be done with the symbol changed, by whom and why.

    Attributes:
        standing: What may be done from now on.
        by: Who decided so.
        why: The evidence, in words.
        binding_until: UTC time before which a fresh entry does not lift it, None when any fresh entry does.
    """

    standing: Standing
    by: str
    why: str
    binding_until: datetime | None = None


Event = (
    DecisionMade
    | OrderIntended
    | OrderAccepted
    | OrderRefused
    | OrderOutcomeUnknown
    | OrderSettled
    | OrderNeverArrived
    | OrderResent
    | TargetConfirmed
    | AdoptionGranted
    | PositionAdopted
    | StandingChanged
)
