"""Bybit's signed endpoints about orders: create, cancel, read, executions."""

from decimal import Decimal

from core.model.money import ZERO, plain, round_towards_zero
from core.model.order import Side
from paper.account import Fill, OrderRequest, OrderStatus, OrderType, PaperOrder, TimeInForce
from paper.bybit_account import LEG_NUMBERS, LEGS
from paper.bybit_market import page, price_text
from paper.exchange import PaperExchange
from paper.refusals import Reason, Refused
from paper.wire import Call, Route

SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "PostOnly": TimeInForce.POST_ONLY,
}
EXEC_TYPES = {"liquidation": "BustTrade", "deleverage": "AdlTrade", "settlement": "Settle"}
CREATE_TYPES = {
    "liquidation": "CreateByTakeOver_PassThrough",
    "deleverage": "CreateByAdl_PassThrough",
    "settlement": "CreateBySettle",
}
RECENT_ORDERS = 500
SLIPPAGE_BOUND = Decimal("0.05")
"""How far the `price` that Bybit shows for a market order stands from the last price."""


def create_order(call: Call) -> object:
    """Accept one order; what became of it must be read."""
    order = call.exchange.place_order(call.account, _order_request(call))
    return {"orderId": order.order_id, "orderLinkId": order.request.client_order_id}


def cancel_order(call: Call) -> object:
    """By either id."""
    order = call.exchange.cancel_order(
        call.account, order_id=call.text("orderId"), client_order_id=call.text("orderLinkId")
    )
    return {"orderId": order.order_id, "orderLinkId": order.request.client_order_id}


def cancel_all(call: Call) -> object:
    """Every open order of a symbol, or of all."""
    cancelled = []
    for order in call.account.open_orders(call.text("symbol")):
        call.exchange.cancel_order(call.account, order_id=order.order_id)
        cancelled.append({"orderId": order.order_id, "orderLinkId": order.request.client_order_id})
    return {"list": cancelled, "success": "1"}


def read_open_orders(call: Call) -> object:
    """Open orders; by id also one of the latest 500 that is done."""
    if by_id := _orders_by_id(call, RECENT_ORDERS):
        return page(by_id, call, 20, 50)
    if call.text("orderId") or call.text("orderLinkId"):
        return page([], call, 20, 50)
    orders = [
        order
        for order in call.exchange.orders(call.account, call.text("symbol"))
        if order.status.is_done == (call.text("openOnly", "0") != "0")
    ]
    return page([_order(call.exchange, order) for order in orders], call, 20, 50)


def read_order_history(call: Call) -> object:
    """Every order, newest first."""
    if call.text("orderId") or call.text("orderLinkId"):
        return page(_orders_by_id(call, None), call, 20, 50)
    orders = call.exchange.orders(call.account, call.text("symbol"))
    return page([_order(call.exchange, order) for order in orders if order.status.is_done], call, 20, 50)


def read_executions(call: Call) -> object:
    """Fills, newest first."""
    wanted, link = call.text("orderId"), call.text("orderLinkId")
    fills = [
        fill
        for fill in call.exchange.fills(call.account, call.text("symbol"))
        if wanted in ("", fill.order_id) and link in ("", fill.client_order_id)
    ]
    return page([_execution(call, fill) for fill in fills], call, 50, 100)


def _order_request(call: Call) -> OrderRequest:
    side, kind = call.required("side"), call.required("orderType")
    if side not in SIDES or kind not in ("Market", "Limit") or call.text("category", "linear") != "linear":
        raise Refused(Reason.BAD_REQUEST, "side, orderType or category")
    index = call.text("positionIdx", "0")
    force = call.text("timeInForce", "GTC")
    if index not in ("0", "1", "2") or force not in TIMES_IN_FORCE:
        raise Refused(Reason.BAD_REQUEST, "positionIdx or timeInForce")
    return OrderRequest(
        symbol=call.required("symbol"),
        side=SIDES[side],
        quantity=call.number("qty"),
        order_type=OrderType.LIMIT if kind == "Limit" else OrderType.MARKET,
        price=call.number("price") if kind == "Limit" else None,
        time_in_force=TIMES_IN_FORCE[force],
        reduce_only=call.params.get("reduceOnly") in (True, "true"),
        leg=LEGS[int(index)],
        client_order_id=call.text("orderLinkId"),
    )


def _orders_by_id(call: Call, newest: int | None) -> list[dict[str, object]]:
    order_id, link = call.text("orderId"), call.text("orderLinkId")
    if not order_id and not link:
        return []
    try:
        order = call.exchange.find_order(call.account, order_id=order_id, client_order_id=link)
    except Refused:
        return []
    recent = call.exchange.orders(call.account)[:newest]
    is_asked_for = call.text("symbol") in ("", order.request.symbol)
    return [_order(call.exchange, order)] if is_asked_for and (newest is None or order in recent) else []


def _status(order: PaperOrder) -> str:
    if order.status in (OrderStatus.ACCEPTED, OrderStatus.OPEN):
        return "PartiallyFilled" if order.filled else "New"
    if order.status is OrderStatus.CANCELLED and order.filled and order.request.order_type is OrderType.MARKET:
        return "PartiallyFilledCanceled"
    return {OrderStatus.FILLED: "Filled", OrderStatus.REJECTED: "Rejected"}.get(order.status, "Cancelled")


def _order(exchange: PaperExchange, order: PaperOrder) -> dict[str, object]:
    asked = order.request
    is_market = asked.order_type is OrderType.MARKET
    left = ZERO if order.status.is_done else order.remaining
    return {
        "orderId": order.order_id,
        "orderLinkId": asked.client_order_id,
        "blockTradeId": "",
        "symbol": asked.symbol,
        "price": plain(_shown_price(exchange, order)),
        "qty": plain(asked.quantity),
        "side": "Buy" if asked.side is Side.BUY else "Sell",
        "isLeverage": "",
        "positionIdx": LEG_NUMBERS[asked.leg],
        "orderStatus": _status(order),
        "cancelType": "CancelByUser" if order.reject_reason == "by_client" else "UNKNOWN",
        "rejectReason": f"EC_{order.reject_reason}" if order.status is OrderStatus.REJECTED else "EC_NoError",
        "avgPrice": price_text(order.average_price or ZERO),
        "leavesQty": plain(left),
        "leavesValue": plain(left * (asked.price or ZERO)),
        "cumExecQty": plain(order.filled),
        "cumExecValue": plain(order.filled_notional),
        "cumExecFee": plain(order.fee),
        "cumFeeDetail": {"USDT": plain(order.fee)},
        "timeInForce": "IOC" if is_market else _force_name(asked.time_in_force),
        "orderType": "Market" if is_market else "Limit",
        "stopOrderType": "",
        "orderIv": "",
        "triggerPrice": "",
        "takeProfit": "",
        "stopLoss": "",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "triggerDirection": 0,
        "triggerBy": "",
        "lastPriceOnCreated": price_text(order.average_price or asked.price or ZERO),
        "reduceOnly": asked.reduce_only,
        "closeOnTrigger": False,
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "tpslMode": "",
        "tpLimitPrice": "",
        "slLimitPrice": "",
        "placeType": "",
        "createType": "CreateByUser",
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
    }


def _shown_price(exchange: PaperExchange, order: PaperOrder) -> Decimal:
    asked = order.request
    if asked.price is not None:
        return asked.price
    market = exchange.market(asked.symbol)
    around = order.average_price or exchange.quote(asked.symbol).last
    return round_towards_zero(around * (1 + SLIPPAGE_BOUND * asked.side.sign), market.tick)


def _force_name(force: TimeInForce) -> str:
    return next(name for name, value in TIMES_IN_FORCE.items() if value is force)


def _execution(call: Call, fill: Fill) -> dict[str, object]:
    order = call.account.orders.get(fill.order_id)
    return {
        "symbol": fill.symbol,
        "orderId": fill.order_id,
        "orderLinkId": fill.client_order_id,
        "side": "Buy" if fill.side is Side.BUY else "Sell",
        "orderPrice": plain(_shown_price(call.exchange, order)) if order else plain(fill.price),
        "orderQty": plain(order.request.quantity if order else fill.quantity),
        "leavesQty": plain(order.remaining) if order else "0",
        "createType": CREATE_TYPES.get(fill.kind, "CreateByUser"),
        "orderType": "Market" if order is None or order.request.order_type is OrderType.MARKET else "Limit",
        "stopOrderType": "UNKNOWN",
        "execFee": plain(fill.fee),
        "execId": call.exchange.make_order_id(fill.number),
        "execPrice": plain(fill.price),
        "execQty": plain(fill.quantity),
        "execType": EXEC_TYPES.get(fill.kind, "Trade"),
        "execValue": plain(fill.notional),
        "execTime": str(fill.at_ms),
        "feeCurrency": "USDT",
        "isMaker": fill.is_maker,
        "feeRate": plain(fill.fee_rate),
        "tradeIv": "",
        "markIv": "",
        "markPrice": plain(fill.price),
        "indexPrice": plain(fill.price),
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": plain(fill.closed_quantity),
        "seq": fill.number,
    }


ORDER_ROUTES = (
    Route("POST", "/v5/order/create", "create_order", create_order, is_signed=True),
    Route("POST", "/v5/order/cancel", "cancel_order", cancel_order, is_signed=True),
    Route("POST", "/v5/order/cancel-all", "cancel_order", cancel_all, is_signed=True),
    Route("GET", "/v5/order/realtime", "open_orders", read_open_orders, is_signed=True),
    Route("GET", "/v5/order/history", "order_history", read_order_history, is_signed=True),
    Route("GET", "/v5/execution/list", "fills", read_executions, is_signed=True),
)
