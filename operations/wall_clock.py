"""The one file that may ask what time it is."""

from datetime import UTC, datetime


class WallClock:
    """core.ports.clock.Clock over the system clock."""

    def now(self) -> datetime:
        """The time now in UTC."""
        return datetime.now(UTC)
