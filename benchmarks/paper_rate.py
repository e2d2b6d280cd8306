"""Signed requests per second that the paper exchanges answer in process on one core: `python -m benchmarks.paper_rate`.

Two numbers per exchange and call: the exchange's own (requests signed beforehand by ccxt, sent through the in-process
session: signature, limits, ledger, matching, answer), and with the unmodified ccxt class in front (its signing and
parsing included). The time is processor time of this process, so that busy neighbours do not count.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from paper.house import PaperHouse
from paper.rules import EXCHANGE_NAMES

ETH = "ETH/USDT:USDT"
POSITIONS = 20
AMOUNT = {"bybit": 0.01, "blofin": 0.1, "kucoin": 1, "mexc": 1}
PARAMS: dict[str, dict[str, object]] = {
    "bybit": {},
    "blofin": {"marginMode": "isolated"},
    "kucoin": {"marginMode": "isolated", "leverage": 3},
    "mexc": {"openType": 1, "leverage": 3},
}
OPTIONS: dict[str, dict[str, object]] = {
    "bybit": {"fetchMarkets": {"types": ["linear"]}},
    "mexc": {"defaultType": "swap"},
}
CLASSES = {"bybit": ccxt.bybit, "blofin": ccxt.blofin, "kucoin": ccxt.kucoinfutures, "mexc": ccxt.mexc}


@dataclass(frozen=True, slots=True)
class Rate:
    """What was measured.

    Attributes:
        exchange: Where.
        call: create_order, one_position or many_positions.
        own_per_second: By the paper exchange alone.
        with_ccxt_per_second: With the ccxt class in front.
    """

    exchange: str
    call: str
    own_per_second: int
    with_ccxt_per_second: int


class StillClock:
    """core.ports.clock.Clock that stands still, so that prices do."""

    def now(self) -> datetime:
        """Always the same moment."""
        return datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class Recorder:
    """A session that keeps what ccxt would have sent and answers nothing."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.headers: dict[str, str] = {}

    def __getattr__(self, method: str) -> Callable[..., object]:
        def keep(url: object, **options: object) -> object:
            self.sent.append((method, str(url), dict(options)))
            raise ConnectionAbortedError

        return keep

    async def close(self) -> None:
        """Nothing is open."""


async def measure(exchange: str, requests: int = 2_000) -> list[Rate]:
    """The rates of one exchange.

    Args:
        exchange: Its name.
        requests: How many per measurement.
    """
    house = PaperHouse(StillClock(), is_limited=False)
    client = await _open_client(house, exchange)
    stamps = iter(range(house.world.now_ms() + 1, house.world.now_ms() + 1_000_000))
    client.milliseconds = (lambda: next(stamps)) if exchange == "blofin" else house.world.now_ms
    if exchange == "mexc":
        await client.set_position_mode(False)
    if exchange == "bybit":
        await client.set_margin_mode("isolated")
    calls = _calls(client, exchange)
    rates = [await _rate(house, client, "create_order", calls["create_order"], requests)]
    await client.create_order(ETH, "market", "buy", AMOUNT[exchange] * 10, None, PARAMS[exchange])
    rates.append(await _rate(house, client, "one_position", calls["one_position"], requests))
    await _hold_many(client, exchange)
    rates.append(await _rate(house, client, "many_positions", calls["many_positions"], requests // 4))
    await client.close()
    await house.close()
    if house.ledger.count("refused_request") or house.ledger.count("refusal"):
        raise RuntimeError(f"{exchange}: some requests were refused, so the rates mean nothing")
    return rates


async def _open_client(house: PaperHouse, exchange: str) -> Any:  # noqa: ANN401 - ccxt has no types
    keys = house.open_account(exchange, "main", Decimal(10_000_000))
    client = CLASSES[exchange](
        {
            "apiKey": keys.api_key,
            "secret": keys.secret,
            "password": keys.passphrase,
            "session": house.session(),
            "enableRateLimit": False,
            "options": OPTIONS.get(exchange, {}),
        }
    )
    client.urls["api"] = house.urls(exchange)
    client.milliseconds = house.world.now_ms
    await client.load_markets()
    return client


def _calls(client: Any, exchange: str) -> dict[str, Callable[[int], Awaitable[object]]]:  # noqa: ANN401 - ccxt has no types
    def order(number: int) -> Awaitable[object]:
        sent = {**PARAMS[exchange], "clientOrderId": f"rate{number}"}
        made: Awaitable[object] = client.create_order(
            ETH, "market", "buy" if number % 2 else "sell", AMOUNT[exchange], None, sent
        )
        return made

    def one(number: int) -> Awaitable[object]:
        del number
        read: Awaitable[object] = client.fetch_positions([ETH])
        return read

    def many(number: int) -> Awaitable[object]:
        del number
        read: Awaitable[object] = client.fetch_positions()
        return read

    return {"create_order": order, "one_position": one, "many_positions": many}


async def _hold_many(client: Any, exchange: str) -> None:  # noqa: ANN401 - ccxt has no types
    symbols = [symbol for symbol, market in client.markets.items() if market["swap"]]
    for symbol in symbols[:POSITIONS]:
        smallest = client.markets[symbol]["limits"]["amount"]["min"] or 1
        await client.create_order(symbol, "market", "buy", smallest * 1_000, None, PARAMS[exchange])


async def _rate(
    house: PaperHouse,
    client: Any,  # noqa: ANN401 - ccxt has no types
    name: str,
    call: Callable[[int], Awaitable[object]],
    requests: int,
) -> Rate:
    first = house.exchanges[client_exchange(client)].last_number * 10
    begun = time.process_time()
    for number in range(first, first + requests):
        await call(number)
    with_ccxt = requests / (time.process_time() - begun)
    signed = await _sign(client, call, range(first + requests, first + 2 * requests))
    session = house.session()
    begun = time.process_time()
    for method, url, options in signed:
        async with session.request(method, url, **options) as response:
            await response.text()
    own = requests / (time.process_time() - begun)
    return Rate(client_exchange(client), name, round(own), round(with_ccxt))


def client_exchange(client: Any) -> str:  # noqa: ANN401 - ccxt has no types
    """Our name of a ccxt client's exchange."""
    name: str = client.id
    return name.removesuffix("futures")


async def _sign(
    client: Any,  # noqa: ANN401 - ccxt has no types
    call: Callable[[int], Awaitable[object]],
    numbers: Sequence[int],
) -> list[tuple[str, str, dict[str, Any]]]:
    """What ccxt sends for the calls, each signed once and not sent."""
    session, recorder = client.session, Recorder()
    client.session = recorder
    for number in numbers:
        try:
            await call(number)
        except ConnectionAbortedError:
            continue
    client.session = session
    return recorder.sent


async def main() -> None:
    """Print one line of JSON per exchange and call."""
    for exchange in EXCHANGE_NAMES:
        for rate in await measure(exchange):
            sys.stdout.write(f"{json.dumps(asdict(rate))}\n")


if __name__ == "__main__":
    asyncio.run(main())
