"""A small OKX server, /api/v5, in the recorded shape of its answers; sizes are contracts of 0.01 coins."""

from decimal import Decimal
from typing import Any

from core.model.money import ZERO, plain
from simulation.foreign_servers import PRICE, MiniExchange, Refusal

CODES = {"insufficient": 51008, "reduce": 51169, "duplicate": 51016, "minimum": 51020, "unknown order": 51603}
CONTRACT = Decimal("0.01")
NAME = {"instId": "BTC-USDT-SWAP", "instType": "SWAP"}


def _same(value: str, names: str) -> dict[str, Any]:
    """Fields that all hold the same."""
    return dict.fromkeys(names.split(), value)


INSTRUMENT = {
    **_same("", "alias auctionEndTime baseCcy contTdSwTime expTime maxMktAmt maxPlatOILmt openType optType posLmtAmt"),
    **_same("", "posLmtPct preMktSwTime quoteCcy stk"),
    **NAME,
    "category": "1",
    "ctMult": "1",
    "ctType": "linear",
    "ctVal": plain(CONTRACT),
    "ctValCcy": "BTC",
    "futureSettlement": False,
    "instFamily": "BTC-USDT",
    "instIdCode": 10459,
    "lever": "100",
    "uly": "BTC-USDT",
    "listTime": "1573557408000",
    "lotSz": "1",
    "minSz": "1",
    "tickSz": "0.1",
    "maxMktSz": "10000",
    **dict.fromkeys(("maxIcebergSz", "maxLmtAmt", "maxLmtSz", "maxStopSz", "maxTriggerSz", "maxTwapSz"), "100000000"),
    "ruleType": "normal",
    "settleCcy": "USDT",
    "state": "live",
    "tradeQuoteCcyList": [],
}
BALANCE_DETAIL = {
    **_same("", "accAvgPx borrowFroz clSpotInUseAmt crossLiab interest isoLiab liab maxLoan maxSpotInUseAmt mgnRatio"),
    **_same("", "openAvgPx spotBal spotInUseAmt spotUpl spotUplRatio totalPnl totalPnlRatio uplLiab"),
    **_same("0", "fixedBal frozenBal imr isoEq isoUpl mmr notionalLever ordFrozen rewardBal smtSyncEq"),
    **_same("0", "spotCopyTradingEq spotIsoBal stgyEq twap upl"),
    "ccy": "USDT",
    "collateralEnabled": False,
    "uTime": "1744498994783",
}
BALANCE = {
    **_same("", "adjEq borrowFroz imr mgnRatio mmr notionalUsd notionalUsdForBorrow notionalUsdForFutures"),
    **_same("", "notionalUsdForOption notionalUsdForSwap ordFroz upl"),
    "isoEq": "0",
}
POSITION = {
    **_same(
        "", "baseBal baseBorrowed baseInterest bizRefId bizRefType clSpotInUseAmt deltaBS deltaPA gammaBS gammaPA imr"
    ),
    **_same("", "interest liab liabCcy maxSpotInUseAmt optVal pendingCloseOrdLiabVal posCcy quoteBal quoteBorrowed"),
    **_same("", "quoteInterest spotInUseAmt spotInUseCcy thetaBS thetaPA usdPx vegaBS vegaPA liqPx"),
    **_same("0", "fee fundingFee liqPenalty mmr pnl realizedPnl upl uplLastPx uplRatio uplRatioLastPx"),
    "adl": "1",
    "ccy": "USDT",
    "closeOrderAlgo": [],
    "mgnRatio": "10",
    "posId": "1",
    "tradeId": "1",
    **dict.fromkeys(("avgPx", "bePx", "idxPx", "last", "markPx"), plain(PRICE)),
}
ORDER = {
    **_same(
        "", "algoClOrdId algoId attachAlgoClOrdId cancelSource cancelSourceReason px pxType pxUsd pxVol quickMgnType"
    ),
    **_same("", "slOrdPx slTriggerPx slTriggerPxType source stpId tag tgtCcy tpOrdPx tpTriggerPx tpTriggerPxType"),
    **NAME,
    "attachAlgoOrds": [],
    "category": "normal",
    "ccy": "USDT",
    "fee": "-0.5",
    "feeCcy": "USDT",
    "pnl": "0",
    "isTpLimit": "false",
    "linkedAlgoOrd": {"algoId": ""},
    "ordType": "market",
    "posSide": "net",
    "rebate": "0",
    "rebateCcy": "USDT",
    "state": "filled",
    "stpMode": "cancel_maker",
    "tradeId": "1",
    **dict.fromkeys(("avgPx", "fillPx"), plain(PRICE)),
}
TICKER = {
    **NAME,
    "last": plain(PRICE),
    "lastSz": "0.1",
    "askPx": "50001",
    "askSz": "11",
    "bidPx": "49999",
    "bidSz": "5",
    **_same(plain(PRICE), "open24h high24h low24h volCcy24h vol24h sodUtc0 sodUtc8"),
}
CONFIG = {
    **_same("", "levelTmp spotOffsetType ip"),
    "acctLv": "2",
    "acctStpMode": "cancel_maker",
    "autoLoan": False,
    "ctIsoMode": "automatic",
    "greeksType": "PA",
    "level": "Lv1",
    "mgnIsoMode": "automatic",
    "uid": "1",
    "label": "main",
    "roleType": "0",
    "traderInsts": [],
    "spotRoleType": "0",
    "spotTraderInsts": [],
    "opAuth": "0",
    "kycLv": "3",
    "mainUid": "1",
    "perm": "read_only,trade",
}


def okx(exchange: MiniExchange, method: str, path: str, params: dict[str, Any]) -> tuple[int, Any]:
    """What the server answers; a refused order has its own code inside the data."""
    name = path.partition("/v5/")[2]
    try:
        data = _write(exchange, name, params) if method == "POST" else _read(exchange, name, params)
    except Refusal as refusal:
        code = str(CODES.get(refusal.reason, 59999))
        if method != "POST":
            return 200, {"code": code, "msg": refusal.reason, "data": []}
        told = {"ordId": "", "clOrdId": "", "tag": "", "sCode": code, "sMsg": refusal.reason}
        return 200, {"code": "1", "msg": "All operations failed", "data": [{**told, "ts": str(exchange.now_ms())}]}
    when = (
        {"inTime": f"{exchange.now_ms()}000", "outTime": f"{exchange.now_ms()}001"} if name.startswith("trade") else {}
    )
    return 200, {"code": "0", "msg": "", "data": data, **when}


def _read(exchange: MiniExchange, name: str, params: dict[str, Any]) -> list[Any]:
    now = str(exchange.now_ms())
    answers: dict[str, list[Any]] = {
        "public/instruments": [INSTRUMENT] if params.get("instType") == "SWAP" else [],
        "public/time": [{"ts": now}],
        "account/balance": [_balance(exchange)],
        "account/positions": _positions(exchange),
        "account/config": [{**CONFIG, "posMode": "long_short_mode" if exchange.is_hedged else "net_mode"}],
        "account/leverage-info": [
            {
                "instId": NAME["instId"],
                "mgnMode": params.get("mgnMode"),
                "posSide": "net",
                "lever": str(exchange.leverage),
            }
        ],
        "market/ticker": [{**TICKER, "ts": now}],
        "market/tickers": [{**TICKER, "ts": now}],
        "market/books": [{"asks": [["50000.1", "2", "0", "1"]], "bids": [["49999.9", "1", "0", "1"]], "ts": now}],
        "trade/orders-history": [_order(order) for order in exchange.orders.values()],
    }
    if name == "trade/order":
        return [_order(exchange.order(params["clOrdId"]))]
    if name not in answers:
        raise Refusal(name)
    return answers[name]


def _write(exchange: MiniExchange, name: str, params: dict[str, Any]) -> list[Any]:
    if name == "account/set-leverage":
        exchange.leverage = int(params["lever"])
        told = {"lever": str(params["lever"]), "mgnMode": params["mgnMode"], "posSide": "net"}
        return [{"instId": NAME["instId"], **told}]
    if name == "account/set-position-mode":
        exchange.is_hedged = params["posMode"] == "long_short_mode"
        return [{"posMode": params["posMode"]}]
    if name in ("trade/order", "trade/batch-orders"):
        exchange.margin_mode = params["tdMode"]
        quantity = Decimal(str(params["sz"])) * CONTRACT
        order = exchange.trade(params["clOrdId"], params["side"], quantity, reduce_only=bool(params.get("reduceOnly")))
        told = {"ordId": order["id"], "clOrdId": order["client_id"], "sCode": "0", "sMsg": "Order placed", "tag": ""}
        return [{**told, "ts": str(exchange.now_ms())}]
    raise Refusal(name)


def _balance(exchange: MiniExchange) -> dict[str, Any]:
    value = plain(exchange.wallet)
    amounts = _same(value, "availBal availEq cashBal disEq eq eqUsd")
    return {**BALANCE, "details": [{**BALANCE_DETAIL, **amounts}], "totalEq": value, "uTime": str(exchange.now_ms())}


def _positions(exchange: MiniExchange) -> list[dict[str, Any]]:
    if exchange.held == ZERO:
        return []
    size, at = plain(exchange.held / CONTRACT), str(exchange.now_ms())
    worth = plain(abs(exchange.held) * PRICE)
    told = {"pos": size, "availPos": size, "posSide": "net", "mgnMode": exchange.margin_mode, "notionalUsd": worth}
    return [{**POSITION, **NAME, **told, "lever": str(exchange.leverage), "margin": "1", "uTime": at, "cTime": at}]


def _order(order: dict[str, Any]) -> dict[str, Any]:
    size = plain(order["quantity"] / CONTRACT)
    ids = {"ordId": order["id"], "clOrdId": order["client_id"], "side": order["side"], "tdMode": "isolated"}
    more = {"reduceOnly": str(order["reduce_only"]).lower(), "lever": "3"}
    sizes = dict.fromkeys(("sz", "accFillSz", "fillSz"), size)
    return {**ORDER, **ids, **more, **sizes, **dict.fromkeys(("cTime", "uTime", "fillTime"), str(order["at"]))}
