"""The error codes of MEXC contracts: number and the exchange's own sentence; they arrive with HTTP 200.

Sources: the error table of the contract documentation, ccxt 4.5.90's exception table with the samples beside it, and
the documented answers of the cancel call (2040, 2041). Assumed, since the table gives sentences and not cases: 2022 for
an order in the other position mode, 2028 for a size above the maximum, 2011 for one below the minimum. Spot v3, which
is asked only while markets load, has its own numbers.
"""

from dataclasses import dataclass

from paper.refusals import Reason, Refused

FIRST_SPOT_CODE = 10_000


@dataclass(frozen=True, slots=True)
class MexcCode:
    """One number of the error table.

    Attributes:
        code: Sent as a JSON number.
        message: The exchange's sentence.
        status: The HTTP status it arrives with.
    """

    code: int
    message: str
    status: int = 200

    @property
    def is_spot(self) -> bool:
        """Whether it is a number of spot v3, whose answers have another shape."""
        return self.code >= FIRST_SPOT_CODE


_CODES = {
    entry.code: entry
    for entry in (
        MexcCode(401, "Unauthorized"),
        MexcCode(402, "API key expired, please apply again!"),
        MexcCode(403, "Access denied!"),
        MexcCode(406, "The accessed IP is not in the whitelist!"),
        MexcCode(500, "Internal error!"),
        MexcCode(501, "System busy, please try again later!"),
        MexcCode(510, "Requests are too frequent, please try again later!"),
        MexcCode(511, "No interface authority!"),
        MexcCode(513, "Invalid request, please try again later!"),
        MexcCode(600, "Parameter error!"),
        MexcCode(601, "Data decoding error!"),
        MexcCode(602, "Signature verification failed!"),
        MexcCode(603, "Repeated request!"),
        MexcCode(604, "Sorry, this feature is under maintenance!"),
        MexcCode(701, "Please enable API Key read access!"),
        MexcCode(702, "Please enable API Key write access!"),
        MexcCode(703, "Trading information read access is required!"),
        MexcCode(704, "Please enable API Key trading information write access!"),
        MexcCode(1000, "Account does not exist!"),
        MexcCode(1001, "Contract does not exist!"),
        MexcCode(1002, "Contract not allow place order!"),
        MexcCode(2001, "Order direction error!"),
        MexcCode(2002, "Open type error!"),
        MexcCode(2003, "Bid price is great than max allow price!"),
        MexcCode(2005, "Insufficient balance!"),
        MexcCode(2006, "Leverage ratio error!"),
        MexcCode(2007, "Order price error!"),
        MexcCode(2008, "The quantity is insufficient!"),
        MexcCode(2009, "Position is not exists or closed."),
        MexcCode(2011, "Order quantity error, please try to modify."),
        MexcCode(2015, "Price or quantity accuracy error!"),
        MexcCode(2018, "Exceeding the maximum available margin!"),
        MexcCode(2019, "There is an active open position!"),
        MexcCode(2022, "Wrong position type!"),
        MexcCode(2027, "There is only one cross or isolated in the same direction!"),
        MexcCode(2028, "The maximum order quantity is exceeded!"),
        MexcCode(2029, "Error order type!"),
        MexcCode(2030, "External order ID is too long (Max. 32 bits)!"),
        MexcCode(2031, "The allowable holding position exceed the current risk limit!"),
        MexcCode(2040, "order not exist"),
        MexcCode(2041, "order state cannot be cancelled"),
        MexcCode(10072, "Invalid access key"),
        MexcCode(700002, "Signature for this request is not valid."),
        MexcCode(700003, "Timestamp for this request is outside of the recvWindow."),
    )
}

_BY_REASON = {
    Reason.BAD_REQUEST: 600,
    Reason.UNKNOWN_ENDPOINT: 404,
    Reason.BAD_KEY: 401,
    Reason.BAD_SIGNATURE: 602,
    Reason.EXPIRED_KEY: 402,
    Reason.NO_PERMISSION: 704,
    Reason.ADDRESS_NOT_ALLOWED: 406,
    Reason.BAD_TIMESTAMP: 513,
    Reason.RATE_LIMITED: 510,
    Reason.ADDRESS_BANNED: 403,
    Reason.MAINTENANCE: 604,
    Reason.BUSY: 501,
    Reason.UNKNOWN_SYMBOL: 1001,
    Reason.SYMBOL_HALTED: 1002,
    Reason.INSUFFICIENT_MARGIN: 2005,
    Reason.NOTHING_TO_REDUCE: 2009,
    Reason.REDUCE_EXCEEDS_POSITION: 2008,
    Reason.BELOW_MIN_QUANTITY: 2011,
    Reason.BELOW_MIN_NOTIONAL: 2011,
    Reason.ABOVE_MAX_LIMIT_QUANTITY: 2028,
    Reason.ABOVE_MAX_MARKET_QUANTITY: 2028,
    Reason.QUANTITY_STEP: 2015,
    Reason.PRICE_STEP: 2015,
    Reason.PRICE_OUT_OF_RANGE: 2003,
    Reason.RISK_LIMIT: 2031,
    Reason.BAD_CLIENT_ORDER_ID: 2030,
    Reason.DUPLICATE_CLIENT_ORDER_ID: 603,
    Reason.ORDER_NOT_FOUND: 2040,
    Reason.ORDER_ALREADY_DONE: 2041,
    Reason.LEVERAGE_OUT_OF_RANGE: 2006,
    Reason.LEVERAGE_MARGIN_SHORT: 2018,
    Reason.MARGIN_MODE_BLOCKED: 2019,
    Reason.OTHER_MARGIN_MODE_HELD: 2027,
    Reason.POSITION_MODE_BLOCKED: 2019,
    Reason.POSITION_MODE_MISMATCH: 2022,
}


def code_of(refused: Refused) -> MexcCode:
    """The exchange's number and sentence for a refusal; an unmapped reason is a parameter error."""
    code = int(refused.code) if refused.code else _BY_REASON.get(refused.reason, 600)
    return _CODES.get(code, MexcCode(code, refused.detail or str(refused.reason)))
