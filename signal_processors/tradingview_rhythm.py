"""Which strategies should have spoken by now."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often a strategy says it speaks.

    Attributes:
        minutes: Between two messages at most.
        since: From when on, for a strategy that has not spoken yet.
    """

    minutes: float
    since: datetime


def overdue(rhythms: Mapping[str, Rhythm], spoken: Mapping[str, datetime], now: datetime) -> dict[str, float]:
    """How many minutes ago each silent strategy should have spoken; those in time are left out."""
    late = {}
    for strategy, rhythm in rhythms.items():
        last = max(spoken.get(strategy, rhythm.since), rhythm.since)
        minutes = (now - last).total_seconds() / 60 - rhythm.minutes
        if minutes > 0:
            late[strategy] = minutes
    return late
