"""What an exchange's code proves: a refusal with a reason of ours, or nothing; a code outside the table, nothing."""

from collections.abc import Mapping
from enum import StrEnum

from core.model.failures import ExchangeFailure
from core.model.order import RefusalReason, RefusedOutcome, UnknownOutcome


class Unproven(StrEnum):
    """A code that is known and yet does not prove that nothing happened."""

    BUSY = "busy"
    AMBIGUOUS = "ambiguous"


class Absence(StrEnum):
    """A code that proves that there is no such order (as the answer to a look-up only)."""

    NOT_FOUND = "not_found"


Meaning = RefusalReason | Unproven | Absence

CodeTable = Mapping[str, Meaning]
"""An exchange's codes as text, and what each proves."""


class CallFailed(ExchangeFailure):
    """One request did not bring what was asked for.

    Attributes:
        code: The exchange's code, empty when there was no readable answer.
        meaning: What the code proves, None when it is not in the exchange's table.
        was_sent: False when the request provably never left.
        retry_after_seconds: How long the exchange, or our own budget, asks to wait.
        is_held_back: Whether our own budget kept it from being sent, which tells nothing of the exchange.
    """

    def __init__(
        self,
        detail: str,
        *,
        code: str = "",
        meaning: Meaning | None = None,
        was_sent: bool = True,
        retry_after_seconds: float | None = None,
        is_held_back: bool = False,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.meaning = meaning
        self.was_sent = was_sent
        self.retry_after_seconds = retry_after_seconds
        self.is_held_back = is_held_back

    @property
    def detail(self) -> str:
        """What went wrong, in words, without any secret."""
        return str(self)

    @property
    def held_back_seconds(self) -> float | None:
        """How long our own budget holds the call back, None where it does not."""
        return self.retry_after_seconds if self.is_held_back else None

    @property
    def is_not_found(self) -> bool:
        """Whether it proves that the order asked for does not exist."""
        return self.meaning is Absence.NOT_FOUND

    @property
    def is_transient(self) -> bool:
        """Whether asking again may help: no answer, a busy exchange, or a clock that has been corrected since."""
        return not self.code or isinstance(self.meaning, Unproven) or self.meaning is RefusalReason.CLOCK


def outcome_of(failure: CallFailed) -> RefusedOutcome | UnknownOutcome:
    """What a failed write proves; the default is nothing."""
    if not failure.was_sent:
        reason = RefusalReason.OUT_OF_BUDGET if failure.is_held_back else RefusalReason.RATE_LIMITED
        return RefusedOutcome(reason, failure.detail, failure.retry_after_seconds)
    if isinstance(failure.meaning, RefusalReason):
        return RefusedOutcome(failure.meaning, failure.detail, failure.retry_after_seconds)
    return UnknownOutcome(failure.detail)
