"""An order meets the book: how much of it fills, at which prices, and what becomes of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.money import ONE, ZERO, divide, round_towards_zero
from core.model.order import Side
from paper.account import (
    Account,
    Fill,
    OrderRequest,
    OrderStatus,
    OrderType,
    PaperOrder,
    PositionKey,
    TimeInForce,
)
from paper.clearing import Execution, apply_execution
from paper.margin import initial, money, opening_quantity
from paper.order_rules import is_reducing
from paper.refusals import Reason, Refused

if TYPE_CHECKING:
    from paper.exchange import PaperExchange
    from paper.markets import PaperMarket


def position_key(request: OrderRequest) -> PositionKey:
    """The position an order works on, once its margin mode is chosen."""
    if request.margin_mode is None:
        raise ValueError("the margin mode of an order is chosen before it meets the book")
    return PositionKey(request.symbol, request.leg, request.margin_mode)


def check_margin(exchange: PaperExchange, account: Account, request: OrderRequest, quantity: Decimal) -> None:
    """An order must be able to bind the margin and pay the fee of what it opens, within the tier's leverage.

    Raises:
        Refused: If it cannot.
    """
    if is_reducing(request):
        return
    market = exchange.markets[request.symbol]
    held = account.positions.get(position_key(request))
    opened = opening_quantity([held] if held else [], quantity * request.side.sign)
    quote = exchange.quote(request.symbol)
    price = request.price or (quote.ask if request.side is Side.BUY else quote.bid)
    leverage = request.leverage or ONE
    _check_tier(market, held.quantity if held else ZERO, quantity * request.side.sign, price, leverage)
    notional = market.notional(opened, price)
    needed = notional / leverage + market.notional(quantity, price) * exchange.rules.taker_fee
    have = exchange.balance(account).available
    if held and held.quantity * request.side.sign < 0 and opened:
        have += initial(market, held, quote.mark)
    if opened and needed > have:
        raise Refused(Reason.INSUFFICIENT_MARGIN, f"needs {money(needed)} USDT, {money(have)} available")


def execute(exchange: PaperExchange, account: Account, order: PaperOrder, *, is_maker: bool) -> None:
    """Fill what the book allows now; then the order rests, is done, or is cancelled, by its type."""
    at_ms = exchange.now_ms()
    request = order.request
    if request.time_in_force is TimeInForce.POST_ONLY and not is_maker and _crosses(exchange, request):
        return finish(exchange, account, order, OrderStatus.CANCELLED, "post_only_would_take")
    if request.time_in_force is TimeInForce.FOK and _fillable(exchange, order) < order.remaining:
        return finish(exchange, account, order, OrderStatus.CANCELLED, "fill_or_kill")
    wanted = _wanted(exchange, account, order)
    for price, offered in _offers(exchange, request, is_maker=is_maker):
        quantity = min(offered, wanted)
        if quantity <= ZERO:
            break
        _fill(exchange, account, order, quantity, price, is_maker=is_maker)
        wanted -= quantity
    order.updated_ms = at_ms
    if order.remaining == ZERO:
        return finish(exchange, account, order, OrderStatus.FILLED, "")
    if is_reducing(request) and position_key(request) not in account.positions:
        return finish(exchange, account, order, OrderStatus.CANCELLED, "nothing_to_reduce")
    if request.order_type is OrderType.MARKET or request.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        return finish(exchange, account, order, OrderStatus.CANCELLED, "no_more_liquidity")
    order.status = OrderStatus.OPEN
    account.put_order(order)
    return None


def finish(exchange: PaperExchange, account: Account, order: PaperOrder, status: OrderStatus, reason: str) -> None:
    """Nothing more will happen to the order."""
    order.status, order.reject_reason = status, reason
    order.updated_ms = exchange.now_ms()
    account.put_order(order)
    exchange.record("order_done", account, order_id=order.order_id, status=status, filled=order.filled, reason=reason)


def force_fill(
    exchange: PaperExchange,
    account: Account,
    key: PositionKey,
    change: Decimal,
    price: Decimal,
    kind: str,
    fee_rate: Decimal = ZERO,
) -> Fill:
    """A fill without an order of the account: liquidation, deleveraging, settlement, or another client's trade."""
    market = exchange.markets[key.symbol]
    held = account.positions.get(key)
    number = exchange.next_number()
    execution = Execution(
        order_id=exchange.make_order_id(number),
        client_order_id="",
        key=key,
        side=Side.BUY if change > 0 else Side.SELL,
        quantity=abs(change),
        price=price,
        leverage=held.leverage if held else exchange.leverage(account, key.symbol, key.margin_mode, key.leg),
        fee_rate=fee_rate,
        is_maker=False,
        kind=kind,
        at_ms=exchange.now_ms(),
    )
    fill = apply_execution(account, market, execution, number)
    _record_fill(exchange, account, fill)
    return fill


def is_marketable(exchange: PaperExchange, request: OrderRequest) -> bool:
    """Whether the price of a resting order has been reached."""
    return _crosses(exchange, request)


def _wanted(exchange: PaperExchange, account: Account, order: PaperOrder) -> Decimal:
    """What may fill now: the rest of the order, less where a fault or the position bounds it."""
    market = exchange.markets[order.request.symbol]
    wanted = order.remaining
    if order.fill_share is not None:
        bound = round_towards_zero(order.request.quantity * order.fill_share, market.lot_step)
        wanted = min(wanted, max(bound - order.filled, ZERO))
    if is_reducing(order.request):
        held = account.positions.get(position_key(order.request))
        is_opposite = held is not None and held.quantity * order.request.side.sign < 0
        wanted = min(wanted, abs(held.quantity)) if held is not None and is_opposite else ZERO
    return wanted


def _offers(exchange: PaperExchange, request: OrderRequest, *, is_maker: bool) -> Iterator[tuple[Decimal, Decimal]]:
    """(price, quantity) that the order may take, best first, not beyond its limit."""
    if is_maker and request.price is not None:
        yield request.price, request.quantity
        return
    for level in exchange.levels(request.symbol, "ask" if request.side is Side.BUY else "bid"):
        if request.price is not None and (level.price - request.price) * request.side.sign > 0:
            return
        yield level.price, level.quantity


def _fillable(exchange: PaperExchange, order: PaperOrder) -> Decimal:
    return sum((offered for _, offered in _offers(exchange, order.request, is_maker=False)), ZERO)


def _crosses(exchange: PaperExchange, request: OrderRequest) -> bool:
    quote = exchange.quote(request.symbol)
    if request.price is None:
        return True
    return request.price >= quote.ask if request.side is Side.BUY else request.price <= quote.bid


def _fill(
    exchange: PaperExchange, account: Account, order: PaperOrder, quantity: Decimal, price: Decimal, *, is_maker: bool
) -> None:
    request = order.request
    market = exchange.markets[request.symbol]
    number = exchange.next_number()
    execution = Execution(
        order_id=order.order_id,
        client_order_id=request.client_order_id,
        key=position_key(request),
        side=request.side,
        quantity=quantity,
        price=price,
        leverage=request.leverage or ONE,
        fee_rate=exchange.rules.maker_fee if is_maker else exchange.rules.taker_fee,
        is_maker=is_maker,
        kind="trade",
        at_ms=exchange.now_ms(),
    )
    fill = apply_execution(account, market, execution, number)
    order.filled += quantity
    order.filled_notional += fill.notional
    order.average_price = divide(order.filled_notional, order.filled * market.contract_size)
    order.fee += fill.fee
    order.realized += fill.realized
    _record_fill(exchange, account, fill)


def _record_fill(exchange: PaperExchange, account: Account, fill: Fill) -> None:
    exchange.record(
        "fill",
        account,
        order_id=fill.order_id,
        symbol=fill.symbol,
        side=fill.side,
        leg=fill.leg,
        margin_mode=fill.margin_mode,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        realized=fill.realized,
        cause=fill.kind,
    )


def _check_tier(market: PaperMarket, held: Decimal, change: Decimal, price: Decimal, leverage: Decimal) -> None:
    after = market.notional(held + change, price)
    if abs(held + change) <= abs(held):
        return
    tier = market.bracket(after)
    if leverage > tier.max_leverage or abs(after) > market.brackets[-1].up_to_notional:
        raise Refused(Reason.RISK_LIMIT, f"a position of {money(abs(after))} USDT allows {tier.max_leverage}x")
