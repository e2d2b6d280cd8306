"""How MEXC writes an order and an execution: numbers as JSON numbers, states and sides as small integers."""

from core.model.money import ZERO
from core.model.order import Side
from paper.account import Account, Fill, Leg, OrderStatus, OrderType, PaperOrder
from paper.exchange import PaperExchange
from paper.margin import money
from paper.mexc_account import HEDGE, ONE_WAY, OPEN_TYPE_NUMBERS

STATES = {
    OrderStatus.ACCEPTED: 1,
    OrderStatus.OPEN: 2,
    OrderStatus.FILLED: 3,
    OrderStatus.CANCELLED: 4,
    OrderStatus.REJECTED: 5,
}
_ERROR_NUMBERS = {"": 0, "insufficient_margin": 2, "nothing_to_reduce": 3, "risk_limit": 9}
"""`errorCode` of an order that the exchange dropped after taking it: 1 for what has no number of its own here."""

_CATEGORIES = {"trade": 1, "liquidation": 2, "settlement": 3, "deleverage": 4}


def order_row(exchange: PaperExchange, account: Account, order: PaperOrder) -> dict[str, object]:
    """One order; what a market order was worth is in `dealAvgPrice`, its own `price` is where it was when it came."""
    asked = order.request
    market = exchange.market(asked.symbol)
    average = round(order.average_price or ZERO, 12)
    is_taker = asked.order_type is OrderType.MARKET or order.updated_ms == order.created_ms
    is_resting = not order.status.is_done and not asked.reduce_only
    margin = market.notional(order.remaining, asked.price or average) / (asked.leverage or 1) if is_resting else ZERO
    return {
        "orderId": order.order_id,
        "symbol": asked.symbol,
        "positionId": _position_number(account, order),
        "price": asked.price or average,
        "vol": asked.quantity,
        "leverage": int(asked.leverage or 0),
        "side": int(order.tag("side") or 1),
        "category": 1,
        "orderType": int(order.tag("type") or 1),
        "dealAvgPrice": average,
        "dealVol": order.filled,
        "orderMargin": money(margin),
        "takerFee": order.fee if is_taker else ZERO,
        "makerFee": ZERO if is_taker else order.fee,
        "profit": order.realized,
        "feeCurrency": "USDT",
        "openType": OPEN_TYPE_NUMBERS[asked.margin_mode] if asked.margin_mode else 2,
        "state": STATES[order.status],
        "externalOid": asked.client_order_id,
        "errorCode": _error_number(order),
        "usedMargin": ZERO,
        "createTime": order.created_ms,
        "updateTime": order.updated_ms,
        "positionMode": int(order.tag("positionMode") or HEDGE),
        "stopLossPrice": 0,
        "takeProfitPrice": 0,
    }


def deal_row(exchange: PaperExchange, account: Account, fill: Fill) -> dict[str, object]:
    """One execution."""
    order = account.orders.get(fill.order_id)
    return {
        "id": fill.number,
        "symbol": fill.symbol,
        "side": int(order.tag("side") or 1) if order else _side_number(fill),
        "vol": fill.quantity,
        "price": fill.price,
        "feeCurrency": "USDT",
        "fee": fill.fee,
        "timestamp": fill.at_ms,
        "profit": fill.realized,
        "isTaker": not fill.is_maker,
        "taker": not fill.is_maker,
        "category": _CATEGORIES.get(fill.kind, 1),
        "orderId": fill.order_id,
        "opponentOrderId": 0,
        "positionMode": HEDGE if exchange.is_hedged(account, fill.symbol) else ONE_WAY,
    }


def _error_number(order: PaperOrder) -> int:
    if order.status is not OrderStatus.REJECTED:
        return 0
    return _ERROR_NUMBERS.get(order.reject_reason, 1)


def _position_number(account: Account, order: PaperOrder) -> int:
    asked = order.request
    for held in account.held(asked.symbol):
        if held.key.leg is asked.leg and held.key.margin_mode is asked.margin_mode:
            return held.number
    return 0


def _side_number(fill: Fill) -> int:
    """The side of a fill without an order of ours: a liquidation, or another client's trade."""
    is_closing = fill.closed_quantity > ZERO
    if fill.side is Side.BUY:
        return 2 if is_closing or fill.leg is Leg.SHORT else 1
    return 4 if is_closing or fill.leg is Leg.LONG else 3
