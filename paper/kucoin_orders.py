"""KuCoin Futures, orders and fills. Sizes are whole contracts; an order repeats the symbol's margin mode."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from core.model.money import ZERO, divide, round_towards_zero
from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Leg, OrderRequest, OrderType, PaperOrder, TimeInForce
from paper.kucoin_account import margin_mode, number
from paper.kucoin_rows import fill_row, order_row
from paper.pages import LARGEST_PAGE_NUMBER, Page, cut_page, is_between
from paper.refusals import Reason, Refused
from paper.wire import Call, Route

Choice = TypeVar("Choice")
Row = TypeVar("Row")
DAY_MS = 86_400_000
LARGEST_PAGE = 1_000
DEFAULT_PAGE = 50
RECENT_ROWS = 1_000
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TYPES = {"market": OrderType.MARKET, "limit": OrderType.LIMIT}
_TIMES = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
_LEGS = {"": Leg.NET, "BOTH": Leg.NET, "LONG": Leg.LONG, "SHORT": Leg.SHORT}


def create_order(call: Call) -> object:
    """Take one order."""
    asked = _order_request(call)
    try:
        order = call.exchange.place_order(call.account, asked)
    except Refused as refused:
        if refused.reason is Reason.POSITION_MODE_MISMATCH and asked.leg is not Leg.NET:
            raise Refused(refused.reason, refused.detail, code="330011") from None
        raise
    return {"orderId": order.order_id, "clientOid": order.request.client_order_id}


def cancel_order(call: Call) -> object:
    """Cancel by the exchange's id."""
    order = call.exchange.cancel_order(call.account, order_id=call.path_values["order_id"])
    return {"cancelledOrderIds": [order.order_id]}


def cancel_order_by_client_id(call: Call) -> object:
    """Cancel by the client's id and the symbol, which the exchange wants as well."""
    client_id = call.path_values["client_oid"]
    order = call.exchange.find_order(call.account, client_order_id=client_id)
    if order.request.symbol != call.required("symbol"):
        raise Refused(Reason.ORDER_NOT_FOUND, "the order is of another symbol")
    call.exchange.cancel_order(call.account, order_id=order.order_id)
    return {"clientOid": client_id}


def cancel_all_orders(call: Call) -> object:
    """Cancel every open order, or those of one symbol."""
    open_orders = call.account.open_orders(call.text("symbol"))
    for order in open_orders:
        call.exchange.cancel_order(call.account, order_id=order.order_id)
    return {"cancelledOrderIds": [order.order_id for order in open_orders]}


def read_order(call: Call) -> object:
    """One order by the exchange's id."""
    order = call.exchange.find_order(call.account, order_id=call.path_values["order_id"])
    return order_row(call.exchange, order)


def read_order_by_client_id(call: Call) -> object:
    """One order by the client's id."""
    order = call.exchange.find_order(call.account, client_order_id=call.required("clientOid"))
    return order_row(call.exchange, order)


def list_orders(call: Call) -> object:
    """Orders, newest first, a page at a time: open ones with `status=active`, else done ones."""
    wants_open = call.text("status", "done") == "active"
    orders = [
        order
        for order in call.exchange.orders(call.account, call.text("symbol"))
        if order.status.is_done is not wants_open
        and _fits(call, order)
        and is_between(call, "startAt", "endAt", order.created_ms)
    ]
    page = _page(call, orders)
    return _paged(page, (order_row(call.exchange, order) for order in page.rows))


def list_recent_done_orders(call: Call) -> object:
    """The newest done orders of the last day, without pages."""
    since = call.exchange.now_ms() - DAY_MS
    orders = [
        order
        for order in call.exchange.orders(call.account, call.text("symbol"))
        if order.status.is_done and order.updated_ms >= since
    ]
    return [order_row(call.exchange, order) for order in orders[:RECENT_ROWS]]


def list_fills(call: Call) -> object:
    """Executions, newest first, a page at a time."""
    order_id = call.text("orderId")
    fills = [
        fill
        for fill in call.exchange.fills(call.account, "" if order_id else call.text("symbol"))
        if (not order_id or fill.order_id == order_id)
        and call.text("side") in {"", fill.side.value}
        and is_between(call, "startAt", "endAt", fill.at_ms)
    ]
    page = _page(call, fills)
    return _paged(page, (fill_row(call.account, fill) for fill in page.rows))


def list_recent_fills(call: Call) -> object:
    """The newest executions of the last day, without pages."""
    since = call.exchange.now_ms() - DAY_MS
    fills = [fill for fill in call.exchange.fills(call.account, call.text("symbol")) if fill.at_ms >= since]
    return [fill_row(call.account, fill) for fill in fills[:RECENT_ROWS]]


def _order_request(call: Call) -> OrderRequest:
    client_id = call.text("clientOid")
    if not client_id:
        raise Refused(Reason.BAD_REQUEST, "clientOid is required")
    mode = margin_mode(call.text("marginMode", "ISOLATED"))
    base = OrderRequest(
        symbol=call.required("symbol"),
        side=_choose(call, "side", _SIDES),
        quantity=ZERO,
        order_type=_choose(call, "type", _TYPES, "limit"),
        price=number(call.required("price"), "price") if call.text("type", "limit") == "limit" else None,
        time_in_force=_read_time_in_force(call),
        reduce_only=_flag(call, "reduceOnly"),
        leg=_choose(call, "positionSide", _LEGS, ""),
        margin_mode=mode,
        leverage=_read_leverage(call, mode),
        client_order_id=client_id,
        tags=tuple((name, str(call.params[name])) for name in ("remark",) if call.text(name)),
    )
    return _close_whole(call, base) if _flag(call, "closeOrder") else _sized(call, base)


def _sized(call: Call, asked: OrderRequest) -> OrderRequest:
    """The size in contracts: as given, or out of `qty` (base coins) or `valueQty` (USDT at the order's price)."""
    market = call.exchange.market(asked.symbol)
    if coins := call.text("qty"):
        return replace(asked, quantity=number(coins, "qty") / market.contract_size)
    if value := call.text("valueQty"):
        price = asked.price or call.exchange.quote(asked.symbol).last
        contracts = divide(number(value, "valueQty"), price * market.contract_size)
        return replace(asked, quantity=round_towards_zero(contracts, market.lot_step))
    return replace(asked, quantity=number(call.required("size"), "size"))


def _close_whole(call: Call, asked: OrderRequest) -> OrderRequest:
    """`closeOrder`: whatever is held, on the side that closes it."""
    held = [held for held in call.account.held(asked.symbol) if held.key.leg is asked.leg]
    if not held:
        raise Refused(Reason.NOTHING_TO_REDUCE, "no position to close")
    side = Side.SELL if held[0].quantity > ZERO else Side.BUY
    tags = (*asked.tags, ("closeOrder", "true"))
    return replace(asked, side=side, quantity=abs(held[0].quantity), reduce_only=True, tags=tags)


def _read_leverage(call: Call, mode: MarginMode) -> Decimal | None:
    """Isolated orders carry their leverage; in cross mode the symbol's setting counts, whatever the order says."""
    text = call.text("leverage")
    return number(text, "leverage") if text and mode is MarginMode.ISOLATED else None


def _read_time_in_force(call: Call) -> TimeInForce:
    if _flag(call, "postOnly"):
        return TimeInForce.POST_ONLY
    return _choose(call, "timeInForce", _TIMES, "GTC")


def _flag(call: Call, name: str) -> bool:
    return call.text(name).lower() == "true"


def _choose(call: Call, name: str, choices: Mapping[str, Choice], default: str | None = None) -> Choice:
    text = call.required(name) if default is None else call.text(name, default)
    if text not in choices:
        raise Refused(Reason.BAD_REQUEST, f"{name} {text} is not known")
    return choices[text]


def _fits(call: Call, order: PaperOrder) -> bool:
    asked = order.request
    return call.text("side") in {"", asked.side.value} and call.text("type") in {"", asked.order_type.value}


def _page(call: Call, rows: Sequence[Row]) -> Page[Row]:
    number_asked = call.whole("currentPage", 1, LARGEST_PAGE_NUMBER)
    return cut_page(rows, number_asked, call.whole("pageSize", DEFAULT_PAGE, LARGEST_PAGE))


def _paged(page: Page[Row], items: Iterable[object]) -> dict[str, object]:
    return {
        "currentPage": page.number,
        "pageSize": page.size,
        "totalNum": page.total,
        "totalPage": page.count,
        "items": list(items),
    }


ORDER_ROUTES = (
    Route("POST", "/api/v1/orders", "create_order", create_order, is_signed=True, weight=2),
    Route("DELETE", "/api/v1/orders/{order_id}", "cancel_order", cancel_order, is_signed=True),
    Route(
        "DELETE",
        "/api/v1/orders/client-order/{client_oid}",
        "cancel_order",
        cancel_order_by_client_id,
        is_signed=True,
    ),
    Route("DELETE", "/api/v1/orders", "cancel_order", cancel_all_orders, is_signed=True, weight=10),
    Route("DELETE", "/api/v3/orders", "cancel_order", cancel_all_orders, is_signed=True, weight=10),
    Route("GET", "/api/v1/orders/byClientOid", "order", read_order_by_client_id, is_signed=True, weight=5),
    Route("GET", "/api/v1/orders/{order_id}", "order", read_order, is_signed=True, weight=5),
    Route("GET", "/api/v1/orders", "open_orders", list_orders, is_signed=True, weight=2),
    Route("GET", "/api/v1/recentDoneOrders", "order_history", list_recent_done_orders, is_signed=True, weight=5),
    Route("GET", "/api/v1/fills", "fills", list_fills, is_signed=True, weight=5),
    Route("GET", "/api/v1/recentFills", "fills", list_recent_fills, is_signed=True, weight=3),
)
