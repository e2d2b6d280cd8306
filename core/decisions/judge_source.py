"""What a source may still do, given what was read of it, what it said last and its declared policy."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from core.model.identity import SourceName
from core.model.reading import Absent, Known, Reading
from core.model.signal import SourceFrame


class OnStale(StrEnum):
    """What becomes of a source's share when its content is older than its maximum age."""

    HOLD = "hold"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True)
class StalenessPolicy:
    """How long a source's silence is borne.

    Attributes:
        heartbeat_seconds: Frame rewrites older than this: hold, no increase.
        fetch_seconds: Last good fetch older than this: hold, no increase; None for pushed sources.
        max_age_seconds: Content older than this follows on_stale; None when content has no age limit.
        on_stale: Hold the last depths, or take the share to zero.
    """

    heartbeat_seconds: float = 60.0
    fetch_seconds: float | None = None
    max_age_seconds: float | None = None
    on_stale: OnStale = OnStale.HOLD


class SourceUse(StrEnum):
    """What may be done with a source's depths now."""

    FOLLOW = "follow"
    HOLD = "hold"
    FLATTEN = "flatten"
    SILENT = "silent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class JudgedSource:
    """A source's depths and what may be done with them.

    Attributes:
        source: Which.
        use: FOLLOW: trade. HOLD: keep the last depths, no increase. FLATTEN: its share is zero.
            SILENT: it has never spoken, its share is zero. UNREADABLE: nothing is known of it at all.
        frame: The frame to use, the last good one when the newest could not be read.
        reason: Why, in words, when not FOLLOW.
    """

    source: SourceName
    use: SourceUse
    frame: SourceFrame | None
    reason: str = ""


def judge_source(
    source: SourceName,
    reading: Reading[SourceFrame],
    last_good: SourceFrame | None,
    policy: StalenessPolicy,
    now: datetime,
) -> JudgedSource:
    """Decide what may be done with a source's depths.

    Args:
        source: Which source.
        reading: What was read of its frame just now.
        last_good: The newest frame ever read of it, also before a restart; None when there is none.
        policy: Its declared ages.
        now: UTC time.
    """
    if not isinstance(reading, Known):
        if last_good is None:
            use = SourceUse.SILENT if isinstance(reading, Absent) else SourceUse.UNREADABLE
            return JudgedSource(source, use, None, reading.reason)
        return _hold_or_flatten(source, last_good, policy, now, reading.reason)
    frame = reading.value
    if now - frame.heartbeat_at > timedelta(seconds=policy.heartbeat_seconds):
        return _hold_or_flatten(source, frame, policy, now, f"no heartbeat since {_clock_text(frame.heartbeat_at)}")
    if policy.fetch_seconds is not None and _fetch_age(frame, now) > timedelta(seconds=policy.fetch_seconds):
        return _hold_or_flatten(source, frame, policy, now, f"no good fetch since {_clock_text(_fetched_at(frame))}")
    if _is_over_age(frame, policy, now):
        return _hold_or_flatten(source, frame, policy, now, "")
    return JudgedSource(source, SourceUse.FOLLOW, frame)


def _hold_or_flatten(
    source: SourceName, frame: SourceFrame, policy: StalenessPolicy, now: datetime, reason: str
) -> JudgedSource:
    if _is_over_age(frame, policy, now):
        aged = f"content older than {policy.max_age_seconds:g} s"
        use = SourceUse.FLATTEN if policy.on_stale is OnStale.FLATTEN else SourceUse.HOLD
        return JudgedSource(source, use, frame, f"{aged}; {reason}" if reason else aged)
    return JudgedSource(source, SourceUse.HOLD, frame, reason)


def _is_over_age(frame: SourceFrame, policy: StalenessPolicy, now: datetime) -> bool:
    if policy.max_age_seconds is None:
        return False
    return _fetch_age(frame, now) > timedelta(seconds=policy.max_age_seconds)


def _fetched_at(frame: SourceFrame) -> datetime:
    return frame.fetched_at or frame.written_at


def _fetch_age(frame: SourceFrame, now: datetime) -> timedelta:
    return now - _fetched_at(frame)


def _clock_text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
