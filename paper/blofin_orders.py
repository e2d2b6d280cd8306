"""BloFin's signed endpoints about orders: create, cancel, close, read, fills."""

from core.model.money import ZERO, plain
from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Fill, OrderRequest, OrderStatus, OrderType, PaperOrder, PositionKey, TimeInForce
from paper.blofin_account import LEGS, read_margin_mode_name
from paper.blofin_market import long_text
from paper.refusals import Reason, Refused
from paper.wire import Call, Route

ORDER_TYPES = {
    "market": (OrderType.MARKET, TimeInForce.IOC),
    "limit": (OrderType.LIMIT, TimeInForce.GTC),
    "post_only": (OrderType.LIMIT, TimeInForce.POST_ONLY),
    "ioc": (OrderType.LIMIT, TimeInForce.IOC),
    "fok": (OrderType.LIMIT, TimeInForce.FOK),
}
CATEGORIES = {"liquidation": "full_liquidation", "deleverage": "adl", "settlement": "unknown"}
"""What the history calls fills that nobody sent."""
NO_TRIGGERS = dict.fromkeys(("tpTriggerPrice", "tpOrderPrice", "slTriggerPrice", "slOrderPrice"))
NO_ALGO = {"algoClientOrderId": "", "algoId": ""}
ALLOWED_BROKERS = frozenset({"", "ec6dd3a7dd982d0b"})
"""The empty one and the one of ccxt: paper keys belong to no other broker (152011)."""


def create_order(call: Call) -> object:
    """Accept one order; a refusal of the matching side stands inside the row."""
    order = call.exchange.place_order(call.account, _order_request(call))
    return [_answer(order, "Order placed")]


def cancel_order(call: Call) -> object:
    """By either id."""
    order = call.exchange.cancel_order(
        call.account, order_id=call.text("orderId"), client_order_id=call.text("clientOrderId")
    )
    return [_answer(order, "")]


def close_position(call: Call) -> object:
    """Close one position whole at the market."""
    symbol, side = call.required("instId"), call.text("positionSide", "net")
    mode = read_margin_mode_name(call.required("marginMode"))
    held = call.account.positions.get(PositionKey(symbol, LEGS[side], mode)) if side in LEGS else None
    if held is None:
        raise Refused(Reason.NOTHING_TO_REDUCE, "no position to close")
    request = OrderRequest(
        symbol=symbol,
        side=Side.SELL if held.quantity > ZERO else Side.BUY,
        quantity=abs(held.quantity),
        reduce_only=True,
        leg=held.key.leg,
        margin_mode=mode,
        client_order_id=call.text("clientOrderId"),
    )
    call.exchange.place_order(call.account, request)
    return {"instId": symbol, "positionSide": side, "clientOrderId": request.client_order_id}


def read_order(call: Call) -> object:
    """One order by either id."""
    order = call.exchange.find_order(
        call.account, order_id=call.text("orderId"), client_order_id=call.text("clientOrderId")
    )
    return _order(order)


def read_open_orders(call: Call) -> object:
    """Open orders, newest first."""
    return _page(call, [order for order in _orders(call) if not order.status.is_done])


def read_order_history(call: Call) -> object:
    """Done orders, newest first, and among them those that the account did not send: liquidation, deleveraging."""
    done = [order for order in _orders(call) if order.status.is_done]
    forced: list[Fill] = []
    if call.text("orderType", "market") == "market":
        fills = call.exchange.fills(call.account, call.text("instId"))
        forced = [fill for fill in fills if fill.order_id not in call.account.orders]
    rows = [*map(_order, done), *map(_forced_order, forced)]
    return _cut(call, sorted(rows, key=lambda row: str(row["orderId"]), reverse=True))


def read_fills(call: Call) -> object:
    """Executions, newest first."""
    wanted = call.text("orderId")
    fills = [fill for fill in call.exchange.fills(call.account, call.text("instId")) if wanted in ("", fill.order_id)]
    after = call.text("after")
    if after.isdecimal():
        fills = [fill for fill in fills if fill.number < int(after)]
    return [_fill(fill) for fill in fills[: call.whole("limit", 20, 100)]]


def _orders(call: Call) -> list[PaperOrder]:
    kind = call.text("orderType")
    orders = call.exchange.orders(call.account, call.text("instId"))
    return [order for order in orders if kind in ("", order.tag("orderType"))]


def _page(call: Call, orders: list[PaperOrder]) -> object:
    return _cut(call, [_order(order) for order in orders])


def _cut(call: Call, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """BloFin pages by id: `after` asks for older ones, at most `limit` rows."""
    after = call.text("after")
    if after:
        rows = [row for row in rows if str(row["orderId"]) < after]
    return rows[: call.whole("limit", 20, 100)]


def _order_request(call: Call) -> OrderRequest:
    side, kind, leg = call.required("side"), call.required("orderType"), call.text("positionSide", "net")
    if side not in ("buy", "sell") or kind not in ORDER_TYPES or leg not in LEGS:
        raise Refused(Reason.BAD_REQUEST, "side, orderType or positionSide")
    if call.text("brokerId") not in ALLOWED_BROKERS:
        raise Refused(Reason.WRONG_BROKER, "brokerId")
    order_type, force = ORDER_TYPES[kind]
    return OrderRequest(
        symbol=call.required("instId"),
        side=Side(side),
        quantity=call.number("size"),
        order_type=order_type,
        price=call.number("price") if order_type is OrderType.LIMIT else None,
        time_in_force=force,
        reduce_only=call.params.get("reduceOnly") in (True, "true"),
        leg=LEGS[leg],
        margin_mode=read_margin_mode_name(call.required("marginMode")),
        client_order_id=call.text("clientOrderId"),
        tags=(("orderType", kind), ("brokerId", call.text("brokerId"))),
    )


def _answer(order: PaperOrder, message: str) -> dict[str, object]:
    return {
        "orderId": order.order_id,
        "clientOrderId": order.request.client_order_id,
        "msg": message,
        "code": "0",
    }


def _state(order: PaperOrder) -> str:
    if order.status is OrderStatus.FILLED:
        return "filled"
    if order.status.is_done:
        return "partially_canceled" if order.filled else "canceled"
    return "partially_filled" if order.filled else "live"


def _order(order: PaperOrder) -> dict[str, object]:
    asked = order.request
    return {
        "orderId": order.order_id,
        "clientOrderId": asked.client_order_id,
        "instId": asked.symbol,
        "marginMode": (asked.margin_mode or MarginMode.CROSS).value,
        "positionSide": asked.leg.value,
        "side": asked.side.value,
        "orderType": order.tag("orderType") or "market",
        "price": long_text(asked.price or ZERO),
        "size": long_text(asked.quantity),
        "reduceOnly": "true" if asked.reduce_only else "false",
        "leverage": plain(asked.leverage or ZERO),
        "state": _state(order),
        "filledSize": long_text(order.filled),
        "filled_amount": long_text(order.filled_notional),
        "averagePrice": long_text(order.average_price or ZERO),
        "fee": long_text(order.fee),
        "pnl": long_text(order.realized),
        "createTime": str(order.created_ms),
        "updateTime": str(order.updated_ms),
        "orderCategory": "normal",
        **NO_TRIGGERS,
        "cancelSource": "user_canceled" if order.reject_reason == "by_client" else "not_canceled",
        "cancelSourceReason": order.reject_reason or None,
        **NO_ALGO,
        "brokerId": order.tag("brokerId"),
    }


def _forced_order(fill: Fill) -> dict[str, object]:
    """The order behind a fill that the account did not send."""
    quantity, at_ms = long_text(fill.quantity), str(fill.at_ms)
    return {
        "orderId": fill.order_id,
        "clientOrderId": "",
        "instId": fill.symbol,
        "marginMode": fill.margin_mode.value,
        "positionSide": fill.leg.value,
        "side": fill.side.value,
        "orderType": "market",
        "price": long_text(ZERO),
        "size": quantity,
        "reduceOnly": "true" if fill.closed_quantity else "false",
        "leverage": "",
        "state": "filled",
        "filledSize": quantity,
        "filled_amount": long_text(fill.notional),
        "averagePrice": long_text(fill.price),
        "fee": long_text(fill.fee),
        "pnl": long_text(fill.realized),
        "createTime": at_ms,
        "updateTime": at_ms,
        "orderCategory": CATEGORIES.get(fill.kind, "normal"),
        **NO_TRIGGERS,
        "cancelSource": "not_canceled",
        "cancelSourceReason": None,
        **NO_ALGO,
        "brokerId": "",
    }


def _fill(fill: Fill) -> dict[str, object]:
    return {
        "instId": fill.symbol,
        "tradeId": str(fill.number),
        "orderId": fill.order_id,
        "fillPrice": long_text(fill.price),
        "fillSize": long_text(fill.quantity),
        "fillPnl": long_text(fill.realized),
        "positionSide": fill.leg.value,
        "side": fill.side.value,
        "fee": long_text(fill.fee),
        "ts": str(fill.at_ms),
        "brokerId": "",
    }


ORDER_ROUTES = (
    Route("POST", "/api/v1/trade/order", "create_order", create_order, is_signed=True),
    Route("POST", "/api/v1/trade/cancel-order", "cancel_order", cancel_order, is_signed=True),
    Route("POST", "/api/v1/trade/close-position", "close_position", close_position, is_signed=True),
    Route("GET", "/api/v1/trade/order-detail", "order", read_order, is_signed=True),
    Route("GET", "/api/v1/trade/orders-pending", "open_orders", read_open_orders, is_signed=True),
    Route("GET", "/api/v1/trade/orders-history", "order_history", read_order_history, is_signed=True),
    Route("GET", "/api/v1/trade/fills-history", "fills", read_fills, is_signed=True),
)
