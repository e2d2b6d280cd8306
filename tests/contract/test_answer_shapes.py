"""The paper exchanges' answers against the shapes of recorded ones: no field missing, none of another JSON type."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import pytest

from paper.house import PaperHouse
from simulation.answer_shapes import Field, derive, differences, read_rows
from simulation.paper_clients import SteadyClock, open_client

SHAPES = Path(__file__).parent / "shapes"
Play = Callable[[Any], Awaitable[dict[str, object]]]
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def shape_of(exchange: str, endpoint: str) -> dict[str, Field]:
    return read_rows(json.loads((SHAPES / exchange / f"{endpoint}.json").read_text())["fields"])


async def raw(client: ccxt.Exchange, call: Any) -> object:  # noqa: ANN401 - whatever ccxt returns
    await call
    return json.loads(client.last_http_response)


async def kucoin_answers(client: ccxt.kucoinfutures) -> dict[str, object]:
    isolated = {"marginMode": "isolated", "leverage": 3}
    answers = {"set_margin_mode": await raw(client, client.set_margin_mode("cross", ETH))}
    answers["set_leverage"] = await raw(client, client.set_leverage(5, ETH, {"marginMode": "cross"}))
    await client.create_order(ETH, "market", "sell", 3, None, {"marginMode": "cross", "clientOrderId": "cid9"})
    bought = client.create_order(BTC, "market", "buy", 20, None, {**isolated, "clientOrderId": "cid0"})
    answers["create_order"] = await raw(client, bought)
    first, second = [
        await client.create_order(BTC, "limit", "buy", 1, 50_000, {**isolated, "clientOrderId": f"cid{number}"})
        for number in (1, 2)
    ]
    answers["order"] = await raw(client, client.fetch_order(second["id"], BTC))
    answers["orders"] = await raw(client, client.fetch_open_orders(BTC))
    answers["cancel_order"] = await raw(client, client.cancel_order(first["id"], BTC))
    by_client_id = client.cancel_order(None, BTC, {"clientOrderId": "cid2"})
    answers["cancel_order_by_client_id"] = await raw(client, by_client_id)
    reads = {
        "contract": client.futuresPublicGetContractsSymbol({"symbol": "XBTUSDTM"}),
        "ticker": client.fetch_ticker(BTC),
        "book": client.fetch_order_book(BTC, 20),
        "risk_limits": client.fetch_market_leverage_tiers(BTC),
        "balance": client.fetch_balance(),
        "positions": client.fetch_positions(),
        "position": client.fetch_position(BTC),
        "leverage": client.fetch_leverage(ETH, {"marginMode": "cross"}),
        "margin_mode": client.fetch_margin_mode(BTC),
        "recent_done_orders": client.futuresPrivateGetRecentDoneOrders(),
        "fills": client.fetch_my_trades(BTC),
    }
    return answers | {name: await raw(client, call) for name, call in reads.items()}


async def mexc_answers(client: ccxt.mexc) -> dict[str, object]:
    isolated = {"openType": 1, "leverage": 3}
    answers = {"set_position_mode": await raw(client, client.set_position_mode(False))}
    answers["set_leverage"] = await raw(client, client.set_leverage(5, ETH, {"openType": 1, "positionType": 1}))
    bought = client.create_order(BTC, "market", "buy", 200, None, {**isolated, "clientOrderId": "cid0"})
    answers["create_order"] = await raw(client, bought)
    order = await client.create_order(BTC, "limit", "buy", 1, 50_000, {**isolated, "clientOrderId": "cid1"})
    answers["order"] = await raw(client, client.fetch_order(order["id"], BTC))
    answers["open_orders"] = await raw(client, client.fetch_open_orders(BTC))
    wanted = [order["id"], "123"]
    answers["cancel_order"] = await raw(client, client.contractPrivatePostOrderCancel(wanted))
    reads = {
        "contract": client.contractPublicGetDetail({"symbol": "BTC_USDT"}),
        "tickers": client.fetch_tickers(),
        "balance": client.fetch_balance(),
        "positions": client.fetch_positions(),
        "leverage": client.fetch_leverage(BTC),
        "position_mode": client.fetch_position_mode(),
        "order_history": client.fetch_orders(BTC),
        "fills": client.fetch_my_trades(BTC),
    }
    return answers | {name: await raw(client, call) for name, call in reads.items()}


async def bybit_answers(client: ccxt.bybit) -> dict[str, object]:
    answers = {"set_leverage": await raw(client, client.set_leverage(5, BTC))}
    answers["set_position_mode"] = await raw(client, client.set_position_mode(True, ETH))
    bought = client.create_order(BTC, "market", "buy", 0.02, None, {"orderLinkId": "cid0"})
    answers["create_order"] = await raw(client, bought)
    order = await client.create_order(BTC, "limit", "buy", 0.01, 50_000, {"orderLinkId": "cid1"})
    await client.create_order(BTC, "limit", "buy", 0.01, 50_000, {"orderLinkId": "cid2"})
    answers["cancel_order"] = await raw(client, client.cancel_order(order["id"], BTC))
    reads = {
        "markets": client.publicGetV5MarketInstrumentsInfo({"category": "linear"}),
        "tickers": client.fetch_tickers(),
        "book": client.fetch_order_book(BTC, 5),
        "risk_limits": client.fetch_market_leverage_tiers(BTC),
        "key_info": client.privateGetV5UserQueryApi(),
        "account_info": client.privateGetV5AccountInfo(),
        "balance": client.fetch_balance(),
        "positions": client.fetch_positions(),
        "open_orders": client.fetch_open_orders(BTC),
        "order_history": client.fetch_closed_orders(BTC),
        "fills": client.fetch_my_trades(BTC),
    }
    return answers | {name: await raw(client, call) for name, call in reads.items()}


async def blofin_answers(client: ccxt.blofin) -> dict[str, object]:
    sent = iter(range(client.milliseconds(), client.milliseconds() + 1_000))
    client.milliseconds = lambda: next(sent)
    answers = {"set_position_mode": await raw(client, client.set_position_mode(False))}
    answers["set_margin_mode"] = await raw(client, client.set_margin_mode("isolated"))
    answers["set_leverage"] = await raw(client, client.set_leverage(5, BTC, {"marginMode": "isolated"}))
    isolated = {"marginMode": "isolated"}
    bought = client.create_order(BTC, "market", "buy", 20, None, {**isolated, "clientOrderId": "cid0"})
    answers["create_order"] = await raw(client, bought)
    await client.create_order(ETH, "market", "sell", 20, None, {"marginMode": "cross"})
    order = await client.create_order(BTC, "limit", "buy", 1, 50_000, {**isolated, "clientOrderId": "cid1"})
    await client.create_order(BTC, "limit", "buy", 1, 50_000, {**isolated, "clientOrderId": "cid2"})
    answers["cancel_order"] = await raw(client, client.cancel_order(order["id"], BTC))
    reads = {
        "markets": client.publicGetMarketInstruments(),
        "tickers": client.fetch_tickers(),
        "book": client.fetch_order_book(BTC, 5),
        "balance": client.fetch_balance(),
        "positions": client.fetch_positions(),
        "leverages": client.privateGetAccountBatchLeverageInfo({"instId": "BTC-USDT", "marginMode": "cross"}),
        "margin_mode": client.fetch_margin_mode(BTC),
        "position_mode": client.fetch_position_mode(),
        "order": client.privateGetTradeOrderDetail({"clientOrderId": "cid0"}),
        "open_orders": client.fetch_open_orders(BTC),
        "order_history": client.fetch_closed_orders(BTC),
        "fills": client.fetch_my_trades(BTC),
    }
    answers |= {name: await raw(client, call) for name, call in reads.items()}
    close = {"instId": "BTC-USDT", "marginMode": "isolated", "positionSide": "net"}
    return answers | {"close_position": await raw(client, client.privatePostTradeClosePosition(close))}


PLAYS = [("bybit", bybit_answers), ("blofin", blofin_answers), ("kucoin", kucoin_answers), ("mexc", mexc_answers)]


async def answers_in_process(exchange: str, play: Play) -> tuple[dict[str, object], str]:
    house = PaperHouse(SteadyClock(), seed=3, is_limited=False)
    client = await open_client(house, exchange)
    answers = await play(client)
    await client.close()
    return answers, house.ledger.digest()


async def answers_over_http(exchange: str, play: Play) -> tuple[dict[str, object], str]:
    house = PaperHouse(SteadyClock(), seed=3, is_limited=False)
    served = await house.serve()
    try:
        client = await open_client(house, exchange, base_url=served.base_url(exchange))
        answers = await play(client)
        await client.close()
    finally:
        await served.stop()
    return answers, house.ledger.digest()


@pytest.mark.parametrize(("exchange", "play"), PLAYS)
async def test_every_answer_has_the_shape_of_the_recorded_one(exchange: str, play: Play) -> None:
    answers, _ = await answers_in_process(exchange, play)

    problems = {name: differences(shape_of(exchange, name), answer) for name, answer in answers.items()}

    assert {name: found for name, found in problems.items() if found} == {}
    assert set(answers) == {path.stem for path in (SHAPES / exchange).glob("*.json")}


@pytest.mark.parametrize(("exchange", "play"), PLAYS)
async def test_the_same_calls_get_the_same_answers_and_ledger_in_process_again_and_over_http(
    exchange: str, play: Play
) -> None:
    first = await answers_in_process(exchange, play)

    assert await answers_in_process(exchange, play) == first
    assert await answers_over_http(exchange, play) == first


def test_a_shape_tells_text_from_number_and_misses_what_is_not_there() -> None:
    recorded = [({"data": [{"price": "1.5", "size": 2, "id": "a"}, {"price": "2", "size": 3}]}, True)]
    shape = derive(recorded)

    assert differences(shape, {"data": [{"price": "7", "size": 1.25}]}) == []
    assert differences(shape, {"data": [{"price": 7, "size": 1}]}) == ["data[].price is number, not numeric text"]
    assert differences(shape, {"data": [{"price": "7"}]}) == ["data[].size is missing"]


def test_of_a_schema_with_zero_values_only_the_names_count() -> None:
    shape = derive([({"orderId": 0, "createTime": ""}, False)])

    assert differences(shape, {"orderId": "17", "createTime": 1}) == []
    assert differences(shape, {"orderId": "17"}) == ["createTime is missing"]
