"""One order: what we mean to send, what came of sending it, and what the exchange says of it later."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.model.failures import InvalidInput
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.money import positive_decimal
from core.model.position import MarginMode


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """One market order that we mean to send, journaled with its id before it is sent.

    Attributes:
        client_order_id: Derived from what the order means; a resend carries the same one.
        account: Where it goes.
        symbol: The unified symbol.
        side: Buy or sell.
        quantity: Base asset, greater than zero, a multiple of the lot step.
        reduce_only: True for every order that must not open or grow a position.
        margin_mode: The mode the order carries: the position's own for reductions, the wanted one otherwise.
        leverage: The leverage the order carries where it is a field of the order.
        decision: The decision it serves.
    """

    client_order_id: ClientOrderId
    account: AccountId
    symbol: Symbol
    side: Side
    quantity: Decimal
    reduce_only: bool
    margin_mode: MarginMode
    leverage: Decimal
    decision: int

    def __post_init__(self) -> None:
        positive_decimal(self.quantity, f"{self.symbol} order quantity")
        positive_decimal(self.leverage, f"{self.symbol} order leverage")

    @property
    def signed_quantity(self) -> Decimal:
        """The change of position that a complete fill causes."""
        return self.quantity * self.side.sign


class RefusalReason(StrEnum):
    """Why an exchange proved that it did not execute a request, in our own words."""

    INSUFFICIENT_MARGIN = "insufficient_margin"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    REDUCTION_TOO_LARGE = "reduction_too_large"
    BELOW_MINIMUM = "below_minimum"
    ABOVE_MAXIMUM = "above_maximum"
    PRECISION = "precision"
    DUPLICATE_CLIENT_ORDER_ID = "duplicate_client_order_id"
    MARGIN_MODE_MISMATCH = "margin_mode_mismatch"
    POSITION_MODE_MISMATCH = "position_mode_mismatch"
    LEVERAGE_REJECTED = "leverage_rejected"
    NOT_TRADABLE = "not_tradable"
    RISK_LIMIT = "risk_limit"
    RATE_LIMITED = "rate_limited"
    OUT_OF_BUDGET = "out_of_budget"
    """Not sent: our own budget of calls is used up, and it is known until when."""
    CLOCK = "clock"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    MAINTENANCE = "maintenance"
    UNCHANGED = "unchanged"
    INVALID_REQUEST = "invalid_request"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The exchange has the order (or applied the setting)."""

    exchange_order_id: str


@dataclass(frozen=True, slots=True)
class RefusedOutcome:
    """Proven not executed."""

    reason: RefusalReason
    detail: str
    retry_after_seconds: float | None = None

    @property
    def told(self) -> str:
        """The reason and what the exchange said of it."""
        return f"{self.reason}: {self.detail}"

    @property
    def held_back_seconds(self) -> float | None:
        """How long our own budget keeps it from being sent, None where it was sent."""
        return self.retry_after_seconds if self.reason is RefusalReason.OUT_OF_BUDGET else None


@dataclass(frozen=True, slots=True)
class UnknownOutcome:
    """Timeout, cut connection, 5xx, garbage, or a code outside our table: it may have happened.

    Attributes:
        detail: In words.
        held_back_seconds: How long our own budget keeps a question from being asked, None where it was asked.
    """

    detail: str
    held_back_seconds: float | None = None


SubmitOutcome = Accepted | RefusedOutcome | UnknownOutcome


class ExchangeOrderState(StrEnum):
    """What the exchange says of an order, in our own words."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        """Whether nothing more can be filled."""
        return self is not ExchangeOrderState.OPEN


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order as the exchange tells it, fetched by client order id.

    Attributes:
        client_order_id: The id the exchange echoed.
        exchange_order_id: The exchange's own id.
        symbol: The unified symbol.
        side: Buy or sell.
        quantity: Ordered base-asset quantity.
        filled_quantity: Filled base-asset quantity, unsigned.
        average_price: Average fill price, None while nothing is filled.
        reduce_only: The exchange's flag, None where it does not echo one.
        margin_mode: The order's mode, None where it does not echo one.
        leverage: The order's leverage, None where it does not echo one.
        state: What became of it.
        created_at: UTC time at which the exchange created it.
    """

    client_order_id: ClientOrderId
    exchange_order_id: str
    symbol: Symbol
    side: Side
    quantity: Decimal
    filled_quantity: Decimal
    average_price: Decimal | None
    reduce_only: bool | None
    margin_mode: MarginMode | None
    leverage: Decimal | None
    state: ExchangeOrderState
    created_at: datetime

    def __post_init__(self) -> None:
        if self.filled_quantity < 0 or self.filled_quantity > self.quantity:
            raise InvalidInput(
                f"{self.symbol} order {self.client_order_id}: filled {self.filled_quantity} of {self.quantity}"
            )

    @property
    def signed_fill(self) -> Decimal:
        """The change of position this order has caused so far."""
        return self.filled_quantity * self.side.sign


@dataclass(frozen=True, slots=True)
class NotFound:
    """The exchange answered, and knows no order of that id (it may still arrive)."""


OrderLookup = OrderReport | NotFound | UnknownOutcome
