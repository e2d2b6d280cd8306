"""MEXC contracts: calls that ccxt's unified methods hide, and parameters that are wrong."""

from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from paper.faults import Fault, FaultKind
from paper.house import PaperHouse

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
ISOLATED = {"openType": 1, "leverage": 3}
RAW = {"symbol": "BTC_USDT", "vol": 1, "side": 1, "type": 6, "openType": 1, "leverage": 3}


async def test_leverage_of_an_open_position_is_changed_by_its_id(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "market", "buy", 100, None, ISOLATED)
    (before,) = await mexc.fetch_positions()
    await mexc.contractPrivatePostPositionChangeLeverage({"positionId": before["info"]["positionId"], "leverage": 6})
    with pytest.raises(ccxt.InvalidOrder, match="2009"):
        await mexc.contractPrivatePostPositionChangeLeverage({"positionId": 999, "leverage": 6})

    (after,) = await mexc.fetch_positions()

    assert after["leverage"] == 6
    assert after["initialMargin"] == pytest.approx(before["initialMargin"] / 2)


async def test_positions_are_narrowed_by_symbol_and_by_id(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "market", "buy", 10, None, ISOLATED)
    await mexc.create_order(ETH, "market", "buy", 10, None, ISOLATED)
    held = {row["symbol"]: row["info"]["positionId"] for row in await mexc.fetch_positions()}

    by_symbol = await mexc.contractPrivateGetPositionOpenPositions({"symbol": "ETH_USDT"})
    by_id = await mexc.contractPrivateGetPositionOpenPositions({"positionId": held[BTC]})

    assert [row["symbol"] for row in by_symbol["data"]] == ["ETH_USDT"]
    assert [row["symbol"] for row in by_id["data"]] == ["BTC_USDT"]


async def test_only_positions_of_one_direction_must_share_their_margin_mode(hedged_mexc: ccxt.mexc) -> None:
    await hedged_mexc.create_order(BTC, "market", "buy", 10, None, ISOLATED)
    await hedged_mexc.create_order(BTC, "market", "sell", 10, None, {"openType": 2})
    with pytest.raises(ccxt.ExchangeError, match="2027"):
        await hedged_mexc.create_order(BTC, "market", "buy", 10, None, {"openType": 2})

    modes = {row["side"]: row["marginMode"] for row in await hedged_mexc.fetch_positions()}

    assert modes == {"long": "isolated", "short": "cross"}


async def test_assets_come_as_a_list_or_by_currency(mexc: ccxt.mexc) -> None:
    answer = await mexc.contractPrivateGetAccountAssetCurrency({"currency": "USDT"})

    assert answer["data"]["equity"] == 10_000
    with pytest.raises(ccxt.BadRequest, match="600"):
        await mexc.contractPrivateGetAccountAssetCurrency({"currency": "EUR"})


async def test_several_orders_are_read_at_once_and_unknown_ones_left_out(mexc: ccxt.mexc) -> None:
    orders = [await mexc.create_order(BTC, "limit", "buy", 1, 50_000, ISOLATED) for _ in range(2)]
    ids = ",".join([orders[0]["id"], "123", orders[1]["id"]])

    answer = await mexc.contractPrivateGetOrderBatchQuery({"order_ids": ids})

    assert [row["orderId"] for row in answer["data"]] == [order["id"] for order in orders]


async def test_all_orders_are_cancelled_and_margin_of_resting_ones_is_set_aside(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "limit", "buy", 300, 50_000, ISOLATED)
    resting = (await mexc.fetch_balance())["info"]["data"][0]
    (order,) = await mexc.fetch_open_orders(BTC)
    await mexc.cancel_all_orders(BTC)

    assert float(resting["frozenBalance"]) == pytest.approx(500)
    assert float(order["info"]["orderMargin"]) == pytest.approx(500)
    assert await mexc.fetch_open_orders(BTC) == []


@pytest.mark.parametrize("body", [{"orderId": "1"}, [], ["1"] * 51], ids=["object", "none", "too many"])
async def test_a_cancel_that_is_not_a_list_of_ids_is_refused(mexc: ccxt.mexc, body: object) -> None:
    with pytest.raises(ccxt.BadRequest, match="600"):
        await mexc.contractPrivatePostOrderCancel(body)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"symbol": None}, 600),
        ({"vol": None}, 600),
        ({"vol": "many"}, 600),
        ({"vol": 0}, 2011),
        ({"type": 1}, 600),
        ({"leverage": 2.5}, 2006),
        ({"openType": None}, 600),
        ({"positionMode": 1}, 2022),
    ],
    ids=str,
)
async def test_an_order_with_a_wrong_parameter_is_refused_and_nothing_is_traded(
    mexc: ccxt.mexc, wrong: dict[str, object], code: int
) -> None:
    with pytest.raises(ccxt.BaseError, match=f'"code":{code},'):
        await mexc.contractPrivatePostOrderCreate(RAW | wrong)

    assert await mexc.fetch_positions() == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"positionType": 3}, 2022), ({"openType": 3}, 2002), ({"leverage": 1.5}, 2006), ({"leverage": 0}, 2006)],
    ids=str,
)
async def test_a_leverage_with_a_wrong_parameter_is_refused(
    mexc: ccxt.mexc, wrong: dict[str, object], code: int
) -> None:
    right = {"symbol": "BTC_USDT", "leverage": 5, "openType": 1, "positionType": 1}

    with pytest.raises(ccxt.BaseError, match=f'"code":{code},'):
        await mexc.contractPrivatePostPositionChangeLeverage(right | wrong)


async def test_a_post_only_order_that_would_take_and_a_killed_one_are_cancelled(mexc: ccxt.mexc) -> None:
    taker = await mexc.contractPrivatePostOrderCreate(RAW | {"type": 2, "price": 61_000})
    beyond = await mexc.contractPrivatePostOrderCreate(RAW | {"type": 4, "price": 50_000})

    states = [(await mexc.fetch_order(answer["data"]["orderId"], BTC))["info"]["state"] for answer in (taker, beyond)]

    assert states == [4, 4]


async def test_one_way_orders_may_be_marked_reduce_only_instead_of_a_closing_side(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "market", "buy", 40, None, ISOLATED)
    await mexc.contractPrivatePostOrderCreate(RAW | {"side": 3, "vol": 40, "reduceOnly": True})

    with pytest.raises(ccxt.InvalidOrder, match="2009"):
        await mexc.contractPrivatePostOrderCreate(RAW | {"side": 3, "vol": 1, "reduceOnly": True})

    assert await mexc.fetch_positions() == []


async def test_a_trade_of_another_client_shows_the_side_it_must_have_had(mexc: ccxt.mexc, house: PaperHouse) -> None:
    await mexc.create_order(BTC, "market", "buy", 40, None, ISOLATED)
    foreign = Fault(FaultKind.FOREIGN_TRADE, endpoint="positions", symbol="BTC_USDT", quantity=Decimal(-10))
    house.faults.add(foreign)
    answer = await mexc.contractPrivateGetPositionOpenPositions({"symbol": "BTC_USDT"})

    deals = await mexc.fetch_my_trades(BTC)

    assert [row["holdVol"] for row in answer["data"]] == [30]
    assert [deal["info"]["side"] for deal in deals] == [1, 4]


async def test_the_prices_of_one_contract_agree_with_its_ticker(mexc: ccxt.mexc) -> None:
    ticker = (await mexc.fetch_ticker(BTC))["info"]
    fair = await mexc.contractPublicGetFairPriceSymbol({"symbol": "BTC_USDT"})
    index = await mexc.contractPublicGetIndexPriceSymbol({"symbol": "BTC_USDT"})
    funding = await mexc.fetch_funding_rate(BTC)

    assert fair["data"]["fairPrice"] == ticker["fairPrice"]
    assert index["data"]["indexPrice"] == ticker["indexPrice"]
    assert funding["fundingRate"] == ticker["fundingRate"]


async def test_a_receive_window_widens_the_tolerance_of_the_clock(mexc: ccxt.mexc, house: PaperHouse) -> None:
    late = house.world.now_ms() - 30_000
    mexc.milliseconds = lambda: late
    signed = mexc.sign("account/assets", ["contract", "private"], "GET", {})
    headers = {**signed["headers"], "Recv-Window": "40"}

    answer = await mexc.fetch(signed["url"], "GET", headers)
    with pytest.raises(ccxt.BadRequest, match="513"):
        await mexc.fetch(signed["url"], "GET", {**headers, "Recv-Window": "20"})

    assert answer["data"][0]["equity"] == 10_000
