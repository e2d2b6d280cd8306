"""How many signed requests a second the paper exchanges answer on one core: `python benchmarks/paper_exchange.py`.

Unmodified ccxt classes make the requests against one house; they are then replayed, as sent, against a second house of
the same seed and clock, so that only the exchange's side is measured, through the same door as in paper trading:
ledger, signature, state machine, envelope. Reported per exchange, in requests per second of CPU: placing a market
order, reading the position of one symbol, and reading twenty positions at once. Exit code 1 when one of the first two
is below 2,000.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from paper.door import Door
from paper.house import PaperHouse, host_of
from paper.in_process import InProcessSession
from paper.wire import Request, Response
from simulation.paper_clients import CLASSES, SteadyClock, open_client

ORDERS, READS, LISTS, ROWS = 1_000, 1_000, 200, 20
LIMIT_PER_SECOND = 2_000
BALANCE = Decimal(10_000_000)
BTC = "BTC/USDT:USDT"
ORDER_PARAMS: dict[str, dict[str, object]] = {
    "bybit": {},
    "blofin": {"marginMode": "isolated"},
    "kucoin": {"marginMode": "isolated", "leverage": 3},
    "mexc": {"openType": 1, "leverage": 3},
}


Meeting = tuple[Request, str]
"""A request and the body of its answer."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests per second of CPU on one exchange."""

    exchange: str
    orders: float
    reads: float
    lists: float


@dataclass(slots=True)
class _Recorder:
    """A door that keeps what passes it."""

    door: Door
    met: list[Meeting]

    async def answer(self, request: Request) -> Response:
        """Pass a request on."""
        response = await self.door.answer(request)
        self.met.append((request, response.body))
        return response


async def measure(exchange: str, orders: int = ORDERS, reads: int = READS, lists: int = LISTS) -> Measured:
    """Record the requests of one exchange's client and time their replay.

    Raises:
        ValueError: If an answer of the replay is not the recorded one.
    """
    groups = await _record(exchange, orders, reads, lists)
    house = _house()
    house.open_account(exchange, "main", BALANCE)
    seconds = [await _replay(house.doors[exchange], meetings) for meetings in groups]
    return Measured(exchange, orders / seconds[1], reads / seconds[2], lists / seconds[3])


def _house() -> PaperHouse:
    return PaperHouse(SteadyClock(), seed=3, is_limited=False)


async def _record(exchange: str, orders: int, reads: int, lists: int) -> list[list[Meeting]]:
    """The requests in four groups: what prepares the account, orders, reads of one position, reads of twenty."""
    house = _house()
    client = await open_client(house, exchange, BALANCE)
    recorder = _Recorder(house.doors[exchange], [])
    client.session = InProcessSession({host_of(exchange): cast("Door", recorder)})
    moments = itertools.count(house.world.now_ms())
    client.milliseconds = lambda: next(moments) if exchange == "blofin" else house.world.now_ms()
    groups = []
    for play in (
        _prepare(client, exchange),
        _trade(client, exchange, orders),
        _read(client.fetch_position, reads, BTC),
        _read(client.fetch_positions, lists),
    ):
        await play
        groups.append(list(recorder.met))
        recorder.met.clear()
    await client.close()
    return groups


async def _prepare(client: Any, exchange: str) -> None:  # noqa: ANN401 - ccxt ships no types
    if exchange == "mexc":
        await client.set_position_mode(False)
    symbols = [BTC, *(symbol for symbol, market in client.markets.items() if market["swap"] and symbol != BTC)]
    for number, symbol in enumerate(symbols[:ROWS]):
        ticker = await client.fetch_ticker(symbol)
        amount = 100 / (ticker["last"] * float(client.market(symbol)["contractSize"]))
        least = float(client.market(symbol)["limits"]["amount"]["min"])
        params = {**ORDER_PARAMS[exchange], "clientOrderId": f"open{number}"}
        await client.create_order(symbol, "market", "buy", max(amount, least), None, params)


async def _trade(client: Any, exchange: str, count: int) -> None:  # noqa: ANN401 - ccxt ships no types
    amount = 0.005 / float(client.market(BTC)["contractSize"])
    for number in range(count):
        side = "sell" if number % 2 else "buy"
        params = {**ORDER_PARAMS[exchange], "clientOrderId": f"bench{number}"}
        await client.create_order(BTC, "market", side, amount, None, params)


async def _read(call: Any, count: int, *arguments: object) -> None:  # noqa: ANN401 - ccxt ships no types
    for _ in range(count):
        await call(*arguments)


async def _replay(door: Door, meetings: Sequence[Meeting]) -> float:
    started = time.process_time()
    answers = [await door.answer(request) for request, _ in meetings]
    seconds = time.process_time() - started
    for (request, recorded), answer in zip(meetings, answers, strict=True):
        if answer.body != recorded:
            raise ValueError(f"{request.method} {request.path}: {answer.body}, not {recorded}")
    return seconds


async def _measure_all() -> list[Measured]:
    return [await measure(exchange) for exchange in CLASSES]


def main() -> None:
    """Measure, report, and exit with 1 when a limit is missed."""
    measured = asyncio.run(_measure_all())
    table = Table(
        "exchange", "create_order", "one position", f"{ROWS} positions", title="signed requests per second of CPU"
    )
    for row in measured:
        table.add_row(row.exchange, f"{row.orders:,.0f}", f"{row.reads:,.0f}", f"{row.lists:,.0f}")
    Console().print(table)
    sys.exit(any(min(row.orders, row.reads) < LIMIT_PER_SECOND for row in measured))


if __name__ == "__main__":
    main()
