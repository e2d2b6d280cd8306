"""A request and its answer as values, and what a protocol is: a function between the two over the state machine.

How a protocol file plugs in (say `paper/kucoin.py`):

1. Write handlers `def read_positions(call: Call) -> object`: they read `call.params`, ask `call.exchange` (and
   `call.account` on signed endpoints) and return the value that the exchange puts into its envelope.
2. List them as `Route`s: method, path pattern (`/api/v1/orders/{order_id}`; the longest literal match wins), endpoint
   name (what faults and the ledger call it), handler, and whether the request must be signed.
3. Write a class with the members of `Protocol`: `routes`, `hosts`, `urls`, `authenticate` (verify signature, timestamp
   and key; raise `Refused` with the reason), `wrap` (envelope of success) and `refuse` (a `Refused` as the exchange's
   own code, message and HTTP status; see `paper/refusals.py` for the reasons).
4. Add one line to `PROTOCOLS` in `paper/house.py`.

Handlers are synchronous and touch neither sockets nor clocks: time is `call.exchange.now_ms()`. Latency, faults, rate
limits and the ledger are put around them by `paper/door.py`, the same way in process and over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from typing import Protocol as TypingProtocol
from urllib.parse import parse_qsl

from paper.refusals import Reason, Refused

if TYPE_CHECKING:
    from paper.account import Account
    from paper.exchange import PaperExchange
    from paper.rate_limits import RateRule


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, exactly as sent as far as signatures care.

    Attributes:
        method: Upper case.
        host: Host the client meant, without port.
        path: Path without query, beginning with a slash, as sent.
        query: Raw query text without the question mark, as sent.
        headers: Names in lower case.
        body: The body as text, empty where there is none.
        peer: Address of the client, for limits and bans by address.
    """

    method: str
    host: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    peer: str = "127.0.0.1"

    @property
    def target(self) -> str:
        """Path and query as sent, which most exchanges sign."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def query_params(self) -> dict[str, Any]:
        """The query, decoded; blank values are kept."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def json_body(self) -> Any:  # noqa: ANN401 - JSON is anything until a handler has seen it
        """The body as JSON, None when empty.

        Raises:
            Refused: As a malformed request when it is not JSON.
        """
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except json.JSONDecodeError:
            raise Refused(Reason.BAD_REQUEST, "the body is not JSON") from None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets.

    Attributes:
        exchange: The state machine.
        request: As it came.
        params: Query and, when the body is a JSON object, its members; names as sent.
        path_values: Values of the placeholders in the route's path.
        signer: Whose request this is; None on public endpoints.
    """

    exchange: PaperExchange
    request: Request
    params: Mapping[str, Any]
    path_values: Mapping[str, str]
    signer: Account | None

    @property
    def account(self) -> Account:
        """The account of a signed request.

        Raises:
            Refused: If the request was not signed.
        """
        if self.signer is None:
            raise Refused(Reason.BAD_KEY, "this endpoint needs a signature")
        return self.signer

    def text(self, name: str, default: str = "") -> str:
        """A parameter as text; absent, null and empty are the default."""
        value = self.params.get(name)
        return default if value is None or value == "" else str(value)

    def required(self, name: str) -> str:
        """A parameter as text.

        Raises:
            Refused: If it is absent or empty.
        """
        value = self.text(name)
        if not value:
            raise Refused(Reason.BAD_REQUEST, f"parameter {name} is missing")
        return value

    def whole(self, name: str, default: int, largest: int) -> int:
        """A whole number of 1 or more such as a page size, never above the largest."""
        text = self.text(name, str(default))
        if not text.isdecimal() or int(text) < 1:
            raise Refused(Reason.BAD_REQUEST, f"parameter {name} is not a whole number above zero")
        return min(int(text), largest)

    def number(self, name: str) -> Decimal:
        """A parameter as an exact decimal.

        Raises:
            Refused: If it is absent or not a finite number.
        """
        try:
            value = Decimal(str(self.params.get(name, "")))
        except InvalidOperation:
            raise Refused(Reason.BAD_REQUEST, f"parameter {name} is not a number") from None
        if not value.is_finite():
            raise Refused(Reason.BAD_REQUEST, f"parameter {name} is not finite")
        return value


Handler = Callable[[Call], object]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint.

    Attributes:
        method: Upper case.
        pattern: Path; a segment in braces matches anything.
        endpoint: Its name in the ledger and in faults: `create_order`, `positions`, `balance`, ...
        handler: What answers.
        is_signed: Whether the request must be authenticated first.
        weight: How much of a weighted quota one call costs, in the exchange's own unit.
    """

    method: str
    pattern: str
    endpoint: str
    handler: Handler
    is_signed: bool = False
    weight: int = 1

    def match(self, path: str) -> dict[str, str] | None:
        """The placeholders' values if the path is this route's, else None."""
        wanted, given = self.pattern.strip("/").split("/"), path.strip("/").split("/")
        if len(wanted) != len(given):
            return None
        values: dict[str, str] = {}
        for pattern, segment in zip(wanted, given, strict=True):
            if pattern.startswith("{"):
                values[pattern[1:-1]] = segment
            elif pattern != segment:
                return None
        return values


class Protocol(TypingProtocol):
    """One exchange's REST dialect."""

    @property
    def name(self) -> str:
        """The exchange: bybit, blofin, kucoin, mexc."""
        ...

    @property
    def routes(self) -> Sequence[Route]:
        """Every endpoint."""
        ...

    @property
    def rate_rules(self) -> Sequence[RateRule]:
        """The published limits."""
        ...

    @property
    def key_header(self) -> str:
        """The header, lower case, that carries the API key; by it a request without path prefix is recognised."""
        ...

    def urls(self, base_url: str) -> dict[str, Any]:
        """What to put over ccxt's `urls['api']` so that every call goes to the base URL (no slash at its end)."""
        ...

    def authenticate(self, exchange: PaperExchange, request: Request) -> Account:
        """Whose request this is.

        Raises:
            Refused: Unknown key, wrong signature or passphrase, timestamp outside the window, expired, not allowed.
        """
        ...

    def wrap(self, exchange: PaperExchange, payload: object) -> Response:
        """A handler's value in the exchange's envelope."""
        ...

    def refuse(self, exchange: PaperExchange, refused: Refused) -> Response:
        """A refusal in the exchange's envelope, with its own code."""
        ...


def find_route(routes: Sequence[Route], method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """The route of a request and its path values; a literal segment beats a placeholder."""
    found = [
        (route, values) for route in routes if route.method == method and (values := route.match(path)) is not None
    ]
    return min(found, key=lambda pair: len(pair[1]), default=None)
