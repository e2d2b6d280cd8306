"""How KuCoin Futures writes an order and an execution: sizes as whole numbers, prices and money as text."""

from core.model.money import ZERO, plain
from paper.account import Account, Fill, OrderRequest, OrderStatus, OrderType, PaperOrder, TimeInForce
from paper.exchange import PaperExchange

_TRADE_KINDS = {"trade": "trade", "liquidation": "liquid", "deleverage": "adl", "settlement": "settlement"}


def order_row(exchange: PaperExchange, order: PaperOrder) -> dict[str, object]:
    """One order; a market order has price 0, and what the exchange cancelled counts as cancelled."""
    asked = order.request
    market = exchange.market(asked.symbol)
    price = asked.price or ZERO
    filled_value = plain(order.filled_notional)
    return {
        "id": order.order_id,
        "symbol": asked.symbol,
        "type": asked.order_type.value,
        "side": asked.side.value,
        "price": plain(price),
        "size": int(asked.quantity),
        "value": plain(market.notional(asked.quantity, price)) if price else filled_value,
        "dealValue": filled_value,
        "dealSize": int(order.filled),
        "stp": "",
        "stop": "",
        "stopPriceType": "",
        "stopTriggered": False,
        "stopPrice": None,
        "timeInForce": _time_in_force(asked),
        "postOnly": asked.time_in_force is TimeInForce.POST_ONLY,
        "hidden": False,
        "iceberg": False,
        "leverage": plain(asked.leverage or ZERO),
        "forceHold": False,
        "closeOrder": order.tag("closeOrder") == "true",
        "visibleSize": 0,
        "clientOid": asked.client_order_id,
        "remark": order.tag("remark") or None,
        "tags": "",
        "isActive": not order.status.is_done,
        "cancelExist": order.status in {OrderStatus.CANCELLED, OrderStatus.REJECTED},
        "createdAt": order.created_ms,
        "updatedAt": order.updated_ms,
        "endAt": order.updated_ms if order.status.is_done else None,
        "orderTime": order.created_ms * 1_000_000,
        "settleCurrency": "USDT",
        "marginMode": asked.margin_mode.upper() if asked.margin_mode else "ISOLATED",
        "avgDealPrice": plain(round(order.average_price or ZERO, 12)),
        "filledSize": int(order.filled),
        "filledValue": filled_value,
        "status": "done" if order.status.is_done else "open",
        "reduceOnly": asked.reduce_only,
    }


def fill_row(account: Account, fill: Fill) -> dict[str, object]:
    """One execution; money is text, the fee is split into what was paid to open and to close."""
    order = account.orders.get(fill.order_id)
    order_type = order.request.order_type.value if order else OrderType.MARKET.value
    closing_fee = round(fill.fee * fill.closed_quantity / fill.quantity, 10)
    return {
        "symbol": fill.symbol,
        "tradeId": str(fill.number),
        "orderId": fill.order_id,
        "side": fill.side.value,
        "liquidity": "maker" if fill.is_maker else "taker",
        "forceTaker": False,
        "price": plain(fill.price),
        "size": int(fill.quantity),
        "value": plain(fill.notional),
        "openFeePay": plain(fill.fee - closing_fee),
        "closeFeePay": plain(closing_fee),
        "stop": "",
        "feeRate": format(fill.fee_rate, ".5f"),
        "fixFee": "0",
        "feeCurrency": "USDT",
        "subTradeType": None,
        "marginMode": fill.margin_mode.upper(),
        "displayType": order_type,
        "fee": plain(fill.fee),
        "settleCurrency": "USDT",
        "orderType": order_type,
        "tradeType": _TRADE_KINDS.get(fill.kind, "trade"),
        "tradeTime": fill.at_ms * 1_000_000,
        "createdAt": fill.at_ms,
    }


def _time_in_force(asked: OrderRequest) -> str:
    known = {TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
    return known.get(asked.time_in_force, "GTC")
