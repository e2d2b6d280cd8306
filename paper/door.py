"""The way into an exchange: ledger, limits, faults and latency around a protocol, the same in process and over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from paper.account import Account
from paper.damage import damage
from paper.exchange import Effects, PaperExchange
from paper.faults import Fault, FaultKind, Faults
from paper.interventions import deleverage, liquidate_now, trade_from_elsewhere
from paper.ledger import Ledger
from paper.rate_limits import RateLimiter
from paper.refusals import Reason, Refused
from paper.wire import Call, Protocol, Request, Response, Route, find_route

FOREVER_SECONDS = 86_400.0
SYMBOL_NAMES = ("symbol", "instId")
HTML = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>"


class ConnectionCut(Exception):
    """The client sees its connection closed without an answer."""


@dataclass(frozen=True, slots=True)
class _Visit:
    """One request and what is known about it before it is processed."""

    request: Request
    route: Route | None
    path_values: dict[str, str]
    label: str
    symbol: str

    @property
    def endpoint(self) -> str:
        return self.route.endpoint if self.route else "unknown"


class Door:
    """One exchange as clients meet it.

    Attributes:
        exchange: The state machine behind it.
        protocol: Its dialect.
        is_limited: Whether the published limits are in force.
        in_flight: Requests that are inside now.
        before_each: Called as a request comes in.
    """

    def __init__(
        self, exchange: PaperExchange, protocol: Protocol, ledger: Ledger, faults: Faults, *, is_limited: bool = True
    ) -> None:
        self.exchange = exchange
        self.protocol = protocol
        self.is_limited = is_limited
        self.in_flight = 0
        self.before_each: Callable[[], object] = lambda: None
        self._ledger = ledger
        self._faults = faults
        self._limiter = RateLimiter(protocol.rate_rules)
        self._routes: dict[tuple[str, str], tuple[Route, dict[str, str]]] = {}
        self._late: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request) -> Response:
        """One request from arrival to answer.

        Raises:
            ConnectionCut: If a fault closes the connection.
        """
        self.before_each()
        visit = self._look_at(request)
        self.in_flight += 1
        self._record("request", visit, method=request.method, path=request.path, in_flight=self.in_flight)
        outcome = "no answer"
        try:
            response = await self._serve(visit)
            outcome = str(response.status)
            return response
        finally:
            self.in_flight -= 1
            self._record("answer", visit, outcome=outcome)

    async def close(self) -> None:
        """Drop what would have landed late."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    def has_key_of(self, request: Request) -> bool:
        """Whether the request carries its key in this exchange's header."""
        return self.protocol.key_header in request.headers

    def has_route_of(self, request: Request) -> bool:
        """Whether the request's path is one of this exchange's."""
        return self._find(request.method, request.path) is not None

    async def _serve(self, visit: _Visit) -> Response:
        met = self._faults.draw(self.exchange.name, visit.label, visit.endpoint, visit.symbol, self.exchange.now_ms())
        for fault in met:
            self._record("fault", visit, fault=fault.kind)
        waiting = self._faults.latency_seconds(met)
        if waiting:
            await asyncio.sleep(waiting)
        kinds = {fault.kind: fault for fault in met}
        if FaultKind.HANG in kinds:
            await _hang()
        if FaultKind.CUT_BEFORE in kinds:
            raise ConnectionCut
        instead = self._instead_of_processing(kinds)
        if instead is not None:
            return instead
        if FaultKind.LATE in kinds:
            self._process_later(visit, kinds, kinds[FaultKind.LATE].seconds)
            await _hang()
        response = self._process(visit, kinds)
        if FaultKind.ANSWER_LOST in kinds:
            raise ConnectionCut
        return damage(response, kinds)

    def _instead_of_processing(self, kinds: dict[FaultKind, Fault]) -> Response | None:
        """What stands in front of the exchange: gateways, limits, maintenance."""
        if fault := kinds.get(FaultKind.SERVER_ERROR):
            return Response(fault.status or 502, "<html>Bad Gateway</html>", content_type="text/html")
        if fault := kinds.get(FaultKind.HTML_PAGE):
            return Response(fault.status or 403, HTML, content_type="text/html")
        if (fault := kinds.get(FaultKind.RATE_LIMITED)) and fault.status:
            return Response(fault.status, "")
        for kind, reason in _REFUSALS.items():
            if kind in kinds:
                return self.protocol.refuse(self.exchange, Refused(reason, "on demand"))
        if fault := kinds.get(FaultKind.REFUSED):
            reason = Reason(fault.reason) if fault.reason else Reason.BUSY
            return self.protocol.refuse(self.exchange, Refused(reason, "on demand", code=fault.code))
        return None

    def _process_later(self, visit: _Visit, kinds: dict[FaultKind, Fault], seconds: float) -> None:
        async def process() -> None:
            await asyncio.sleep(seconds)
            self._process(visit, kinds)

        task = asyncio.get_running_loop().create_task(process())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _process(self, visit: _Visit, kinds: dict[FaultKind, Fault]) -> Response:
        try:
            with self.exchange.under(_effects(self.exchange.effects, kinds)):
                return self._process_now(visit, kinds)
        except Refused as refused:
            self._record("refused_request", visit, reason=refused.reason, detail=refused.detail)
            return self.protocol.refuse(self.exchange, refused)

    def _process_now(self, visit: _Visit, kinds: dict[FaultKind, Fault]) -> Response:
        if visit.route is None:
            raise Refused(Reason.UNKNOWN_ENDPOINT, f"no endpoint {visit.request.method} {visit.request.path}")
        self._limit(visit)
        signer = None
        if visit.route.is_signed:
            signer = self.protocol.authenticate(self.exchange, visit.request)
            self.exchange.touch(signer)
            _strike(self.exchange, signer, kinds)
        params = visit.request.query_params() if visit.request.query else {}
        body = visit.request.json_body()
        if isinstance(body, dict):
            params.update(body)
        payload = visit.route.handler(Call(self.exchange, visit.request, params, visit.path_values, signer))
        return self.protocol.wrap(self.exchange, payload)

    def _limit(self, visit: _Visit) -> None:
        if not self.is_limited or visit.route is None:
            return
        overrun = self._limiter.spend(
            visit.endpoint, visit.route.weight, visit.request.peer, visit.label, self.exchange.now_ms()
        )
        if overrun is not None:
            raise Refused(overrun.rule.reason, overrun.rule.name, retry_after_ms=overrun.retry_after_ms)

    def _look_at(self, request: Request) -> _Visit:
        found = self._find(request.method, request.path)
        route, values = found or (None, {})
        account = self.exchange.account_by_key(request.headers.get(self.protocol.key_header, ""))
        return _Visit(request, route, values, account.label if account else "", _symbol_of(request, values))

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        if (method, path) in self._routes:
            return self._routes[method, path]
        found = find_route(self.protocol.routes, method, path)
        if found is not None and not found[1]:
            self._routes[method, path] = found
        return found

    def _record(self, kind: str, visit: _Visit, **facts: object) -> None:
        facts["endpoint"] = visit.endpoint
        if visit.symbol:
            facts["symbol"] = visit.symbol
        self._ledger.record(self.exchange.now_ms(), kind, self.exchange.name, visit.label, facts)


_REFUSALS = {
    FaultKind.RATE_LIMITED: Reason.RATE_LIMITED,
    FaultKind.BANNED: Reason.ADDRESS_BANNED,
    FaultKind.MAINTENANCE: Reason.MAINTENANCE,
    FaultKind.REVOKED_KEY: Reason.BAD_KEY,
}


async def _hang() -> NoReturn:
    """Outlast every client, and give none an answer in the end either."""
    await asyncio.sleep(FOREVER_SECONDS)
    raise ConnectionCut


def _symbol_of(request: Request, values: dict[str, str]) -> str:
    if "symbol" in values:
        return values["symbol"]
    if not any(name in request.query or name in request.body for name in SYMBOL_NAMES):
        return ""
    try:
        body = json.loads(request.body) if request.body else {}
    except json.JSONDecodeError:
        body = {}
    known: dict[str, Any] = {**request.query_params(), **(body if isinstance(body, dict) else {})}
    return next((str(known[name]) for name in SYMBOL_NAMES if known.get(name)), "")


def _effects(base: Effects, kinds: dict[FaultKind, Fault]) -> Effects:
    effects = base
    if fault := kinds.get(FaultKind.PARTIAL_FILL):
        effects = replace(effects, fill_share=fault.share)
    if fault := kinds.get(FaultKind.REJECTED_LATER):
        delay_ms = int(fault.seconds * 1000)
        effects = replace(effects, reject_later=fault.reason or "rejected", accept_delay_ms=delay_ms)
    if fault := kinds.get(FaultKind.ACCEPTED_LATE):
        effects = replace(effects, accept_delay_ms=int(fault.seconds * 1000))
    if fault := kinds.get(FaultKind.CLOCK_SKEW):
        effects = replace(effects, clock_skew_ms=int(fault.seconds * 1000))
    if fault := kinds.get(FaultKind.STALE_POSITIONS):
        effects = replace(effects, position_lag_ms=int(fault.seconds * 1000))
    return effects


def _strike(exchange: PaperExchange, account: Account, kinds: dict[FaultKind, Fault]) -> None:
    """Let a liquidation or another client's trade happen just before the request is processed."""
    if fault := kinds.get(FaultKind.LIQUIDATION):
        liquidate_now(exchange, account, fault.symbol)
    if (fault := kinds.get(FaultKind.DELEVERAGING)) and account.held(fault.symbol):
        deleverage(exchange, account, fault.symbol, fault.quantity)
    if fault := kinds.get(FaultKind.FOREIGN_TRADE):
        # An exchange that refuses the stranger's order leaves our request as it was.
        with suppress(Refused):
            trade_from_elsewhere(exchange, account, fault.symbol, fault.quantity)
