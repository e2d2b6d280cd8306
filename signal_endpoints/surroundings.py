"""What the endpoint's machine allows, looked at beside the loop: room on the disk, the clock as the engine saw it."""

import asyncio
from dataclasses import dataclass

from account_processors.clock_offset import ALARM_SECONDS
from config.home import Home
from core.ports.clock import Clock
from operations.disk_room import LITTLE_FREE_BYTES, DiskRoom, look_at_disk
from operations.sign_of_life import read_vitals
from signal_processors.records import Committer, commit_inline
from signal_processors.tradingview_book import TRADINGVIEW

LOOK_SECONDS = 10.0
OUTDATED_SECONDS = 60.0
"""A look that is older says nothing: the disk did not answer since."""


@dataclass(frozen=True, slots=True)
class DiskHealth:
    """The disk that holds the record.

    Attributes:
        free_bytes: None while unknown.
        is_low: Whether that is less than 1 GiB.
        is_writable: Whether a record can be written: the disk is not full, and the folder takes files.
    """

    free_bytes: int | None = None
    is_low: bool | None = None
    is_writable: bool | None = None


@dataclass(frozen=True, slots=True)
class ClockHealth:
    """This machine's clock, compared with the exchanges' by the engine; unknown where no running engine is seen.

    An engine in another container holds its lock unseen.

    Attributes:
        difference_seconds: The largest, the exchange's clock minus ours; None while unknown.
        is_off: Whether that is more than half a second.
    """

    difference_seconds: float | None = None
    is_off: bool | None = None


class Surroundings:
    """The last look at the machine; asking for it reads nothing.

    Args:
        home: Whose data.
        clock: The wall clock.
        looker: Where the look is taken; on the loop unless told otherwise.
    """

    def __init__(self, home: Home, clock: Clock, looker: Committer = commit_inline) -> None:
        self._home = home
        self._clock = clock
        self._looker = looker
        self._disk, self._clock_seen = DiskHealth(), ClockHealth()
        self._looked_at = float("-inf")

    @property
    def disk(self) -> DiskHealth:
        """The disk, unknown in every part before the first look and when looks do not end."""
        return self._disk if self._is_recent() else DiskHealth()

    @property
    def clock(self) -> ClockHealth:
        """The clock, unknown likewise."""
        return self._clock_seen if self._is_recent() else ClockHealth()

    async def watch(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once; a disk that answers with an error cannot be written."""
        await self._looker(self._look)
        self._looked_at = asyncio.get_running_loop().time()

    def _look(self) -> None:
        try:
            self._disk = _judge(look_at_disk(self._home.raw_signals(TRADINGVIEW)))
        except OSError:
            self._disk = DiskHealth(is_writable=False)
        vitals = read_vitals(self._home, self._clock.now())
        seconds = vitals.largest_clock_difference_seconds if vitals else None
        self._clock_seen = ClockHealth(seconds, None if seconds is None else abs(seconds) > ALARM_SECONDS)

    def _is_recent(self) -> bool:
        return asyncio.get_running_loop().time() - self._looked_at <= OUTDATED_SECONDS


def _judge(room: DiskRoom) -> DiskHealth:
    return DiskHealth(room.free_bytes, room.free_bytes < LITTLE_FREE_BYTES, room.is_writable and room.free_bytes > 0)
