"""The ports of the shell with a stopwatch: they pass everything on unchanged."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.order import NotFound, OrderIntent, OrderLookup, RefusedOutcome, SubmitOutcome, UnknownOutcome
from core.model.outcome import PassReport
from core.model.position import AccountSnapshot, ClosingCause, MarginMode, Position, Quote
from core.model.reading import Known, Reading, Unknown
from core.ports.exchange import Capabilities, Exchange, SymbolSettings
from core.ports.views import PassView
from operations.committers import Commit, Committer
from operations.metrics import Metrics

T = TypeVar("T")


class MeasuredExchange:
    """core.ports.exchange.Exchange that counts its calls, their results and durations."""

    def __init__(self, exchange: Exchange, metrics: Metrics) -> None:
        self._exchange = exchange
        self._metrics = metrics
        self._account = str(exchange.account)

    @property
    def account(self) -> AccountId:
        """Whose account this is."""
        return self._exchange.account

    @property
    def capabilities(self) -> Capabilities:
        """What differs on this exchange."""
        return self._exchange.capabilities

    async def read_snapshot(self) -> AccountSnapshot:
        """Value and all positions."""
        with self._timed("read_snapshot"):
            snapshot = await self._exchange.read_snapshot()
        self._count("read_snapshot", snapshot.equity if isinstance(snapshot.equity, Unknown) else snapshot.positions)
        return snapshot

    async def read_positions(self) -> Reading[Mapping[Symbol, Position]]:
        """All positions."""
        with self._timed("read_positions"):
            return self._count("read_positions", await self._exchange.read_positions())

    async def read_recent_client_ids(self, symbol: Symbol) -> Reading[Sequence[str]]:
        """The ids of the symbol's newest orders."""
        with self._timed("read_recent_client_ids"):
            return self._count("read_recent_client_ids", await self._exchange.read_recent_client_ids(symbol))

    async def read_closing_cause(self, symbol: Symbol, since: datetime) -> Reading[ClosingCause]:
        """Why a position became smaller."""
        with self._timed("read_closing_cause"):
            return self._count("read_closing_cause", await self._exchange.read_closing_cause(symbol, since))

    async def read_quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Reading[Quote]]:
        """Prices of the symbols."""
        with self._timed("read_quotes"):
            quotes = await self._exchange.read_quotes(symbols)
        unknown = [quote for quote in quotes.values() if isinstance(quote, Unknown)]
        self._count("read_quotes", unknown[0] if unknown and len(unknown) == len(quotes) else None)
        return quotes

    async def read_instruments(self) -> Reading[Mapping[Symbol, Instrument]]:
        """Rules of every listed perpetual, often from the cache."""
        with self._timed("read_instruments"):
            return self._count("read_instruments", await self._exchange.read_instruments())

    async def refresh_instruments(self) -> None:
        """Drop the cached rules."""
        await self._exchange.refresh_instruments()

    async def submit_order(self, intent: OrderIntent) -> SubmitOutcome:
        """Send one market order once."""
        with self._timed("submit_order"):
            return self._count("submit_order", await self._exchange.submit_order(intent))

    async def find_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderLookup:
        """Fetch one of our orders."""
        with self._timed("find_order"):
            return self._count("find_order", await self._exchange.find_order(symbol, client_order_id))

    async def read_settings(self, symbol: Symbol) -> Reading[SymbolSettings]:
        """Margin mode and leverage."""
        with self._timed("read_settings"):
            return self._count("read_settings", await self._exchange.read_settings(symbol))

    async def set_leverage(self, symbol: Symbol, leverage: Decimal, margin_mode: MarginMode) -> SubmitOutcome:
        """Set the leverage."""
        with self._timed("set_leverage"):
            return self._count("set_leverage", await self._exchange.set_leverage(symbol, leverage, margin_mode))

    async def set_margin_mode(self, symbol: Symbol, margin_mode: MarginMode) -> SubmitOutcome:
        """Set the margin mode."""
        with self._timed("set_margin_mode"):
            return self._count("set_margin_mode", await self._exchange.set_margin_mode(symbol, margin_mode))

    async def close(self) -> None:
        """Close the connections."""
        await self._exchange.close()

    @contextmanager
    def _timed(self, call: str) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            yield
        finally:
            self._metrics.call_seconds.labels(self._account, call).observe(loop.time() - began)

    def _count(self, call: str, answer: T) -> T:
        self._metrics.calls.labels(self._account, call, _result_of(answer)).inc()
        return answer


class MeasuredPasses:
    """core.ports.views.PassView that counts and times the passes it is told of."""

    def __init__(self, view: PassView, metrics: Metrics) -> None:
        self._view = view
        self._metrics = metrics
        self.last: dict[AccountId, PassReport] = {}

    def publish(self, report: PassReport) -> None:
        """Take the report and pass it on."""
        account = str(report.account)
        self.last[report.account] = report
        self._metrics.passes.labels(account).inc()
        if report.snapshot and isinstance(report.snapshot.positions, Known):
            seconds = (report.at - report.snapshot.positions.read_at).total_seconds()
            self._metrics.pass_seconds.labels(account).observe(max(0.0, seconds))
        self._view.publish(report)


def measured_committer(committer: Committer, metrics: Metrics) -> Committer:
    """The committer with a stopwatch around every commit."""

    async def commit_and_measure(commit: Commit) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await committer(commit)
        finally:
            metrics.commit_seconds.observe(loop.time() - began)

    return commit_and_measure


def _result_of(answer: object) -> str:
    if isinstance(answer, Unknown | UnknownOutcome):
        return "unknown"
    if isinstance(answer, RefusedOutcome):
        return "refused"
    return "not_found" if isinstance(answer, NotFound) else "ok"
