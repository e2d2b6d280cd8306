"""KuCoin Futures, classic account. Facts: margin mode per symbol and in each order, isolated leverage in the order."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from account_processors.books import Book, book_of
from account_processors.closings import Closing
from account_processors.dialect import (
    RESET_MILLISECONDS,
    RETRY_AFTER_SECONDS,
    AccountValue,
    Call,
    Dialect,
    Profile,
    positions_of,
    quote_of,
    quotes_of,
    unified,
)
from account_processors.instruments import Listing, make_listing
from account_processors.kucoin_codes import CODES
from account_processors.limiter import Budget, Lane
from account_processors.orders import OrderFields
from account_processors.outcomes import CallFailed
from account_processors.passport import Finding, account_kind, usual_findings
from account_processors.replies import Envelope, MalformedReply, Row, rows_of
from core.model.identity import ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.money import ZERO, plain
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, Side
from core.model.position import ClosingCause, MarginMode, Position, Quote
from core.ports.exchange import SymbolSettings

COINS = {"XBT": "BTC"}
MODES = {"ISOLATED": MarginMode.ISOLATED, "CROSS": MarginMode.CROSS}
ORDER = OrderFields(
    client_order_id="clientOid",
    exchange_order_id="id",
    quantity="size",
    filled="filledSize",
    average_price="avgDealPrice",
    created_at="createdAt",
    sides={"buy": Side.BUY, "sell": Side.SELL},
    reduce_only="reduceOnly",
    margin_mode="marginMode",
    leverage="leverage",
    modes=MODES,
)
TRADE_TYPES = {
    "liquid": ClosingCause.LIQUIDATION,
    "liquidation": ClosingCause.LIQUIDATION,
    "adl": ClosingCause.DELEVERAGING,
    "trade": ClosingCause.ORDINARY,
    "cancel": ClosingCause.ORDINARY,
}
"""By KuCoin's own SDK; `cancel` is a fill of an order that was cancelled afterwards."""
USE_ONE_WAY = "kucoin position mode one-way"
UNIFIED = "UNIFIED"
STAY_CLASSIC = "use a classic account; orders of a unified one go another way, which is not spoken here"
NANOSECONDS_PER_MILLISECOND = 1_000_000


def _public(path: str, weight: float) -> Call:
    return Call("GET", ("futuresPublic",), path, ("public",), weight, is_signed=False)


def _private(method: str, path: str, weight: float, lane: Lane = Lane.ORDINARY) -> Call:
    return Call(method, ("futuresPrivate",), path, ("futures",), weight, lane)


TIME, TICKER, TICKERS = _public("timestamp", 2), _public("ticker", 2), _public("allTickers", 5)
CONTRACTS = _public("contracts/active", 3)
OVERVIEW = _private("GET", "account-overview", 5)
POSITIONS = _private("GET", "positions", 2, Lane.LOOK_UP)
BY_CLIENT_ID = _private("GET", "orders/byClientOid", 5, Lane.LOOK_UP)
ORDERS = _private("GET", "orders", 2, Lane.LOOK_UP)
FILLS = _private("GET", "fills", 5)
CREATE, REDUCE = _private("POST", "orders", 2), _private("POST", "orders", 2, Lane.REDUCTION)
CANCEL = _private("DELETE", "orders/client-order/{clientOid}", 1, Lane.LOOK_UP)
DEPTH = _public("level2/depth20", 5)
MARGIN_MODE = _private("GET", "position/getMarginMode", 2)
SET_MARGIN_MODE = _private("POST", "position/changeMarginMode", 2)
CROSS_LEVERAGE = _private("GET", "getCrossUserLeverage", 2)
SET_CROSS_LEVERAGE = _private("POST", "changeCrossUserLeverage", 2)
ACCOUNT_MODE = Call("GET", ("utaPrivate",), "account/mode", ("futures",), 1)
POSITION_MODE = _private("GET", "position/getPositionMode", 2)
SWITCH_POSITION_MODE = _private("POST", "position/switchPositionMode", 2)


class Kucoin(Dialect):
    """KuCoin Futures as it differs from the others."""

    profile = Profile(
        name="kucoin",
        ccxt_id="kucoinfutures",
        receive_window_seconds=5.0,
        leverage_in_order=True,
        margin_mode_in_order=False,
        needs_passphrase=True,
        codes=CODES,
        budgets=(Budget("futures", 2000, 30.0), Budget("public", 2000, 30.0, shared=True)),
        options={"uta": False, "hf": True},
        reset_headers=(("retry-after", RETRY_AFTER_SECONDS), ("gw-ratelimit-reset", RESET_MILLISECONDS)),
    )

    @staticmethod
    def envelope(body: object) -> Envelope:
        """{"code": "200000", "data": ...}; 100001 is "no such order" and also a general parameter error."""
        row = Row(body, "answer")
        code, message = row.text("code"), row.optional_text("msg")
        if code == "100001" and "notexist" in message.lower().replace(" ", "").replace("_", ""):
            code = "100001 not found"
        return Envelope(code, message, row.fields.get("data"), ok=code == "200000")

    @staticmethod
    def urls(base: str) -> Mapping[str, object]:
        """The futures and the spot host at one address."""
        sections = ("futuresPublic", "futuresPrivate", "public", "private", "webExchange", "broker", "earn")
        return dict.fromkeys((*sections, "uta", "utaV2", "utaPrivate"), base)

    async def ask_time(self) -> datetime:
        """Milliseconds, bare."""
        return Row({"time": (await self._client.read(TIME)).data}, "timestamp").time("time")

    async def list_instruments(self) -> Listing:
        """All active contracts; sizes are whole contracts of multiplier coins."""
        rows = rows_of((await self._client.read(CONTRACTS)).data, "contracts")
        return make_listing(rows, "symbol", _is_usdt_perpetual, _instrument)

    async def read_value(self) -> AccountValue:
        """The futures account's USDT."""
        row = Row((await self._client.read(OVERVIEW, {"currency": "USDT"})).data, "account-overview")
        if row.text("currency") != "USDT":
            raise MalformedReply("account-overview: another currency than asked for")
        profit = row.decimal("unrealisedPNL")
        return AccountValue(row.decimal("accountEquity") - profit, profit)

    async def read_positions(self, listing: Listing) -> dict[Symbol, Position]:
        """One unpaged list of signed contracts."""
        rows = rows_of((await self._client.read(POSITIONS)).data, "positions")
        names = ("symbol", "avgEntryPrice", "unrealisedPnl")
        return positions_of(rows, names, listing, lambda row: row.decimal("currentQty"), _mode_of)

    async def read_quotes(self, instruments: Sequence[Instrument]) -> dict[str, Quote]:
        """One ticker, or all with bid and ask in one call; their times are nanoseconds."""
        if len(instruments) == 1:
            asked = {"symbol": instruments[0].exchange_symbol}
            rows = [Row((await self._client.read(TICKER, asked)).data, "ticker")]
        else:
            rows = rows_of((await self._client.read(TICKERS)).data, "allTickers")
        names = ("price", "bestBidPrice", "bestAskPrice")
        return quotes_of(rows, "symbol", instruments, lambda row: quote_of(row, self._time_of(row), *names))

    async def send(self, intent: OrderIntent, instrument: Instrument, amount: Decimal) -> str:
        """A market order in contracts, which repeats the symbol's margin mode (else 330005)."""
        order: dict[str, object] = {
            "clientOid": intent.client_order_id,
            "symbol": instrument.exchange_symbol,
            "side": intent.side.value,
            "type": "market",
            "size": int(amount),
            "reduceOnly": intent.reduce_only,
            "marginMode": intent.margin_mode.upper(),
        }
        if intent.margin_mode is MarginMode.ISOLATED and not intent.reduce_only:
            order["leverage"] = plain(intent.leverage)
        answer = await self._client.write(REDUCE if intent.reduce_only else CREATE, order)
        return Row(answer.data, "order").text("orderId")

    async def find(self, instrument: Instrument, client_order_id: ClientOrderId) -> OrderReport | None:
        """By client id; what is not active any more was filled or cancelled."""
        row = Row((await self._client.read(BY_CLIENT_ID, {"clientOid": client_order_id})).data, "byClientOid")
        state = ExchangeOrderState.OPEN
        if not row.flag("isActive"):
            is_filled = row.decimal("filledSize") == row.decimal("size")
            state = ExchangeOrderState.FILLED if is_filled else ExchangeOrderState.CANCELLED
        return ORDER.report(row, instrument, state, self._client.clock_offset)

    async def cancel(self, instrument: Instrument, client_order_id: ClientOrderId) -> None:
        """By our id; a DELETE, which aiohttp may send twice when its connection was cut."""
        await self._client.write(CANCEL, {"symbol": instrument.exchange_symbol, "clientOid": client_order_id})

    async def read_book(self, instrument: Instrument) -> Book:
        """20 levels; the time is nanoseconds."""
        asked = {"symbol": instrument.exchange_symbol}
        book = Row((await self._client.read(DEPTH, asked)).data, "depth20")
        return book_of(book, ("bids", "asks"), instrument, self._time_of(book))

    async def recent_client_ids(self, instrument: Instrument) -> list[str]:
        """The newest orders that are done."""
        asked = {"symbol": instrument.exchange_symbol, "status": "done", "pageSize": 50}
        rows = Row((await self._client.read(ORDERS, asked)).data, "orders").rows("items")
        return [row.optional_text("clientOid") for row in rows]

    async def closings(self, instrument: Instrument) -> list[Closing]:
        """The newest fills, of every kind; `createdAt` is the order's time, so the trade's own counts."""
        asked = {"symbol": instrument.exchange_symbol, "pageSize": 100}
        rows = Row((await self._client.read(FILLS, asked)).data, "fills").rows("items")
        return [self._closing(row) for row in rows]

    def _closing(self, row: Row) -> Closing:
        at = self._client.clock_offset.to_ours(row.time("tradeTime", NANOSECONDS_PER_MILLISECOND))
        return Closing(at, row.text("tradeType"), TRADE_TYPES.get(row.text("tradeType")))

    async def read_settings(self, instrument: Instrument) -> SymbolSettings:
        """The symbol's margin mode; leverage is a setting in cross margin only."""
        asked = {"symbol": instrument.exchange_symbol}
        row = Row((await self._client.read(MARGIN_MODE, asked)).data, "getMarginMode")
        mode = row.choice("marginMode", MODES)
        if mode is MarginMode.ISOLATED:
            return SymbolSettings(mode, None)
        cross = Row((await self._client.read(CROSS_LEVERAGE, asked)).data, "getCrossUserLeverage")
        return SymbolSettings(mode, cross.decimal("leverage"))

    async def set_leverage(self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode) -> None:
        """Nothing to do in isolated margin, where the order carries it."""
        if margin_mode is MarginMode.CROSS:
            asked = {"symbol": instrument.exchange_symbol, "leverage": plain(leverage)}
            await self._client.write(SET_CROSS_LEVERAGE, asked)

    async def set_margin_mode(self, instrument: Instrument, margin_mode: MarginMode) -> None:
        """Per symbol; refused while a position or order is open."""
        asked = {"symbol": instrument.exchange_symbol, "marginMode": margin_mode.upper()}
        await self._client.write(SET_MARGIN_MODE, asked)

    async def inspect(self) -> list[Finding]:
        """The position mode and the account's kind; KuCoin tells nothing about the key's rights on the futures host."""
        mode, _ = await asyncio.gather(self._client.read(POSITION_MODE), self.read_value())
        is_one_way = Row(mode.data, "getPositionMode").text("positionMode") == "0"
        scope = "each symbol, set before its first order"
        return [
            *usual_findings(scope=scope, is_one_way=is_one_way, remedy_id=USE_ONE_WAY),
            account_kind(is_right=await self._is_classic(), kind="classic account", remedy=STAY_CLASSIC),
        ]

    async def _is_classic(self) -> bool:
        """A unified account is another product with another interface, which refuses what is sent here."""
        try:
            told = Row((await self._client.read(ACCOUNT_MODE)).data, "account mode")
        except CallFailed:
            return True
        return told.text("selfAccountMode") != UNIFIED

    async def apply(self, remedy: str) -> None:
        """One-way mode for the account."""
        await self._client.write(SWITCH_POSITION_MODE, {"positionMode": "0"})

    def _time_of(self, row: Row) -> datetime:
        return self._client.clock_offset.to_ours(row.time("ts", NANOSECONDS_PER_MILLISECOND))


def _mode_of(row: Row) -> MarginMode:
    """The position's own mode; older answers only carry crossMode."""
    if row.optional_text("marginMode"):
        return row.choice("marginMode", MODES)
    return MarginMode.CROSS if row.flag("crossMode") else MarginMode.ISOLATED


def _is_usdt_perpetual(row: Row) -> bool:
    is_perpetual = row.fields.get("expireDate") in (None, "")
    return is_perpetual and row.text("settleCurrency") == "USDT" and not row.flag("isInverse")


def _instrument(row: Row) -> Instrument:
    size, coin = row.decimal("multiplier"), row.text("baseCurrency")
    return Instrument(
        symbol=unified(COINS.get(coin, coin)),
        exchange_symbol=row.text("symbol"),
        lot_step=row.decimal("lotSize") * size,
        min_quantity=row.decimal("lotSize") * size,
        max_market_quantity=(row.optional_decimal("marketMaxOrderQty") or row.decimal("maxOrderQty")) * size,
        min_notional=ZERO,
        max_leverage=row.decimal("maxLeverage"),
        contract_size=size,
        tradable=row.text("status") == "Open",
    )
