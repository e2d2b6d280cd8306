"""Where the engine tells what it did and why, one fact a call."""

from typing import Protocol


class Telemetry(Protocol):
    """A listener that never fails and never blocks."""

    def tell(self, event: str, **facts: object) -> None:
        """Something happened that a person would want to find in the log."""
        ...
