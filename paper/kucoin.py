"""KuCoin Futures' REST dialect: envelope, keys, limits; what the endpoints answer is in the `kucoin_*` files beside it.

A classic account, as `ccxt.kucoinfutures` uses it; the spot host's few lists that ccxt asks for are served too.
"""

import hmac
from collections.abc import Sequence
from typing import Any

import msgspec

from paper.account import Account
from paper.exchange import PaperExchange
from paper.kucoin_account import ACCOUNT_ROUTES
from paper.kucoin_codes import SUCCESS, code_of
from paper.kucoin_orders import ORDER_ROUTES
from paper.kucoin_public import PUBLIC_ROUTES
from paper.kucoin_signature import CLOCK_TOLERANCE_MS, SIGNED_HEADERS, disguise, sign
from paper.rate_limits import LimitScope, RateRule
from paper.refusals import Reason, Refused
from paper.wire import Request, Response, Route

QUOTA = 2_000
QUOTA_WINDOW_MS = 30_000
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_URL_NAMES = (
    "public", "private", "futuresPublic", "futuresPrivate", "webExchange", "broker", "earn", "uta", "utaPrivate",
    "utaV2",
)  # fmt: skip


class KucoinProtocol:
    """KuCoin Futures, VIP level 0.

    Attributes:
        name: kucoin.
        hosts: What clients call it by.
        routes: Every endpoint.
        rate_rules: 2,000 of weight in 30 seconds, per user for signed calls and per address for public ones.
        key_header: Carries the API key.
    """

    name = "kucoin"
    hosts = ("api-futures.kucoin.com", "api.kucoin.com")
    routes: Sequence[Route] = (*PUBLIC_ROUTES, *ACCOUNT_ROUTES, *ORDER_ROUTES)
    rate_rules: Sequence[RateRule] = (
        RateRule("futures", QUOTA, QUOTA_WINDOW_MS, LimitScope.ACCOUNT),
        RateRule("public", QUOTA, QUOTA_WINDOW_MS, LimitScope.ADDRESS, frozenset(
            {route.endpoint for route in PUBLIC_ROUTES if not route.is_signed}
        )),
    )  # fmt: skip
    key_header = "kc-api-key"

    def urls(self, base_url: str) -> dict[str, Any]:
        """What to put over ccxt's `urls['api']`: every product on one base."""
        return dict.fromkeys(_URL_NAMES, base_url)

    def authenticate(self, exchange: PaperExchange, request: Request) -> Account:
        """Whose request this is: headers, clock, key, address, passphrase, signature, right, in this order.

        Raises:
            Refused: With the first of them that is wrong.
        """
        headers = request.headers
        if any(name.lower() not in headers for name in SIGNED_HEADERS):
            raise Refused(Reason.BAD_REQUEST, "a KC-API header is missing", code="400001")
        timestamp = headers["kc-api-timestamp"]
        if not timestamp.isdigit() or abs(exchange.server_ms() - int(timestamp)) > CLOCK_TOLERANCE_MS:
            raise Refused(Reason.BAD_TIMESTAMP)
        account = exchange.account_by_key(headers["kc-api-key"])
        if account is None:
            raise Refused(Reason.BAD_KEY)
        _check_key(exchange, account, request)
        _check_secrets(account, request, timestamp)
        if request.method != "GET" and not account.permissions.can_trade:
            raise Refused(Reason.NO_PERMISSION)
        return account

    def wrap(self, exchange: PaperExchange, payload: object) -> Response:
        """`{"code":"200000","data":...}`, with the quota's headers."""
        del exchange
        return Response(200, _ENCODER.encode({"code": SUCCESS, "data": payload}).decode())

    def refuse(self, exchange: PaperExchange, refused: Refused) -> Response:
        """`{"code":"300003","msg":"..."}`; limits say in milliseconds when the quota is new."""
        del exchange
        code = code_of(refused)
        headers = {"gw-ratelimit-limit": str(QUOTA), "gw-ratelimit-remaining": "0"}
        headers["gw-ratelimit-reset"] = str(refused.retry_after_ms)
        body = _ENCODER.encode({"code": code.code, "msg": code.message}).decode()
        return Response(code.status, body, headers if refused.retry_after_ms else {})


def _check_key(exchange: PaperExchange, account: Account, request: Request) -> None:
    permissions = account.permissions
    if permissions.expires_ms is not None and permissions.expires_ms <= exchange.now_ms():
        raise Refused(Reason.EXPIRED_KEY)
    if permissions.allowed_addresses and request.peer not in permissions.allowed_addresses:
        raise Refused(Reason.ADDRESS_NOT_ALLOWED)


def _check_secrets(account: Account, request: Request, timestamp: str) -> None:
    keys, headers = account.keys, request.headers
    passphrase = disguise(keys.secret, keys.passphrase, headers.get("kc-api-key-version", "1"))
    if not hmac.compare_digest(passphrase, headers["kc-api-passphrase"]):
        raise Refused(Reason.BAD_PASSPHRASE)
    expected = sign(keys.secret, timestamp, request.method, request.target, request.body.encode())
    if not hmac.compare_digest(expected, headers["kc-api-sign"]):
        raise Refused(Reason.BAD_SIGNATURE)
