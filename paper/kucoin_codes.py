"""The error codes of KuCoin Futures: number, HTTP status, the exchange's own sentence, and which reason gets which.

Sources: the error table of the futures documentation, the codes ccxt 4.5.90 lists under "futures errors" with the
samples beside them, and the documented answers of the SDK. HTTP statuses are known only in part: authentication answers
401, a foreign address or a missing right 403, limits 429; refusals of an order answer 200 with the code in the body.
Assumed: 330002 (the batch form of the call documents 50002 for the same case), and 100001 for a size beyond the limits,
which the documentation calls "invalid parameters" while ccxt reads it as "order not found".
"""

from dataclasses import dataclass

from paper.refusals import Reason, Refused

SUCCESS = "200000"


@dataclass(frozen=True, slots=True)
class KucoinCode:
    """One number of the error table.

    Attributes:
        code: As the text that the exchange sends.
        message: The exchange's sentence.
        status: The HTTP status it arrives with.
    """

    code: str
    message: str
    status: int = 200


_CODES = {
    entry.code: entry
    for entry in (
        KucoinCode("100001", "There are invalid parameters"),
        KucoinCode("100003", "Contract parameter invalid"),
        KucoinCode("100004", "Order is in not cancelable state"),
        KucoinCode("116104", "This account is not a unified account."),
        KucoinCode("200002", "Too many requests in a short period of time, please retry later", 429),
        KucoinCode("200003", "The symbol parameter is invalid."),
        KucoinCode("300000", "request parameter illegal"),
        KucoinCode("300001", "Active order quantity limit exceeded"),
        KucoinCode("300002", "Order placement/cancellation suspended, please try again later."),
        KucoinCode("300003", "Balance insufficient, the order needs more margin than is available."),
        KucoinCode("300005", "The order will exceed the maximum risk limit."),
        KucoinCode("300008", "Unavailable to place the order, there's no contra order in the market."),
        KucoinCode("300009", "No open positions to close."),
        KucoinCode("300011", "Order price cannot be higher than the limit."),
        KucoinCode("300012", "Order price cannot be lower than the limit."),
        KucoinCode("300014", "The position is being liquidated, unable to place/cancel the order."),
        KucoinCode("300016", "The leverage cannot be greater than the limit."),
        KucoinCode("300018", "clientOid parameter repeated"),
        KucoinCode("330002", "The margin mode cannot be changed while there is an open order or position."),
        KucoinCode("330005", "The order's margin mode does not match the selected one. Please switch and try again."),
        KucoinCode(
            "330008",
            "Your current margin and leverage have reached the maximum open limit. Please increase your margin or "
            "raise your leverage to open larger positions.",
        ),
        KucoinCode(
            "330011",
            "Your order is in Hedge Mode, while your account is set to One-Way Mode. Update your settings so they "
            "match and try again.",
        ),
        KucoinCode(
            "330012",
            "Your order is in One-Way Mode, while your account is set to Hedge Mode. Update your settings so they "
            "match and try again.",
        ),
        KucoinCode("400001", "Please check the header of your request for KC-API-KEY, KC-API-SIGN, KC-API-TIMESTAMP, "
                             "KC-API-PASSPHRASE", 401),
        KucoinCode("400002", "KC-API-TIMESTAMP Invalid", 401),
        KucoinCode("400003", "KC-API-KEY not exists", 401),
        KucoinCode("400004", "KC-API-PASSPHRASE error", 401),
        KucoinCode("400005", "Invalid KC-API-SIGN", 401),
        KucoinCode("400006", "The requested ip address is not in the api whitelist", 403),
        KucoinCode("400007", "Access denied, your API key lacks this permission.", 403),
        KucoinCode("400100", "Invalid Parameter.", 400),
        KucoinCode("404000", "Url Not Found", 404),
        KucoinCode("411100", "User are frozen", 403),
        KucoinCode("415000", "Unsupported Media Type", 415),
        KucoinCode("429000", "Too Many Requests", 429),
        KucoinCode("500000", "Internal Server Error", 500),
        KucoinCode("503", "Service Unavailable, we are under maintenance. Please try again later.", 503),
    )
}  # fmt: skip

_BY_REASON = {
    Reason.BAD_REQUEST: "400100",
    Reason.UNKNOWN_ENDPOINT: "404000",
    Reason.BAD_KEY: "400003",
    Reason.BAD_SIGNATURE: "400005",
    Reason.BAD_PASSPHRASE: "400004",
    Reason.EXPIRED_KEY: "400003",
    Reason.NO_PERMISSION: "400007",
    Reason.ADDRESS_NOT_ALLOWED: "400006",
    Reason.BAD_TIMESTAMP: "400002",
    Reason.RATE_LIMITED: "429000",
    Reason.ADDRESS_BANNED: "200002",
    Reason.MAINTENANCE: "503",
    Reason.BUSY: "500000",
    Reason.UNKNOWN_SYMBOL: "100003",
    Reason.SYMBOL_HALTED: "300002",
    Reason.INSUFFICIENT_MARGIN: "300003",
    Reason.NOTHING_TO_REDUCE: "300009",
    Reason.REDUCE_EXCEEDS_POSITION: "300009",
    Reason.BELOW_MIN_QUANTITY: "100001",
    Reason.BELOW_MIN_NOTIONAL: "100001",
    Reason.ABOVE_MAX_LIMIT_QUANTITY: "100001",
    Reason.ABOVE_MAX_MARKET_QUANTITY: "100001",
    Reason.QUANTITY_STEP: "100001",
    Reason.PRICE_STEP: "300000",
    Reason.PRICE_OUT_OF_RANGE: "300011",
    Reason.RISK_LIMIT: "300005",
    Reason.BAD_CLIENT_ORDER_ID: "400100",
    Reason.DUPLICATE_CLIENT_ORDER_ID: "300018",
    Reason.ORDER_NOT_FOUND: "100001",
    Reason.ORDER_ALREADY_DONE: "100004",
    Reason.LEVERAGE_OUT_OF_RANGE: "300016",
    Reason.LEVERAGE_MARGIN_SHORT: "300003",
    Reason.MARGIN_MODE_BLOCKED: "330002",
    Reason.MARGIN_MODE_MISMATCH: "330005",
    Reason.OTHER_MARGIN_MODE_HELD: "330005",
    Reason.POSITION_MODE_BLOCKED: "330002",
    Reason.POSITION_MODE_MISMATCH: "330012",
}

_SENTENCES = {
    Reason.ORDER_NOT_FOUND: "error.getOrder.orderNotExist",
    Reason.BAD_CLIENT_ORDER_ID: "validation.createOrder.clientOidIsInvalid",
}
"""Where one number serves several reasons, the sentence tells them apart."""


def code_of(refused: Refused) -> KucoinCode:
    """The exchange's number and sentence for a refusal; an unmapped reason is an invalid parameter."""
    code = refused.code or _BY_REASON.get(refused.reason, "400100")
    known = _CODES.get(code, KucoinCode(code, refused.detail))
    message = _SENTENCES.get(refused.reason, known.message) if not refused.code else known.message
    if code in {"100001", "400100"} and refused.detail and refused.reason is not Reason.ORDER_NOT_FOUND:
        message = f"{message}: {refused.detail}"
    return KucoinCode(code, message, known.status)
