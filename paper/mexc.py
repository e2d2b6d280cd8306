"""MEXC contracts' REST dialect: envelope, keys, limits; what the endpoints answer is in the `mexc_*` files beside it.

`Signature = hex(HMAC-SHA256(secret, ApiKey + Request-Time + P))`, where P is the JSON body of a POST and the query of a
GET or DELETE, sorted by name. A clock more than ten seconds away is code 513, unless `Recv-Window` (seconds, at most
60) says otherwise. Spot v3 calls, which ccxt makes while it loads markets, sign the query and carry `signature` last.
Sources: ccxt 4.5.90 `mexc.sign`, Mexc.Net, the contract documentation; pymexc 1.3.0 signs `name=value` pairs, which is
the same for the queries of its reads.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from paper.account import Account
from paper.exchange import PaperExchange
from paper.mexc_account import ACCOUNT_ROUTES
from paper.mexc_codes import code_of
from paper.mexc_orders import ORDER_ROUTES
from paper.mexc_public import PUBLIC_ROUTES, Bare
from paper.rate_limits import LimitScope, RateRule
from paper.refusals import Reason, Refused
from paper.signing import check_signature, find_account, hmac_sha256, read_timestamp
from paper.wire import Request, Response, Route

DEFAULT_WINDOW_SECONDS = 10
LARGEST_WINDOW_SECONDS = 60
SPOT_PREFIX = "/api/v3/"
SPOT_CODES = {Reason.BAD_KEY: "10072", Reason.BAD_SIGNATURE: "700002", Reason.BAD_TIMESTAMP: "700003"}
"""Spot v3 calls numbers of its own for the same reasons."""

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_PRIVATE_ENDPOINTS = frozenset(route.endpoint for route in (*ACCOUNT_ROUTES, *ORDER_ROUTES))


class MexcProtocol:
    """MEXC contracts.

    Attributes:
        name: mexc.
        routes: Every endpoint.
        rate_rules: 20 requests in 2 seconds per private endpoint and account; the list of contracts once in 5 seconds.
        key_header: Carries the API key.
    """

    name = "mexc"
    key_header = "apikey"
    routes: Sequence[Route] = (*PUBLIC_ROUTES, *ACCOUNT_ROUTES, *ORDER_ROUTES)
    rate_rules: Sequence[RateRule] = (
        RateRule("private", 20, 2_000, LimitScope.ACCOUNT, _PRIVATE_ENDPOINTS, is_per_endpoint=True),
        RateRule("prices", 20, 2_000, LimitScope.ADDRESS, frozenset({"tickers", "book", "time"}), is_per_endpoint=True),
        RateRule("contracts", 1, 5_000, LimitScope.ADDRESS, frozenset({"markets"})),
    )

    def urls(self, base_url: str) -> dict[str, Any]:
        """What to put over ccxt's `urls['api']`: sections keep their own prefixes."""
        return {
            "spot": {"public": base_url, "private": base_url},
            "spot2": dict.fromkeys(("public", "private"), f"{base_url}/open/api/v2"),
            "contract": {"public": f"{base_url}/api/v1/contract", "private": f"{base_url}/api/v1/private"},
            "broker": {"private": f"{base_url}/api/v3/broker"},
        }

    def authenticate(self, exchange: PaperExchange, request: Request) -> Account:
        """Whose request this is: key, address, right, clock, signature, in this order.

        Raises:
            Refused: With the first of them that is wrong.
        """
        if not request.path.startswith(SPOT_PREFIX):
            return _authenticate_contract(exchange, request)
        try:
            return _authenticate_spot(exchange, request)
        except Refused as refused:
            code = SPOT_CODES.get(refused.reason, "")
            raise Refused(refused.reason, refused.detail, code=code) from None

    def wrap(self, exchange: PaperExchange, payload: object) -> Response:
        """`{"success":true,"code":0,"data":...}`; calls without a result have no `data`."""
        del exchange
        if isinstance(payload, Bare):
            return Response(200, _ENCODER.encode(payload.payload).decode())
        envelope: dict[str, object] = {"success": True, "code": 0}
        if payload is not None:
            envelope["data"] = payload
        return Response(200, _ENCODER.encode(envelope).decode())

    def refuse(self, exchange: PaperExchange, refused: Refused) -> Response:
        """`{"success":false,"code":2005,"message":"..."}`; spot v3 says `code` and `msg` and HTTP 400."""
        del exchange
        code = code_of(refused)
        if code.is_spot:
            return Response(400, _ENCODER.encode({"code": code.code, "msg": code.message}).decode())
        body = {"success": False, "code": code.code, "message": code.message}
        return Response(code.status, _ENCODER.encode(body).decode())


def _authenticate_contract(exchange: PaperExchange, request: Request) -> Account:
    headers = request.headers
    key, timestamp = headers.get("apikey", ""), headers.get("request-time", "")
    account = find_account(exchange, request, key)
    _check_clock(exchange, read_timestamp(timestamp), _window_seconds(headers.get("recv-window", "")))
    signed = request.body if request.method == "POST" else _sort_query(request.query)
    check_signature(headers.get("signature", ""), hmac_sha256(account.keys.secret, key + timestamp + signed).hex())
    return account


def _authenticate_spot(exchange: PaperExchange, request: Request) -> Account:
    account = find_account(exchange, request, request.headers.get("x-mexc-apikey", ""))
    query, _, signature = request.query.rpartition("&signature=")
    params = request.query_params()
    _check_clock(exchange, read_timestamp(str(params.get("timestamp", ""))), DEFAULT_WINDOW_SECONDS)
    check_signature(signature, hmac_sha256(account.keys.secret, query).hex())
    return account


def _check_clock(exchange: PaperExchange, sent_ms: int, window_seconds: int) -> None:
    if abs(exchange.server_ms() - sent_ms) > window_seconds * 1_000:
        raise Refused(Reason.BAD_TIMESTAMP, "the clock is too far away")


def _window_seconds(text: str) -> int:
    return min(int(text), LARGEST_WINDOW_SECONDS) if text.isdecimal() else DEFAULT_WINDOW_SECONDS


def _sort_query(query: str) -> str:
    return "&".join(sorted(query.split("&"), key=lambda pair: pair.partition("=")[0])) if query else ""
