"""core.ports.exchange.Exchange over one dialect: what all exchanges share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from account_processors.books import Book
from account_processors.ccxt_client import CcxtClient
from account_processors.clock_offset import ClockOffset
from account_processors.closings import cause_of
from account_processors.dialect import Dialect
from account_processors.instruments import InstrumentCache, Listing, Unlisted
from account_processors.orders import base_quantity, exchange_amount
from account_processors.outcomes import CallFailed, outcome_of
from account_processors.passport import Finding, Passport, inspect_account
from account_processors.replies import MalformedReply
from core.model.failures import InvalidInput
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.order import (
    Accepted,
    NotFound,
    OrderIntent,
    OrderLookup,
    RefusalReason,
    RefusedOutcome,
    SubmitOutcome,
    UnknownOutcome,
)
from core.model.position import AccountSnapshot, ClosingCause, MarginMode, Position, Quote
from core.model.reading import Barred, HeldBack, Known, Reading, Unknown
from core.ports.clock import Clock
from core.ports.exchange import Capabilities, SymbolSettings

T = TypeVar("T")

BARRING = (RefusalReason.AUTHENTICATION, RefusalReason.PERMISSION)
ARRIVAL_MARGIN_SECONDS = 2.0
"""On top of the receive window and of our own wait before a send."""


class CcxtExchange:
    """One account on one exchange.

    Args:
        account: Whose.
        dialect: How the exchange is spoken to.
        client: The signed connection.
        instruments: The exchange's listing, shared by its accounts.
        clock: For the times of reads.
        counts_profit: Whether unrealized profit is part of the account's value (`account_value: equity`).
        read_lag_bound_seconds: How long position reads may trail behind fills here.
        close_session: Closes what carried the requests.
        is_paper: Whether nobody made its key, so that advice about keys is left out.
    """

    def __init__(
        self,
        account: AccountId,
        dialect: Dialect,
        client: CcxtClient,
        instruments: InstrumentCache,
        clock: Clock,
        *,
        counts_profit: bool,
        read_lag_bound_seconds: float,
        close_session: Callable[[], Awaitable[None]],
        is_paper: bool = False,
    ) -> None:
        self._account = account
        self.is_paper = is_paper
        self._dialect = dialect
        self._client = client
        self._instruments = instruments
        self._clock = clock
        self._counts_profit = counts_profit
        self._close_session = close_session
        client.ask_time = dialect.ask_time
        profile = dialect.profile
        self._capabilities = Capabilities(
            leverage_in_order=profile.leverage_in_order,
            margin_mode_in_order=profile.margin_mode_in_order,
            not_found_after_seconds=profile.receive_window_seconds
            + client.settings.longest_wait_before_write_seconds
            + ARRIVAL_MARGIN_SECONDS,
            read_lag_bound_seconds=read_lag_bound_seconds,
            repeats_closes=profile.repeats_closes,
        )

    @property
    def account(self) -> AccountId:
        """Whose account this is."""
        return self._account

    @property
    def capabilities(self) -> Capabilities:
        """What differs on this exchange."""
        return self._capabilities

    @property
    def connection(self) -> CcxtClient:
        """The signed connection."""
        return self._client

    @property
    def clock_offset(self) -> ClockOffset:
        """How far the exchange's clock is from ours."""
        return self._client.clock_offset

    async def read_snapshot(self) -> AccountSnapshot:
        """Value and all positions, sent side by side."""
        equity, positions = await asyncio.gather(self._read(self._value), self.read_positions())
        return AccountSnapshot(self._account, equity, positions)

    async def read_positions(self) -> Reading[Mapping[Symbol, Position]]:
        """All positions; Unknown as soon as one row cannot be read."""
        listing = await self._listing()
        if isinstance(listing, Unknown):
            return listing
        return await self._read(lambda: self._positions(listing.value))

    async def read_recent_client_ids(self, symbol: Symbol) -> Reading[Sequence[str]]:
        """The client order ids of the symbol's newest orders."""
        instrument = await self._instrument(symbol)
        if isinstance(instrument, Unknown):
            return instrument
        ids = await self._read(lambda: self._dialect.recent_client_ids(instrument))
        return ids if isinstance(ids, Unknown) else Known([known for known in ids.value if known][:50], ids.read_at)

    async def read_closing_cause(self, symbol: Symbol, since: datetime) -> Reading[ClosingCause]:
        """Why the symbol's position became smaller after a moment."""
        instrument = await self._instrument(symbol)
        if isinstance(instrument, Unknown):
            return instrument
        return await self._read(lambda: self._closing_cause(instrument, since))

    async def read_quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Reading[Quote]]:
        """Prices of the symbols, each Known or Unknown."""
        listing = await self._listing()
        if isinstance(listing, Unknown):
            return dict.fromkeys(symbols, listing)
        wanted = {symbol: listing.value.instruments.get(symbol) for symbol in symbols}
        listed = [instrument for instrument in wanted.values() if instrument]
        quotes = await self._read(lambda: self._dialect.read_quotes(listed)) if listed else Known({}, self._clock.now())
        return {symbol: _quote_of(instrument, quotes) for symbol, instrument in wanted.items()}

    async def read_instruments(self) -> Reading[Mapping[Symbol, Instrument]]:
        """Rules of every listed USDT perpetual, from the cache where it is fresh."""
        listing = await self._listing()
        return listing if isinstance(listing, Unknown) else Known(listing.value.instruments, listing.read_at)

    async def refresh_instruments(self) -> None:
        """Read the rules anew at the next read."""
        self._instruments.drop()

    async def submit_order(self, intent: OrderIntent) -> SubmitOutcome:
        """Send one market order once."""
        instrument = await self._instrument(intent.symbol)
        if isinstance(instrument, Unknown):
            return RefusedOutcome(RefusalReason.NOT_TRADABLE, f"not sent: {instrument.reason}")
        amount = exchange_amount(intent.quantity, instrument)
        if base_quantity(amount, instrument) != intent.quantity or intent.quantity % instrument.lot_step:
            step = instrument.lot_step
            return RefusedOutcome(RefusalReason.PRECISION, f"not sent: {intent.quantity} is no multiple of {step}")
        return await self._write(lambda: self._dialect.send(intent, instrument, amount))

    async def find_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderLookup:
        """Fetch one of our orders by the id we gave it."""
        instrument = await self._instrument(symbol)
        if isinstance(instrument, Unknown):
            return UnknownOutcome(instrument.reason)
        try:
            report = await self._dialect.find(instrument, client_order_id)
        except CallFailed as failure:
            return NotFound() if failure.is_not_found else UnknownOutcome(failure.detail, failure.held_back_seconds)
        except (MalformedReply, InvalidInput) as error:
            return UnknownOutcome(str(error))
        return report or NotFound()

    async def cancel_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> SubmitOutcome:
        """Cancel one of our orders by the id we gave it; market orders seldom live long enough."""
        return await self._set(symbol, lambda rules: self._dialect.cancel(rules, client_order_id))

    async def read_book(self, symbol: Symbol) -> Reading[Book]:
        """The best levels of the order book, in base asset."""
        instrument = await self._instrument(symbol)
        if isinstance(instrument, Unknown):
            return instrument
        return await self._read(lambda: self._dialect.read_book(instrument))

    async def subscribe_book(self, symbol: Symbol, every_seconds: float = 1.0) -> AsyncIterator[Reading[Book]]:
        """The order book again and again, by polling; a failed read is handed on as Unknown."""
        while True:
            yield await self.read_book(symbol)
            await asyncio.sleep(every_seconds)

    async def read_settings(self, symbol: Symbol) -> Reading[SymbolSettings]:
        """The margin mode and leverage that the exchange holds for the symbol."""
        instrument = await self._instrument(symbol)
        if isinstance(instrument, Unknown):
            return instrument
        return await self._read(lambda: self._dialect.read_settings(instrument))

    async def set_leverage(self, symbol: Symbol, leverage: Decimal, margin_mode: MarginMode) -> SubmitOutcome:
        """Set the leverage in the exchange's own scope."""
        return await self._set(symbol, lambda rules: self._dialect.set_leverage(rules, leverage, margin_mode))

    async def set_margin_mode(self, symbol: Symbol, margin_mode: MarginMode) -> SubmitOutcome:
        """Set the margin mode where its scope is the symbol; refused where it is wider."""
        return await self._set(symbol, lambda rules: self._dialect.set_margin_mode(rules, margin_mode))

    async def inspect(self, symbols: Sequence[Symbol] = ()) -> Passport:
        """The account passport: what the exchange says about key, rights, modes, clock and the symbols asked for."""
        return await inspect_account(self, self._dialect.inspect, symbols)

    async def apply(self, finding: Finding) -> SubmitOutcome:
        """Carry out a finding's remedy; refused by the exchange, or by us, unless the account is flat."""
        positions = await self.read_positions()
        if isinstance(positions, Unknown):
            return RefusedOutcome(RefusalReason.INVALID_REQUEST, f"not sent: positions unknown: {positions.reason}")
        if positions.value:
            return RefusedOutcome(RefusalReason.INVALID_REQUEST, "not sent: the account holds positions")
        return await self._setting(lambda: self._dialect.apply(finding.remedy_id))

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._instruments.close(self)
        await self._client.clock_offset.close()
        await self._client.close()
        await self._close_session()

    async def _listing(self) -> Reading[Listing]:
        return await self._instruments.read(self._dialect.list_instruments, self._clock, self)

    async def _instrument(self, symbol: Symbol) -> Instrument | Unknown:
        """One symbol's rules as last read, so that no order waits for a refresh."""
        listing = self._instruments.last or await self._listing()
        if isinstance(listing, Unknown):
            return listing
        exchange = self._account.exchange
        return listing.value.instruments.get(symbol) or Unknown(f"{symbol}: {exchange} lists no perpetual of that name")

    async def _positions(self, listing: Listing) -> Mapping[Symbol, Position]:
        try:
            return await self._dialect.read_positions(listing)
        except Unlisted:
            self._instruments.doubt()
            raise

    async def _closing_cause(self, instrument: Instrument, since: datetime) -> ClosingCause:
        return cause_of(await self._dialect.closings(instrument), since)

    async def _value(self) -> Decimal:
        value = await self._dialect.read_value()
        return value.wallet + value.unrealized_profit if self._counts_profit else value.wallet

    async def _read(self, ask: Callable[[], Awaitable[T]]) -> Reading[T]:
        at = self._clock.now()
        try:
            return Known(await ask(), at)
        except CallFailed as failure:
            if failure.held_back_seconds is not None:
                return HeldBack(failure.detail, failure.held_back_seconds)
            return Barred(failure.detail) if failure.meaning in BARRING else Unknown(failure.detail)
        except (MalformedReply, InvalidInput) as error:
            return Unknown(f"{self._account.exchange}: {error}")

    async def _write(self, send: Callable[[], Awaitable[str]]) -> SubmitOutcome:
        try:
            return Accepted(await send())
        except CallFailed as failure:
            return outcome_of(failure)
        except (MalformedReply, InvalidInput) as error:
            return UnknownOutcome(f"{self._account.exchange}: {error}")

    async def _set(self, symbol: Symbol, change: Callable[[Instrument], Awaitable[None]]) -> SubmitOutcome:
        instrument = await self._instrument(symbol)
        if isinstance(instrument, Unknown):
            return RefusedOutcome(RefusalReason.NOT_TRADABLE, f"not sent: {instrument.reason}")
        return await self._setting(lambda: change(instrument))

    async def _setting(self, change: Callable[[], Awaitable[None]]) -> SubmitOutcome:
        async def done() -> str:
            await change()
            return ""

        outcome = await self._write(done)
        is_unchanged = isinstance(outcome, RefusedOutcome) and outcome.reason is RefusalReason.UNCHANGED
        return Accepted("") if is_unchanged else outcome


def _quote_of(instrument: Instrument | None, quotes: Reading[dict[str, Quote]]) -> Reading[Quote]:
    if instrument is None:
        return Unknown("not listed on this exchange")
    if isinstance(quotes, Unknown):
        return quotes
    quote = quotes.value.get(instrument.exchange_symbol)
    return Known(quote, quotes.read_at) if quote else Unknown("the exchange sent no price")
