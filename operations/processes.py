"""Which of our services run on a home, as the kernel tells it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.home import HOME_VARIABLE, Home

SCRIPTS = {
    "execute_trades.py": "trade-engine",
    "signal_endpoints/tradingview_endpoint.py": "tradingview-endpoint",
    "signal_processors/bittensor_processor.py": "bittensor-signals",
}
PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class Running:
    """One process of one of our services.

    Attributes:
        service: As pm2 names it.
        pid: Its process id.
    """

    service: str
    pid: int


def running_services(home: Home, processes: Path = PROCESSES) -> list[Running]:
    """The services that run on this home, by process id; those of other users may stay unseen.

    Args:
        home: Whose.
        processes: The kernel's folder of processes; empty where there is none.
    """
    pids = sorted(int(entry.name) for entry in _entries(processes) if entry.name.isdigit())
    found = []
    for pid in pids:
        try:
            service = _service(home, processes / str(pid))
        except OSError:  # it ended meanwhile, or is not ours to look at
            continue
        if service:
            found.append(Running(service, pid))
    return found


def _entries(folder: Path) -> Iterator[Path]:
    return folder.iterdir() if folder.is_dir() else iter(())


def _service(home: Home, process: Path) -> str:
    words = [os.fsdecode(word) for word in (process / "cmdline").read_bytes().split(b"\0")]
    if "python" not in Path(words[0]).name:
        return ""
    for word in words[1:]:
        for script, service in SCRIPTS.items():
            if word == script or word.endswith(f"/{script}"):
                path = ((process / "cwd").readlink() / word).resolve()
                return service if _home_of(process, path, script) == home.path else ""
    return ""


def _home_of(process: Path, path: Path, script: str) -> Path:
    variables = dict(line.partition(b"=")[::2] for line in (process / "environ").read_bytes().split(b"\0"))
    named = os.fsdecode(variables.get(HOME_VARIABLE.encode(), b""))
    return Path(named).expanduser().resolve() if named else path.parents[script.count("/")]
