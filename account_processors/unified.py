"""An exchange through ccxt's unified methods and nothing else, but for what its traits say."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from account_processors.books import Book, book_of
from account_processors.dialect import AccountValue, positions_of, quotes_of
from account_processors.generic_replies import read_market
from account_processors.instruments import Listing, make_listing
from account_processors.orders import base_quantity
from account_processors.replies import Envelope, MalformedReply, Row, moment
from account_processors.unified_calls import (
    BALANCE,
    MARKETS,
    READ,
    REDUCE,
    SETTLE,
    SETTLE_IN_TURN,
    TICKERS,
    TIME,
    WRITE,
    UnifiedCalls,
)
from account_processors.witness import listening, prove_empty, prove_whole
from core.model.identity import ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.money import ZERO
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, RefusalReason, Side
from core.model.position import MarginMode, Position, Quote
from core.ports.exchange import SymbolSettings

if TYPE_CHECKING:
    from account_processors.ccxt_client import CcxtClient

SIDES = {"long": 1, "short": -1}
MODES = {mode.value: mode for mode in MarginMode}
ISOLATED = {"marginMode": "isolated"}
STATES = {
    "open": ExchangeOrderState.OPEN,
    "closed": ExchangeOrderState.FILLED,
    "canceled": ExchangeOrderState.CANCELLED,
    "expired": ExchangeOrderState.CANCELLED,
    "rejected": ExchangeOrderState.REJECTED,
}


class Unified(UnifiedCalls):
    """An exchange as ccxt's unified methods show it; what ccxt leaves out is malformed, never a default."""

    def __init__(self, client: "CcxtClient") -> None:
        super().__init__(client)
        self._prices: dict[str, Decimal] = {}
        self._settings: dict[str, SymbolSettings] = {}

    @staticmethod
    def envelope(body: object) -> Envelope:
        """An error's body; made for each exchange."""
        raise NotImplementedError(body)

    @staticmethod
    def urls(base: str) -> Mapping[str, object]:
        """Every address of ccxt's table at another base; made for each exchange."""
        raise NotImplementedError(base)

    async def ask_time(self) -> datetime:
        """Where the exchange tells its time; otherwise it is taken to agree with ours."""

        async def ask(exchange: Any) -> int | None:  # noqa: ANN401 - ccxt has no types
            return int(await exchange.fetch_time()) if exchange.has.get("fetchTime") else None

        told = await self._client.read_with(self._weighed(TIME), ask)
        if told is None:
            raise MalformedReply("the exchange does not tell its time")
        return moment(told)

    async def list_instruments(self) -> Listing:
        """Linear perpetuals in the settle coin."""
        markets = await self._client.read_with(
            self._weighed(MARKETS), lambda exchange: exchange.load_markets(reload=True)
        )
        mode, limit_field = self._client.raw().precisionMode, self.traits.market_limit_field
        rows = [Row(market, str(market.get("symbol"))) for market in markets.values()]
        if not any(map(self._is_ours, rows)):
            raise MalformedReply(f"markets: no linear perpetual settled in {self.traits.settle}")
        return make_listing(rows, "symbol", self._is_ours, lambda row: read_market(row, mode, limit_field))

    async def read_value(self) -> AccountValue:
        """The exchange's own words where they are known, else ccxt's total."""
        ask = self.traits.balance or _balance
        balance = await self._client.read_with(self._weighed(BALANCE), ask)
        if self.traits.value_of:
            return AccountValue(*self.traits.value_of(balance.get("info")))
        return AccountValue(Row(balance.get(self.traits.settle), "balance").decimal("total"), ZERO)

    async def read_positions(self, listing: Listing) -> dict[Symbol, Position]:
        """Unified positions; contracts and side must be told."""
        with listening() as heard:
            told = await self._ask(SETTLE, lambda exchange: exchange.fetch_positions())
        rows = [Row(one, "position") for one in told]
        if self.traits.positions_place is not None:
            found = sum(1 for row in rows if self._signed_size(row))
            prove_whole(heard, "positions", self.traits.positions_place, self.traits.size_place, found)
        elif not rows:
            prove_empty(heard, "positions")
        return positions_of(rows, ("symbol", "entryPrice", "unrealizedPnl"), listing, self._signed_size, self._mode_of)

    def _signed_size(self, row: Row) -> Decimal:
        """The exchange's own number where it is signed: ccxt takes the side from what the position is worth."""
        if self.traits.signed_size_field:
            return row.row("info").decimal(self.traits.signed_size_field)
        contracts = row.decimal("contracts")
        return abs(contracts) * row.choice("side", SIDES) if contracts else ZERO

    def _mode_of(self, row: Row) -> MarginMode | None:
        is_told = self.traits.is_mode_told or row.optional_text("marginMode")
        return row.choice("marginMode", MODES) if is_told else None

    async def read_quotes(self, instruments: Sequence[Instrument]) -> dict[str, Quote]:
        """All tickers in one call where the exchange has one."""
        symbols = [instrument.exchange_symbol for instrument in instruments]
        tickers = await self._ask(TICKERS, lambda exchange: _tickers(exchange, symbols))
        return quotes_of([Row(told, "ticker") for told in tickers], "symbol", instruments, self._quote)

    def _quote(self, row: Row) -> Quote:
        last = self._prices[row.text("symbol")] = row.decimal("last")
        return Quote(
            last,
            self._client.clock_offset.to_ours(self._time_of(row)),
            row.optional_decimal("bid") or None,
            row.optional_decimal("ask") or None,
            row.optional_decimal("markPrice") or None,
        )

    def _time_of(self, row: Row) -> datetime:
        """The exchange's time of a row, or its time now where the row has none."""
        if row.optional_text("timestamp"):
            return row.time("timestamp")
        return moment(self._client.clock_offset.milliseconds())

    async def send(self, intent: OrderIntent, instrument: Instrument, amount: Decimal) -> str:
        """A unified market order."""
        await self._markets()
        params: dict[str, object] = {
            "clientOrderId": self._id_form(intent.client_order_id),
            "reduceOnly": intent.reduce_only,
        }
        if self.traits.margin_mode_in_order:
            params["marginMode"] = intent.margin_mode.value
        price = None
        if self.traits.needs_price:
            known = self._prices.get(instrument.exchange_symbol)
            if known is None:
                raise self._client.refusal(
                    RefusalReason.NOT_TRADABLE, "not sent: no price was read that would bound it"
                )
            price = float(known)
        order = {
            "symbol": instrument.exchange_symbol,
            "type": "market",
            "side": intent.side.value,
            "amount": float(amount),
            "price": price,
            "params": params,
        }
        place = self.traits.place or _create_order
        call = REDUCE if intent.reduce_only else WRITE
        return await self._client.write_with(self._weighed(call), lambda exchange: place(exchange, order))

    async def find(self, instrument: Instrument, client_order_id: ClientOrderId) -> OrderReport | None:
        """By the unified client id."""
        symbol, asked = instrument.exchange_symbol, self._id_form(client_order_id)
        params = {"clientOrderId": asked}
        told = await self._ask(SETTLE, lambda exchange: exchange.fetch_order(asked, symbol, params))
        row = Row(told, "order")
        if row.text("clientOrderId") != asked or row.text("symbol") != symbol:
            raise MalformedReply("the exchange answered with another order")
        return self._report(row, instrument, client_order_id)

    async def cancel(self, instrument: Instrument, client_order_id: ClientOrderId) -> None:
        """By the unified client id."""
        symbol, asked = instrument.exchange_symbol, self._id_form(client_order_id)
        params = {"clientOrderId": asked}
        await self._set(REDUCE, lambda exchange: exchange.cancel_order(asked, symbol, params))

    async def read_book(self, instrument: Instrument) -> Book:
        """The unified book."""
        symbol = instrument.exchange_symbol
        told = Row(await self._ask(READ, lambda exchange: exchange.fetch_order_book(symbol)), "book")
        return book_of(told, ("bids", "asks"), instrument, self._client.clock_offset.to_ours(self._time_of(told)))

    async def recent_client_ids(self, instrument: Instrument) -> list[str]:
        """From the closed orders, where the exchange lists them."""
        symbol = instrument.exchange_symbol
        told = await self._ask(READ, lambda exchange: exchange.fetch_closed_orders(symbol, None, 50))
        rows = sorted((Row(one, "order") for one in told), key=lambda row: row.optional_text("timestamp"), reverse=True)
        return [row.optional_text("clientOrderId") for row in rows]

    async def read_settings(self, instrument: Instrument) -> SymbolSettings:
        """What the exchange tells, or what was set here with success; before that, nothing that could be right."""
        symbol = instrument.exchange_symbol
        if not self.traits.are_settings_told:
            return self._settings.get(symbol, SymbolSettings(None, ZERO))
        told = await self._ask(SETTLE_IN_TURN, lambda exchange: exchange.fetch_leverage(symbol, ISOLATED))
        leverage = Row(told, "leverage").decimal("longLeverage")
        mode = None
        if not self.traits.margin_mode_in_order:
            told_mode = await self._ask(SETTLE_IN_TURN, lambda exchange: exchange.fetch_margin_mode(symbol))
            mode = Row(told_mode, "margin mode").choice("marginMode", MODES)
        return SymbolSettings(mode, leverage)

    async def set_leverage(self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode) -> None:
        """The unified call, with the margin mode beside it for exchanges that keep one per mode."""
        symbol = instrument.exchange_symbol
        params = {"marginMode": margin_mode.value} if self.traits.has_mode_in_leverage else {}
        await self._set(WRITE, lambda exchange: exchange.set_leverage(int(leverage), symbol, params))
        self._settings[symbol] = SymbolSettings(None, leverage)

    async def set_margin_mode(self, instrument: Instrument, margin_mode: MarginMode) -> None:
        """The unified call, which is per symbol; refused where the order or the leverage carries the mode."""
        if self.traits.margin_mode_in_order or not self.traits.are_settings_told:
            raise self._client.refusal(RefusalReason.MARGIN_MODE_MISMATCH, "the margin mode is no setting of its own")
        symbol = instrument.exchange_symbol
        await self._set(WRITE, lambda exchange: exchange.set_margin_mode(margin_mode.value, symbol))

    def _id_form(self, client_order_id: ClientOrderId) -> str:
        if not self.traits.has_hex_ids:
            return client_order_id
        return "0x" + hashlib.sha256(client_order_id.encode()).hexdigest()[:32]

    def _report(self, row: Row, instrument: Instrument, client_order_id: ClientOrderId) -> OrderReport:
        quantity, filled = (base_quantity(row.decimal(name), instrument) for name in ("amount", "filled"))
        state = row.choice("status", STATES)
        if state is ExchangeOrderState.FILLED and filled < quantity:
            state = ExchangeOrderState.CANCELLED
        return OrderReport(
            client_order_id=client_order_id,
            exchange_order_id=row.text("id"),
            symbol=instrument.symbol,
            side=row.choice("side", {side.value: side for side in Side}),
            quantity=quantity,
            filled_quantity=filled,
            average_price=row.optional_decimal("average") if filled else None,
            reduce_only=row.optional_flag("reduceOnly"),
            margin_mode=None,
            leverage=None,
            state=state,
            created_at=self._client.clock_offset.to_ours(row.time("timestamp")),
        )


async def _balance(exchange: Any) -> Any:  # noqa: ANN401 - ccxt is untyped
    return await exchange.fetch_balance()


async def _create_order(exchange: Any, order: Mapping[str, object]) -> str:  # noqa: ANN401 - ccxt is untyped
    return Row(await exchange.create_order(**order), "order").text("id")


async def _tickers(exchange: Any, symbols: list[str]) -> list[Any]:  # noqa: ANN401 - ccxt has no types
    if len(symbols) > 1 and exchange.has.get("fetchTickers"):
        return list((await exchange.fetch_tickers(symbols)).values())
    return [await exchange.fetch_ticker(symbol) for symbol in symbols]
