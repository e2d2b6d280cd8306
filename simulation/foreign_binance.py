"""A small Binance USD-M futures server, /fapi, in the recorded shape of its answers."""

from decimal import Decimal
from typing import Any

from core.model.money import ZERO, plain
from simulation.foreign_servers import PRICE, MiniExchange, Refusal

CODES = {
    "insufficient": -2019,
    "reduce": -2022,
    "duplicate": -4116,
    "minimum": -4164,
    "unknown order": -2013,
    "unchanged": -4046,
}
NOTHING = "0.00000000"
SETTINGS = {"closePosition": False, "positionSide": "BOTH", "stopPrice": "0.00", "workingType": "CONTRACT_PRICE"}
HABITS = {"priceProtect": False, "origType": "MARKET", "priceMatch": "NONE", "selfTradePreventionMode": "NONE"}
FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.10", "maxPrice": "1000000", "tickSize": "0.10"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
    {"filterType": "MIN_NOTIONAL", "notional": "100"},
]
MARKET = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "onboardDate": 1569398400000,
    "status": "TRADING",
    "maintMarginPercent": "2.5000",
    "requiredMarginPercent": "5.0000",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 2,
    "quantityPrecision": 3,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "underlyingType": "COIN",
    "underlyingSubType": ["PoW"],
    "settlePlan": 0,
    "triggerProtect": "0.0500",
    "filters": FILTERS,
    "orderTypes": ["LIMIT", "MARKET"],
    "timeInForce": ["GTC", "IOC", "FOK", "GTD"],
}
INFO: dict[str, Any] = {"timezone": "UTC", "rateLimits": [], "exchangeFilters": [], "assets": [], "symbols": [MARKET]}
BRACKET = {
    "bracket": 1,
    "initialLeverage": 125,
    "notionalCap": 50_000,
    "notionalFloor": 0,
    "maintMarginRatio": 0.004,
    "cum": 0.0,
}
BRACKETS = [{"symbol": "BTCUSDT", "notionalCoef": 1.0, "brackets": [BRACKET]}]
RIGHTS = {
    "ipRestrict": False,
    "createTime": 1698645219000,
    "enableInternalTransfer": False,
    "enableFutures": True,
    "enablePortfolioMarginTrading": False,
    "enableVanillaOptions": False,
    "permitsUniversalTransfer": False,
    "enableReading": True,
    "enableSpotAndMarginTrading": False,
    "enableWithdrawals": False,
    "enableMargin": False,
}


def binance(exchange: MiniExchange, method: str, path: str, params: dict[str, Any]) -> tuple[int, Any]:
    """What the server answers; refusals have HTTP status 400."""
    name = path.rpartition("/")[2]
    try:
        return 200, _write(exchange, name, params) if method == "POST" else _read(exchange, name, params)
    except Refusal as refusal:
        return 400, {"code": CODES.get(refusal.reason, -9999), "msg": refusal.reason}


def _read(exchange: MiniExchange, name: str, params: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    now = exchange.now_ms()
    answers: dict[str, Any] = {
        "exchangeInfo": {**INFO, "serverTime": now},
        "time": {"serverTime": now},
        "account": _account(exchange),
        "positionRisk": _positions(exchange),
        "symbolConfig": [_config(exchange)],
        "dual": {"dualSidePosition": exchange.is_hedged},
        "apiRestrictions": RIGHTS,
        "multiAssetsMargin": {"multiAssetsMargin": exchange.account_kind == "multi-assets"},
        "leverageBracket": BRACKETS,
        "24hr": _ticker(now),
        "depth": {"lastUpdateId": 1, "E": now, "T": now, "bids": [["49999.90", "1.5"]], "asks": [["50000.10", "2.5"]]},
        "allOrders": [_order(order) for order in exchange.orders.values()],
    }
    if name == "order":
        return _order(exchange.order(params["origClientOrderId"]))
    if name not in answers:
        raise Refusal(name)
    return answers[name]


def _write(exchange: MiniExchange, name: str, params: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if name == "leverage":
        if set(params) - {"symbol", "leverage", "timestamp", "recvWindow", "signature"}:
            raise Refusal("more parameters than the endpoint has")
        exchange.leverage = int(params["leverage"])
        return {"leverage": exchange.leverage, "maxNotionalValue": "1000000", "symbol": "BTCUSDT"}
    if name == "marginType":
        wanted = "isolated" if params["marginType"] == "ISOLATED" else "cross"
        if wanted == exchange.margin_mode:
            raise Refusal("unchanged")
        exchange.margin_mode = wanted
        return {"code": 200, "msg": "success"}
    if name == "dual":
        exchange.is_hedged = str(params["dualSidePosition"]).lower() == "true"
        return {"code": 200, "msg": "success"}
    if name == "order":
        side, quantity = params["side"].lower(), Decimal(params["quantity"])
        reduce_only = str(params.get("reduceOnly")).lower() == "true"
        made = _order(exchange.trade(params["newClientOrderId"], side, quantity, reduce_only=reduce_only))
        return {name: value for name, value in made.items() if name != "time"}
    raise Refusal(name)


def _account(exchange: MiniExchange) -> dict[str, Any]:
    value = f"{exchange.wallet:.8f}"
    margins = dict.fromkeys(
        ("maintMargin", "initialMargin", "positionInitialMargin", "openOrderInitialMargin"), NOTHING
    )
    totals = dict.fromkeys(
        (
            "totalInitialMargin",
            "totalMaintMargin",
            "totalUnrealizedProfit",
            "totalPositionInitialMargin",
            "totalOpenOrderInitialMargin",
            "totalCrossUnPnl",
        ),
        NOTHING,
    )
    wallets = ("totalWalletBalance", "totalMarginBalance", "totalCrossWalletBalance", "availableBalance")
    coin = {"asset": "USDT", "walletBalance": value, "unrealizedProfit": NOTHING, "marginBalance": value, **margins}
    rest = {"crossWalletBalance": value, "crossUnPnl": NOTHING, "availableBalance": value, "maxWithdrawAmount": value}
    assets = [{**coin, **rest, "updateTime": exchange.now_ms()}]
    held = [
        {
            name: row[name]
            for name in (
                "symbol",
                "positionSide",
                "positionAmt",
                "isolatedMargin",
                "notional",
                "isolatedWallet",
                "initialMargin",
                "maintMargin",
                "updateTime",
            )
        }
        | {"unrealizedProfit": NOTHING}
        for row in _positions(exchange)
    ]
    return {
        **totals,
        **dict.fromkeys((*wallets, "maxWithdrawAmount"), value),
        "assets": assets,
        "positions": held,
    }


def _positions(exchange: MiniExchange) -> list[dict[str, Any]]:
    """Only what is held; the margin mode shows in the isolated margin alone."""
    if exchange.held == ZERO:
        return []
    margin = plain(abs(exchange.held) * PRICE / exchange.leverage)
    return [
        {
            "symbol": "BTCUSDT",
            "positionSide": "BOTH",
            "positionAmt": plain(exchange.held),
            "entryPrice": plain(PRICE),
            "breakEvenPrice": plain(PRICE),
            "markPrice": plain(PRICE),
            "unRealizedProfit": NOTHING,
            "liquidationPrice": "0",
            "isolatedMargin": margin if exchange.margin_mode == "isolated" else "0",
            "notional": plain(exchange.held * PRICE),
            "marginAsset": "USDT",
            "isolatedWallet": margin if exchange.margin_mode == "isolated" else "0",
            "initialMargin": margin,
            "maintMargin": "0",
            "positionInitialMargin": margin,
            "openOrderInitialMargin": "0",
            "adl": "2",
            "bidNotional": "0",
            "askNotional": "0",
            "updateTime": exchange.now_ms(),
        }
    ]


def _config(exchange: MiniExchange) -> dict[str, Any]:
    mode = "ISOLATED" if exchange.margin_mode == "isolated" else "CROSSED"
    more = {"isAutoAddMargin": False, "leverage": exchange.leverage, "maxNotionalValue": "100000000"}
    return {"symbol": "BTCUSDT", "marginType": mode, **more}


def _ticker(now: int) -> dict[str, Any]:
    prices = dict.fromkeys(("weightedAvgPrice", "lastPrice", "openPrice", "highPrice", "lowPrice"), f"{PRICE:.2f}")
    change = {"symbol": "BTCUSDT", "priceChange": "0.00", "priceChangePercent": "0.000", "lastQty": "0.001"}
    volume = {"volume": "1.000", "quoteVolume": "50000.00", "openTime": now - 86_400_000, "closeTime": now}
    return {**change, **prices, **volume, "firstId": 1, "lastId": 2, "count": 2}


def _order(order: dict[str, Any]) -> dict[str, Any]:
    quantity = plain(order["quantity"])
    ids = {"orderId": int(order["id"]), "symbol": "BTCUSDT", "status": "FILLED", "clientOrderId": order["client_id"]}
    amounts = {"price": "0", "avgPrice": f"{PRICE:.2f}", "origQty": quantity, "executedQty": quantity}
    sums = {"cumQty": quantity, "cumQuote": plain(order["quantity"] * PRICE), "timeInForce": "GTC", "type": "MARKET"}
    sides = {"reduceOnly": order["reduce_only"], "side": order["side"].upper()}
    times = {"goodTillDate": 0, "time": order["at"], "updateTime": order["at"]}
    return {**ids, **amounts, **sums, **sides, **SETTINGS, **HABITS, **times}
