"""Bybit's public endpoints: time, instruments, tickers, book, risk limits."""

from collections.abc import Sequence
from decimal import Context, Decimal

from core.model.money import ZERO, plain
from paper.exchange import MarketState, PaperExchange
from paper.markets import LISTED_AT_MS, PaperMarket
from paper.wire import Call, Route
from paper.world import FUNDING_INTERVAL_MS

DEFAULT_BOOK_DEPTH = 25
PRICE_DIGITS = 12
STATUS = {MarketState.LIVE: "Trading", MarketState.HALTED: "Settling", MarketState.DELISTED: "Closed"}


def page(rows: Sequence[object], call: Call, default: int, largest: int) -> dict[str, object]:
    """One page of rows in Bybit's manner: `limit`, `cursor`, `nextPageCursor` (empty on the last page)."""
    limit = call.whole("limit", default, largest)
    limit = min(limit, call.exchange.effects.largest_page or limit)
    cursor = call.text("cursor", "0")
    start = int(cursor) if cursor.isdecimal() else 0
    end = start + limit
    next_cursor = str(end) if end < len(rows) else ""
    return {"category": call.text("category", "linear"), "nextPageCursor": next_cursor, "list": rows[start:end]}


def price_text(price: Decimal) -> str:
    """An average price with as many digits as Bybit shows: 12 significant ones."""
    return plain(Context(prec=PRICE_DIGITS).plus(price))


def is_linear(call: Call) -> bool:
    """Whether the call asks about the one category that exists here; the others are empty."""
    return call.text("category", "linear") == "linear"


def read_time(call: Call) -> object:
    """Server time."""
    now_ms = call.exchange.server_ms()
    return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}


def read_instruments(call: Call) -> object:
    """Listed perpetuals; none in pre-launch."""
    if not is_linear(call) or call.text("status", "Trading") not in ("Trading", "Settling", "Closed"):
        return page([], call, 500, 1000)
    wanted = call.text("symbol")
    markets = [call.exchange.market(wanted)] if wanted else list(call.exchange.markets.values())
    rows = [_instrument(call.exchange, market) for market in markets]
    listed = [row for row in rows if wanted or row["status"] != "Closed"]
    return page(listed, call, 500, 1000)


def read_tickers(call: Call) -> object:
    """Prices of one or all."""
    if not is_linear(call):
        return {"category": call.text("category"), "list": []}
    wanted = call.text("symbol")
    markets = [call.exchange.market(wanted)] if wanted else list(call.exchange.markets.values())
    return {"category": "linear", "list": [_ticker(call.exchange, market) for market in markets]}


def read_book(call: Call) -> object:
    """Both sides, best first."""
    symbol = call.required("symbol")
    depth = call.whole("limit", DEFAULT_BOOK_DEPTH, 500)
    sides = {}
    for name, side in (("b", "bid"), ("a", "ask")):
        levels = call.exchange.levels(symbol, side)
        sides[name] = [
            [plain(level.price), plain(level.quantity)] for _, level in zip(range(depth), levels, strict=False)
        ]
    now_ms = call.exchange.server_ms()
    return {"s": symbol, **sides, "ts": now_ms, "u": now_ms // 100, "seq": now_ms // 10, "cts": now_ms}


def read_risk_limits(call: Call) -> object:
    """The tiers of one symbol or of all."""
    wanted = call.text("symbol")
    markets = [call.exchange.market(wanted)] if wanted else list(call.exchange.markets.values())
    rows = [
        {
            "id": level,
            "symbol": market.symbol,
            "riskLimitValue": plain(tier.up_to_notional),
            "maintenanceMargin": plain(tier.maintenance_rate),
            "initialMargin": plain((1 / tier.max_leverage).quantize(Decimal("0.0001"))),
            "isLowestRisk": int(level == 1),
            "maxLeverage": f"{tier.max_leverage:.2f}",
            "mmDeduction": "",
        }
        for market in markets
        for level, tier in enumerate(market.brackets, start=1)
    ]
    return {"category": "linear", "list": rows, "nextPageCursor": ""}


def _instrument(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    return {
        "symbol": market.symbol,
        "contractType": "LinearPerpetual",
        "status": STATUS[exchange.state(market.symbol)],
        "baseCoin": market.base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": str(LISTED_AT_MS),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(max(-market.tick.adjusted(), 0)),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{market.max_leverage:.2f}",
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": plain(market.tick),
            "maxPrice": plain(market.max_price),
            "tickSize": plain(market.tick),
        },
        "lotSizeFilter": {
            "maxOrderQty": plain(market.max_limit_quantity),
            "maxMktOrderQty": plain(market.max_market_quantity),
            "minOrderQty": plain(market.min_quantity),
            "qtyStep": plain(market.lot_step),
            "postOnlyMaxOrderQty": plain(market.max_limit_quantity),
            "minNotionalValue": plain(market.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": FUNDING_INTERVAL_MS // 60_000,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
    }


def _ticker(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    quote = exchange.quote(market.symbol)
    before = exchange.world.day_before(exchange.name, market, quote.at_ms)
    due_ms = (quote.at_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS
    volume = market.max_market_quantity * 40
    return {
        "symbol": market.symbol,
        "lastPrice": plain(quote.last),
        "indexPrice": plain(quote.index.quantize(market.tick)),
        "markPrice": plain(quote.mark),
        "prevPrice24h": plain(before),
        "price24hPcnt": plain(((quote.last - before) / before).quantize(Decimal("0.000001"))),
        "highPrice24h": plain(max(quote.last, before)),
        "lowPrice24h": plain(min(quote.last, before)),
        "prevPrice1h": plain(before),
        "openInterest": plain(volume),
        "openInterestValue": plain((volume * quote.mark).quantize(Decimal("0.01"))),
        "turnover24h": plain((volume * quote.last).quantize(Decimal("0.0001"))),
        "volume24h": plain(volume),
        "fundingRate": plain(exchange.funding_rate(market.symbol, due_ms)),
        "nextFundingTime": str(due_ms),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "bid1Price": plain(quote.bid),
        "bid1Size": plain(_top_size(exchange, market.symbol, "bid")),
        "ask1Price": plain(quote.ask),
        "ask1Size": plain(_top_size(exchange, market.symbol, "ask")),
        "basis": "",
    }


def _top_size(exchange: PaperExchange, symbol: str, side: str) -> Decimal:
    level = next(exchange.levels(symbol, side), None)
    return level.quantity if level else ZERO


MARKET_ROUTES = (
    Route("GET", "/v5/market/time", "time", read_time),
    Route("GET", "/v5/market/instruments-info", "markets", read_instruments),
    Route("GET", "/v5/market/tickers", "tickers", read_tickers),
    Route("GET", "/v5/market/orderbook", "book", read_book),
    Route("GET", "/v5/market/risk-limit", "risk_limits", read_risk_limits),
)
