"""A bound on the processor time of one piece of work, so that a hang is a failure."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

CPU_SECONDS = 5.0


class Hang(Exception):
    """The work took more processor time than it may."""


@contextmanager
def cpu_limit(seconds: float = CPU_SECONDS) -> Iterator[None]:
    """Raise Hang in the work that takes longer; only in the main thread of a process.

    Args:
        seconds: Of this process's own time in user mode, so that a busy machine breaks nothing.
    """
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Hang("took too much processor time")
