"""The TradingView endpoint without a socket: the whole application in this process, on a clock set by hand."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from config.home import Home
from core.model.signal import SourceFrame
from core.ports.clock import Clock
from signal_endpoints.in_process import CLIENT, HOST, Answer, request
from signal_endpoints.receipt import Application
from signal_endpoints.tradingview_app import make_app
from signal_endpoints.tradingview_service import TradingViewService
from signal_processors.day_files import Record, read_records
from signal_processors.depth_files import parse_frame
from signal_processors.records import Committer, commit_inline

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(slots=True)
class SetClock:
    """core.ports.clock.Clock that stands still until it is moved."""

    at: datetime = NOON

    def now(self) -> datetime:
        """The time it was set to."""
        return self.at

    def move(self, seconds: float) -> None:
        """Move it, also backwards."""
        self.at += timedelta(seconds=seconds)


@dataclass(slots=True)
class Told:
    """core.ports.telemetry.Telemetry that remembers everything."""

    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def tell(self, event: str, **facts: object) -> None:
        """Remember one event."""
        self.events.append((event, facts))

    def named(self, event: str) -> list[Mapping[str, object]]:
        """The facts of every event of one name."""
        return [facts for name, facts in self.events if name == event]


@dataclass(slots=True)
class WebhookWorld:
    """A running endpoint and what can be seen of it.

    Attributes:
        home: Its files.
        service: What it does with messages.
        app: The application that a server would serve.
        told: What it told.
    """

    home: Home
    service: TradingViewService
    app: Application
    told: Told

    async def post(
        self,
        message: Mapping[str, Any] | bytes,
        *,
        path: str = "/",
        headers: tuple[tuple[bytes, bytes], ...] = (),
        host: bytes = HOST[1],
        peer: str = CLIENT[0],
    ) -> Answer:
        """Send one message as TradingView does."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        all_headers = ((b"host", host), (b"content-length", str(len(body)).encode()), *headers)
        return await request(self.app, body, path=path, headers=all_headers, client=(peer, CLIENT[1]))

    def frame(self) -> SourceFrame:
        """The frame as the engine would read it from the disk."""
        path = self.home.depths("tradingview")
        return parse_frame(path.read_bytes(), path)

    def depths(self) -> dict[str, Decimal]:
        """The depths in force, before or after they were published."""
        return {signal.source_symbol: signal.depth for signal in self.service.processor.frame().signals}

    def records(self) -> list[Record]:
        """Everything in the record, oldest first."""
        return [item for item in read_records(self.home.raw_signals("tradingview")) if isinstance(item, Record)]


@asynccontextmanager
async def webhook_world(
    home: Home,
    clock: Clock,
    committer: Committer = commit_inline,
) -> AsyncIterator[WebhookWorld]:
    """Run the endpoint while the block runs."""
    told = Told()
    service = TradingViewService(home, clock, told, committer)
    async with service:
        yield WebhookWorld(home, service, make_app(service, owns_service=False), told)
