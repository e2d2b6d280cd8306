"""What one SN8 answer costs from body to frame: `python benchmarks/sn8_payload.py`.

250 miners x about 200 positions, some 60 MB of JSON, are served in process to a poller in a fresh home. Reported: CPU
of the first poll, of a poll of changed data and of one of the same bytes, the longest turn of the event loop, and the
memory of the process: with the packed bodies in hand, and its peak.
"""

import asyncio
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from benchmarks.resident import peak_mb, resident_mb
from config.home import Home
from operations.wall_clock import WallClock
from paper.sn8 import Sn8Request, Sn8Response, Sn8Server
from paper.sn8_session import Sn8Session
from paper.sn8_world import PAIRS, Sn8World
from signal_processors.bittensor_client import POSITIONS_PATH, Sn8Access
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.bittensor_poller import BittensorPoller
from signal_processors.records import RecordLog

ROOT = Path(__file__).resolve().parent.parent
MINERS, HISTORY = 250, timedelta(days=195)
CPU_LIMIT_SECONDS, SAME_BODY_LIMIT_SECONDS, PEAK_LIMIT_MB = 0.5, 0.1, 400


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured; seconds of CPU, megabytes."""

    body_mb: float
    packed_mb: float
    positions: int
    first_seconds: float
    changed_seconds: float
    same_seconds: float
    longest_turn_seconds: float
    resident_before_mb: float
    peak_mb: float


class _Silence:
    def tell(self, event: str, **facts: object) -> None:
        """Nobody listens."""


class _Bodies(Sn8Server):
    """A server that hands out prepared bodies."""

    def __init__(self, bodies: list[bytes]) -> None:
        super().__init__(Sn8World(1, WallClock().now(), 2), WallClock(), {})
        self._bodies = bodies

    def answer(self, request: Sn8Request) -> Sn8Response:
        """The next body; the last stays. Nothing else is here."""
        if request.path != POSITIONS_PATH:
            return Sn8Response(404, {}, b"{}")
        body = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]
        return Sn8Response(200, {"Content-Encoding": "gzip"}, body)


def prepare(miners: int = MINERS, history: timedelta = HISTORY) -> tuple[list[bytes], int, int]:
    """Two packed bodies a minute apart, the size of one unpacked, and its number of positions."""
    now = WallClock().now()
    world = Sn8World(1, now, miners, history)
    first = world.positions(now.timestamp() * 1000)
    bodies = [json.dumps(first).encode(), json.dumps(world.positions(now.timestamp() * 1000 + 60_000)).encode()]
    count = sum(len(miner["positions"]) for miner in first.values())
    return [gzip.compress(body, 1) for body in bodies], len(bodies[0]), count


async def measure(bodies: list[bytes], size: int, count: int, home: Home) -> Measured:
    """Poll the first body, the second, and the second again."""
    home.asset_mapping.write_text(json.dumps({"bittensor": _mapping()}))
    session = Sn8Session(_Bodies(list(bodies)))
    record = RecordLog(home.raw_signals(SOURCE))
    poller = BittensorPoller(
        home,
        Sn8Access("http://made", "k"),
        session,
        WallClock(),
        _Silence(),
        record,
        random.Random(1),  # noqa: S311 - nothing is decided by it
    )
    before = resident_mb()
    turns: list[float] = []
    watch = asyncio.get_running_loop().create_task(_watch(turns))
    seconds = []
    for _ in range(3):
        started = time.process_time()
        poll = await poller.poll_once()
        seconds.append(time.process_time() - started)
        if not poll.is_good:
            raise RuntimeError(poll.reason)
    watch.cancel()
    await record.close()
    first, changed, same = seconds
    return Measured(size / 1e6, len(bodies[0]) / 1e6, count, first, changed, same, max(turns), before, peak_mb())


async def _watch(turns: list[float]) -> None:
    last = time.perf_counter()
    while True:
        await asyncio.sleep(0)
        now = time.perf_counter()
        turns.append(now - last)
        last = now


def _mapping() -> Mapping[str, str]:
    return {pair.id: f"{pair.name[:3]}{number}USDT" for number, pair in enumerate(PAIRS)}


def measure_apart(miners: int = MINERS, history: timedelta = HISTORY) -> dict[str, float]:
    """Prepare in one process and measure in another, so that no memory but its own counts; by field of `Measured`.

    Args:
        miners: In the answer.
        history: Of their positions.
    """
    command = (sys.executable, str(Path(__file__)), "--json", str(miners), str(history / timedelta(days=1)))
    around = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=around)  # noqa: S603 - this very file
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Prepare in a child process, so that its memory does not count, measure, show."""
    if sys.argv[1:2] == ["--prepare"]:
        bodies, size, count = prepare(int(sys.argv[3]), timedelta(days=float(sys.argv[4])))
        for number, body in enumerate(bodies):
            (Path(sys.argv[2]) / f"{number}.gz").write_bytes(body)
        sys.stdout.write(f"{size} {count}\n")
        return
    is_json = sys.argv[1:2] == ["--json"]
    miners, history = (int(sys.argv[2]), timedelta(days=float(sys.argv[3]))) if is_json else (MINERS, HISTORY)
    with tempfile.TemporaryDirectory(prefix="sn8-benchmark-") as folder:
        measured = _prepare_and_measure(Path(folder), miners, history)
    if is_json:
        sys.stdout.write(json.dumps(asdict(measured)) + "\n")
    else:
        _show(measured)


def _prepare_and_measure(folder: Path, miners: int, history: timedelta) -> Measured:
    days = str(history / timedelta(days=1))
    command = (sys.executable, __file__, "--prepare", str(folder), str(miners), days)
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - this very file
    size, count = (int(part) for part in done.stdout.split())
    bodies = [(folder / f"{number}.gz").read_bytes() for number in range(2)]
    return asyncio.run(measure(bodies, size, count, Home(folder)))


def _show(measured: Measured) -> None:
    table = Table("", "measured", "limit", title="SN8 answer, body to frame")
    table.add_row(
        "body", f"{measured.body_mb:.1f} MB ({measured.packed_mb:.1f} packed), {measured.positions} positions"
    )
    table.add_row("first poll, CPU", f"{measured.first_seconds:.3f} s")
    table.add_row("changed data, CPU", f"{measured.changed_seconds:.3f} s", f"{CPU_LIMIT_SECONDS} s")
    table.add_row("same bytes, CPU", f"{measured.same_seconds:.3f} s", f"{SAME_BODY_LIMIT_SECONDS} s")
    table.add_row("longest turn of the loop", f"{measured.longest_turn_seconds:.3f} s")
    table.add_row("resident before", f"{measured.resident_before_mb:.0f} MB")
    table.add_row("peak", f"{measured.peak_mb:.0f} MB", f"{PEAK_LIMIT_MB} MB")
    Console().print(table)


if __name__ == "__main__":
    main()
