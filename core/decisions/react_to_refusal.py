"""What a proven refusal asks of the engine."""

from enum import StrEnum

from core.model.order import RefusalReason


class Reaction(StrEnum):
    """What to do after a refusal."""

    READ_AGAIN = "read_again"
    REFRESH_RULES = "refresh_rules"
    WAIT = "wait"
    HOLD_DECISION = "hold_decision"
    STOP_ACCOUNT = "stop_account"


REACTIONS: dict[RefusalReason, Reaction] = {
    RefusalReason.NOTHING_TO_REDUCE: Reaction.READ_AGAIN,
    RefusalReason.REDUCTION_TOO_LARGE: Reaction.READ_AGAIN,
    RefusalReason.UNCHANGED: Reaction.READ_AGAIN,
    RefusalReason.BELOW_MINIMUM: Reaction.REFRESH_RULES,
    RefusalReason.ABOVE_MAXIMUM: Reaction.REFRESH_RULES,
    RefusalReason.PRECISION: Reaction.REFRESH_RULES,
    RefusalReason.NOT_TRADABLE: Reaction.REFRESH_RULES,
    RefusalReason.RATE_LIMITED: Reaction.WAIT,
    RefusalReason.OUT_OF_BUDGET: Reaction.WAIT,
    RefusalReason.CLOCK: Reaction.WAIT,
    RefusalReason.MAINTENANCE: Reaction.WAIT,
    RefusalReason.MARGIN_MODE_MISMATCH: Reaction.WAIT,
    RefusalReason.POSITION_MODE_MISMATCH: Reaction.HOLD_DECISION,
    RefusalReason.LEVERAGE_REJECTED: Reaction.HOLD_DECISION,
    RefusalReason.INSUFFICIENT_MARGIN: Reaction.HOLD_DECISION,
    RefusalReason.RISK_LIMIT: Reaction.HOLD_DECISION,
    RefusalReason.INVALID_REQUEST: Reaction.HOLD_DECISION,
    RefusalReason.DUPLICATE_CLIENT_ORDER_ID: Reaction.HOLD_DECISION,
    RefusalReason.AUTHENTICATION: Reaction.STOP_ACCOUNT,
    RefusalReason.PERMISSION: Reaction.STOP_ACCOUNT,
}
"""READ_AGAIN: the position is not what we thought. REFRESH_RULES: drop the cached instrument, then pace.
WAIT: pace. HOLD_DECISION: pace slowly; only a new decision or other circumstances help.
STOP_ACCOUNT: quarantine the account with a long back-off and an alert."""
