"""Where the engine tells what it did and why, one fact a call."""

from contextvars import ContextVar
from typing import Protocol

pass_number: ContextVar[int] = ContextVar("pass_number", default=0)
"""The pass of an account in which the running code acts, counted per account; 0 outside of passes."""


class Telemetry(Protocol):
    """A listener that never fails and never blocks."""

    def tell(self, event: str, **facts: object) -> None:
        """Something happened that a person would want to find in the log."""
        ...
