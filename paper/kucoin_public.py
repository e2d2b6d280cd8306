"""What KuCoin Futures tells everybody: contracts, prices, books and risk tiers.

Numbers are JSON numbers or text exactly where the exchange's own answers have them; tickers and books stamp
nanoseconds.
"""

from decimal import Decimal
from itertools import islice

from core.model.money import ONE, ZERO, divide, plain
from paper.exchange import MarketState, PaperExchange
from paper.markets import LISTED_AT_MS, PaperMarket
from paper.refusals import Reason, Refused
from paper.wire import Call, Route
from paper.world import FUNDING_INTERVAL_MS, Level

FULL_BOOK_LEVELS = 100
PRICE_BAND_SHARE = Decimal("0.05")
_STATUS = {MarketState.LIVE: "Open", MarketState.HALTED: "Paused", MarketState.DELISTED: "Closed"}
_SETTLE = "USDT"


def read_time(call: Call) -> object:
    """The server's clock in milliseconds."""
    return call.exchange.server_ms()


def read_status(_: Call) -> object:
    """Whether the service is open."""
    return {"status": "open", "msg": ""}


def list_contracts(call: Call) -> object:
    """Every contract that is not delisted."""
    exchange = call.exchange
    return [
        contract_row(exchange, market)
        for market in exchange.markets.values()
        if exchange.state(market.symbol) is not MarketState.DELISTED
    ]


def read_contract(call: Call) -> object:
    """One contract."""
    return contract_row(call.exchange, call.exchange.market(call.path_values["symbol"]))


def read_ticker(call: Call) -> object:
    """Last trade and best bid and ask of one contract."""
    return ticker_row(call.exchange, call.required("symbol"))


def list_tickers(call: Call) -> object:
    """Last trade and best bid and ask of every contract."""
    return [ticker_row(call.exchange, symbol) for symbol in call.exchange.markets]


def read_mark_price(call: Call) -> object:
    """Mark and index price of one contract."""
    symbol = call.path_values["symbol"]
    quote = call.exchange.quote(symbol)
    return {
        "symbol": symbol,
        "granularity": 1000,
        "timePoint": call.exchange.now_ms() // 1000 * 1000,
        "value": quote.mark,
        "indexPrice": quote.index,
    }


def read_funding_rate(call: Call) -> object:
    """The funding rate of the running interval."""
    symbol = call.path_values["symbol"]
    call.exchange.market(symbol)
    due_ms = _next_funding_ms(call.exchange)
    rate = call.exchange.funding_rate(symbol, due_ms)
    return {
        "symbol": f".{symbol}FPI8H",
        "granularity": FUNDING_INTERVAL_MS,
        "timePoint": due_ms - FUNDING_INTERVAL_MS,
        "value": rate,
        "predictedValue": rate,
    }


def read_full_book(call: Call) -> object:
    """The whole book of one contract."""
    return _book(call.exchange, call.required("symbol"), FULL_BOOK_LEVELS)


def read_part_book(call: Call) -> object:
    """The first 20 or 100 levels of the book."""
    depth = call.path_values["depth"]
    if depth not in {"depth20", "depth100"}:
        raise Refused(Reason.UNKNOWN_ENDPOINT, depth)
    return _book(call.exchange, call.required("symbol"), int(depth.removeprefix("depth")))


def list_risk_limits(call: Call) -> object:
    """The risk tiers of one contract."""
    market = call.exchange.market(call.path_values["symbol"])
    rows, lower = [], ZERO
    for level, tier in enumerate(market.brackets, start=1):
        rows.append(
            {
                "symbol": market.symbol,
                "level": level,
                "maxRiskLimit": int(tier.up_to_notional),
                "minRiskLimit": int(lower),
                "maxLeverage": int(tier.max_leverage),
                "initialMargin": _rate(divide(ONE, tier.max_leverage)),
                "maintainMargin": _rate(tier.maintenance_rate),
            }
        )
        lower = tier.up_to_notional
    return rows


def contract_row(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    """One contract as `contracts/active` lists it."""
    return _contract_terms(exchange, market) | _contract_prices(exchange, market)


def ticker_row(exchange: PaperExchange, symbol: str) -> dict[str, object]:
    """One ticker; prices are text, sizes whole numbers, the time nanoseconds."""
    quote = exchange.quote(symbol)
    bid, ask = _best(exchange, symbol, "bid"), _best(exchange, symbol, "ask")
    return {
        "sequence": exchange.now_ms(),
        "symbol": symbol,
        "side": "buy",
        "size": 1,
        "tradeId": str(exchange.now_ms()),
        "price": plain(quote.last),
        "bestBidPrice": plain(bid.price),
        "bestBidSize": int(bid.quantity),
        "bestAskPrice": plain(ask.price),
        "bestAskSize": int(ask.quantity),
        "ts": exchange.now_ms() * 1_000_000,
    }


def _contract_terms(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    first = market.brackets[0]
    return {
        "symbol": market.symbol,
        "rootSymbol": _SETTLE,
        "type": "FFWCSX",
        "firstOpenDate": LISTED_AT_MS,
        "expireDate": None,
        "settleDate": None,
        "baseCurrency": market.base,
        "quoteCurrency": _SETTLE,
        "settleCurrency": _SETTLE,
        "maxOrderQty": int(market.max_limit_quantity),
        "marketMaxOrderQty": int(market.max_market_quantity),
        "maxPrice": 1_000_000.0,
        "lotSize": int(market.lot_step),
        "tickSize": market.tick,
        "indexPriceTickSize": market.tick,
        "multiplier": market.contract_size,
        "initialMargin": _rate(divide(ONE, first.max_leverage)),
        "maintainMargin": _rate(first.maintenance_rate),
        "maxRiskLimit": int(first.up_to_notional),
        "minRiskLimit": int(first.up_to_notional),
        "riskStep": int(first.up_to_notional) // 2,
        "makerFeeRate": exchange.rules.maker_fee,
        "takerFeeRate": exchange.rules.taker_fee,
        "takerFixFee": 0.0,
        "makerFixFee": 0.0,
        "settlementFee": None,
        "isDeleverage": True,
        "isQuanto": False,
        "isInverse": False,
        "markMethod": "FairPrice",
        "fairMethod": "FundingRate",
        "fundingBaseSymbol": f".{market.base}INT8H",
        "fundingQuoteSymbol": f".{_SETTLE}INT8H",
        "fundingBaseSymbol1M": f".{market.base}INT",
        "fundingQuoteSymbol1M": f".{_SETTLE}INT",
        "premiumsSymbol1M": f".{market.symbol}PI",
        "premiumsSymbol8H": f".{market.symbol}PI8H",
        "fundingRateSymbol": f".{market.symbol}FPI8H",
        "indexSymbol": f".K{market.base}USDT",
        "settlementSymbol": "",
        "status": _STATUS[exchange.state(market.symbol)],
        "fundingRateGranularity": FUNDING_INTERVAL_MS,
        "maxLeverage": int(market.max_leverage),
        "sourceExchanges": ["paper"],
        "supportCross": True,
    }


def _contract_prices(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    quote = exchange.quote(market.symbol)
    due_ms = _next_funding_ms(exchange)
    funding = exchange.funding_rate(market.symbol, due_ms)
    before = exchange.world.day_before(exchange.name, market, exchange.now_ms())
    volume = market.liquidity * 1_000_000
    return {
        "fundingFeeRate": funding,
        "predictedFundingFeeRate": funding,
        "nextFundingRateTime": due_ms - exchange.now_ms(),
        "openInterest": str(int(market.max_limit_quantity)),
        "turnoverOf24h": volume,
        "volumeOf24h": _rate(divide(volume, quote.last)),
        "markPrice": quote.mark,
        "indexPrice": quote.index,
        "lastTradePrice": quote.last,
        "lowPrice": min(quote.last, before),
        "highPrice": max(quote.last, before),
        "priceChgPct": round(divide(quote.last - before, before), 4),
        "priceChg": quote.last - before,
        "buyLimit": quote.mark * (ONE + PRICE_BAND_SHARE),
        "sellLimit": quote.mark * (ONE - PRICE_BAND_SHARE),
    }


def _book(exchange: PaperExchange, symbol: str, depth: int) -> dict[str, object]:
    exchange.market(symbol)
    return {
        "sequence": exchange.now_ms(),
        "symbol": symbol,
        "bids": [[level.price, int(level.quantity)] for level in islice(exchange.levels(symbol, "bid"), depth)],
        "asks": [[level.price, int(level.quantity)] for level in islice(exchange.levels(symbol, "ask"), depth)],
        "ts": exchange.now_ms() * 1_000_000,
    }


def _best(exchange: PaperExchange, symbol: str, side: str) -> Level:
    return next(iter(exchange.levels(symbol, side)))


def _next_funding_ms(exchange: PaperExchange) -> int:
    return (exchange.now_ms() // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS


def _rate(share: Decimal) -> Decimal:
    return round(share, 8)


PUBLIC_ROUTES = (
    Route("GET", "/api/v1/timestamp", "time", read_time),
    Route("GET", "/api/v1/status", "status", read_status),
    Route("GET", "/api/v1/contracts/active", "markets", list_contracts, weight=3),
    Route("GET", "/api/v1/contracts/{symbol}", "markets", read_contract, weight=3),
    Route("GET", "/api/v1/contracts/risk-limit/{symbol}", "risk_limits", list_risk_limits, weight=5),
    Route("GET", "/api/v1/ticker", "tickers", read_ticker, weight=2),
    Route("GET", "/api/v1/allTickers", "tickers", list_tickers, weight=5),
    Route("GET", "/api/v1/mark-price/{symbol}/current", "mark_price", read_mark_price, weight=3),
    Route("GET", "/api/v1/funding-rate/{symbol}/current", "funding_rate", read_funding_rate, weight=2),
    Route("GET", "/api/v1/level2/snapshot", "book", read_full_book, weight=3),
    Route("GET", "/api/v1/level2/{depth}", "book", read_part_book, weight=5),
)
"""Weights are the exchange's own."""
