"""From the start of a process to its first order, while a position waits to be repaired.

An engine opens a position on each of four accounts and is stopped; the signal changes; a new engine is started, and the
time from its spawn to its first order at the exchange is taken. The yardstick is a process that imports ccxt and sends
one signed order through it: no start can be quicker that uses it.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.desk import BALANCE_USDT, COINS, Scale, publish_depth, write_config
from benchmarks.exchange_process import ROOT, Exchanges, serve_exchanges
from config.files import PRIVATE_MODE, format_json, write_atomically
from config.home import Home
from config.schemas.credentials import WITH_PASSPHRASE

SCALE = Scale(4, 1)
LONGEST_START_SECONDS = 60.0
LOOK_SECONDS = 0.05
LABEL = "start"
OPENED, WANTED = Decimal("0.5"), Decimal("0.25")

_BARE = """
import asyncio, sys
import ccxt.async_support as ccxt
async def main():
    exchange = ccxt.bybit({"apiKey": sys.argv[2], "secret": sys.argv[3]})
    exchange.urls["api"] = dict.fromkeys(("spot", "futures", "v2", "public", "private"), sys.argv[1])
    order = {"category": "linear", "symbol": "X1USDT", "side": "Buy", "orderType": "Market", "qty": "1"}
    await exchange.request("v5/order/create", ["private"], "POST", order)
    await exchange.close()
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Start:
    """Medians over the rounds.

    Attributes:
        engine_seconds: From the spawn to the first order.
        bare_seconds: The same of a process that only imports ccxt and sends it.
        ratio: Of the two.
    """

    engine_seconds: float
    bare_seconds: float
    ratio: float


async def measure_start(rounds: int) -> Start:
    """Start engine and yardstick in turn.

    Args:
        rounds: Whose medians count.
    """
    engine, bare = [], []
    async with serve_exchanges(COINS, is_limited=False) as exchanges:
        keyed = [(exchange, LABEL) for exchange, _ in SCALE.account_keys]
        keys = await exchanges.open_accounts(keyed, BALANCE_USDT)
        with TemporaryDirectory(prefix="bench-start-") as folder:
            home = Home(Path(folder))
            write_config(home, SCALE)
            _write_credentials(home, dict(zip([name for name, _ in keyed], keys, strict=True)))
            publish_depth(home, SCALE, OPENED, 1)
            async with _running(home, exchanges):
                await _orders(exchanges, SCALE.accounts)
            for number in range(rounds):
                publish_depth(home, SCALE, WANTED if number % 2 == 0 else OPENED, number + 2)
                async with _running(home, exchanges) as began:
                    engine.append(await _first_order(exchanges) - began)
                bare.append(await _start_bare(exchanges, keys[0]))
    return Start(
        statistics.median(engine),
        statistics.median(bare),
        statistics.median(ours / theirs for ours, theirs in zip(engine, bare, strict=True)),
    )


@asynccontextmanager
async def _running(home: Home, exchanges: Exchanges) -> AsyncIterator[float]:
    """An engine as a service, when it was spawned, and its orderly end."""
    await exchanges.counted()
    began = time.monotonic()
    engine = await _spawn([str(ROOT / "execute_trades.py"), "--set", "metrics.is_enabled=false"], home)
    try:
        yield began
    finally:
        await asyncio.sleep(1.0)  # What the first order was for is proven.
        engine.terminate()
        await engine.wait()


async def _start_bare(exchanges: Exchanges, keys: Mapping[str, str]) -> float:
    await exchanges.counted()
    began = time.monotonic()
    bare = await _spawn(["-c", _BARE, keys["base"], keys["api_key"], keys["secret"]], None)
    await bare.wait()
    return await _first_order(exchanges) - began


async def _spawn(arguments: Sequence[str], home: Home | None) -> asyncio.subprocess.Process:
    around = {**os.environ, **({"TRADE_ENGINE_HOME": str(home.path)} if home else {})}
    nothing = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        sys.executable, *arguments, cwd=ROOT, env=around, stdout=nothing, stderr=nothing
    )


async def _first_order(exchanges: Exchanges) -> float:
    """When it came, on the machine's monotonic clock."""
    async with asyncio.timeout(LONGEST_START_SECONDS):
        while True:
            first = (await exchanges.counted()).first_order_at
            if first is not None:
                return first
            await asyncio.sleep(LOOK_SECONDS)


async def _orders(exchanges: Exchanges, wanted: int) -> None:
    came = 0
    async with asyncio.timeout(LONGEST_START_SECONDS):
        while came < wanted:
            await asyncio.sleep(LOOK_SECONDS)
            came += (await exchanges.counted()).orders


def _write_credentials(home: Home, keys: Mapping[str, Mapping[str, str]]) -> None:
    sections = {}
    for name, key in keys.items():
        phrase = {"api_passphrase": key["passphrase"]} if name in WITH_PASSPHRASE else {}
        fields = {"api_key": key["api_key"], "api_secret": key["secret"], **phrase}
        sections[name] = {"mode": "sandbox", "urls": {"base": key["base"]}, **fields}
    write_atomically(home.credentials, format_json(sections), PRIVATE_MODE)
