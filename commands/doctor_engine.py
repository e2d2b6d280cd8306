"""The running engine's part of the doctor: whether it lives, its loop, the exchanges' clocks, passes that are late."""

from collections.abc import Iterator
from datetime import datetime

from account_processors.clock_offset import ALARM_SECONDS
from account_processors.passport import Finding, Severity
from config.home import Home
from operations.engine_lock import running_engine
from operations.loop_lag import TELL_ABOVE_SECONDS
from operations.sign_of_life import (
    OVERDUE_AFTER_SECONDS,
    SILENT_AFTER_SECONDS,
    Vitals,
    read_vitals,
    sign_of_life_age_seconds,
)

CLOCK = "clock"


def inspect_engine(home: Home, now: datetime) -> Iterator[Finding]:
    """What is right and wrong with the engine that runs, nothing when none does; files alone are read.

    Args:
        home: Whose.
        now: UTC time.
    """
    process_id, age = running_engine(home.engine_lock), sign_of_life_age_seconds(home, now)
    if process_id is None or age is None:
        return
    if age > SILENT_AFTER_SECONDS:
        what = f"the engine (process {process_id}) has given no sign of life for {age:.0f} s"
        remedy = f"it hangs or was stopped; restart it, with kill -9 {process_id} if it does not end when asked"
        yield Finding(Severity.PROBLEM, "engine", what, remedy)
        return
    vitals = read_vitals(home, now)
    if vitals is None:
        yield Finding(Severity.GOOD, "engine", f"gave a sign of life {age:.0f} s ago")
        return
    yield from _overdue(vitals)
    yield _loop(vitals, age)
    yield from _clocks(vitals)


def _overdue(vitals: Vitals) -> Iterator[Finding]:
    for account, seconds in vitals.overdue_seconds.items():
        if seconds > OVERDUE_AFTER_SECONDS:
            what = f"{account} should have been looked at {seconds:.0f} s ago, and no pass has ended since"
            yield Finding(Severity.PROBLEM, "passes", what, "read the log for `pass failed`, then restart the engine")


def _loop(vitals: Vitals, age: float) -> Finding:
    what = f"gave a sign of life {age:.0f} s ago; loop lag up to {vitals.loop_lag_seconds:.3f} s in the last minute"
    if vitals.loop_lag_seconds > TELL_ABOVE_SECONDS:
        remedy = "see whether the machine is short of CPU or memory, or its disk stalls"
        return Finding(Severity.WARNING, "engine", what, remedy)
    return Finding(Severity.GOOD, "engine", what)


def _clocks(vitals: Vitals) -> Iterator[Finding]:
    for account, seconds in vitals.clock_differences_seconds.items():
        if abs(seconds) > ALARM_SECONDS:
            what = f"the clock differs from that of {account}'s exchange by {seconds:+.3f} s"
            remedy = "synchronize this machine's clock (chrony or systemd-timesyncd)"
            yield Finding(Severity.WARNING, CLOCK, what, remedy)
