"""pymexc 1.3.0, a stranger to ccxt, against the paper MEXC over loopback HTTP: its reads are signed as they should.

Its writes are not: it signs `name=value` text where the exchange signs the JSON body, so that they are refused.
"""
# ruff: noqa: PLC0415 - imported inside the test, whose filter silences the deprecations that importing it warns of

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from operations.wall_clock import WallClock
from paper.account import PaperKeys
from paper.house import PaperHouse
from simulation.paper_clients import open_client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BTC = "BTC_USDT"


def play(keys: PaperKeys, base_url: str) -> dict[str, Any]:
    from pymexc import futures
    from pymexc.base import MexcAPIError

    client = futures.HTTP(api_key=keys.api_key, api_secret=keys.secret, ignore_ad=True)
    client.base_url = base_url
    with pytest.raises(MexcAPIError, match="code=602"):
        client.change_position_mode(2)
    (order,) = client.history_orders(symbol=BTC)["data"]
    seen = {
        "contracts": len(client.detail()["data"]),
        "last": client.ticker(BTC)["data"]["lastPrice"],
        "book": len(client.get_depth(BTC, 5)["data"]["asks"]),
        "equity": client.assets()["data"][0]["equity"],
        "held": [(row["positionType"], row["holdVol"]) for row in client.open_positions(BTC)["data"]],
        "leverages": len(client.get_leverage(BTC)["data"]),
        "mode": client.get_position_mode()["data"],
        "by id": client.get_order(order["orderId"])["data"]["dealVol"],
        "by external id": client.get_order_external(BTC, "mine1")["data"]["orderId"] == order["orderId"],
        "open": client.open_orders()["data"],
        "deals": [deal["vol"] for deal in client.order_deals(BTC)["data"]],
    }
    client.session.close()
    return seen


async def test_pymexc_reads_what_ccxt_traded() -> None:
    house = PaperHouse(WallClock(), seed=3, is_limited=False)
    house.world.pin("BTC", Decimal(60_000))
    trader = await open_client(house, "mexc")
    order = {"openType": 1, "leverage": 3, "clientOrderId": "mine1"}
    await trader.create_order("BTC/USDT:USDT", "market", "buy", 200, None, order)
    await trader.close()
    served = await house.serve()
    keys = house.open_account("mexc", "main")
    try:
        seen = await asyncio.get_running_loop().run_in_executor(None, play, keys, served.base_url("mexc"))
    finally:
        await served.stop()
        await house.close()

    assert seen.pop("equity") == pytest.approx(10_000, abs=5)
    assert seen == {
        "contracts": 29,
        "last": 60_000,
        "book": 5,
        "held": [(1, 200)],
        "leverages": 4,
        "mode": 1,
        "by id": 200,
        "by external id": True,
        "open": [],
        "deals": [200],
    }
