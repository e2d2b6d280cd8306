"""BloFin's public endpoints: time, instruments, tickers, mark price, book, funding."""

from collections.abc import Sequence
from decimal import Decimal

from core.model.money import ZERO, plain
from paper.exchange import MarketState, PaperExchange
from paper.markets import LISTED_AT_MS, PaperMarket
from paper.wire import Call, Route
from paper.world import FUNDING_INTERVAL_MS

STATE = {MarketState.LIVE: "live", MarketState.HALTED: "suspend", MarketState.DELISTED: "suspend"}


def long_text(number: Decimal) -> str:
    """A number with BloFin's 18 decimals."""
    return format(number, ".18f")


def asked_markets(call: Call) -> Sequence[PaperMarket]:
    """The market named by `instId`, or all that are listed."""
    wanted = call.text("instId")
    if wanted:
        return [call.exchange.market(wanted)]
    exchange = call.exchange
    return [market for name, market in exchange.markets.items() if exchange.state(name) is not MarketState.DELISTED]


def read_time(call: Call) -> object:
    """Server time."""
    return {"ts": str(call.exchange.server_ms())}


def read_instruments(call: Call) -> object:
    """Listed perpetuals."""
    return [_instrument(call.exchange, market) for market in asked_markets(call)]


def read_tickers(call: Call) -> object:
    """Prices of one or all; no mark price."""
    return [_ticker(call.exchange, market) for market in asked_markets(call)]


def read_mark_prices(call: Call) -> object:
    """Mark and index price."""
    rows = []
    for market in asked_markets(call):
        quote = call.exchange.quote(market.symbol)
        index = plain(quote.index.quantize(market.tick))
        rows.append(
            {"instId": market.symbol, "indexPrice": index, "markPrice": plain(quote.mark), "ts": str(quote.at_ms)}
        )
    return rows


def read_book(call: Call) -> object:
    """Both sides, best first."""
    symbol = call.required("instId")
    depth = call.whole("size", 1, 100)
    sides = {}
    for name, side in (("asks", "ask"), ("bids", "bid")):
        levels = call.exchange.levels(symbol, side)
        sides[name] = [
            [plain(level.price), plain(level.quantity)] for _, level in zip(range(depth), levels, strict=False)
        ]
    return [{**sides, "ts": str(call.exchange.server_ms())}]


def read_funding_rate(call: Call) -> object:
    """The coming funding."""
    now_ms = call.exchange.server_ms()
    due_ms = (now_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS
    return [
        {
            "instId": market.symbol,
            "fundingRate": plain(call.exchange.funding_rate(market.symbol, due_ms)),
            "fundingTime": str(due_ms),
        }
        for market in asked_markets(call)
    ]


def _instrument(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    return {
        "instId": market.symbol,
        "baseCurrency": market.base,
        "quoteCurrency": "USDT",
        "contractValue": plain(market.contract_size),
        "listTime": str(LISTED_AT_MS),
        "expireTime": "4070908800000",
        "maxLeverage": plain(market.max_leverage),
        "minSize": plain(market.min_quantity),
        "lotSize": plain(market.lot_step),
        "tickSize": plain(market.tick),
        "instType": "SWAP",
        "contractType": "linear",
        "maxLimitSize": plain(market.max_limit_quantity),
        "maxMarketSize": plain(market.max_market_quantity),
        "state": STATE[exchange.state(market.symbol)],
        "settleCurrency": "USDT",
    }


def _ticker(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    quote = exchange.quote(market.symbol)
    before = exchange.world.day_before(exchange.name, market, quote.at_ms)
    volume = market.max_market_quantity * 40
    return {
        "instId": market.symbol,
        "last": plain(quote.last),
        "lastSize": plain(market.min_quantity),
        "askPrice": plain(quote.ask),
        "askSize": plain(_top_size(exchange, market.symbol, "ask")),
        "bidPrice": plain(quote.bid),
        "bidSize": plain(_top_size(exchange, market.symbol, "bid")),
        "high24h": plain(max(quote.last, before)),
        "open24h": plain(before),
        "low24h": plain(min(quote.last, before)),
        "volCurrency24h": plain(volume * market.contract_size),
        "vol24h": plain(volume),
        "ts": str(quote.at_ms),
    }


def _top_size(exchange: PaperExchange, symbol: str, side: str) -> Decimal:
    level = next(exchange.levels(symbol, side), None)
    return level.quantity if level else ZERO


MARKET_ROUTES = (
    Route("GET", "/api/v1/public/time", "time", read_time),
    Route("GET", "/api/v1/market/instruments", "markets", read_instruments),
    Route("GET", "/api/v1/market/tickers", "tickers", read_tickers),
    Route("GET", "/api/v1/market/mark-price", "mark_price", read_mark_prices),
    Route("GET", "/api/v1/market/books", "book", read_book),
    Route("GET", "/api/v1/market/funding-rate", "funding_rate", read_funding_rate),
)
