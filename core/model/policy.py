"""How one account wants to be kept."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from core.model.identity import AccountId
from core.model.position import MarginMode

DEFAULT_CONCURRENT_SYMBOLS = 10


class OnForeignChange(StrEnum):
    """What to do when somebody else made our position smaller."""

    REDUCE_ONLY = "reduce_only"
    RESTORE = "restore"
    ADOPT = "adopt"


class OnLeverageRefused(StrEnum):
    """What to do when the exchange refuses a leverage while a position is open."""

    HOLD = "hold"
    CLOSE_AND_REOPEN = "close_and_reopen"


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """The pace of increases that failed; reductions are not paced by it.

    Attributes:
        first_delay_seconds: Wait after the first failure; it doubles with every further one.
        longest_delay_seconds: The longest wait.
    """

    first_delay_seconds: float = 1.0
    longest_delay_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """The operator's wishes for one account.

    Attributes:
        account: Whose.
        is_enabled: A disabled account closes what is ours, then costs no call.
        margin_mode: The mode new positions are opened in.
        leverage_cap: The account's own cap on leverage, None for the weight file's alone.
        max_concurrent_symbols: How many symbols are worked on at once, at least 1.
        on_foreign_change: What to do when somebody else made our position smaller.
        adopt_on_first_start: Whether a position that no fill explains is taken over at first sight.
        on_leverage_refused: What to do when a leverage is refused while a position is open.
        min_order_notional: The operator's own smallest value of an increase in USDT; the exchange's holds as well.
        is_live: Whether real money stands behind it; a live account ignores sources that anyone could have written to.
        is_armed: Whether the operator agreed that orders are sent; one that is not armed reads, plans and tells.
    """

    account: AccountId
    is_enabled: bool = True
    margin_mode: MarginMode = MarginMode.ISOLATED
    leverage_cap: Decimal | None = None
    max_concurrent_symbols: int = DEFAULT_CONCURRENT_SYMBOLS
    on_foreign_change: OnForeignChange = OnForeignChange.REDUCE_ONLY
    adopt_on_first_start: bool = False
    on_leverage_refused: OnLeverageRefused = OnLeverageRefused.HOLD
    min_order_notional: Decimal = Decimal(0)
    is_live: bool = False
    is_armed: bool = True
