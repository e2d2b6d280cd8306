"""Memory of this process alone, in megabytes of a million bytes."""

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
_BYTES_A_KIB = 1024


def resident_mb() -> float:
    """What is held now; where the system does not tell it, as on macOS, the most that was held so far."""
    return _told_mb("VmRSS")


def peak_mb() -> float:
    """The most that this program held at once, whoever started it.

    Linux's `ru_maxrss` would not do: over fork and exec it begins with the peak of the process that started this one.
    Where there is no `/proc`, as on macOS, it is all there is.
    """
    return _told_mb("VmHWM")


def _told_mb(field: str) -> float:
    if STATUS.exists():
        told = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{field}:"))
        return int(told.split()[1]) * _BYTES_A_KIB / 1e6
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else _BYTES_A_KIB) / 1e6
