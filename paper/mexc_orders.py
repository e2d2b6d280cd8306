"""MEXC contracts, orders and fills. A side is what it does (1 open long, 2 close short, 3 open short, 4 close long).

A repeated `externalOid` is answered as a success with the first order's id, so that only a look at that order tells
whether the second one counts. In one-way mode sides 1 and 3 are plain buy and sell, and 2 and 4 only reduce.
"""

from decimal import Decimal

from core.model.money import ONE
from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Leg, OrderRequest, OrderType, PaperOrder, TimeInForce
from paper.mexc_account import HEDGE, ONE_WAY, number, open_type
from paper.mexc_rows import STATES, deal_row, order_row
from paper.pages import LARGEST_PAGE_NUMBER, cut_page, is_between
from paper.refusals import Reason, Refused
from paper.wire import Call, Route

DEFAULT_PAGE = 20
LARGEST_PAGE = 100
LARGEST_BATCH = 50
SUBMIT_CLOSED_CODE = "510"
_SIDES = {
    "1": (Side.BUY, Leg.LONG),
    "2": (Side.BUY, Leg.SHORT),
    "3": (Side.SELL, Leg.SHORT),
    "4": (Side.SELL, Leg.LONG),
}
_CLOSING = {"2", "4"}
_TYPES = {
    "1": (OrderType.LIMIT, TimeInForce.GTC),
    "2": (OrderType.LIMIT, TimeInForce.POST_ONLY),
    "3": (OrderType.LIMIT, TimeInForce.IOC),
    "4": (OrderType.LIMIT, TimeInForce.FOK),
    "5": (OrderType.MARKET, TimeInForce.IOC),
    "6": (OrderType.MARKET, TimeInForce.IOC),
}


def create_order(call: Call) -> object:
    """Take one order, or answer with the one that has its `externalOid` already."""
    asked = _order_request(call)
    _take_cross_leverage(call, asked)
    order = call.exchange.place_order(call.account, asked)
    return {"orderId": order.order_id, "ts": call.exchange.now_ms()}


def refuse_old_submit(_: Call) -> object:
    """The former path of orders, which answers that requests are too frequent whatever the pace."""
    raise Refused(Reason.RATE_LIMITED, "order/submit is closed", code=SUBMIT_CLOSED_CODE)


def cancel_orders(call: Call) -> object:
    """Cancel by the exchange's ids; every id has an answer of its own, and the call succeeds whatever they say."""
    ids = call.request.json_body()
    if not isinstance(ids, list) or not 0 < len(ids) <= LARGEST_BATCH:
        raise Refused(Reason.BAD_REQUEST, f"a list of 1 to {LARGEST_BATCH} order ids is wanted")
    return [{"orderId": _as_number(str(wanted))} | _cancel(call, order_id=str(wanted)) for wanted in ids]


def cancel_orders_by_external_id(call: Call) -> object:
    """Cancel by symbol and the client's ids."""
    wanted = call.request.json_body()
    if not isinstance(wanted, list) or not all(isinstance(row, dict) for row in wanted):
        raise Refused(Reason.BAD_REQUEST, "a list of symbol and externalOid is wanted")
    return [
        {"symbol": row.get("symbol"), "externalOid": row.get("externalOid")}
        | _cancel(call, client_order_id=str(row.get("externalOid") or " "))
        for row in wanted
    ]


def cancel_all_orders(call: Call) -> object:
    """Cancel every open order, or those of one symbol."""
    for order in call.account.open_orders(call.text("symbol")):
        call.exchange.cancel_order(call.account, order_id=order.order_id)
    return None


def read_order(call: Call) -> object:
    """One order by the exchange's id."""
    order = call.exchange.find_order(call.account, order_id=call.path_values["order_id"])
    return order_row(call.exchange, call.account, order)


def read_order_by_external_id(call: Call) -> object:
    """One order by symbol and the client's id."""
    order = call.exchange.find_order(call.account, client_order_id=call.path_values["external_oid"])
    if order.request.symbol != call.path_values["symbol"]:
        raise Refused(Reason.ORDER_NOT_FOUND, "the order is of another symbol")
    return order_row(call.exchange, call.account, order)


def read_orders(call: Call) -> object:
    """Several orders by the exchange's ids; unknown ones are left out."""
    ids = call.required("order_ids").split(",")[:LARGEST_BATCH]
    known = (call.account.orders.get(order_id.strip()) for order_id in ids)
    return [order_row(call.exchange, call.account, order) for order in known if order is not None]


def list_open_orders(call: Call) -> object:
    """Open orders, newest first, a page at a time."""
    symbol = call.path_values.get("symbol", call.text("symbol"))
    return _order_page(call, list(reversed(call.account.open_orders(symbol))))


def list_history_orders(call: Call) -> object:
    """Orders of every state, newest first, a page at a time; `states` and `side` narrow them."""
    states = {state for state in call.text("states").split(",") if state}
    orders = [
        order
        for order in call.exchange.orders(call.account, call.text("symbol"))
        if is_between(call, "start_time", "end_time", order.created_ms)
        and (not states or str(STATES[order.status]) in states)
        and call.text("side") in {"", order.tag("side")}
    ]
    return _order_page(call, orders)


def list_deals(call: Call) -> object:
    """Executions of one symbol, newest first, a page at a time."""
    deals = [
        fill
        for fill in call.exchange.fills(call.account, call.required("symbol"))
        if is_between(call, "start_time", "end_time", fill.at_ms)
    ]
    page = cut_page(deals, *_page_wanted(call))
    return [deal_row(call.exchange, call.account, fill) for fill in page.rows]


def read_deals_of_order(call: Call) -> object:
    """Executions of one order."""
    wanted = call.path_values["order_id"]
    fills = call.exchange.fills(call.account)
    return [deal_row(call.exchange, call.account, fill) for fill in fills if fill.order_id == wanted]


def _order_request(call: Call) -> OrderRequest:
    side_number, type_number = call.required("side"), call.required("type")
    if side_number not in _SIDES:
        raise Refused(Reason.BAD_REQUEST, "no such side", code="2001")
    if type_number not in _TYPES:
        raise Refused(Reason.BAD_REQUEST, "no such order type", code="2029")
    side, leg = _SIDES[side_number]
    order_type, time_in_force = _TYPES[type_number]
    hedged = call.exchange.is_hedged(call.account, "")
    _check_position_mode(call, hedged=hedged)
    return OrderRequest(
        symbol=call.required("symbol"),
        side=side,
        quantity=_read_volume(call),
        order_type=order_type,
        price=number(call.required("price"), "price") if order_type is OrderType.LIMIT else None,
        time_in_force=time_in_force,
        reduce_only=side_number in _CLOSING or (not hedged and call.text("reduceOnly").lower() == "true"),
        leg=leg if hedged else Leg.NET,
        margin_mode=open_type(call.required("openType")),
        leverage=_read_leverage(call),
        client_order_id=call.text("externalOid"),
        tags=(("side", side_number), ("type", type_number), ("positionMode", str(HEDGE if hedged else ONE_WAY))),
    )


def _read_volume(call: Call) -> Decimal:
    """The size in contracts, which clients send as 200 and as 200.0."""
    volume = number(call.required("vol"), "vol")
    whole = volume.to_integral_value()
    return whole if whole == volume else volume


def _check_position_mode(call: Call, *, hedged: bool) -> None:
    """An order may say which position mode it means.

    Raises:
        Refused: If the account is in the other one.
    """
    named = call.text("positionMode")
    if named and (named == str(HEDGE)) is not hedged:
        raise Refused(Reason.POSITION_MODE_MISMATCH, "the account is in the other position mode")


def _read_leverage(call: Call) -> Decimal | None:
    text = call.text("leverage")
    leverage = number(text, "leverage") if text else None
    if leverage is not None and leverage % ONE:
        raise Refused(Reason.LEVERAGE_OUT_OF_RANGE, "leverage is a whole number")
    return leverage or None


def _take_cross_leverage(call: Call, asked: OrderRequest) -> None:
    """A cross order that names a leverage sets it for its direction first; an isolated one only carries it."""
    if asked.margin_mode is not MarginMode.CROSS or asked.leverage is None or asked.reduce_only:
        return
    leg = Leg.LONG if asked.side is Side.BUY else Leg.SHORT
    if call.exchange.leverage(call.account, asked.symbol, MarginMode.CROSS, leg) != asked.leverage:
        call.exchange.set_leverage(call.account, asked.symbol, asked.leverage, MarginMode.CROSS, leg)


def _cancel(call: Call, *, order_id: str = "", client_order_id: str = "") -> dict[str, object]:
    try:
        call.exchange.cancel_order(call.account, order_id=order_id, client_order_id=client_order_id)
    except Refused as refused:
        if refused.reason is Reason.ORDER_ALREADY_DONE:
            return {"errorCode": 2041, "errorMsg": "order state cannot be cancelled"}
        return {"errorCode": 2040, "errorMsg": "order not exist"}
    return {"errorCode": 0, "errorMsg": "success"}


def _order_page(call: Call, orders: list[PaperOrder]) -> list[dict[str, object]]:
    page = cut_page(orders, *_page_wanted(call))
    return [order_row(call.exchange, call.account, order) for order in page.rows]


def _page_wanted(call: Call) -> tuple[int, int]:
    return call.whole("page_num", 1, LARGEST_PAGE_NUMBER), call.whole("page_size", DEFAULT_PAGE, LARGEST_PAGE)


def _as_number(order_id: str) -> int | str:
    return int(order_id) if order_id.isdecimal() else order_id


_ORDER = "/api/v1/private/order"
ORDER_ROUTES = (
    Route("POST", f"{_ORDER}/create", "create_order", create_order, is_signed=True),
    Route("POST", f"{_ORDER}/submit", "create_order", refuse_old_submit, is_signed=True),
    Route("POST", f"{_ORDER}/cancel", "cancel_order", cancel_orders, is_signed=True),
    Route("POST", f"{_ORDER}/cancel_with_external", "cancel_order", cancel_orders_by_external_id, is_signed=True),
    Route("POST", f"{_ORDER}/cancel_all", "cancel_order", cancel_all_orders, is_signed=True),
    Route("GET", f"{_ORDER}/get/{{order_id}}", "order", read_order, is_signed=True),
    Route("GET", f"{_ORDER}/external/{{symbol}}/{{external_oid}}", "order", read_order_by_external_id, is_signed=True),
    Route("GET", f"{_ORDER}/batch_query", "order", read_orders, is_signed=True),
    Route("GET", f"{_ORDER}/list/open_orders", "open_orders", list_open_orders, is_signed=True),
    Route("GET", f"{_ORDER}/list/open_orders/{{symbol}}", "open_orders", list_open_orders, is_signed=True),
    Route("GET", f"{_ORDER}/open_orders", "open_orders", list_open_orders, is_signed=True),
    Route("GET", f"{_ORDER}/open_orders/{{symbol}}", "open_orders", list_open_orders, is_signed=True),
    Route("GET", f"{_ORDER}/list/history_orders", "order_history", list_history_orders, is_signed=True),
    Route("GET", f"{_ORDER}/list/order_deals", "fills", list_deals, is_signed=True),
    Route("GET", f"{_ORDER}/list/order_deals/v3", "fills", list_deals, is_signed=True),
    Route("GET", f"{_ORDER}/deal_details/{{order_id}}", "fills", read_deals_of_order, is_signed=True),
)
