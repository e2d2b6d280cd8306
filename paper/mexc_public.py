"""What MEXC tells everybody: contracts, prices, books, and the spot lists that ccxt always loads beside them.

Numbers are JSON numbers throughout; times are milliseconds. Prices carry no sizes in tickers.
"""

from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from core.model.money import ONE, divide
from paper.exchange import MarketState, PaperExchange
from paper.markets import LISTED_AT_MS, PaperMarket
from paper.wire import Call, Route
from paper.world import FUNDING_INTERVAL_MS

DEFAULT_BOOK_LEVELS = 100
LARGEST_BOOK = 1_000
PRICE_BAND_SHARE = Decimal("0.1")
SPOT_COINS = ("BTC", "ETH")
_STATES = {MarketState.LIVE: 0, MarketState.HALTED: 4, MarketState.DELISTED: 3}
_SETTLE = "USDT"


@dataclass(frozen=True, slots=True)
class Bare:
    """A payload that goes out without the contract API's envelope, as spot v3 answers."""

    payload: object


def read_time(call: Call) -> object:
    """The server's clock in milliseconds."""
    return call.exchange.server_ms()


def read_details(call: Call) -> object:
    """Every contract that is not delisted, or the one that is named (then not as a list)."""
    exchange = call.exchange
    if symbol := call.text("symbol"):
        return contract_row(exchange, exchange.market(symbol))
    return [
        contract_row(exchange, market)
        for market in exchange.markets.values()
        if exchange.state(market.symbol) is not MarketState.DELISTED
    ]


def read_tickers(call: Call) -> object:
    """Every ticker, or the one that is named (then not as a list)."""
    if symbol := call.text("symbol"):
        return ticker_row(call.exchange, call.exchange.market(symbol))
    return [ticker_row(call.exchange, market) for market in call.exchange.markets.values()]


def read_book(call: Call) -> object:
    """The book of one contract; each level is price, contracts, number of orders."""
    symbol = call.path_values["symbol"]
    depth = call.whole("limit", DEFAULT_BOOK_LEVELS, LARGEST_BOOK)
    levels = {
        side: [[level.price, int(level.quantity), 1] for level in islice(call.exchange.levels(symbol, side), depth)]
        for side in ("ask", "bid")
    }
    now_ms = call.exchange.now_ms()
    return {"asks": levels["ask"], "bids": levels["bid"], "version": now_ms, "timestamp": now_ms}


def read_index_price(call: Call) -> object:
    """The index price of one contract."""
    return _one_price(call, "indexPrice", call.exchange.quote(call.path_values["symbol"]).index)


def read_fair_price(call: Call) -> object:
    """The mark price of one contract, which the exchange calls fair."""
    return _one_price(call, "fairPrice", call.exchange.quote(call.path_values["symbol"]).mark)


def read_funding_rate(call: Call) -> object:
    """The funding rate of the running interval."""
    exchange, symbol = call.exchange, call.path_values["symbol"]
    exchange.market(symbol)
    due_ms = _next_funding_ms(exchange)
    return {
        "symbol": symbol,
        "fundingRate": exchange.funding_rate(symbol, due_ms),
        "maxFundingRate": Decimal("0.003"),
        "minFundingRate": Decimal("-0.003"),
        "collectCycle": 8,
        "nextSettleTime": due_ms,
        "timestamp": exchange.now_ms(),
    }


def read_spot_info(call: Call) -> object:
    """Spot v3: the two spot pairs of this world, beside which the contracts of the same coins must be told apart."""
    return Bare(
        {
            "timezone": "CST",
            "serverTime": call.exchange.server_ms(),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_spot_row(coin) for coin in SPOT_COINS],
        }
    )


def read_spot_coins(call: Call) -> object:
    """Spot v3: the coins of this world, without networks."""
    names = [_SETTLE, *dict.fromkeys(market.base for market in call.exchange.markets.values())]
    return Bare([{"coin": name, "name": name, "networkList": []} for name in names])


def contract_row(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    """One contract as `contract/detail` lists it."""
    state = exchange.state(market.symbol)
    first = market.brackets[0]
    risk_step = market.max_limit_quantity
    return {
        "symbol": market.symbol,
        "displayName": market.symbol,
        "displayNameEn": market.symbol,
        "positionOpenType": 3,
        "baseCoin": market.base,
        "quoteCoin": _SETTLE,
        "settleCoin": _SETTLE,
        "contractSize": market.contract_size,
        "minLeverage": 1,
        "maxLeverage": int(market.max_leverage),
        "priceScale": _scale(market.tick),
        "volScale": _scale(market.lot_step),
        "amountScale": 4,
        "priceUnit": market.tick,
        "volUnit": market.lot_step,
        "minVol": market.min_quantity,
        "maxVol": market.max_market_quantity,
        "limitMaxVol": market.max_limit_quantity,
        "bidLimitPriceRate": PRICE_BAND_SHARE,
        "askLimitPriceRate": PRICE_BAND_SHARE,
        "takerFeeRate": exchange.rules.taker_fee,
        "makerFeeRate": exchange.rules.maker_fee,
        "maintenanceMarginRate": round(first.maintenance_rate, 6),
        "initialMarginRate": round(divide(ONE, first.max_leverage), 6),
        "riskBaseVol": risk_step,
        "riskIncrVol": risk_step,
        "riskIncrMmr": round(first.maintenance_rate, 6),
        "riskIncrImr": round(first.maintenance_rate, 6),
        "riskLevelLimit": len(market.brackets),
        "priceCoefficientVariation": PRICE_BAND_SHARE,
        "indexOrigin": ["PAPER"],
        "state": _STATES[state],
        "isNew": False,
        "isHot": False,
        "isHidden": False,
        "apiAllowed": state is MarketState.LIVE,
        "createTime": LISTED_AT_MS,
    }


def ticker_row(exchange: PaperExchange, market: PaperMarket) -> dict[str, object]:
    """One ticker."""
    quote = exchange.quote(market.symbol)
    before = exchange.world.day_before(exchange.name, market, exchange.now_ms())
    value = market.liquidity * 1_000_000
    return {
        "symbol": market.symbol,
        "lastPrice": quote.last,
        "bid1": quote.bid,
        "ask1": quote.ask,
        "volume24": int(divide(value, quote.last * market.contract_size)),
        "amount24": value,
        "holdVol": int(market.max_limit_quantity),
        "lower24Price": min(quote.last, before),
        "high24Price": max(quote.last, before),
        "riseFallRate": round(divide(quote.last - before, before), 4),
        "riseFallValue": quote.last - before,
        "indexPrice": quote.index,
        "fairPrice": quote.mark,
        "fundingRate": exchange.funding_rate(market.symbol, _next_funding_ms(exchange)),
        "maxBidPrice": quote.mark * (ONE + PRICE_BAND_SHARE),
        "minAskPrice": quote.mark * (ONE - PRICE_BAND_SHARE),
        "timestamp": exchange.now_ms(),
    }


def _one_price(call: Call, name: str, price: Decimal) -> dict[str, object]:
    return {"symbol": call.path_values["symbol"], name: price, "timestamp": call.exchange.now_ms()}


def _next_funding_ms(exchange: PaperExchange) -> int:
    return (exchange.now_ms() // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS


def _scale(step: Decimal) -> int:
    return max(-step.normalize().adjusted(), 0)


def _spot_row(coin: str) -> dict[str, object]:
    return {
        "symbol": f"{coin}USDT",
        "status": "1",
        "baseAsset": coin,
        "baseAssetPrecision": 6,
        "quoteAsset": _SETTLE,
        "quoteAssetPrecision": 2,
        "quotePrecision": 2,
        "baseCommissionPrecision": 6,
        "quoteCommissionPrecision": 2,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "isSpotTradingAllowed": False,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "filters": [],
        "baseSizePrecision": "0.000001",
        "maxQuoteAmount": "5000000",
        "quoteAmountPrecision": "5",
        "makerCommission": "0",
        "takerCommission": "0.0005",
    }


PUBLIC_ROUTES = (
    Route("GET", "/api/v1/contract/ping", "time", read_time),
    Route("GET", "/api/v1/contract/detail", "markets", read_details),
    Route("GET", "/api/v1/contract/ticker", "tickers", read_tickers),
    Route("GET", "/api/v1/contract/depth/{symbol}", "book", read_book),
    Route("GET", "/api/v1/contract/index_price/{symbol}", "index_price", read_index_price),
    Route("GET", "/api/v1/contract/fair_price/{symbol}", "mark_price", read_fair_price),
    Route("GET", "/api/v1/contract/funding_rate/{symbol}", "funding_rate", read_funding_rate),
    Route("GET", "/api/v3/exchangeInfo", "spot_markets", read_spot_info),
    Route("GET", "/api/v3/capital/config/getall", "currencies", read_spot_coins, is_signed=True),
)
