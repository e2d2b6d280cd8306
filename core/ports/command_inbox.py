"""What the operator asked for since the last look."""

from collections.abc import Sequence
from typing import Protocol

from core.model.standing import OperatorCommand


class CommandInbox(Protocol):
    """Requests of the operator, each to be applied once."""

    def pending(self, after: int) -> Sequence[OperatorCommand]:
        """The commands with a number above `after`, in order; an unreadable one is set aside and told."""
        ...
