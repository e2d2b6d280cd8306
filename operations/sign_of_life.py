"""The sign of life of a running engine: a file that it touches, and what it knows of its loop, clocks and passes."""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec

from config.files import PRIVATE_MODE, write_atomically
from config.home import Home
from core.model.failures import StorageFailure
from core.model.identity import AccountId
from core.ports.clock import Clock
from operations.engine_lock import running_engine

BEAT_SECONDS = 5.0
SILENT_AFTER_SECONDS = 60.0
"""An engine that gave no sign for so long hangs: its loop stands still, or its process was stopped."""
OVERDUE_AFTER_SECONDS = 150.0
"""How late an account's pass may be: one takes seconds, or a minute or two when an exchange answers nothing."""
LAG_BEATS = 12
"""The loop's lag is the worst of so many beats, which is one minute."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a running engine says of itself with every beat.

    Attributes:
        process_id: Its own.
        at: UTC time of the beat.
        loop_lag_seconds: The worst of the last minute.
        clock_differences_seconds: By account, its exchange's clock minus ours; where none was read yet it is left out.
        overdue_seconds: By account, how late its next pass is; accounts that are in time are left out.
    """

    process_id: int
    at: datetime
    loop_lag_seconds: float
    clock_differences_seconds: Mapping[str, float]
    overdue_seconds: Mapping[str, float]

    @property
    def largest_clock_difference_seconds(self) -> float | None:
        """Of all accounts, with its sign; None when no clock was read."""
        return max(self.clock_differences_seconds.values(), key=abs, default=None)


class WorstLag:
    """The worst lag of the loop in the last minute.

    Args:
        pass_on: Is given every measurement as well, in seconds.
    """

    def __init__(self, pass_on: Callable[[float], None]) -> None:
        self._pass_on = pass_on
        self._worst = deque([0.0], maxlen=LAG_BEATS)

    def observe(self, lag_seconds: float) -> None:
        """Take one measurement."""
        self._worst[-1] = max(self._worst[-1], lag_seconds)
        self._pass_on(lag_seconds)

    def beat(self) -> float:
        """The worst, and begin the next beat."""
        worst = max(self._worst)
        self._worst.append(0.0)
        return worst


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a beat is made of.

    Attributes:
        home: Whose.
        clock: The wall clock.
        lag: The loop's.
        clock_differences: By account, in seconds.
        overdue: By account, in seconds.
    """

    home: Home
    clock: Clock
    lag: WorstLag
    clock_differences: Callable[[], Mapping[str, float]]
    overdue: Callable[[], Mapping[AccountId, float]]

    def beat(self) -> None:
        """Touch the lock's file, which a full disk allows as well, and say how things are where there is room."""
        vitals = Vitals(
            process_id=os.getpid(),
            at=self.clock.now(),
            loop_lag_seconds=round(self.lag.beat(), 4),
            clock_differences_seconds={name: round(value, 3) for name, value in self.clock_differences().items()},
            overdue_seconds={str(key): round(value, 1) for key, value in self.overdue().items() if value > 0.0},
        )
        try:
            os.utime(self.home.engine_lock)
            write_atomically(self.home.vitals, msgspec.json.encode(vitals), PRIVATE_MODE, survives_power_loss=False)
        except (OSError, StorageFailure):
            return  # a full disk is told where the journal meets it


async def give_signs_of_life(pulse: Pulse, beat_seconds: float = BEAT_SECONDS) -> None:
    """Beat until cancelled, for `./engine status` and for systemd's watchdog where there is one.

    No beat that the system refuses, as one without a free file descriptor, is the last.
    """
    while True:
        with suppress(OSError):
            pulse.beat()
        notify_systemd("WATCHDOG=1")
        await asyncio.sleep(beat_seconds)


def notify_systemd(state: str, environment: Mapping[str, str] = os.environ) -> None:
    """Tell the service manager that started us, if one did and listens (sd_notify(3)); nothing is waited for."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return
    name = f"\0{address[1:]}" if address.startswith("@") else address
    with (
        suppress(OSError),  # the manager notices by itself that nothing comes
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notifier,
    ):
        notifier.sendto(state.encode(), name)


def sign_of_life_age_seconds(home: Home, now: datetime) -> float | None:
    """How long ago the engine of this home began or gave its last sign, None where none ever ran.

    Args:
        home: Whose.
        now: UTC time.
    """
    try:
        return round(max(0.0, now.timestamp() - home.engine_lock.stat().st_mtime), 3)
    except OSError:
        return None


def read_vitals(home: Home, now: datetime) -> Vitals | None:
    """What the engine that runs now said last, None when none runs, it has not spoken yet or not for a minute.

    Args:
        home: Whose.
        now: UTC time.
    """
    try:
        vitals = msgspec.json.decode(home.vitals.read_bytes(), type=Vitals)
    except (OSError, msgspec.MsgspecError):
        return None
    is_recent = abs((now - vitals.at).total_seconds()) <= SILENT_AFTER_SECONDS
    return vitals if is_recent and vitals.process_id == running_engine(home.engine_lock) else None
