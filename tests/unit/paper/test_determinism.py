"""Same seed, same calls: the same ledger to the last byte; another seed: another world."""

import asyncio
from decimal import Decimal

import pytest

from paper.faults import Fault, FaultKind
from paper.house import PaperHouse
from paper.rules import EXCHANGE_NAMES
from simulation.paper_clients import open_client
from simulation.virtual_time import VirtualClock, run_virtually

ETH = "ETH/USDT:USDT"
ORDER: dict[str, dict[str, object]] = {
    "bybit": {},
    "blofin": {"marginMode": "isolated"},
    "kucoin": {"marginMode": "isolated", "leverage": 3},
    "mexc": {"openType": 1, "leverage": 3},
}


def day(seed: int, exchange: str, faults_seed: int = 1) -> str:
    """The ledger's digest after a day of trading under faults."""

    async def whole() -> str:
        house = PaperHouse(VirtualClock(asyncio.get_running_loop()), seed=seed)
        client = await open_client(house, exchange)
        house.faults.add(Fault(FaultKind.LATENCY, seconds=0.05, sigma=0.6, count=None))
        house.faults.add(Fault(FaultKind.ANSWER_LOST, endpoint="create_order", probability=0.3, count=None))
        for number in range(12):
            side = "buy" if number % 3 else "sell"
            sent = {**ORDER[exchange], "clientOrderId": f"order{number}f{faults_seed}"}
            orders = [client.create_order(ETH, "market", side, amount, None, sent) for amount in (2,)]
            await asyncio.gather(*orders, client.fetch_balance(), return_exceptions=True)
            await asyncio.sleep(3_600)
            await asyncio.gather(client.fetch_positions(), return_exceptions=True)
        await client.close()
        await house.close()
        assert house.ledger.count("fill") > 5
        assert house.ledger.count("fault") > 30
        return house.ledger.digest()

    return run_virtually(whole())


@pytest.mark.parametrize("exchange", EXCHANGE_NAMES)
def test_a_day_repeats_itself_exactly(exchange: str) -> None:
    assert day(1, exchange) == day(1, exchange)


def test_another_seed_is_another_world() -> None:
    assert day(1, "bybit") != day(2, "bybit")


def test_prices_are_a_function_of_seed_and_time_and_not_of_who_asked_before() -> None:
    async def prices(asked_before: int) -> list[Decimal]:
        house = PaperHouse(VirtualClock(asyncio.get_running_loop()), seed=4)
        for _ in range(asked_before):
            house.exchanges["bybit"].quote("BTCUSDT")
            await asyncio.sleep(1)
        await asyncio.sleep(100 - asked_before)
        return [house.world.index(coin.name, house.world.now_ms()) for coin in house.world.coins]

    assert run_virtually(prices(0)) == run_virtually(prices(50))
