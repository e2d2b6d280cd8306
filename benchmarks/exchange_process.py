"""The paper exchanges in a process of their own, so that their work is not counted as the engine's.

Run as `python -m benchmarks.exchange_process COINS LIMITED`; it is told what to do in lines of JSON on its standard
input and answers each with a line. `Exchanges` is the other end.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from operations.wall_clock import WallClock
from paper.faults import Fault, FaultKind
from paper.house import PaperHouse
from paper.ledger import Entry
from paper.markets import listed_coins
from paper.prices import SeededWalk
from paper.refusals import Reason
from paper.serving import Served

ROOT = Path(__file__).resolve().parent.parent
PRICE_SECONDS = 10.0
"""How often the prices are told anew; they stay the same, so that engine and yardstick trade the same sizes."""

LIMITED = "limited"
ORDER_ENDPOINT = "create_order"
RATE = "rate: "
"""What a refusal for rate is told as, with the exchange behind it."""
LINE_BYTES = 1 << 22
_RATE_REASONS = frozenset({Reason.RATE_LIMITED, Reason.ADDRESS_BANNED})


class Desk:
    """Does what a line asks for."""

    def __init__(self, house: PaperHouse, served: Served) -> None:
        self._house = house
        self._served = served
        self._calls: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._first_order_at: float | None = None
        house.ledger.observers.append(self._observe)

    def answer(self, asked: Mapping[str, Any]) -> object:
        """One answer to one line."""
        if "open" in asked:
            return [self._open(exchange, label, asked["balance"]) for exchange, label in asked["open"]]
        if "delay" in asked:
            self._delay(asked["delay"])
            return None
        if "hang" in asked:
            return self._house.faults.add(Fault(FaultKind.HANG, exchange=asked["hang"], count=None))
        calls, refused = dict(self._calls), dict(self._refused)
        self._calls.clear()
        self._refused.clear()
        first, self._first_order_at = self._first_order_at, None
        return {"calls": calls, "refused": refused, "first_order_at": first}

    def _open(self, exchange: str, label: str, balance: int) -> dict[str, str]:
        keys = self._house.open_account(exchange, label, Decimal(balance))
        self._house.prepare_account(exchange, label)
        return {
            "api_key": keys.api_key,
            "secret": keys.secret,
            "passphrase": keys.passphrase,
            "base": self._served.base_url(exchange),
        }

    def _delay(self, seconds: Mapping[str, float]) -> None:
        """Instead of all faults before."""
        self._house.faults.clear()
        for exchange, delay in seconds.items():
            if delay:
                self._house.faults.add(Fault(FaultKind.LATENCY, exchange=exchange, seconds=delay, count=None))

    def _observe(self, entry: Entry) -> None:
        if entry.kind == "request":
            endpoint = str(entry.facts["endpoint"])
            self._calls[f"{entry.exchange} {endpoint}"] += 1
            if endpoint == ORDER_ENDPOINT and self._first_order_at is None:
                self._first_order_at = time.monotonic()
        elif entry.kind == "refused_request":
            is_rate = entry.facts["reason"] in _RATE_REASONS
            self._refused[f"{RATE}{entry.exchange}" if is_rate else f"{entry.exchange} {entry.facts['detail']}"] += 1


async def main(coins: int, *, is_limited: bool) -> None:
    """Serve until the standard input ends."""
    prices = SeededWalk(0, listed_coins(coins), PRICE_SECONDS, volatility=0.0)
    house = PaperHouse(WallClock(), seed=os.getpid(), market_count=coins, prices=prices, is_limited=is_limited)
    served = await house.serve()
    desk = Desk(house, served)
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        sys.stdout.write(json.dumps(desk.answer(json.loads(line))) + "\n")
        sys.stdout.flush()
    await served.stop()
    await house.close()


@dataclass(frozen=True, slots=True)
class Counted:
    """What came to the exchanges since the last time.

    Attributes:
        calls: By exchange and endpoint.
        refused: By reason.
        first_order_at: When the first order came, on the machine's monotonic clock; None when none did.
    """

    calls: dict[str, int]
    refused: dict[str, int]
    first_order_at: float | None

    @property
    def orders(self) -> int:
        """How many orders came."""
        return sum(count for call, count in self.calls.items() if call.endswith(f" {ORDER_ENDPOINT}"))


class Exchanges:
    """The exchanges that another process serves."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def open_accounts(self, accounts: Sequence[tuple[str, str]], balance: int) -> list[dict[str, str]]:
        """Open accounts, each an exchange and a label; their keys and base addresses."""
        opened: list[dict[str, str]] = await self._ask({"open": accounts, "balance": balance})
        return opened

    async def delay(self, seconds: Mapping[str, float]) -> None:
        """Let every answer of an exchange come so much later; what was asked for before ends."""
        await self._ask({"delay": seconds})

    async def hang(self, exchange: str) -> None:
        """Let an exchange answer nothing any more."""
        await self._ask({"hang": exchange})

    async def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """Calls by exchange and endpoint, and refusals by reason, since the last time."""
        counted = await self.counted()
        return counted.calls, counted.refused

    async def counted(self) -> Counted:
        """As `counts`, with the time of the first order since the last time."""
        told = await self._ask({})
        return Counted(told["calls"], told["refused"], told["first_order_at"])

    async def _ask(self, question: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the exchanges' process has no pipes")
        stdin.write(json.dumps(question).encode() + b"\n")
        await stdin.drain()
        line = await stdout.readline()
        if not line:
            raise RuntimeError("the exchanges' process has ended")
        return json.loads(line)


@asynccontextmanager
async def serve_exchanges(coins: int, *, is_limited: bool) -> AsyncIterator[Exchanges]:
    """Run the process while the block runs.

    Args:
        coins: How many each exchange lists.
        is_limited: Whether the published limits are in force.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.exchange_process",
        str(coins),
        LIMITED if is_limited else "unlimited",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        yield Exchanges(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), is_limited=sys.argv[2] == LIMITED))
