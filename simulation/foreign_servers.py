"""What the small servers of three further exchanges share: one account, and what carries requests to them.

Their answers have the shape of the recorded ones, which a test compares; what they do with them is assumed, and
signatures are not checked.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from core.model.money import ZERO
from core.ports.clock import Clock
from paper.in_process import InProcessResponse
from paper.wire import Response

PRICE = Decimal(50_000)
TAKER_FEE = Decimal("0.0005")
ONE_PATH_FOR_ALL = ("/info", "/exchange")


class Refusal(Exception):
    """The server says no.

    Attributes:
        reason: insufficient, reduce, duplicate, minimum or unknown order.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class MiniExchange:
    """One BTC perpetual, one account, market orders that fill at once; quantities in coins.

    Attributes:
        clock: What time it is.
        wallet: In the settle coin.
        held: Signed coins.
        orders: By client id.
        leverage: Of the symbol.
        margin_mode: Of the symbol.
        refuse_next: Why the next order is refused, empty for no refusal.
        is_hedged: Whether the account holds both sides apart.
        account_kind: What Hyperliquid calls the account's abstraction; "multi-assets" on Binance.
    """

    clock: Clock
    wallet: Decimal = Decimal(10_000)
    held: Decimal = ZERO
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    leverage: int = 20
    margin_mode: str = "cross"
    requests: list[str] = field(default_factory=list)
    answers: list[tuple[str, Any]] = field(default_factory=list)
    refuse_next: str = ""
    is_hedged: bool = False
    account_kind: str = "disabled"

    @property
    def asked(self) -> "Asked":
        """What was asked, to be counted by the ending of its path or its type."""
        return Asked([request for request, _ in self.answers])

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return int(self.clock.now().timestamp() * 1000)

    def trade(self, client_id: str, side: str, quantity: Decimal, *, reduce_only: bool) -> dict[str, Any]:
        """Fill a market order.

        Raises:
            Refusal: With the reason, and nothing changed.
        """
        if self.refuse_next:
            reason, self.refuse_next = self.refuse_next, ""
            raise Refusal(reason)
        if client_id in self.orders:
            raise Refusal("duplicate")
        sign = 1 if side == "buy" else -1
        if reduce_only:
            if self.held * sign >= 0:
                raise Refusal("reduce")
            quantity = min(quantity, abs(self.held))
        elif quantity * PRICE / self.leverage > self.wallet:
            raise Refusal("insufficient")
        self.held += quantity * sign
        self.wallet -= quantity * PRICE * TAKER_FEE
        order = {
            "id": str(1000 + len(self.orders)),
            "client_id": client_id,
            "side": side,
            "quantity": quantity,
            "reduce_only": reduce_only,
            "at": self.now_ms(),
        }
        self.orders[client_id] = order
        return order

    def order(self, client_id: str) -> dict[str, Any]:
        """An order by its client id.

        Raises:
            Refusal: If there is none.
        """
        if client_id not in self.orders:
            raise Refusal("unknown order")
        return self.orders[client_id]


@dataclass(frozen=True, slots=True)
class Breakage:
    """What goes wrong with the requests to one place.

    Attributes:
        place: The path's ending, or the request's type where all requests have one path; empty for all requests.
        change: What becomes of status and text on the way back.
        is_cut: Whether the connection is cut, after the server did what it was asked for.
        is_silent: Whether no answer ever comes.
    """

    place: str = ""
    change: Callable[[int, str], tuple[int, str]] = lambda status, text: (status, text)
    is_cut: bool = False
    is_silent: bool = False


class Asked(list[str]):
    """Requests as method, path and type."""

    def count(self, ending: str) -> int:
        """How many end so."""
        return sum(request.endswith(ending) for request in self)


Handler = Callable[[MiniExchange, str, str, dict[str, Any]], tuple[int, Any]]


class MiniSession:
    """The part of aiohttp.ClientSession that ccxt uses, answered by a handler.

    Attributes:
        is_cut: Whether connections are cut before they answer.
        breakage: What goes wrong besides, None for nothing.
        in_flight: How many requests wait for their answer.
    """

    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, exchange: MiniExchange, handler: Handler) -> None:
        self.exchange = exchange
        self._handler = handler
        self.is_cut = False
        self.breakage: Breakage | None = None
        self.in_flight = 0

    def get(self, url: object, **options: Any) -> "_Answer":  # noqa: ANN401 - as aiohttp
        """A GET."""
        return _Answer(self, "GET", str(url), options)

    def post(self, url: object, **options: Any) -> "_Answer":  # noqa: ANN401 - as aiohttp
        """A POST."""
        return _Answer(self, "POST", str(url), options)

    async def answer(self, method: str, url: str, body: bytes | None) -> InProcessResponse:
        """What the server says."""
        parts = urlsplit(url)
        text = (body or b"").decode()
        params: dict[str, Any] = dict(parse_qsl(parts.query))
        told = json.loads(text) if text.startswith(("{", "[")) else dict(parse_qsl(text))
        params.update(told[0] if isinstance(told, list) else told)
        self.exchange.requests.append(f"{method} {parts.path}")
        if self.is_cut:
            raise aiohttp.ServerDisconnectedError
        status, answer = self._handler(self.exchange, method, parts.path, params)
        kind = _kind_of(params) if parts.path in ONE_PATH_FOR_ALL else ""
        self.exchange.answers.append((f"{method} {parts.path} {kind}".rstrip(), answer))
        text = json.dumps(answer)
        broken = self.breakage
        if broken and (parts.path.endswith(broken.place) or broken.place == kind):
            if broken.is_cut:
                raise aiohttp.ServerDisconnectedError
            if broken.is_silent:
                await self._never()
            status, text = broken.change(status, text)
        return InProcessResponse(Response(status, text), url)

    async def _never(self) -> None:
        self.in_flight += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.in_flight -= 1


def _kind_of(params: Mapping[str, Any]) -> str:
    action = params.get("action")
    return str(action["type"] if isinstance(action, dict) else params.get("type", ""))


class _Answer:
    def __init__(self, session: MiniSession, method: str, url: str, options: dict[str, Any]) -> None:
        self._session, self._method, self._url, self._options = session, method, url, options

    async def __aenter__(self) -> InProcessResponse:
        return await self._session.answer(self._method, self._url, self._options.get("data"))

    async def __aexit__(self, *_: object) -> None:
        return None
