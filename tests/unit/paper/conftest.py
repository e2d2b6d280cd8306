"""A paper house whose clock stands still until a test moves it, and unmodified ccxt clients in front of it."""

from collections.abc import AsyncIterator
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from paper.house import PaperHouse
from simulation.paper_clients import SteadyClock, open_client


@pytest.fixture
def clock() -> SteadyClock:
    return SteadyClock()


@pytest.fixture
def house(clock: SteadyClock) -> PaperHouse:
    house = PaperHouse(clock, seed=3)
    house.world.pin("BTC", Decimal(60_000))
    return house


@pytest.fixture
async def kucoin(house: PaperHouse) -> AsyncIterator[ccxt.kucoinfutures]:
    client = await open_client(house, "kucoin")
    yield client
    await client.close()


@pytest.fixture
async def hedged_mexc(house: PaperHouse) -> AsyncIterator[ccxt.mexc]:
    client = await open_client(house, "mexc")
    yield client
    await client.close()


@pytest.fixture
async def mexc(hedged_mexc: ccxt.mexc) -> ccxt.mexc:
    await hedged_mexc.set_position_mode(False)
    return hedged_mexc


@pytest.fixture
async def bybit(house: PaperHouse) -> AsyncIterator[ccxt.bybit]:
    client = await open_client(house, "bybit")
    yield client
    await client.close()


@pytest.fixture
async def blofin(house: PaperHouse) -> AsyncIterator[ccxt.blofin]:
    client = await open_client(house, "blofin")
    sent = iter(range(house.world.now_ms() + 1, house.world.now_ms() + 10_000))
    client.milliseconds = lambda: max(next(sent), house.world.now_ms())
    yield client
    await client.close()
