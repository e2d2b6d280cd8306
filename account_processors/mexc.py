"""MEXC contracts. Facts: margin mode and leverage are fields of the order, hedge mode is the default, four sides."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from account_processors.books import Book, book_of
from account_processors.closings import Closing
from account_processors.dialect import AccountValue, Call, Dialect, Profile, positions_of, quote_of, quotes_of, unified
from account_processors.instruments import Listing, make_listing
from account_processors.limiter import Budget, Lane
from account_processors.mexc_codes import CODES
from account_processors.orders import OrderFields
from account_processors.passport import Finding, usual_findings
from account_processors.replies import Envelope, MalformedReply, Row, rows_of
from core.model.identity import ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.money import ZERO
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, Side
from core.model.position import ClosingCause, MarginMode, Position, Quote
from core.ports.exchange import SymbolSettings

OPEN_LONG, CLOSE_SHORT, OPEN_SHORT, CLOSE_LONG = 1, 2, 3, 4
SIDE_NUMBERS = {
    (Side.BUY, False): OPEN_LONG,
    (Side.BUY, True): CLOSE_SHORT,
    (Side.SELL, False): OPEN_SHORT,
    (Side.SELL, True): CLOSE_LONG,
}
OPEN_TYPES = {"1": MarginMode.ISOLATED, "2": MarginMode.CROSS}
MODE_NUMBERS = {MarginMode.ISOLATED: 1, MarginMode.CROSS: 2}
DIRECTIONS = {"1": 1, "2": -1}
MARKET = 6
"""What ccxt sends for a market order: "convert market price to current price"; 5 is "market" in older papers."""
HEDGE, ONE_WAY = 1, 2
STATES = {
    "1": ExchangeOrderState.OPEN,
    "2": ExchangeOrderState.OPEN,
    "3": ExchangeOrderState.FILLED,
    "4": ExchangeOrderState.CANCELLED,
    "5": ExchangeOrderState.REJECTED,
}
ORDER = OrderFields(
    client_order_id="externalOid",
    exchange_order_id="orderId",
    quantity="vol",
    filled="dealVol",
    average_price="dealAvgPrice",
    created_at="createTime",
    sides={str(number): side for (side, _), number in SIDE_NUMBERS.items()},
    margin_mode="openType",
    leverage="leverage",
    modes=OPEN_TYPES,
)
CATEGORIES = {"1": ClosingCause.ORDINARY, "2": ClosingCause.LIQUIDATION, "4": ClosingCause.DELEVERAGING}
"""3 is a "close delegate", of which nothing says when it is made: it tells no cause."""
USE_ONE_WAY = "mexc position mode one-way"


def _public(path: str, budget: str = "public") -> Call:
    return Call("GET", ("contract", "public"), path, (budget,), is_signed=False)


def _private(method: str, path: str, budget: str, lane: Lane = Lane.ORDINARY) -> Call:
    return Call(method, ("contract", "private"), path, (budget,), lane=lane)


PING, TICKER, DETAIL = _public("ping"), _public("ticker"), _public("detail", "detail")
ASSETS = _private("GET", "account/assets", "account")
POSITIONS = _private("GET", "position/open_positions", "positions", Lane.LOOK_UP)
BY_CLIENT_ID = _private("GET", "order/external/{symbol}/{external_oid}", "orders", Lane.LOOK_UP)
HISTORY = _private("GET", "order/list/history_orders", "orders", Lane.LOOK_UP)
DEALS = _private("GET", "order/list/order_deals", "orders")
CREATE = _private("POST", "order/create", "trade")
REDUCE = _private("POST", "order/create", "trade", Lane.REDUCTION)
CANCEL = _private("POST", "order/cancel", "trade", Lane.LOOK_UP)
DEPTH = _public("depth/{symbol}")
POSITION_MODE = _private("GET", "position/position_mode", "account")
CHANGE_POSITION_MODE = _private("POST", "position/change_position_mode", "account")


class Mexc(Dialect):
    """MEXC as it differs from the others."""

    profile = Profile(
        name="mexc",
        ccxt_id="mexc",
        receive_window_seconds=10.0,
        leverage_in_order=True,
        margin_mode_in_order=True,
        needs_passphrase=False,
        codes=CODES,
        budgets=(
            *(Budget(name, 20, 2.0) for name in ("account", "positions", "orders", "trade")),
            Budget("public", 20, 2.0, shared=True),
            Budget("detail", 1, 5.0, shared=True, reserve=0.0),
        ),
        options={"defaultType": "swap"},
    )

    @staticmethod
    def envelope(body: object) -> Envelope:
        """{"success": true, "code": 0, "data": ...}."""
        row = Row(body, "answer")
        code = row.text("code")
        return Envelope(
            code, row.optional_text("message"), row.fields.get("data"), ok=code == "0" and row.flag("success")
        )

    @staticmethod
    def urls(base: str) -> Mapping[str, object]:
        """Spot and contract at one address, under the paths of ccxt's own table."""
        contract = {"public": f"{base}/api/v1/contract", "private": f"{base}/api/v1/private"}
        everywhere = {"public": base, "private": base}
        return {"spot": everywhere, "spot2": everywhere, "contract": contract, "broker": {"private": base}}

    async def ask_time(self) -> datetime:
        """Milliseconds, bare."""
        return Row({"time": (await self._client.read(PING)).data}, "ping").time("time")

    async def list_instruments(self) -> Listing:
        """All contracts; sizes are contracts of contractSize coins."""
        rows = rows_of((await self._client.read(DETAIL)).data, "detail")
        return make_listing(rows, "symbol", _is_usdt_perpetual, _instrument)

    async def read_value(self) -> AccountValue:
        """USDT equity without bonus; ccxt's total would leave out positions."""
        for row in rows_of((await self._client.read(ASSETS)).data, "assets"):
            if row.text("currency") == "USDT":
                profit, bonus = row.decimal("unrealized"), row.optional_decimal("bonus") or ZERO
                return AccountValue(row.decimal("equity") - profit - bonus, profit)
        return AccountValue(ZERO, ZERO)

    async def read_positions(self, listing: Listing) -> dict[Symbol, Position]:
        """One unpaged list; direction and margin mode are numbers."""
        return positions_of(
            rows_of((await self._client.read(POSITIONS)).data, "open_positions"),
            ("symbol", "openAvgPrice", "unRealizedPnl"),
            listing,
            lambda row: row.decimal("holdVol") * row.choice("positionType", DIRECTIONS),
            lambda row: row.choice("openType", OPEN_TYPES),
        )

    async def read_quotes(self, instruments: Sequence[Instrument]) -> dict[str, Quote]:
        """One ticker, or all in one call."""
        if len(instruments) == 1:
            asked = {"symbol": instruments[0].exchange_symbol}
            rows = [Row((await self._client.read(TICKER, asked)).data, "ticker")]
        else:
            rows = rows_of((await self._client.read(TICKER)).data, "ticker")
        to_ours = self._client.clock_offset.to_ours
        names = ("lastPrice", "bid1", "ask1", "fairPrice")
        return quotes_of(rows, "symbol", instruments, lambda row: quote_of(row, to_ours(row.time("timestamp")), *names))

    async def send(self, intent: OrderIntent, instrument: Instrument, amount: Decimal) -> str:
        """A market order in contracts; closing has sides of its own, which work in both position modes."""
        order: dict[str, object] = {
            "symbol": instrument.exchange_symbol,
            "vol": int(amount) if amount == amount.to_integral_value() else float(amount),
            "type": MARKET,
            "openType": MODE_NUMBERS[intent.margin_mode],
            "side": SIDE_NUMBERS[intent.side, intent.reduce_only],
            "externalOid": intent.client_order_id,
        }
        if intent.margin_mode is MarginMode.ISOLATED:
            order["leverage"] = int(intent.leverage)
        data = (await self._client.write(REDUCE if intent.reduce_only else CREATE, order)).data
        return (
            Row(data, "order").text("orderId") if isinstance(data, Mapping) else Row({"id": data}, "order").text("id")
        )

    async def find(self, instrument: Instrument, client_order_id: ClientOrderId) -> OrderReport | None:
        """A call that ccxt has no method for."""
        asked = {"symbol": instrument.exchange_symbol, "external_oid": client_order_id}
        row = Row((await self._client.read(BY_CLIENT_ID, asked)).data, "external")
        state = row.choice("state", STATES)
        if state is ExchangeOrderState.FILLED and row.decimal("dealVol") != row.decimal("vol"):
            state = ExchangeOrderState.CANCELLED
        return ORDER.report(row, instrument, state, self._client.clock_offset)

    async def cancel(self, instrument: Instrument, client_order_id: ClientOrderId) -> None:
        """By the exchange's id, looked up first; every id of the list has an answer of its own."""
        asked = {"symbol": instrument.exchange_symbol, "external_oid": client_order_id}
        order_id = Row((await self._client.read(BY_CLIENT_ID, asked)).data, "external").text("orderId")
        (told,) = rows_of((await self._client.write(CANCEL, [order_id])).data, "cancel")[:1] or [Row(None, "cancel")]
        if told.text("errorCode") != "0":
            raise self._client.failure(told.optional_text("errorMsg"), told.text("errorCode"))

    async def read_book(self, instrument: Instrument) -> Book:
        """Levels are price, contracts and number of orders."""
        asked = {"symbol": instrument.exchange_symbol}
        book = Row((await self._client.read(DEPTH, asked)).data, "depth")
        return book_of(book, ("bids", "asks"), instrument, self._client.clock_offset.to_ours(book.time("timestamp")))

    async def recent_client_ids(self, instrument: Instrument) -> list[str]:
        """From the history, newest first."""
        asked = {"symbol": instrument.exchange_symbol, "page_num": 1, "page_size": 50}
        rows = rows_of((await self._client.read(HISTORY, asked)).data, "history_orders")
        return [row.optional_text("externalOid") for row in rows]

    async def closings(self, instrument: Instrument) -> list[Closing]:
        """The newest deals of the symbol."""
        asked = {"symbol": instrument.exchange_symbol, "page_num": 1, "page_size": 100}
        rows = rows_of((await self._client.read(DEALS, asked)).data, "order_deals")
        return [self._closing(row) for row in rows]

    def _closing(self, row: Row) -> Closing:
        at = self._client.clock_offset.to_ours(row.time("timestamp"))
        return Closing(at, f"category {row.text('category')}", CATEGORIES.get(row.text("category")))

    async def read_settings(self, instrument: Instrument) -> SymbolSettings:
        """Nothing is a setting here, so nothing is asked."""
        return SymbolSettings(None, None)

    async def set_leverage(self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode) -> None:
        """Nothing to do: the order carries it."""

    async def set_margin_mode(self, instrument: Instrument, margin_mode: MarginMode) -> None:
        """Nothing to do: the order carries it."""

    async def inspect(self) -> list[Finding]:
        """The position mode; MEXC tells nothing about the key's rights on the contract host."""
        mode = Row({"mode": (await self._client.read(POSITION_MODE)).data}, "position_mode").text("mode")
        if mode not in (str(HEDGE), str(ONE_WAY)):
            raise MalformedReply(f"position_mode: {mode}")
        is_one_way, scope = mode == str(ONE_WAY), "every order, which carries it"
        return usual_findings(scope=scope, is_one_way=is_one_way, remedy_id=USE_ONE_WAY, hedge_works=True)

    async def apply(self, remedy: str) -> None:
        """One-way mode for the account."""
        await self._client.write(CHANGE_POSITION_MODE, {"positionMode": ONE_WAY})


def _is_usdt_perpetual(row: Row) -> bool:
    return row.text("settleCoin") == "USDT" and row.text("quoteCoin") == "USDT"


def _instrument(row: Row) -> Instrument:
    size = row.decimal("contractSize")
    return Instrument(
        symbol=unified(row.text("baseCoin")),
        exchange_symbol=row.text("symbol"),
        lot_step=row.decimal("volUnit") * size,
        min_quantity=row.decimal("minVol") * size,
        max_market_quantity=row.decimal("maxVol") * size,
        min_notional=ZERO,
        max_leverage=row.decimal("maxLeverage"),
        contract_size=size,
        tradable=row.text("state") == "0" and row.optional_flag("apiAllowed") is not False,
    )
