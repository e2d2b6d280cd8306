"""Why an exchange says no, in one vocabulary; every protocol translates it into its own codes."""

from enum import StrEnum


class Reason(StrEnum):
    """Every refusal the state machine, a protocol or a fault can produce."""

    BAD_REQUEST = "bad_request"
    UNKNOWN_ENDPOINT = "unknown_endpoint"
    BAD_KEY = "bad_key"
    BAD_SIGNATURE = "bad_signature"
    BAD_PASSPHRASE = "bad_passphrase"  # noqa: S105 - the name of a reason
    EXPIRED_KEY = "expired_key"
    NO_PERMISSION = "no_permission"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    WRONG_BROKER = "wrong_broker"
    BAD_TIMESTAMP = "bad_timestamp"
    NONCE_REUSED = "nonce_reused"
    RATE_LIMITED = "rate_limited"
    ADDRESS_BANNED = "address_banned"
    MAINTENANCE = "maintenance"
    BUSY = "busy"
    UNKNOWN_SYMBOL = "unknown_symbol"
    SYMBOL_HALTED = "symbol_halted"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    REDUCE_EXCEEDS_POSITION = "reduce_exceeds_position"
    BELOW_MIN_QUANTITY = "below_min_quantity"
    BELOW_MIN_NOTIONAL = "below_min_notional"
    ABOVE_MAX_LIMIT_QUANTITY = "above_max_limit_quantity"
    ABOVE_MAX_MARKET_QUANTITY = "above_max_market_quantity"
    QUANTITY_STEP = "quantity_step"
    PRICE_STEP = "price_step"
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    RISK_LIMIT = "risk_limit"
    BAD_CLIENT_ORDER_ID = "bad_client_order_id"
    DUPLICATE_CLIENT_ORDER_ID = "duplicate_client_order_id"
    ORDER_NOT_FOUND = "order_not_found"
    ORDER_ALREADY_DONE = "order_already_done"
    LEVERAGE_UNCHANGED = "leverage_unchanged"
    LEVERAGE_OUT_OF_RANGE = "leverage_out_of_range"
    LEVERAGE_MARGIN_SHORT = "leverage_margin_short"
    MARGIN_MODE_UNCHANGED = "margin_mode_unchanged"
    MARGIN_MODE_BLOCKED = "margin_mode_blocked"
    MARGIN_MODE_MISMATCH = "margin_mode_mismatch"
    OTHER_MARGIN_MODE_HELD = "other_margin_mode_held"
    POSITION_MODE_UNCHANGED = "position_mode_unchanged"
    POSITION_MODE_BLOCKED = "position_mode_blocked"
    POSITION_MODE_MISMATCH = "position_mode_mismatch"
    NOT_SUPPORTED_FOR_ACCOUNT = "not_supported_for_account"


class Refused(Exception):
    """The exchange answered no, and nothing was changed.

    Attributes:
        reason: In our vocabulary; the protocol finds its code.
        detail: In words, for the message.
        code: The exchange's own code where the caller knows better than the reason (protocol files, faults).
        retry_after_ms: For limits: when to come back.
    """

    def __init__(self, reason: Reason, detail: str = "", *, code: str = "", retry_after_ms: int = 0) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.code = code
        self.retry_after_ms = retry_after_ms
