"""What one order costs in CPU through each adapter: `python benchmarks/order_cpu.py`.

Sign, send and parse are measured against answers that were taken from the paper exchange once and are replayed, so
that only the adapter and ccxt work; the yardstick is ccxt's own signed request for the same answer, of the same run.
"""

import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console
from rich.table import Table

from account_processors.ccxt_client import CallSettings
from account_processors.registry import connect
from core.model.order import Side
from paper.in_process import InProcessResponse
from paper.wire import Response
from simulation.exchange_bench import BTC, ETH, EXCHANGES, Bench, play

ROUNDS, CALLS_A_ROUND = 5, 60
PATIENT = CallSettings(
    read_timeout_seconds=1e6, write_timeout_seconds=1e6, longest_wait_before_write_seconds=1e6, read_tries=1
)
ORDER_REQUESTS: dict[str, tuple[str, list[str]]] = {
    "bybit": ("v5/order/create", ["private"]),
    "blofin": ("trade/order", ["private"]),
    "kucoin": ("orders", ["futuresPrivate"]),
    "mexc": ("order/create", ["contract", "private"]),
}


class Replay:
    """The paper exchange's session, whose answers are replayed by path once it is told so."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - the part of aiohttp.ClientSession that ccxt uses
        self.headers = session.headers
        self.session = session
        self.kept: dict[tuple[str, str], Response] = {}
        self.is_replaying = False

    def get(self, url: object, **options: Any) -> "_Replayed":  # noqa: ANN401 - as aiohttp
        """A GET."""
        return _Replayed(self, "get", str(url), options)

    def post(self, url: object, **options: Any) -> "_Replayed":  # noqa: ANN401 - as aiohttp
        """A POST."""
        return _Replayed(self, "post", str(url), options)


class _Replayed:
    def __init__(self, replay: Replay, method: str, url: str, options: dict[str, Any]) -> None:
        self._replay, self._method, self._url, self._options = replay, method, url, options

    async def __aenter__(self) -> InProcessResponse:
        key = (self._method, self._url.partition("?")[0])
        kept = self._replay.kept.get(key) if self._replay.is_replaying else None
        if kept is None:
            async with getattr(self._replay.session, self._method)(self._url, **self._options) as response:
                kept = self._replay.kept[key] = Response(response.status, await response.text())
        return InProcessResponse(kept, self._url)

    async def __aexit__(self, *_: object) -> None:
        return None


def measure(name: str, calls_a_round: int = CALLS_A_ROUND) -> dict[str, float]:
    """Microseconds of CPU per call, the best of some rounds.

    Args:
        name: Of the exchange.
        calls_a_round: How many of each kind.
    """
    measured: dict[str, float] = {}

    async def scene(bench: Bench) -> None:
        replay = Replay(bench.house.session())
        urls = bench.house.urls(name)
        exchange = connect(bench.settings, bench.clock, bench.told, session=replay, urls=urls, calls=PATIENT)
        await (await bench.ready()).settle_settings()
        order = bench.intent(Side.BUY, "0.02")
        path, section = ORDER_REQUESTS[name]
        body = {"symbol": "BTCUSDT", "side": "buy", "qty": "0.02", "reduceOnly": False, "id": order.client_order_id}
        for warm_up in (lambda: exchange.submit_order(order), lambda: exchange.find_order(BTC, order.client_order_id)):
            await warm_up()
        replay.is_replaying = True
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "order": lambda: exchange.submit_order(bench.intent(Side.BUY, "0.02")),
            "look-up": lambda: exchange.find_order(BTC, order.client_order_id),
            "snapshot": exchange.read_snapshot,
            "quotes": lambda: exchange.read_quotes([BTC, ETH]),
            "ccxt request": lambda: exchange.connection.raw().request(path, section, "POST", body),
        }
        for label, call in calls.items():
            await call()
            measured[label] = min([await _round(call, calls_a_round) for _ in range(ROUNDS)])
        await exchange.close()

    play(name, scene)
    return measured


async def _round(call: Callable[[], Awaitable[object]], calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        await call()
    return 1e6 * (time.process_time() - began) / calls


def main() -> None:
    """Measure all and show the table."""
    table = Table(title="CPU per call in microseconds", title_justify="left")
    rows = {name: measure(name) for name in EXCHANGES}
    for heading in ("exchange", *next(iter(rows.values())), "order / ccxt request"):
        table.add_column(heading, justify="left" if heading == "exchange" else "right")
    for name, row in rows.items():
        ratio = row["order"] / row["ccxt request"]
        table.add_row(name, *(f"{value:.0f}" for value in row.values()), f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
