"""A small Hyperliquid server in the recorded shape of its answers: everything is a POST to /info or /exchange."""

from decimal import Decimal
from typing import Any

from core.model.money import ZERO, plain
from simulation.foreign_servers import PRICE, MiniExchange, Refusal

ERRORS = {
    "insufficient": "Insufficient margin to place order. asset=0",
    "reduce": "Reduce only order would increase position. asset=0",
    "duplicate": "Order has invalid cloid: cloid already exists",
    "minimum": "Order must have minimum value of $10. asset=0",
}
UNIVERSE = [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}]
CONTEXT = {
    "dayNtlVlm": "1169046.29406",
    "funding": "0.0000125",
    "impactPxs": ["49999", "50001"],
    "openInterest": "688.11",
    "premium": "0.00031774",
    **dict.fromkeys(("markPx", "midPx", "oraclePx", "prevDayPx"), plain(PRICE)),
}
LEVELS = [[{"px": "49999.0", "sz": "1.5", "n": 1}], [{"px": "50001.0", "sz": "2.5", "n": 1}]]
UNTRIGGERED = {
    "triggerCondition": "N/A",
    "isTrigger": False,
    "triggerPx": "0.0",
    "children": [],
    "isPositionTpsl": False,
}


def hyperliquid(exchange: MiniExchange, method: str, path: str, params: dict[str, Any]) -> tuple[int, Any]:
    """What the server answers; a refused order is an error inside an answer that is ok."""
    del method
    try:
        if path.endswith("/info"):
            return 200, _info(exchange, params)
        return 200, {"status": "ok", "response": _action(exchange, params["action"])}
    except Refusal as refusal:
        if refusal.reason == "unknown order":
            return 200, {"status": "unknownOid"}
        error = {"error": ERRORS.get(refusal.reason, refusal.reason)}
        return 200, {"status": "ok", "response": {"type": "order", "data": {"statuses": [error]}}}


def _info(exchange: MiniExchange, params: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    kind, now = params["type"], exchange.now_ms()
    if kind == "orderStatus":
        return {"status": "order", "order": _told(exchange.order(params["oid"]))}
    answers: dict[str, Any] = {
        "metaAndAssetCtxs": [{"universe": UNIVERSE}, [CONTEXT]],
        "clearinghouseState": _state(exchange),
        "exchangeStatus": {"time": now, "specialStatuses": None},
        "userAbstraction": exchange.account_kind,
        "l2Book": {"coin": "BTC", "levels": LEVELS, "time": now},
        "historicalOrders": [_told(order) for order in exchange.orders.values()],
    }
    if kind not in answers:
        raise Refusal(f"info {kind}")
    return answers[kind]


def _state(exchange: MiniExchange) -> dict[str, Any]:
    value = {
        "accountValue": plain(exchange.wallet),
        "totalNtlPos": "0.0",
        "totalRawUsd": "0.0",
        "totalMarginUsed": "0.0",
    }
    sums = {"marginSummary": value, "crossMarginSummary": value, "crossMaintenanceMarginUsed": "0.0"}
    more = {"withdrawable": plain(exchange.wallet), "time": exchange.now_ms()}
    return {**sums, **more, "assetPositions": _positions(exchange)}


def _positions(exchange: MiniExchange) -> list[Any]:
    if exchange.held == ZERO:
        return []
    leverage: dict[str, Any] = {"type": exchange.margin_mode, "value": exchange.leverage}
    if exchange.margin_mode == "isolated":
        leverage["rawUsd"] = "0.0"
    money = {"entryPx": plain(PRICE), "positionValue": plain(abs(exchange.held) * PRICE), "unrealizedPnl": "0.0"}
    more = {"liquidationPx": "40000.0", "marginUsed": "1.0", "returnOnEquity": "0.0", "maxLeverage": 40}
    funding = {"cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"}}
    position = {"coin": "BTC", "szi": plain(exchange.held), "leverage": leverage, **money, **more, **funding}
    return [{"type": "oneWay", "position": position}]


def _told(order: dict[str, Any]) -> dict[str, Any]:
    ids = {"oid": int(order["id"]), "cloid": order["client_id"], "coin": "BTC", "timestamp": order["at"]}
    side, size = "B" if order["side"] == "buy" else "A", plain(order["quantity"])
    told = {"side": side, "limitPx": plain(PRICE), "sz": "0.0", "origSz": size, "orderType": "Market"}
    inner = {**ids, **told, **UNTRIGGERED, "tif": "FrontendMarket", "reduceOnly": order["reduce_only"]}
    return {"order": inner, "status": "filled", "statusTimestamp": order["at"]}


def _action(exchange: MiniExchange, action: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if action["type"] == "updateLeverage":
        exchange.leverage = action["leverage"]
        exchange.margin_mode = "cross" if action["isCross"] else "isolated"
        return {"type": "default"}
    if action["type"] == "order" and "builder" not in action:
        (told,) = action["orders"]
        side = "buy" if told["b"] else "sell"
        order = exchange.trade(told["c"], side, Decimal(told["s"]), reduce_only=told["r"])
        filled = {"totalSz": plain(order["quantity"]), "avgPx": plain(PRICE), "oid": int(order["id"])}
        return {"type": "order", "data": {"statuses": [{"filled": filled}]}}
    raise Refusal(f"action {action['type']}")
