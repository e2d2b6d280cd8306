"""Any other exchange that ccxt knows, through ccxt's unified methods, where its capability flags suffice."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

import ccxt.async_support as ccxt

from account_processors.books import Book, levels_of
from account_processors.dialect import AccountValue, Call, Dialect, Profile, add_position, quotes_of
from account_processors.generic_replies import addresses_at, error_envelope, read_market
from account_processors.generic_traits import ALIASES, TRAITS, Traits
from account_processors.instruments import Listing, make_listing
from account_processors.limiter import Budget, Lane
from account_processors.orders import base_quantity
from account_processors.passport import Finding, Severity, trading_right, withdrawal_right
from account_processors.replies import Envelope, MalformedReply, Row, moment
from core.model.failures import InvalidInput
from core.model.identity import ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.money import ZERO
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, RefusalReason, Side
from core.model.position import MarginMode, Position, Quote
from core.ports.exchange import SymbolSettings

NEEDED = ("createOrder", "fetchOrder", "fetchPositions", "fetchBalance", "setLeverage", "setMarginMode")
READ = Call("GET", (), "read", ("calls",))
SETTLE = Call("GET", (), "look-up", ("calls",), lane=Lane.LOOK_UP)
WRITE = Call("POST", (), "write", ("calls",))
REDUCE = Call("POST", (), "write", ("calls",), lane=Lane.REDUCTION)
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


@cache
def dialect_for(exchange: str) -> type[Dialect]:
    """The dialect of an exchange by its ccxt name.

    Raises:
        InvalidInput: If ccxt does not know it, or it lacks something that is needed; all of that is named.
    """
    ccxt_id = ALIASES.get(exchange, exchange)
    if ccxt_id not in ccxt.exchanges:
        raise InvalidInput(f"{exchange}: no such exchange in ccxt {ccxt.__version__}, nor in an installed package")
    sample = getattr(ccxt, ccxt_id)()
    missing = [name for name in NEEDED if not sample.has.get(name)]
    if not (sample.has.get("fetchTickers") or sample.has.get("fetchTicker")):
        missing.append("fetchTicker")
    if missing:
        raise InvalidInput(f"{exchange}: ccxt {ccxt.__version__} offers no {', '.join(missing)} there")
    traits = TRAITS.get(ccxt_id, Traits())
    profile = Profile(
        name=exchange,
        ccxt_id=ccxt_id,
        receive_window_seconds=traits.receive_window_seconds,
        leverage_in_order=False,
        margin_mode_in_order=traits.margin_mode_in_order,
        needs_passphrase=bool(sample.requiredCredentials.get("password")),
        codes=traits.codes,
        budgets=(Budget("calls", max(2, int(1000 / (sample.rateLimit or 100))), 1.0),),
        options={"defaultType": "swap", **traits.options},
        key_names=traits.key_names,
    )
    members = {
        "profile": profile,
        "traits": traits,
        "envelope": staticmethod(lambda body: error_envelope(body, traits.error_of)),
        "urls": staticmethod(lambda base: addresses_at(sample.urls["api"], base)),
    }
    return type(f"Unified{ccxt_id.capitalize()}", (Unified,), members)


class Unified(Dialect):
    """An exchange as ccxt's unified methods show it; what ccxt leaves out is malformed, never a default."""

    traits: ClassVar[Traits]

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - see Dialect
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

        told = await self._client.read_with(Call("GET", (), "time", ("calls",), is_signed=False), ask)
        if told is None:
            raise MalformedReply("the exchange does not tell its time")
        return moment(told)

    async def list_instruments(self) -> Listing:
        """Linear perpetuals in the settle coin."""
        markets = await self._client.read_with(
            Call("GET", (), "markets", ("calls",), is_signed=False), lambda exchange: exchange.load_markets(reload=True)
        )
        mode = self._client.raw().precisionMode
        rows = [Row(market, str(market.get("symbol"))) for market in markets.values()]
        return make_listing(
            rows, "id", lambda row: self._is_ours(row.fields), lambda row: read_market(row.fields, mode)
        )

    async def read_value(self) -> AccountValue:
        """The exchange's own words where they are known, else ccxt's total."""
        balance = await self._client.read_with(READ, lambda exchange: exchange.fetch_balance())
        if self.traits.value_of:
            return AccountValue(*self.traits.value_of(balance.get("info")))
        return AccountValue(Row(balance.get(self.traits.settle), "balance").decimal("total"), ZERO)

    async def read_positions(self, listing: Listing) -> dict[Symbol, Position]:
        """Unified positions; contracts and side must be told."""
        await self._markets()
        positions: dict[Symbol, Position] = {}
        for told in await self._client.read_with(SETTLE, lambda exchange: exchange.fetch_positions()):
            row = Row(told, "position")
            contracts = row.decimal("contracts")
            instrument = listing.instrument_of(self._id_of(row.text("symbol"))) if contracts else None
            if instrument is None:
                continue
            held = Position(
                instrument.symbol,
                base_quantity(abs(contracts) * row.choice("side", SIDES), instrument),
                row.choice("marginMode", MODES) if row.optional_text("marginMode") else None,
                row.optional_decimal("entryPrice"),
                row.optional_decimal("unrealizedPnl"),
            )
            add_position(positions, held)
        return positions

    async def read_quotes(self, instruments: Sequence[Instrument]) -> dict[str, Quote]:
        """All tickers in one call where the exchange has one."""
        await self._markets()
        symbols = [self._symbol(instrument) for instrument in instruments]
        tickers = await self._client.read_with(READ, lambda exchange: _tickers(exchange, symbols))
        rows = [Row({**Row(told, "ticker").fields, "id": self._id_of(told["symbol"])}, "ticker") for told in tickers]
        return quotes_of(rows, "id", instruments, self._quote)

    def _quote(self, row: Row) -> Quote:
        last = self._prices[row.text("id")] = row.decimal("last")
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
            "symbol": self._symbol(instrument),
            "type": "market",
            "side": intent.side.value,
            "amount": float(amount),
            "price": price,
            "params": params,
        }
        place = self.traits.place or _create_order
        call = REDUCE if intent.reduce_only else WRITE
        return await self._client.write_with(call, lambda exchange: place(exchange, order))

    async def find(self, instrument: Instrument, client_order_id: ClientOrderId) -> OrderReport | None:
        """By the unified client id."""
        await self._markets()
        symbol, asked = self._symbol(instrument), self._id_form(client_order_id)
        told = await self._client.read_with(
            SETTLE, lambda exchange: exchange.fetch_order(asked, symbol, {"clientOrderId": asked})
        )
        row = Row(told, "order")
        if row.text("clientOrderId") != asked or row.text("symbol") != symbol:
            raise MalformedReply("the exchange answered with another order")
        return self._report(row, instrument, client_order_id)

    async def cancel(self, instrument: Instrument, client_order_id: ClientOrderId) -> None:
        """By the unified client id."""
        await self._markets()
        symbol, asked = self._symbol(instrument), self._id_form(client_order_id)
        params = {"clientOrderId": asked}
        await self._client.write_with(REDUCE, lambda exchange: exchange.cancel_order(asked, symbol, params))

    async def read_book(self, instrument: Instrument) -> Book:
        """The unified book."""
        await self._markets()
        symbol = self._symbol(instrument)
        told = Row(await self._client.read_with(READ, lambda exchange: exchange.fetch_order_book(symbol)), "book")
        bids, asks = (levels_of(told.fields.get(side), instrument) for side in ("bids", "asks"))
        return Book(bids, asks, self._client.clock_offset.to_ours(self._time_of(told)))

    async def recent_client_ids(self, instrument: Instrument) -> list[str]:
        """From the closed orders, where the exchange lists them."""
        await self._markets()
        symbol = self._symbol(instrument)
        told = await self._client.read_with(READ, lambda exchange: exchange.fetch_closed_orders(symbol, None, 50))
        rows = sorted((Row(one, "order") for one in told), key=lambda row: row.optional_text("timestamp"), reverse=True)
        return [row.optional_text("clientOrderId") for row in rows]

    async def read_settings(self, instrument: Instrument) -> SymbolSettings:
        """What the exchange tells, or what was set here with success; before that, nothing that could be right."""
        await self._markets()
        if not self.traits.are_settings_told:
            return self._settings.get(instrument.exchange_symbol, SymbolSettings(None, ZERO))
        symbol = self._symbol(instrument)
        told = await self._client.read_with(READ, lambda exchange: exchange.fetch_leverage(symbol, ISOLATED))
        leverage = Row(told, "leverage").decimal("longLeverage")
        mode = None
        if not self.traits.margin_mode_in_order:
            told_mode = await self._client.read_with(READ, lambda exchange: exchange.fetch_margin_mode(symbol))
            mode = Row(told_mode, "margin mode").choice("marginMode", MODES)
        return SymbolSettings(mode, leverage)

    async def set_leverage(self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode) -> None:
        """The unified call, with the margin mode beside it for exchanges that keep one per mode."""
        await self._markets()
        symbol = self._symbol(instrument)
        params = {"marginMode": margin_mode.value}
        await self._client.write_with(WRITE, lambda exchange: exchange.set_leverage(int(leverage), symbol, params))
        self._settings[instrument.exchange_symbol] = SymbolSettings(None, leverage)

    async def set_margin_mode(self, instrument: Instrument, margin_mode: MarginMode) -> None:
        """The unified call, which is per symbol."""
        await self._markets()
        symbol = self._symbol(instrument)
        await self._client.write_with(WRITE, lambda exchange: exchange.set_margin_mode(margin_mode.value, symbol))

    async def inspect(self) -> list[Finding]:
        """Reads the balance, which needs a good key; the rest is not told through ccxt's unified methods."""
        await self.read_value()
        why = "it was never tried against the real exchange; begin with mode sandbox and its testnet"
        return [
            Finding(Severity.WARNING, "adapter", "the general one, by what ccxt says of the exchange", why),
            trading_right(may_trade=None),
            withdrawal_right(may_withdraw=None),
        ]

    async def _markets(self) -> None:
        """Ccxt's unified methods need its own table of markets, once per object."""
        if not self._client.raw().markets:
            await self._client.read_with(READ, lambda exchange: exchange.load_markets())

    def _is_ours(self, market: Mapping[str, Any]) -> bool:
        return bool(market.get("swap") and market.get("linear") and market.get("settle") == self.traits.settle)

    def _symbol(self, instrument: Instrument) -> str:
        markets = self._client.raw().markets_by_id.get(instrument.exchange_symbol, [])
        found = [str(market["symbol"]) for market in markets if self._is_ours(market)]
        if len(found) != 1:
            raise MalformedReply(f"{instrument.exchange_symbol}: {len(found)} markets of that name")
        return found[0]

    def _id_of(self, symbol: str) -> str:
        market = self._client.raw().markets.get(symbol)
        if market is None:
            raise MalformedReply(f"{symbol}: not in the exchange's list of markets")
        return str(market["id"])

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


async def _create_order(exchange: Any, order: Mapping[str, object]) -> str:  # noqa: ANN401 - ccxt is untyped
    return Row(await exchange.create_order(**order), "order").text("id")


async def _tickers(exchange: Any, symbols: list[str]) -> list[Any]:  # noqa: ANN401 - ccxt has no types
    if len(symbols) > 1 and exchange.has.get("fetchTickers"):
        return list((await exchange.fetch_tickers(symbols)).values())
    return [await exchange.fetch_ticker(symbol) for symbol in symbols]
