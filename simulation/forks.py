"""A piece of work in a copy of this process, which tells its result through a pipe."""

import os
import signal
import traceback
from collections.abc import Callable
from typing import TextIO


class Fork:
    """A copy of this process at work. Start none while another thread runs.

    Attributes:
        told: What the work writes, to be read here.
    """

    def __init__(self, work: Callable[[TextIO], None]) -> None:
        """Begin.

        Args:
            work: Done in the copy, which ends after it and never returns to the caller; it writes what it has to tell.
        """
        reader, writer = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            status = 1
            try:
                os.close(reader)
                with os.fdopen(writer, "w") as out:
                    work(out)
                status = 0
            except Exception:  # noqa: BLE001 - the end of a process: told here or nowhere
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(writer)
        self.told: TextIO = os.fdopen(reader)

    def has_ended(self) -> bool:
        """Whether the copy is gone, without waiting; ask no more once it is."""
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self) -> int:
        """Wait for the end; the exit status, negative for the signal that ended it."""
        self.told.close()
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])

    def kill(self) -> None:
        """End it at once."""
        os.kill(self._pid, signal.SIGKILL)
        self.end()
