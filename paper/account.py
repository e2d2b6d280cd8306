"""What one account on one exchange holds: wallet, positions, settings, orders and fills."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from core.model.money import ZERO
from core.model.order import Side
from core.model.position import MarginMode

KEPT_DONE_ORDERS = 2_000
KEPT_FILLS = 5_000
POSITION_HISTORY_MS = 120_000


class Leg(StrEnum):
    """Which position of a symbol: the only one (one-way), or one of two (hedge)."""

    NET = "net"
    LONG = "long"
    SHORT = "short"


class OrderType(StrEnum):
    """Market or limit."""

    MARKET = "market"
    LIMIT = "limit"


class TimeInForce(StrEnum):
    """How long an order waits."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class OrderStatus(StrEnum):
    """Where an order stands; `ACCEPTED` was answered and has not reached the book yet."""

    ACCEPTED = "accepted"
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def is_done(self) -> bool:
        """Whether nothing more can happen to it."""
        return self not in (OrderStatus.ACCEPTED, OrderStatus.OPEN)


@dataclass(frozen=True, slots=True)
class PaperKeys:
    """What a client signs with; the values are made up and worth nothing outside this world.

    Attributes:
        api_key: Names the account.
        secret: Signs.
        passphrase: Used by BloFin and KuCoin.
    """

    api_key: str
    secret: str = field(repr=False)
    passphrase: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PositionKey:
    """Which position of an account."""

    symbol: str
    leg: Leg
    margin_mode: MarginMode


@dataclass(frozen=True, slots=True)
class PaperPosition:
    """One open position; replaced, never changed.

    Attributes:
        key: Symbol, leg and margin mode.
        number: Its id, new with each opening.
        quantity: Signed, in the market's unit; never zero.
        entry_price: Average price of what is held.
        leverage: As the orders or settings said.
        margin: Isolated: the USDT set aside for it; cross: zero, the account stands behind it.
        realized: Profit minus fees plus funding since it was opened, in USDT.
        opened_ms: Unix milliseconds.
        updated_ms: Unix milliseconds.
    """

    key: PositionKey
    number: int
    quantity: Decimal
    entry_price: Decimal
    leverage: Decimal
    margin: Decimal
    realized: Decimal
    opened_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What a client asks for, in the state machine's words.

    Attributes:
        symbol: The exchange's own.
        side: Buy or sell.
        quantity: In the market's unit, above zero.
        order_type: Market or limit.
        price: Of a limit order.
        time_in_force: Market orders are immediate whatever it says.
        reduce_only: May only shrink a position.
        leg: NET in one-way mode; LONG or SHORT in hedge mode.
        margin_mode: As the order names it; None takes the setting in the exchange's scope.
        leverage: As the order names it; None takes the setting.
        client_order_id: Empty where the client gave none.
        tags: What the protocol wants to read back unchanged (broker id, its own side number, ...).
    """

    symbol: str
    side: Side
    quantity: Decimal
    order_type: OrderType = OrderType.MARKET
    price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    leg: Leg = Leg.NET
    margin_mode: MarginMode | None = None
    leverage: Decimal | None = None
    client_order_id: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class PaperOrder:
    """One order and what became of it.

    Attributes:
        order_id: The exchange's id.
        number: 1, 2, 3 ... per exchange; the order of acceptance.
        request: What was asked, with margin mode and leverage filled in and quantity clipped where the rules clip.
        status: Where it stands.
        filled: Filled quantity.
        filled_notional: Sum of quantity x contract size x price, in USDT.
        average_price: None while nothing is filled.
        fee: Paid, in USDT.
        realized: Profit of what it closed, in USDT.
        reject_reason: Why it was rejected or cancelled by the exchange, empty otherwise.
        created_ms: Unix milliseconds.
        updated_ms: Unix milliseconds.
        due_ms: When an accepted order reaches the book.
        fill_share: Set by a fault: the share that will be filled at most.
    """

    order_id: str
    number: int
    request: OrderRequest
    status: OrderStatus
    created_ms: int
    updated_ms: int
    filled: Decimal = ZERO
    filled_notional: Decimal = ZERO
    average_price: Decimal | None = None
    fee: Decimal = ZERO
    realized: Decimal = ZERO
    reject_reason: str = ""
    due_ms: int = 0
    fill_share: Decimal | None = None

    @property
    def remaining(self) -> Decimal:
        """What is not filled."""
        return self.request.quantity - self.filled

    def tag(self, name: str) -> str:
        """What the protocol remembered under the name, empty where nothing."""
        return dict(self.request.tags).get(name, "")


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution.

    Attributes:
        number: 1, 2, 3 ... per exchange.
        order_id: Of its order; a liquidation has one of its own.
        client_order_id: Of its order.
        symbol: The exchange's own.
        side: Buy or sell.
        leg: Of the position it changed.
        margin_mode: Of the position it changed.
        quantity: Unsigned.
        price: In USDT.
        notional: In USDT.
        fee: In USDT; negative would be a rebate.
        fee_rate: Share of notional.
        realized: Profit of what it closed.
        closed_quantity: How much of it closed a position.
        is_maker: Whether the order was resting.
        kind: `trade`, `liquidation`, `deleverage` or `foreign`.
        at_ms: Unix milliseconds.
    """

    number: int
    order_id: str
    client_order_id: str
    symbol: str
    side: Side
    leg: Leg
    margin_mode: MarginMode
    quantity: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    fee_rate: Decimal
    realized: Decimal
    closed_quantity: Decimal
    is_maker: bool
    kind: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a key may do.

    Attributes:
        is_revoked: The key is unknown from now on.
        expires_ms: Unix milliseconds, None never.
        can_trade: May place orders and change settings.
        allowed_addresses: Empty allows every address.
    """

    is_revoked: bool = False
    expires_ms: int | None = None
    can_trade: bool = True
    allowed_addresses: tuple[str, ...] = ()


@dataclass(slots=True)
class Account:
    """One account; changed by the exchange alone.

    Attributes:
        exchange: Which exchange it is on.
        label: As the operator named it.
        keys: What its requests are signed with.
        wallet: USDT: deposits + realized profit - fees + funding.
        deposited: Sum of all deposits, withdrawals negative.
        realized: Sum of realized profit.
        fees: Sum of fees paid.
        funding: Sum of funding received, negative when paid.
        margin_mode: The account's setting.
        hedged: The account's position mode.
        symbol_modes: Margin mode per symbol, where it was set.
        symbol_hedged: Position mode per symbol, where it was set.
        leverages: Per (symbol, margin mode or empty, leg or empty), in the exchange's own scope.
        positions: What is open.
        orders: By order id, also done ones as far as they are kept.
        by_client_id: Order id by client order id, also after the order itself was forgotten.
        fills: The newest executions, oldest first.
        history: (since when, positions), for reads that lag.
        nonces: When a nonce was used, for exchanges that refuse repeats.
        permissions: What its key may do.
        open_ids: Ids of the orders that can still fill, oldest first.
        settled_ms: Until when funding and liquidations were looked at.
        changed_orders: What the storage has not written yet.
        new_fills: What the storage has not written yet.
    """

    exchange: str
    label: str
    keys: PaperKeys
    margin_mode: MarginMode
    hedged: bool
    wallet: Decimal = ZERO
    deposited: Decimal = ZERO
    realized: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    permissions: Permissions = Permissions()
    symbol_modes: dict[str, MarginMode] = field(default_factory=dict)
    symbol_hedged: dict[str, bool] = field(default_factory=dict)
    leverages: dict[tuple[str, str, str], Decimal] = field(default_factory=dict)
    positions: dict[PositionKey, PaperPosition] = field(default_factory=dict)
    orders: dict[str, PaperOrder] = field(default_factory=dict)
    open_ids: dict[str, None] = field(default_factory=dict)
    by_client_id: dict[str, str] = field(default_factory=dict)
    fills: deque[Fill] = field(default_factory=lambda: deque(maxlen=KEPT_FILLS))
    history: deque[tuple[int, tuple[PaperPosition, ...]]] = field(default_factory=deque)
    nonces: dict[str, int] = field(default_factory=dict)
    settled_ms: int = 0
    changed_orders: dict[str, PaperOrder] = field(default_factory=dict)
    new_fills: list[Fill] = field(default_factory=list)

    def open_orders(self, symbol: str = "") -> list[PaperOrder]:
        """Orders that can still fill, oldest first."""
        orders = [self.orders[order_id] for order_id in self.open_ids]
        return [order for order in orders if not symbol or order.request.symbol == symbol]

    def held(self, symbol: str) -> list[PaperPosition]:
        """The open positions of one symbol."""
        return [position for position in self.positions.values() if position.key.symbol == symbol]

    def put_position(self, key: PositionKey, position: PaperPosition | None, at_ms: int) -> None:
        """Replace one position (None when it is closed) and remember when the picture changed."""
        if position is None:
            self.positions.pop(key, None)
        else:
            self.positions[key] = position
        self.history.append((at_ms, tuple(self.positions.values())))
        while len(self.history) > 1 and self.history[1][0] <= at_ms - POSITION_HISTORY_MS:
            self.history.popleft()

    def positions_at(self, at_ms: int) -> tuple[PaperPosition, ...]:
        """The positions as they were at a moment of the last two minutes."""
        for since, positions in reversed(self.history):
            if since <= at_ms:
                return positions
        return ()

    def put_order(self, order: PaperOrder) -> None:
        """Keep an order; the oldest done ones are forgotten, their client ids are not."""
        self.orders[order.order_id] = order
        self.changed_orders[order.order_id] = order
        if order.status.is_done:
            self.open_ids.pop(order.order_id, None)
        else:
            self.open_ids[order.order_id] = None
        if order.request.client_order_id:
            self.by_client_id[order.request.client_order_id] = order.order_id
        if len(self.orders) > KEPT_DONE_ORDERS + len(self.open_ids):
            self._forget(next(iter(self.orders.values())))

    def _forget(self, order: PaperOrder) -> None:
        if order.status.is_done:
            del self.orders[order.order_id]
        else:
            self.orders[order.order_id] = self.orders.pop(order.order_id)


def sum_quantity(positions: Iterable[PaperPosition]) -> Decimal:
    """The signed sum of several positions."""
    return sum((position.quantity for position in positions), ZERO)
