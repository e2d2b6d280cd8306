"""What one more account takes of memory, in processes that did nothing before.

    python -m benchmarks.account_memory 40

The engine trades one symbol on so many accounts in this process and tells what it holds then. `measure_apart` lets one
process do so with four accounts and another with many, and divides the difference; nothing that ran before counts.
"""

import asyncio
import json
import statistics
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.desk import COINS, EXCHANGES, Scale, open_desk
from benchmarks.exchange_process import ROOT, serve_exchanges
from benchmarks.latency import MOVES
from benchmarks.resident import peak_mb, resident_mb


@dataclass(frozen=True, slots=True)
class AccountMemory:
    """Medians over the rounds.

    Attributes:
        accounts: Of the large engine; the small one has one account on each exchange.
        megabytes_per_account: The difference of the two, by account.
        peak_megabytes: The most that the large one held.
    """

    accounts: int
    megabytes_per_account: float
    peak_megabytes: float


def measure_apart(accounts: int, rounds: int) -> AccountMemory:
    """Measure in fresh processes.

    Args:
        accounts: More than there are exchanges.
        rounds: Whose medians count.
    """
    differences, peaks = [], []
    for _ in range(rounds):
        (few, _), (many, peak) = _run(len(EXCHANGES)), _run(accounts)
        differences.append((many - few) / (accounts - len(EXCHANGES)))
        peaks.append(peak)
    return AccountMemory(accounts, statistics.median(differences), statistics.median(peaks))


def _run(accounts: int) -> tuple[float, float]:
    command = (sys.executable, "-m", "benchmarks.account_memory", str(accounts))
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - this very file
    resident, peak = json.loads(done.stdout)
    return resident, peak


async def measure(accounts: int) -> tuple[float, float]:
    """Megabytes that this process holds with warm connections and one traded symbol an account, and its peak.

    Args:
        accounts: Spread over the exchanges, which are in a process of their own.
    """
    scale = Scale(accounts, 1)
    async with (
        serve_exchanges(COINS, is_limited=False) as exchanges,
        open_desk(exchanges, scale, "memory", keeps_budgets=False) as desk,
    ):
        for move in MOVES:
            await desk.act(move.depth, move.orders)
        return resident_mb(), peak_mb()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure(int(sys.argv[1])))))
