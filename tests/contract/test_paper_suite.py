"""One story of trading, told through unmodified ccxt on each of the four paper exchanges, in process and over HTTP.

What differs between the exchanges is the table of dialects; what is asserted is the same for all, in coins and USDT.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from paper.house import PaperHouse
from simulation.paper_clients import SteadyClock, open_client

BTC = "BTC/USDT:USDT"
COINS = 0.02
Look = Callable[[Any, str], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True)
class Dialect:
    """How one exchange wants to be spoken to.

    Attributes:
        order: Parameters of every order: isolated margin, leverage 3 where the order carries them.
        prepare: What must be set before the first order.
        look_up: An order by the id that we gave it.
        equity: Path to the equity in the raw answer of the balance.
    """

    prepare: Callable[[Any], Awaitable[object]]
    look_up: Look
    equity: tuple[str | int, ...]
    order: Mapping[str, object] = field(default_factory=dict)


async def prepare_bybit(client: ccxt.bybit) -> None:
    await client.set_margin_mode("isolated")
    await client.set_leverage(3, BTC)


async def prepare_blofin(client: ccxt.blofin) -> None:
    nonces = iter(range(client.milliseconds(), client.milliseconds() + 1_000))
    client.milliseconds = lambda: next(nonces)
    await client.set_leverage(3, BTC, {"marginMode": "isolated"})


async def find_on_bybit(client: ccxt.bybit, client_id: str) -> Mapping[str, Any]:
    (order,) = await client.fetch_open_orders(BTC, params={"orderLinkId": client_id})
    return {"id": order["id"], "filled": order["info"]["cumExecQty"]}


async def find_on_blofin(client: ccxt.blofin, client_id: str) -> Mapping[str, Any]:
    wanted = {"instId": "BTC-USDT", "clientOrderId": client_id}
    order = (await client.privateGetTradeOrderDetail(wanted))["data"]
    return {"id": order["orderId"], "filled": order["filledSize"]}


async def find_on_kucoin(client: ccxt.kucoinfutures, client_id: str) -> Mapping[str, Any]:
    order = await client.fetch_order(None, BTC, {"clientOrderId": client_id})
    return {"id": order["id"], "filled": order["filled"]}


async def find_on_mexc(client: ccxt.mexc, client_id: str) -> Mapping[str, Any]:
    wanted = {"symbol": "BTC_USDT", "external_oid": client_id}
    order = (await client.contractPrivateGetOrderExternalSymbolExternalOid(wanted))["data"]
    return {"id": order["orderId"], "filled": order["dealVol"]}


DIALECTS = {
    "bybit": Dialect(prepare_bybit, find_on_bybit, ("result", "list", 0, "coin", 0, "equity")),
    "blofin": Dialect(
        prepare_blofin,
        find_on_blofin,
        ("data", "details", 0, "equity"),
        {"marginMode": "isolated"},
    ),
    "kucoin": Dialect(
        lambda client: client.set_margin_mode("isolated", BTC),
        find_on_kucoin,
        ("data", "accountEquity"),
        {"marginMode": "isolated", "leverage": 3},
    ),
    "mexc": Dialect(
        lambda client: client.set_position_mode(False),
        find_on_mexc,
        ("data", 0, "equity"),
        {"openType": 1, "leverage": 3},
    ),
}


async def equity_of(client: Any, dialect: Dialect) -> float:  # noqa: ANN401 - ccxt ships no types
    found = (await client.fetch_balance())["info"]
    for step in dialect.equity:
        found = found[step]
    return float(found)


async def tell(house: PaperHouse, client: Any, dialect: Dialect) -> None:  # noqa: ANN401 - ccxt ships no types
    size = float(client.market(BTC)["contractSize"])
    amount = COINS / size

    async def order(side: str, client_id: str, kind: str = "market", price: float | None = None, **more: object) -> Any:  # noqa: ANN401
        params = {**dialect.order, "clientOrderId": client_id, **more}
        return await client.create_order(BTC, kind, side, amount, price, params)

    async def held() -> dict[str, float]:
        rows = await client.fetch_positions()
        return {row["side"]: row["contracts"] * size for row in rows if row["contracts"]}

    await dialect.prepare(client)
    ticker, book = await client.fetch_ticker(BTC), await client.fetch_order_book(BTC)
    assert ticker["bid"] == book["bids"][0][0] < ticker["last"] < ticker["ask"] == book["asks"][0][0]
    assert (await held(), await equity_of(client, dialect)) == ({}, 10_000)

    opened = await order("buy", "suite1")
    found = await dialect.look_up(client, "suite1")
    assert found["id"] == opened["id"]
    assert float(found["filled"]) * size == pytest.approx(COINS)
    assert await held() == {"long": pytest.approx(COINS)}

    house.world.pin("BTC", Decimal(63_000))
    assert await equity_of(client, dialect) == pytest.approx(10_000 + COINS * 3_000, abs=1.5)

    resting = await order("buy", "suite2", "limit", 50_000.0)
    assert [row["id"] for row in await client.fetch_open_orders(BTC)] == [resting["id"]]
    await client.cancel_order(resting["id"], BTC)
    assert await client.fetch_open_orders(BTC) == []

    await order("sell", "suite3", reduceOnly=True)
    assert await held() == {}
    with pytest.raises(ccxt.InvalidOrder):
        await order("sell", "suite4", reduceOnly=True)
    trades = await client.fetch_my_trades(BTC)
    assert sum(trade["amount"] * size for trade in trades) == pytest.approx(2 * COINS)
    fees = sum(float(trade["fee"]["cost"]) for trade in trades)
    wallet = await equity_of(client, dialect)
    profit = sum((1 if trade["info"]["orderId"] != opened["id"] else -1) * trade["cost"] for trade in trades)
    assert wallet == pytest.approx(10_000 + profit - fees, abs=0.001)


@pytest.mark.parametrize("transport", ["in process", "http"])
@pytest.mark.parametrize("exchange", DIALECTS)
async def test_the_same_story_of_trading_ends_the_same_on_every_exchange(exchange: str, transport: str) -> None:
    house = PaperHouse(SteadyClock(), seed=3)
    house.world.pin("BTC", Decimal(60_000))
    served = await house.serve() if transport == "http" else None
    try:
        client = await open_client(house, exchange, base_url=served.base_url(exchange) if served else "")
        try:
            await tell(house, client, DIALECTS[exchange])
        finally:
            await client.close()
    finally:
        if served:
            await served.stop()
        await house.close()
