"""What time it is, and nothing else: waiting belongs to the event loop."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The wall clock."""

    def now(self) -> datetime:
        """The time now, timezone-aware, in UTC."""
        ...
