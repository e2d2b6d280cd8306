"""BloFin. Facts: the order carries the margin mode, leverage belongs to symbol and mode, sizes are contracts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from account_processors.blofin_codes import CODES
from account_processors.books import Book, book_of
from account_processors.closings import Closing
from account_processors.dialect import AccountValue, Call, Dialect, Profile, positions_of, quote_of, quotes_of, unified
from account_processors.instruments import Listing, make_listing
from account_processors.limiter import Budget, Lane
from account_processors.orders import OrderFields
from account_processors.outcomes import CallFailed
from account_processors.passport import Finding, usual_findings
from account_processors.replies import Envelope, MalformedReply, Row, rows_of
from core.model.identity import ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.money import ZERO, plain
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, RefusalReason, Side
from core.model.position import ClosingCause, MarginMode, Position, Quote
from core.ports.exchange import SymbolSettings

MODES = {"isolated": MarginMode.ISOLATED, "cross": MarginMode.CROSS}
POSITION_MODES = {"net_mode": True, "long_short_mode": False}
DIRECTIONS = {"net": 1, "long": 1, "short": -1}
STATES = {
    "live": ExchangeOrderState.OPEN,
    "partially_filled": ExchangeOrderState.OPEN,
    "filled": ExchangeOrderState.FILLED,
    "canceled": ExchangeOrderState.CANCELLED,
    "partially_canceled": ExchangeOrderState.CANCELLED,
}
ORDER = OrderFields(
    client_order_id="clientOrderId",
    exchange_order_id="orderId",
    symbol="instId",
    quantity="size",
    filled="filledSize",
    average_price="averagePrice",
    created_at="createTime",
    sides={"buy": Side.BUY, "sell": Side.SELL},
    reduce_only="reduceOnly",
    margin_mode="marginMode",
    leverage="leverage",
    modes=MODES,
)
CATEGORIES = {
    "full_liquidation": ClosingCause.LIQUIDATION,
    "partial_liquidation": ClosingCause.LIQUIDATION,
    "adl": ClosingCause.DELEVERAGING,
    "normal": ClosingCause.ORDINARY,
    "nomal": ClosingCause.ORDINARY,
    "tp": ClosingCause.ORDINARY,
    "sl": ClosingCause.ORDINARY,
}
"""The documentation spells the fourth like the fifth, and shows it like the fourth."""
NO_SUCH_PATH = "404"
USE_ONE_WAY = "blofin position mode one-way"


def _public(path: str) -> Call:
    return Call("GET", ("public",), path, ("minute", "five minutes"), is_signed=False)


def _private(method: str, path: str, *budgets: str, lane: Lane = Lane.ORDINARY) -> Call:
    return Call(method, ("private",), path, ("minute", "five minutes", *budgets), lane=lane)


TIME, TICKERS, INSTRUMENTS = _public("public/time"), _public("market/tickers"), _public("market/instruments")
BALANCE = _private("GET", "account/balance")
POSITIONS = _private("GET", "account/positions", lane=Lane.LOOK_UP)
DETAIL = _private("GET", "trade/order-detail", "trade", lane=Lane.LOOK_UP)
HISTORY = _private("GET", "trade/orders-history", "trade", lane=Lane.LOOK_UP)
CLOSED_ORDERS = _private("GET", "trade/orders-history", "trade")
"""The same request about what somebody else did, which nothing urgent waits for."""
ORDER_CALL = _private("POST", "trade/order", "trade")
REDUCE = _private("POST", "trade/order", "trade", lane=Lane.REDUCTION)
CANCEL = _private("POST", "trade/cancel-order", "trade", lane=Lane.LOOK_UP)
BOOKS = _public("market/books")
LEVERAGE = _private("GET", "account/leverage-info")
SET_LEVERAGE = _private("POST", "account/set-leverage", "trade")
POSITION_MODE = _private("GET", "account/position-mode")
SET_POSITION_MODE = _private("POST", "account/set-position-mode", "trade")
API_KEY = _private("GET", "user/query-apikey")


class Blofin(Dialect):
    """BloFin as it differs from the others."""

    profile = Profile(
        name="blofin",
        ccxt_id="blofin",
        receive_window_seconds=60.0,
        leverage_in_order=False,
        margin_mode_in_order=True,
        needs_passphrase=True,
        codes=CODES,
        budgets=(
            Budget("minute", 500, 60.0, shared=True),
            Budget("five minutes", 1500, 300.0, shared=True),
            Budget("trade", 30, 10.0),
        ),
        repeats_closes=True,
    )

    @staticmethod
    def envelope(body: object) -> Envelope:
        """{"code": "0", "msg": "success", "data": ...}; an order's own code inside data is the one that counts."""
        row = Row(body, "answer")
        code, message, data = row.text("code"), row.optional_text("msg"), row.fields.get("data")
        if isinstance(data, list) and len(data) == 1 and isinstance(data[0], Mapping):
            inner = Row(data[0], "answer.data[0]")
            if inner.optional_text("code") not in ("", "0"):
                code, message = inner.text("code"), inner.optional_text("msg")
        return Envelope(code, message, data, ok=code == "0")

    @staticmethod
    def urls(base: str) -> Mapping[str, object]:
        """One address."""
        return {"rest": base}

    async def ask_time(self) -> datetime:
        """A call that its own SDK uses; ccxt has no method for it."""
        return Row((await self._client.read(TIME)).data, "time").time("ts")

    async def list_instruments(self) -> Listing:
        """All contracts; sizes are contracts of contractValue coins."""
        rows = rows_of((await self._client.read(INSTRUMENTS)).data, "instruments")
        return make_listing(rows, "instId", _is_usdt_perpetual, _instrument)

    async def read_value(self) -> AccountValue:
        """Balance and equity of USDT; totalEquity would be in dollars."""
        for row in Row((await self._client.read(BALANCE)).data, "balance").rows("details"):
            if row.text("currency") == "USDT":
                wallet, equity = row.decimal("balance"), row.decimal("equity")
                return AccountValue(wallet, equity - wallet)
        return AccountValue(ZERO, ZERO)

    async def read_positions(self, listing: Listing) -> dict[Symbol, Position]:
        """One unpaged list; sizes are signed in net mode and unsigned in hedge mode."""
        return positions_of(
            rows_of((await self._client.read(POSITIONS)).data, "positions"),
            ("instId", "averagePrice", "unrealizedPnl"),
            listing,
            lambda row: row.decimal("positions") * row.choice("positionSide", DIRECTIONS),
            lambda row: row.choice("marginMode", MODES),
        )

    async def read_quotes(self, instruments: Sequence[Instrument]) -> dict[str, Quote]:
        """One symbol, or all tickers in one call; the mark price would cost another."""
        only = {"instId": instruments[0].exchange_symbol} if len(instruments) == 1 else {}
        rows = rows_of((await self._client.read(TICKERS, only)).data, "tickers")
        to_ours = self._client.clock_offset.to_ours
        names = ("last", "bidPrice", "askPrice")
        return quotes_of(rows, "instId", instruments, lambda row: quote_of(row, to_ours(row.time("ts")), *names))

    async def send(self, intent: OrderIntent, instrument: Instrument, amount: Decimal) -> str:
        """A market order in contracts, without ccxt's broker id, which keys of other brokers refuse (152011)."""
        order = {
            "instId": instrument.exchange_symbol,
            "marginMode": intent.margin_mode.value,
            "positionSide": "net",
            "side": intent.side.value,
            "orderType": "market",
            "size": plain(amount),
            "reduceOnly": "true" if intent.reduce_only else "false",
            "clientOrderId": intent.client_order_id,
        }
        answer = await self._client.write(REDUCE if intent.reduce_only else ORDER_CALL, order)
        rows = rows_of(answer.data, "order")
        if len(rows) != 1:
            raise MalformedReply(f"order: {len(rows)} answers to one order")
        return rows[0].text("orderId")

    async def find(self, instrument: Instrument, client_order_id: ClientOrderId) -> OrderReport | None:
        """A call that ccxt has no method for."""
        asked = {"instId": instrument.exchange_symbol, "clientOrderId": client_order_id}
        row = Row((await self._client.read(DETAIL, asked)).data, "order-detail")
        return ORDER.report(row, instrument, row.choice("state", STATES), self._client.clock_offset)

    async def cancel(self, instrument: Instrument, client_order_id: ClientOrderId) -> None:
        """By our id."""
        asked = {"instId": instrument.exchange_symbol, "clientOrderId": client_order_id}
        await self._client.write(CANCEL, asked)

    async def read_book(self, instrument: Instrument) -> Book:
        """50 levels."""
        asked = {"instId": instrument.exchange_symbol, "size": "50"}
        (book,) = rows_of((await self._client.read(BOOKS, asked)).data, "books")[:1] or [Row(None, "books")]
        return book_of(book, ("bids", "asks"), instrument, self._client.clock_offset.to_ours(book.time("ts")))

    async def recent_client_ids(self, instrument: Instrument) -> list[str]:
        """From the history, newest first."""
        asked = {"instId": instrument.exchange_symbol, "limit": "50"}
        rows = rows_of((await self._client.read(HISTORY, asked)).data, "orders-history")
        return [row.optional_text("clientOrderId") for row in rows]

    async def closings(self, instrument: Instrument) -> list[Closing]:
        """Orders of the history that filled something; fills themselves name no cause here."""
        asked = {"instId": instrument.exchange_symbol, "limit": "100"}
        rows = rows_of((await self._client.read(CLOSED_ORDERS, asked)).data, "orders-history")
        return [self._closing(row) for row in rows if row.decimal("filledSize")]

    def _closing(self, row: Row) -> Closing:
        word, at = row.text("orderCategory"), self._client.clock_offset.to_ours(row.time("updateTime"))
        return Closing(at, word, CATEGORIES.get(word))

    async def read_settings(self, instrument: Instrument) -> SymbolSettings:
        """The leverage of isolated margin, in which increases are opened."""
        asked = {"instId": instrument.exchange_symbol, "marginMode": "isolated"}
        row = Row((await self._client.read(LEVERAGE, asked)).data, "leverage-info")
        return SymbolSettings(None, row.decimal("leverage"))

    async def set_leverage(self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode) -> None:
        """Per symbol and margin mode."""
        asked = {"instId": instrument.exchange_symbol, "leverage": plain(leverage), "marginMode": margin_mode.value}
        await self._client.write(SET_LEVERAGE, asked)

    async def set_margin_mode(self, instrument: Instrument, margin_mode: MarginMode) -> None:
        """Refused: the order carries it, and the setting is the whole account's."""
        raise self._client.refusal(RefusalReason.MARGIN_MODE_MISMATCH, "the order carries the margin mode here")

    async def inspect(self) -> list[Finding]:
        """What the key may do, where the exchange tells it, and the position mode."""
        mode = Row((await self._client.read(POSITION_MODE)).data, "position-mode")
        return usual_findings(
            scope="every order, which carries it",
            is_one_way=mode.choice("positionMode", POSITION_MODES),
            remedy_id=USE_ONE_WAY,
            may_trade=await self._may_trade(),
        )

    async def _may_trade(self) -> bool | None:
        try:
            return Row((await self._client.read(API_KEY)).data, "query-apikey").text("readOnly") == "0"
        except CallFailed as failure:
            if failure.code != NO_SUCH_PATH:
                raise
            return None

    async def apply(self, remedy: str) -> None:
        """One-way mode for the account."""
        await self._client.write(SET_POSITION_MODE, {"positionMode": "net_mode"})


def _is_usdt_perpetual(row: Row) -> bool:
    settle = row.optional_text("settleCurrency") or row.text("quoteCurrency")
    return row.text("instType") == "SWAP" and row.text("contractType") == "linear" and settle == "USDT"


def _instrument(row: Row) -> Instrument:
    size = row.decimal("contractValue")
    return Instrument(
        symbol=unified(row.text("baseCurrency")),
        exchange_symbol=row.text("instId"),
        lot_step=row.decimal("lotSize") * size,
        min_quantity=row.decimal("minSize") * size,
        max_market_quantity=row.decimal("maxMarketSize") * size,
        min_notional=ZERO,
        max_leverage=row.decimal("maxLeverage"),
        contract_size=size,
        tradable=row.text("state") == "live",
    )
