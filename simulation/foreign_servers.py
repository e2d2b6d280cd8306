"""Small servers in the documented shape of three further exchanges, for the general adapter.

Assumed throughout: the shapes are what ccxt 4.5.90 sends and reads, not recordings; signatures are not checked.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from core.model.money import ZERO, plain
from core.ports.clock import Clock
from paper.in_process import InProcessResponse
from paper.wire import Response

PRICE = Decimal(50_000)
TAKER_FEE = Decimal("0.0005")


class Refusal(Exception):
    """The server says no.

    Attributes:
        reason: insufficient, reduce, duplicate, minimum or unknown order.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class MiniExchange:
    """One BTC perpetual, one account, market orders that fill at once; quantities in coins.

    Attributes:
        clock: What time it is.
        wallet: In the settle coin.
        held: Signed coins.
        orders: By client id.
        leverage: Of the symbol.
        margin_mode: Of the symbol.
    """

    clock: Clock
    wallet: Decimal = Decimal(10_000)
    held: Decimal = ZERO
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    leverage: int = 20
    margin_mode: str = "cross"
    requests: list[str] = field(default_factory=list)
    refuse_next: str = ""

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return int(self.clock.now().timestamp() * 1000)

    def trade(self, client_id: str, side: str, quantity: Decimal, *, reduce_only: bool) -> dict[str, Any]:
        """Fill a market order.

        Raises:
            Refusal: With the reason, and nothing changed.
        """
        if self.refuse_next:
            reason, self.refuse_next = self.refuse_next, ""
            raise Refusal(reason)
        if client_id in self.orders:
            raise Refusal("duplicate")
        sign = 1 if side == "buy" else -1
        if reduce_only:
            if self.held * sign >= 0:
                raise Refusal("reduce")
            quantity = min(quantity, abs(self.held))
        elif quantity * PRICE / self.leverage > self.wallet:
            raise Refusal("insufficient")
        self.held += quantity * sign
        self.wallet -= quantity * PRICE * TAKER_FEE
        order = {
            "id": str(1000 + len(self.orders)),
            "client_id": client_id,
            "side": side,
            "quantity": quantity,
            "reduce_only": reduce_only,
            "at": self.now_ms(),
        }
        self.orders[client_id] = order
        return order

    def order(self, client_id: str) -> dict[str, Any]:
        """An order by its client id.

        Raises:
            Refusal: If there is none.
        """
        if client_id not in self.orders:
            raise Refusal("unknown order")
        return self.orders[client_id]


Handler = Callable[[MiniExchange, str, str, dict[str, Any]], tuple[int, Any]]


class MiniSession:
    """The part of aiohttp.ClientSession that ccxt uses, answered by a handler; any fault is a cut connection."""

    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, exchange: MiniExchange, handler: Handler) -> None:
        self.exchange = exchange
        self._handler = handler
        self.is_cut = False

    def get(self, url: object, **options: Any) -> "_Answer":  # noqa: ANN401 - as aiohttp
        """A GET."""
        return _Answer(self, "GET", str(url), options)

    def post(self, url: object, **options: Any) -> "_Answer":  # noqa: ANN401 - as aiohttp
        """A POST."""
        return _Answer(self, "POST", str(url), options)

    def answer(self, method: str, url: str, body: bytes | None) -> InProcessResponse:
        """What the server says."""
        parts = urlsplit(url)
        text = (body or b"").decode()
        params: dict[str, Any] = dict(parse_qsl(parts.query))
        told = json.loads(text) if text.startswith(("{", "[")) else dict(parse_qsl(text))
        params.update(told[0] if isinstance(told, list) else told)
        self.exchange.requests.append(f"{method} {parts.path}")
        if self.is_cut:
            raise aiohttp.ServerDisconnectedError
        status, answer = self._handler(self.exchange, method, parts.path, params)
        return InProcessResponse(Response(status, json.dumps(answer)), url)


class _Answer:
    def __init__(self, session: MiniSession, method: str, url: str, options: dict[str, Any]) -> None:
        self._session, self._method, self._url, self._options = session, method, url, options

    async def __aenter__(self) -> InProcessResponse:
        return self._session.answer(self._method, self._url, self._options.get("data"))

    async def __aexit__(self, *_: object) -> None:
        return None


BINANCE_CODES = {"insufficient": -2019, "reduce": -2022, "duplicate": -4116, "minimum": -4164, "unknown order": -2013}


def binance(exchange: MiniExchange, method: str, path: str, params: dict[str, Any]) -> tuple[int, Any]:
    """Binance USD-M futures, /fapi."""
    try:
        return 200, _binance(exchange, method, path, params)
    except Refusal as refusal:
        return 400, {"code": BINANCE_CODES.get(refusal.reason, -9999), "msg": refusal.reason}


def _binance(exchange: MiniExchange, method: str, path: str, params: dict[str, Any]) -> Any:  # noqa: ANN401, C901, PLR0911 - a table of endpoints
    match method, path.rpartition("/")[2]:
        case _, "exchangeInfo":
            filters = [
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
                {"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "1000000", "tickSize": "0.1"},
                {"filterType": "MIN_NOTIONAL", "notional": "100"},
            ]
            market = {"symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING"}
            coins: dict[str, Any] = {
                "baseAsset": "BTC",
                "quoteAsset": "USDT",
                "marginAsset": "USDT",
                "quantityPrecision": 3,
            }
            coins["orderTypes"] = ["LIMIT", "MARKET"]
            return {"symbols": [{**market, **coins, "pricePrecision": 1, "filters": filters}]}
        case _, "time":
            return {"serverTime": exchange.now_ms()}
        case _, "account":
            asset = {"asset": "USDT", "walletBalance": plain(exchange.wallet), "unrealizedProfit": "0"}
            more = {"marginBalance": plain(exchange.wallet), "availableBalance": plain(exchange.wallet)}
            return {"assets": [{**asset, **more}], "positions": []}
        case _, "positionRisk":
            held: dict[str, Any] = {
                "symbol": "BTCUSDT",
                "positionAmt": plain(exchange.held),
                "entryPrice": plain(PRICE),
            }
            modes = {"positionSide": "BOTH", "marginType": exchange.margin_mode, "leverage": str(exchange.leverage)}
            money = {"markPrice": plain(PRICE), "unRealizedProfit": "0", "liquidationPrice": "0", "isolatedMargin": "0"}
            when: dict[str, Any] = {
                "notional": plain(exchange.held * PRICE),
                "isolatedWallet": "0",
                "updateTime": exchange.now_ms(),
            }
            return [{**held, **modes, **money, **when}]
        case _, "symbolConfig":
            kind = "ISOLATED" if exchange.margin_mode == "isolated" else "CROSSED"
            return [{"symbol": "BTCUSDT", "marginType": kind, "leverage": exchange.leverage}]
        case "POST", "leverage":
            exchange.leverage = int(params["leverage"])
            return {"leverage": exchange.leverage, "symbol": "BTCUSDT"}
        case "POST", "marginType":
            exchange.margin_mode = "isolated" if params["marginType"] == "ISOLATED" else "cross"
            return {"code": 200, "msg": "success"}
        case _, "leverageBracket":
            bracket: dict[str, Any] = {"bracket": 1, "initialLeverage": 125, "notionalCap": 50_000, "notionalFloor": 0}
            return [{"symbol": "BTCUSDT", "brackets": [{**bracket, "maintMarginRatio": 0.004, "cum": 0.0}]}]
        case _, "24hr":
            return {"symbol": "BTCUSDT", "lastPrice": plain(PRICE), "closeTime": exchange.now_ms()}
        case "POST", "order":
            side, quantity = params["side"].lower(), Decimal(params["quantity"])
            reduce_only = str(params.get("reduceOnly")).lower() == "true"
            return _binance_order(exchange.trade(params["newClientOrderId"], side, quantity, reduce_only=reduce_only))
        case "GET", "order":
            return _binance_order(exchange.order(params["origClientOrderId"]))
    raise Refusal(f"{method} {path}")


def _binance_order(order: dict[str, Any]) -> dict[str, Any]:
    return {
        "orderId": int(order["id"]),
        "clientOrderId": order["client_id"],
        "symbol": "BTCUSDT",
        "side": order["side"].upper(),
        "type": "MARKET",
        "status": "FILLED",
        "origQty": plain(order["quantity"]),
        "executedQty": plain(order["quantity"]),
        "avgPrice": plain(PRICE),
        "cumQuote": plain(order["quantity"] * PRICE),
        "reduceOnly": order["reduce_only"],
        "time": order["at"],
        "updateTime": order["at"],
    }


OKX_CODES = {"insufficient": 51008, "reduce": 51169, "duplicate": 51016, "minimum": 51020, "unknown order": 51603}
OKX_CONTRACT = Decimal("0.01")


def okx(exchange: MiniExchange, method: str, path: str, params: dict[str, Any]) -> tuple[int, Any]:
    """OKX v5; sizes are contracts of 0.01 coins; the order carries the margin mode as tdMode."""
    try:
        return 200, {"code": "0", "msg": "", "data": _okx(exchange, method, path.partition("/v5/")[2], params)}
    except Refusal as refusal:
        code = str(OKX_CODES.get(refusal.reason, 59999))
        if method == "POST":
            return 200, {"code": "1", "msg": "", "data": [{"sCode": code, "sMsg": refusal.reason, "ordId": ""}]}
        return 200, {"code": code, "msg": refusal.reason, "data": []}


def _okx(exchange: MiniExchange, method: str, path: str, params: Any) -> list[Any]:  # noqa: ANN401, C901, PLR0911 - a table of endpoints
    name = {"instId": "BTC-USDT-SWAP", "instType": "SWAP"}
    match method, path:
        case _, "public/instruments":
            if params.get("instType") != "SWAP":
                return []
            size = {"ctVal": plain(OKX_CONTRACT), "ctMult": "1", "lotSz": "1", "minSz": "1", "tickSz": "0.1"}
            more = {"ctType": "linear", "settleCcy": "USDT", "uly": "BTC-USDT", "state": "live", "lever": "100"}
            return [{**name, **size, **more, "maxMktSz": "10000", "baseCcy": "", "quoteCcy": "", "ctValCcy": "BTC"}]
        case _, "public/time":
            return [{"ts": str(exchange.now_ms())}]
        case _, "account/balance":
            detail = {"ccy": "USDT", "eq": plain(exchange.wallet), "upl": "0", "availEq": "1", "availBal": "1"}
            return [{"details": [{**detail, "frozenBal": "0", "uTime": "1"}], "uTime": str(exchange.now_ms())}]
        case _, "account/positions":
            if exchange.held == ZERO:
                return []
            size = {"pos": plain(exchange.held / OKX_CONTRACT), "posSide": "net", "mgnMode": exchange.margin_mode}
            money = {"avgPx": plain(PRICE), "upl": "0", "lever": str(exchange.leverage), "uTime": "1", "cTime": "1"}
            return [{**name, **size, **money, "notionalUsd": "0", "imr": "", "mmr": "0", "margin": "1", "markPx": "1"}]
        case _, "account/leverage-info":
            return [{**name, "mgnMode": params["mgnMode"], "posSide": "net", "lever": str(exchange.leverage)}]
        case "POST", "account/set-leverage":
            exchange.leverage = int(params["lever"])
            return [{**name, "lever": params["lever"], "mgnMode": params["mgnMode"], "posSide": "net"}]
        case _, "market/ticker" | "market/tickers":
            return [{**name, "last": plain(PRICE), "bidPx": "49999", "askPx": "50001", "ts": str(exchange.now_ms())}]
        case "POST", "trade/order" | "trade/batch-orders":
            exchange.margin_mode = params["tdMode"]
            quantity = Decimal(str(params["sz"])) * OKX_CONTRACT
            order = exchange.trade(
                params["clOrdId"], params["side"], quantity, reduce_only=bool(params.get("reduceOnly"))
            )
            return [{"ordId": order["id"], "clOrdId": order["client_id"], "sCode": "0", "sMsg": ""}]
        case "GET", "trade/order":
            order = exchange.order(params["clOrdId"])
            contracts = plain(order["quantity"] / OKX_CONTRACT)
            ids = {"ordId": order["id"], "clOrdId": order["client_id"], "side": order["side"], "state": "filled"}
            fills = {"sz": contracts, "accFillSz": contracts, "avgPx": plain(PRICE), "ordType": "market", "px": ""}
            return [
                {**name, **ids, **fills, "reduceOnly": str(order["reduce_only"]).lower(), "cTime": str(order["at"])}
            ]
    raise Refusal(f"{method} {path}")


HYPERLIQUID_ERRORS = {
    "insufficient": "Insufficient margin to place order. asset=0",
    "reduce": "Reduce only order would increase position. asset=0",
    "duplicate": "Cloid already exists",
    "minimum": "Order must have minimum value of $10. asset=0",
}


def hyperliquid(exchange: MiniExchange, method: str, path: str, params: dict[str, Any]) -> tuple[int, Any]:
    """Hyperliquid: everything is a POST to /info or /exchange; USDC is the settle coin."""
    del method
    try:
        if path.endswith("/info"):
            return 200, _hyperliquid_info(exchange, params)
        return 200, {"status": "ok", "response": _hyperliquid_action(exchange, params["action"])}
    except Refusal as refusal:
        if refusal.reason == "unknown order":
            return 200, {"status": "unknownOid"}
        error = {"error": HYPERLIQUID_ERRORS.get(refusal.reason, refusal.reason)}
        return 200, {"status": "ok", "response": {"type": "order", "data": {"statuses": [error]}}}


def _hyperliquid_info(exchange: MiniExchange, params: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    match params["type"]:
        case "metaAndAssetCtxs":
            context = {
                "markPx": plain(PRICE),
                "midPx": plain(PRICE),
                "oraclePx": plain(PRICE),
                "prevDayPx": plain(PRICE),
            }
            more = {"dayNtlVlm": "1", "funding": "0", "openInterest": "1", "impactPxs": ["49999", "50001"]}
            return [{"universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}]}, [{**context, **more}]]
        case "clearinghouseState":
            value = {
                "accountValue": plain(exchange.wallet),
                "totalMarginUsed": "0",
                "totalNtlPos": "0",
                "totalRawUsd": "0",
            }
            sums = {"marginSummary": value, "crossMarginSummary": value, "withdrawable": plain(exchange.wallet)}
            return {**sums, "assetPositions": _hyperliquid_positions(exchange), "time": exchange.now_ms()}
        case "userAbstraction":
            return "disabled"
        case "orderStatus":
            order = exchange.order(params["oid"])
            size = plain(order["quantity"])
            ids = {"oid": int(order["id"]), "cloid": order["client_id"], "coin": "BTC", "timestamp": order["at"]}
            side = "B" if order["side"] == "buy" else "A"
            told = {"side": side, "limitPx": plain(PRICE), "sz": "0.0", "origSz": size, "orderType": "Market"}
            inner = {**ids, **told, "tif": "FrontendMarket", "reduceOnly": order["reduce_only"]}
            return {"status": "order", "order": {"order": inner, "status": "filled", "statusTimestamp": order["at"]}}
    raise Refusal(f"info {params['type']}")


def _hyperliquid_positions(exchange: MiniExchange) -> list[Any]:
    if exchange.held == ZERO:
        return []
    leverage = {"type": exchange.margin_mode, "value": exchange.leverage}
    money = {"entryPx": plain(PRICE), "positionValue": plain(abs(exchange.held) * PRICE), "unrealizedPnl": "0"}
    more = {"liquidationPx": None, "marginUsed": "1", "returnOnEquity": "0", "maxLeverage": 40}
    return [
        {
            "position": {"coin": "BTC", "szi": plain(exchange.held), "leverage": leverage, **money, **more},
            "type": "oneWay",
        }
    ]


def _hyperliquid_action(exchange: MiniExchange, action: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
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
