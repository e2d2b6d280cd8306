"""KuCoin Futures' REST dialect: envelope, keys, limits; what the endpoints answer is in the `kucoin_*` files beside it.

A classic account, as `ccxt.kucoinfutures` uses it; the spot host's few lists that ccxt asks for are served too.

`KC-API-SIGN = base64(HMAC-SHA256(secret, timestamp + METHOD + path and query + body))` with the path as sent, and for
key version 2 `KC-API-PASSPHRASE = base64(HMAC-SHA256(secret, passphrase))`; version 1 sends it as it is. Sources, which
agree: ccxt 4.5.90 `kucoin.sign`, kucoin-universal-sdk 1.3.2, the futures documentation.
"""

import base64
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
from paper.kucoin_spot import SPOT_ROUTES
from paper.rate_limits import LimitScope, RateRule
from paper.refusals import Reason, Refused
from paper.signing import check_signature, find_account, hmac_sha256, read_timestamp
from paper.wire import Request, Response, Route

CLOCK_TOLERANCE_MS = 5_000
"""A timestamp more than five seconds away is refused."""

SIGNED_HEADERS = ("kc-api-key", "kc-api-sign", "kc-api-timestamp", "kc-api-passphrase")
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
        routes: Every endpoint.
        rate_rules: 2,000 of weight in 30 seconds, per user for signed calls and per address for public ones.
        key_header: Carries the API key.
    """

    name = "kucoin"
    routes: Sequence[Route] = (*PUBLIC_ROUTES, *SPOT_ROUTES, *ACCOUNT_ROUTES, *ORDER_ROUTES)
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
        """Whose request this is: headers, clock, key with its rights, passphrase, signature, in this order.

        Raises:
            Refused: With the first of them that is wrong.
        """
        headers = request.headers
        if any(name not in headers for name in SIGNED_HEADERS):
            raise Refused(Reason.BAD_KEY, "a KC-API header is missing", code="400001")
        timestamp = headers["kc-api-timestamp"]
        if abs(exchange.server_ms() - read_timestamp(timestamp)) > CLOCK_TOLERANCE_MS:
            raise Refused(Reason.BAD_TIMESTAMP, "the clock is too far away")
        account = find_account(exchange, request, headers["kc-api-key"])
        secret, passphrase = account.keys.secret, account.keys.passphrase
        is_plain = headers.get("kc-api-key-version", "1") == "1"
        expected = passphrase if is_plain else _mac(secret, passphrase)
        if not hmac.compare_digest(expected.encode(), headers["kc-api-passphrase"].encode()):
            raise Refused(Reason.BAD_PASSPHRASE, "the passphrase does not fit the key")
        check_signature(
            headers["kc-api-sign"], _mac(secret, f"{timestamp}{request.method}{request.target}{request.body}")
        )
        return account

    def wrap(self, exchange: PaperExchange, payload: object) -> Response:
        """`{"code":"200000","data":...}`."""
        del exchange
        return Response(200, _ENCODER.encode({"code": SUCCESS, "data": payload}).decode())

    def refuse(self, exchange: PaperExchange, refused: Refused) -> Response:
        """`{"code":"300003","msg":"..."}`; limits say in milliseconds when the quota is new."""
        del exchange
        code = code_of(refused)
        body = _ENCODER.encode({"code": code.code, "msg": code.message}).decode()
        if not refused.retry_after_ms:
            return Response(code.status, body)
        quota = {"limit": QUOTA, "remaining": 0, "reset": refused.retry_after_ms}
        return Response(code.status, body, {f"gw-ratelimit-{name}": str(value) for name, value in quota.items()})


def _mac(secret: str, text: str) -> str:
    return base64.b64encode(hmac_sha256(secret, text)).decode()
