"""BloFin over the state machine: envelope, signature, codes and limits. The endpoints are in the files beside it.

Sources: ccxt 4.5.90 and the blofin SDK 0.5.0 as clients, recorded answers, BloFin.Net's samples. An order's own error
stands inside `data[0]` under an outer code "0"; everything else stands in the outer code.
"""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec

from paper.account import Account
from paper.blofin_account import ACCOUNT_ROUTES
from paper.blofin_market import MARKET_ROUTES
from paper.blofin_orders import ORDER_ROUTES
from paper.exchange import PaperExchange
from paper.rate_limits import LimitScope, RateRule
from paper.refusals import Reason, Refused
from paper.signing import check_signature, find_account, hmac_sha256, read_timestamp
from paper.wire import Request, Response, Route

WINDOW_MS = 60_000

CODES: dict[Reason, tuple[str, str]] = {
    Reason.BAD_REQUEST: ("152002", "Parameter error."),
    Reason.UNKNOWN_ENDPOINT: ("404", "not found"),
    Reason.BAD_KEY: ("152401", "Access key does not exist"),
    Reason.BAD_SIGNATURE: ("152409", "Signature verification failed"),
    Reason.BAD_PASSPHRASE: ("152408", "Passphrase error"),
    Reason.EXPIRED_KEY: ("152402", "Access key has expired"),
    Reason.NO_PERMISSION: ("152404", "This operation is not supported, please check the API key permissions"),
    Reason.ADDRESS_NOT_ALLOWED: ("152406", "Your IP is not included in your API key's IP whitelist"),
    Reason.WRONG_BROKER: ("152011", "Transaction API Key does not support brokerId"),
    Reason.BAD_TIMESTAMP: ("152405", "Timestamp request expired, need to be within 60s"),
    Reason.NONCE_REUSED: ("152407", "Repeated nonce, reusing within 60 seconds is not allowed"),
    Reason.RATE_LIMITED: ("429", "Too Many Requests"),
    Reason.ADDRESS_BANNED: ("429", "Too Many Requests"),
    Reason.MAINTENANCE: ("500", "Internal Server Error"),
    Reason.BUSY: ("500", "server error 1236805249"),
    Reason.UNKNOWN_SYMBOL: ("152014", "Instrument ID does not exist"),
    Reason.SYMBOL_HALTED: ("103013", "Internal error; unable to process your request. Please try again."),
    Reason.INSUFFICIENT_MARGIN: ("103003", "Order failed. Insufficient USDT margin in account"),
    Reason.NOTHING_TO_REDUCE: (
        "102022",
        "Failed to place order. You don't have any positions of this contract. Turn off Reduce-only to continue.",
    ),
    Reason.REDUCE_EXCEEDS_POSITION: ("102022", "Failed to place order."),
    Reason.BELOW_MIN_QUANTITY: ("152002", "Parameter size error."),
    Reason.BELOW_MIN_NOTIONAL: ("152002", "Parameter size error."),
    Reason.ABOVE_MAX_LIMIT_QUANTITY: ("102014", "Limit order exceeds maximum order size limit"),
    Reason.ABOVE_MAX_MARKET_QUANTITY: ("102015", "Market order exceeds maximum order size limit"),
    Reason.QUANTITY_STEP: ("152002", "Parameter size error."),
    Reason.PRICE_STEP: ("152002", "Parameter price error."),
    Reason.PRICE_OUT_OF_RANGE: ("152002", "Parameter price error."),
    Reason.RISK_LIMIT: ("542", "Exceeded the maximum order size limit"),
    Reason.BAD_CLIENT_ORDER_ID: (
        "152009",
        "clientOrderId must be a combination of numbers, letters, or underscores of at most 32 characters",
    ),
    Reason.DUPLICATE_CLIENT_ORDER_ID: ("102002", "Duplicate customized order ID"),
    Reason.ORDER_NOT_FOUND: ("102067", "The order has been filled, triggered, canceled or does not exist."),
    Reason.ORDER_ALREADY_DONE: ("102068", "Cancel failed as the order has been filled, triggered, canceled."),
    Reason.LEVERAGE_OUT_OF_RANGE: ("152002", "Parameter leverage error."),
    Reason.LEVERAGE_MARGIN_SHORT: ("150004", "Insufficient balance. please adjust the amount and try again"),
    Reason.MARGIN_MODE_BLOCKED: ("110019", "Setting failed. Cancel any open orders, and close positions first."),
    Reason.POSITION_MODE_BLOCKED: ("110019", "Setting failed. Cancel any open orders, and close positions first."),
    Reason.POSITION_MODE_MISMATCH: ("102089", "Position mode mismatch"),
}
"""Our reason to (code, msg)."""

REFUSED_INSIDE = frozenset(
    {
        Reason.WRONG_BROKER,
        Reason.SYMBOL_HALTED,
        Reason.INSUFFICIENT_MARGIN,
        Reason.NOTHING_TO_REDUCE,
        Reason.ABOVE_MAX_LIMIT_QUANTITY,
        Reason.ABOVE_MAX_MARKET_QUANTITY,
        Reason.RISK_LIMIT,
        Reason.DUPLICATE_CLIENT_ORDER_ID,
        Reason.POSITION_MODE_MISMATCH,
        Reason.ORDER_ALREADY_DONE,
    }
)
"""Refusals of the matching side, which stand inside `data[0]`."""


class BlofinProtocol:
    """paper.wire.Protocol for BloFin."""

    name = "blofin"
    key_header = "access-key"
    routes: Sequence[Route] = (*MARKET_ROUTES, *ACCOUNT_ROUTES, *ORDER_ROUTES)
    rate_rules: Sequence[RateRule] = (
        RateRule("minute", 500, 60_000, LimitScope.ADDRESS),
        RateRule("five minutes", 1_500, 300_000, LimitScope.ADDRESS),
        RateRule("trading", 30, 10_000, LimitScope.ACCOUNT, frozenset({"create_order", "cancel_order"})),
    )

    def urls(self, base_url: str) -> dict[str, Any]:
        """One base for ccxt's class."""
        return {"rest": base_url}

    def authenticate(self, exchange: PaperExchange, request: Request) -> Account:
        """Key, passphrase, time within 60 s, fresh nonce, base64 of the hex HMAC of target + method + time + nonce."""
        headers = request.headers
        account = find_account(exchange, request, headers.get("access-key", ""))
        if headers.get("access-passphrase", "") != account.keys.passphrase:
            raise Refused(Reason.BAD_PASSPHRASE)
        stamp, nonce = headers.get("access-timestamp", ""), headers.get("access-nonce", "")
        server_ms = exchange.server_ms()
        if abs(server_ms - read_timestamp(stamp)) > WINDOW_MS:
            raise Refused(Reason.BAD_TIMESTAMP)
        text = request.target + request.method + stamp + nonce + request.body
        expected = base64.b64encode(hmac_sha256(account.keys.secret, text).hex().encode()).decode()
        check_signature(headers.get("access-sign", ""), expected)
        _use_nonce(account, nonce, server_ms)
        return account

    def wrap(self, exchange: PaperExchange, payload: object) -> Response:
        """`{"code": "0", "msg": "success", "data": ...}`."""
        del exchange
        return _envelope("0", "success", payload)

    def refuse(self, exchange: PaperExchange, refused: Refused) -> Response:
        """The code inside `data[0]` for the matching side, else outside; HTTP 200 but for limits."""
        del exchange
        code, message = CODES.get(refused.reason, ("152002", str(refused.reason)))
        code = refused.code or code
        if refused.reason in REFUSED_INSIDE:
            row = {"orderId": None, "clientOrderId": "", "msg": message, "code": code}
            return _envelope("0", "", [row])
        response = _envelope(code, message, None)
        if refused.reason in (Reason.RATE_LIMITED, Reason.ADDRESS_BANNED):
            return Response(429, response.body)
        return response


def _use_nonce(account: Account, nonce: str, now_ms: int) -> None:
    """Refuse what was used within the last 60 s; forget what is older.

    ccxt sends its timestamp in milliseconds as nonce, so two calls of one millisecond collide here as they do there.
    """
    used = account.nonces.get(nonce)
    if used is not None and now_ms - used < WINDOW_MS:
        raise Refused(Reason.NONCE_REUSED)
    account.nonces[nonce] = now_ms
    while account.nonces and now_ms - next(iter(account.nonces.values())) >= WINDOW_MS:
        del account.nonces[next(iter(account.nonces))]


def _envelope(code: str, message: str, data: object) -> Response:
    return Response(200, msgspec.json.encode({"code": code, "msg": message, "data": data}).decode())
