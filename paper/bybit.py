"""Bybit v5 over the state machine: envelope, signature, codes and limits. The endpoints are in the files beside it.

Sources: the v5 documentation, ccxt 4.5.90 and pybit 5.17.0 as clients, recorded answers. Answers carry HTTP 200 also
for errors; only the limit by address answers 403.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from paper.account import Account
from paper.bybit_account import ACCOUNT_ROUTES
from paper.bybit_market import MARKET_ROUTES
from paper.bybit_orders import ORDER_ROUTES
from paper.exchange import PaperExchange
from paper.rate_limits import LimitScope, RateRule
from paper.refusals import Reason, Refused
from paper.signing import check_signature, find_account, hmac_sha256, read_timestamp
from paper.wire import Request, Response, Route

EARLY_MS = 1_000
DEFAULT_RECV_WINDOW_MS = 5_000

CODES: dict[Reason, tuple[int, str]] = {
    Reason.BAD_REQUEST: (10001, "Request parameter error."),
    Reason.UNKNOWN_ENDPOINT: (10017, "Route not found."),
    Reason.BAD_KEY: (10003, "API key is invalid."),
    Reason.BAD_SIGNATURE: (10004, "error sign! please check your signature generation algorithm."),
    Reason.EXPIRED_KEY: (33004, "Your api key has expired."),
    Reason.NO_PERMISSION: (10005, "Permission denied, please check your API key permissions."),
    Reason.ADDRESS_NOT_ALLOWED: (10010, "Unmatched IP, please check your API key's bound IP addresses."),
    Reason.BAD_TIMESTAMP: (10002, "invalid request, please check your server timestamp or recv_window param."),
    Reason.RATE_LIMITED: (10006, "Too many visits. Exceeded the API Rate Limit."),
    Reason.ADDRESS_BANNED: (10018, "access too frequent, please try again later."),
    Reason.MAINTENANCE: (10016, "Service is restarting. Please try again later."),
    Reason.BUSY: (10016, "System error. Please try again later."),
    Reason.UNKNOWN_SYMBOL: (10001, "Not supported symbols"),
    Reason.SYMBOL_HALTED: (110066, "No trading is allowed at the current time"),
    Reason.INSUFFICIENT_MARGIN: (110007, "ab not enough for new order"),
    Reason.NOTHING_TO_REDUCE: (110017, "current position is zero, cannot fix reduce-only order qty"),
    Reason.REDUCE_EXCEEDS_POSITION: (110017, "Reduce-only rule not satisfied"),
    Reason.BELOW_MIN_QUANTITY: (10001, "The number of contracts exceeds minimum limit allowed"),
    Reason.BELOW_MIN_NOTIONAL: (110094, "Order does not meet minimum order value"),
    Reason.ABOVE_MAX_LIMIT_QUANTITY: (10001, "The number of contracts exceeds maximum limit allowed: too large"),
    Reason.ABOVE_MAX_MARKET_QUANTITY: (10001, "The number of contracts exceeds maximum limit allowed: too large"),
    Reason.QUANTITY_STEP: (10001, "Qty invalid"),
    Reason.PRICE_STEP: (10001, "Price invalid"),
    Reason.PRICE_OUT_OF_RANGE: (110003, "Order price exceeds the allowable range."),
    Reason.RISK_LIMIT: (110090, "Order placement failed as your position may exceed the max limit."),
    Reason.BAD_CLIENT_ORDER_ID: (10001, "OrderLinkID invalid"),
    Reason.DUPLICATE_CLIENT_ORDER_ID: (110072, "OrderLinkedID is duplicate"),
    Reason.ORDER_NOT_FOUND: (110001, "order not exists or too late to cancel"),
    Reason.ORDER_ALREADY_DONE: (110001, "order not exists or too late to cancel"),
    Reason.LEVERAGE_UNCHANGED: (110043, "leverage not modified"),
    Reason.LEVERAGE_OUT_OF_RANGE: (110013, "cannot set leverage gt maxLeverage by risk limit"),
    Reason.LEVERAGE_MARGIN_SHORT: (110044, "Available margin is insufficient"),
    Reason.MARGIN_MODE_UNCHANGED: (110026, "Cross/isolated margin mode is not modified"),
    Reason.MARGIN_MODE_BLOCKED: (3400045, "Set margin mode failed"),
    Reason.POSITION_MODE_UNCHANGED: (110025, "Position mode is not modified"),
    Reason.POSITION_MODE_BLOCKED: (110024, "You have an existing position, so position mode cannot be switched"),
    Reason.POSITION_MODE_MISMATCH: (10001, "position idx not match position mode"),
    Reason.NOT_SUPPORTED_FOR_ACCOUNT: (100028, "The API cannot be accessed by unified account users."),
}
"""Our reason to (retCode, retMsg). 3400045's conditions are not documented; positions and orders are assumed."""

ORDER_WRITES = frozenset({"create_order", "cancel_order"})
ACCOUNT_READS = frozenset({"positions", "open_orders", "order_history", "fills", "balance", "account_info"})


class BybitProtocol:
    """paper.wire.Protocol for Bybit v5."""

    name = "bybit"
    key_header = "x-bapi-api-key"
    routes: Sequence[Route] = (*MARKET_ROUTES, *ACCOUNT_ROUTES, *ORDER_ROUTES)
    rate_rules: Sequence[RateRule] = (
        RateRule("orders", 20, 1_000, LimitScope.ACCOUNT, ORDER_WRITES, is_per_endpoint=True),
        RateRule("reads", 10, 1_000, LimitScope.ACCOUNT, ACCOUNT_READS, is_per_endpoint=True),
        RateRule("address", 600, 5_000, LimitScope.ADDRESS, reason=Reason.ADDRESS_BANNED),
    )

    def urls(self, base_url: str) -> dict[str, Any]:
        """One base for every section of ccxt's class."""
        return dict.fromkeys(("spot", "futures", "v2", "public", "private"), base_url)

    def authenticate(self, exchange: PaperExchange, request: Request) -> Account:
        """Key; `server - recv_window <= timestamp < server + 1 s`; hex HMAC of time + key + window + data."""
        headers = request.headers
        key = headers.get("x-bapi-api-key", "")
        account = find_account(exchange, request, key)
        stamp = headers.get("x-bapi-timestamp", "")
        window = headers.get("x-bapi-recv-window", str(DEFAULT_RECV_WINDOW_MS))
        sent_ms, server_ms = read_timestamp(stamp), exchange.server_ms()
        if not server_ms - read_timestamp(window) <= sent_ms < server_ms + EARLY_MS:
            raise Refused(Reason.BAD_TIMESTAMP, f"req_timestamp[{stamp}],server_timestamp[{server_ms}]")
        data = request.query if request.method == "GET" else request.body
        expected = hmac_sha256(account.keys.secret, stamp + key + window + data).hex()
        check_signature(headers.get("x-bapi-sign", ""), expected)
        return account

    def wrap(self, exchange: PaperExchange, payload: object) -> Response:
        """`{"retCode": 0, "retMsg": "OK", "result": ..., "retExtInfo": {}, "time": ...}`."""
        return _envelope(exchange, 0, "OK", payload)

    def refuse(self, exchange: PaperExchange, refused: Refused) -> Response:
        """The code in the envelope, HTTP 200; 403 for a limit by address, limit headers with 10006."""
        code, message = CODES.get(refused.reason, (10001, str(refused.reason)))
        if refused.code:
            code = int(refused.code)
        detail = f"{message} {refused.detail}" if refused.reason is Reason.BAD_TIMESTAMP else message
        result: object = {}
        if refused.reason is Reason.MARGIN_MODE_BLOCKED:
            result = {"reasons": [{"reasonCode": "3400000", "reasonMsg": refused.detail}]}
        response = _envelope(exchange, code, detail, result)
        if refused.reason is Reason.ADDRESS_BANNED:
            return Response(403, response.body)
        if refused.reason is Reason.RATE_LIMITED:
            reset_ms = exchange.server_ms() + refused.retry_after_ms
            headers = {"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(reset_ms)}
            return Response(200, response.body, headers)
        return response


def _envelope(exchange: PaperExchange, code: int, message: str, result: object) -> Response:
    content = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": exchange.server_ms()}
    return Response(200, msgspec.json.encode(content).decode())
