"""KuCoin Futures: calls that ccxt's unified methods hide, and parameters that are wrong."""

import ccxt.async_support as ccxt
import pytest

from paper.faults import Fault, FaultKind
from paper.house import PaperHouse

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
ISOLATED = {"marginMode": "isolated", "leverage": 3}
RAW = {"clientOid": "raw1", "side": "buy", "symbol": "XBTUSDTM", "type": "market", "size": 1, "leverage": 3}


async def test_the_overview_without_a_currency_is_that_of_an_empty_coin_account(kucoin: ccxt.kucoinfutures) -> None:
    answer = await kucoin.futuresPrivateGetAccountOverview()

    assert (answer["data"]["currency"], answer["data"]["accountEquity"]) == ("XBT", 0)


async def test_changing_several_margin_modes_reports_the_symbols_that_are_held(kucoin: ccxt.kucoinfutures) -> None:
    await kucoin.create_order(BTC, "market", "buy", 1, None, ISOLATED)
    url = "/api/v2/position/batchChangeMarginMode"
    signed = kucoin.sign(
        url.removeprefix("/api/v2/"),
        ["futuresPrivate"],
        "POST",
        {"marginMode": "CROSS", "symbols": ["XBTUSDTM", "ETHUSDTM"], "version": "v2"},
    )

    answer = await kucoin.fetch(signed["url"], "POST", signed["headers"], signed["body"])

    assert answer["data"]["marginMode"] == {"XBTUSDTM": "ISOLATED", "ETHUSDTM": "CROSS"}
    assert [(error["symbol"], error["code"]) for error in answer["data"]["errors"]] == [("XBTUSDTM", "50002")]


async def test_close_order_closes_whatever_is_held_on_the_side_that_closes_it(kucoin: ccxt.kucoinfutures) -> None:
    await kucoin.create_order(BTC, "market", "sell", 7, None, ISOLATED)
    closing = {**RAW, "side": "sell", "closeOrder": True, "marginMode": "ISOLATED"}

    answer = await kucoin.futuresPrivatePostOrders(closing)
    order = await kucoin.fetch_order(answer["data"]["orderId"], BTC)
    with pytest.raises(ccxt.InvalidOrder, match="300009"):
        await kucoin.futuresPrivatePostOrders({**closing, "clientOid": "raw2"})

    assert (order["side"], order["filled"], order["info"]["closeOrder"]) == ("buy", 7, True)
    assert await kucoin.fetch_positions() == []


async def test_a_post_only_order_that_would_take_is_cancelled(kucoin: ccxt.kucoinfutures) -> None:
    order = await kucoin.create_order(BTC, "limit", "buy", 1, 61_000, {**ISOLATED, "postOnly": True})

    fetched = await kucoin.fetch_order(order["id"], BTC)

    assert (fetched["status"], fetched["filled"], fetched["postOnly"]) == ("canceled", 0, True)


async def test_a_fill_or_kill_order_beyond_the_book_is_killed(kucoin: ccxt.kucoinfutures) -> None:
    order = await kucoin.create_order(BTC, "limit", "sell", 1, 60_001, {**ISOLATED, "timeInForce": "FOK"})

    fetched = await kucoin.fetch_order(order["id"], BTC)

    assert (fetched["status"], fetched["filled"], fetched["timeInForce"]) == ("canceled", 0, "FOK")


async def test_fees_of_a_fill_through_zero_are_split_into_closing_and_opening(kucoin: ccxt.kucoinfutures) -> None:
    await kucoin.create_order(BTC, "market", "buy", 4, None, ISOLATED)
    await kucoin.create_order(BTC, "market", "sell", 10, None, ISOLATED)

    fill = (await kucoin.fetch_my_trades(BTC))[-1]["info"]

    assert float(fill["closeFeePay"]) == pytest.approx(float(fill["fee"]) * 0.4)
    assert float(fill["openFeePay"]) == pytest.approx(float(fill["fee"]) * 0.6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"clientOid": None},
        {"side": "hold"},
        {"type": "stop"},
        {"symbol": None},
        {"size": None},
        {"size": "many"},
        {"marginMode": "BOTH"},
        {"positionSide": "UP"},
        {"type": "limit"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_an_order_with_a_wrong_parameter_is_refused_and_nothing_is_traded(
    kucoin: ccxt.kucoinfutures, wrong: dict[str, object]
) -> None:
    with pytest.raises(ccxt.BadRequest, match="400100"):
        await kucoin.futuresPrivatePostOrders(RAW | wrong)

    assert await kucoin.fetch_positions() == []


@pytest.mark.parametrize(
    "query", [{"pageSize": 0}, {"currentPage": "two"}, {"pageSize": "²"}, {"startAt": "²"}, {"startAt": "yesterday"}]
)
async def test_a_list_asked_for_with_a_wrong_page_or_time_is_refused(
    kucoin: ccxt.kucoinfutures, query: dict[str, object]
) -> None:
    await kucoin.create_order(BTC, "market", "buy", 1, None, ISOLATED)

    with pytest.raises(ccxt.BadRequest, match="400100"):
        await kucoin.futuresPrivateGetFills(query)


async def test_a_size_may_be_told_in_coins_or_in_usdt(kucoin: ccxt.kucoinfutures) -> None:
    sized = {name: value for name, value in RAW.items() if name != "size"}
    in_coins = await kucoin.futuresPrivatePostOrders({**sized, "clientOid": "coins", "qty": "0.004"})
    in_usdt = await kucoin.futuresPrivatePostOrders({**sized, "clientOid": "usdt", "valueQty": "419"})

    orders = [await kucoin.fetch_order(answer["data"]["orderId"], BTC) for answer in (in_coins, in_usdt)]

    assert [order["filled"] for order in orders] == [4, 6]
    with pytest.raises(ccxt.OrderNotFound, match="100001"):
        await kucoin.futuresPrivatePostOrders({**sized, "clientOid": "half", "qty": "0.0045"})


async def test_calls_of_a_unified_account_are_refused_to_a_classic_one(kucoin: ccxt.kucoinfutures) -> None:
    with pytest.raises(ccxt.ExchangeError, match="116104"):
        await kucoin.create_order(BTC, "market", "buy", 1, None, {"uta": True})
    with pytest.raises(ccxt.ExchangeError, match="116104"):
        await kucoin.fetch_positions(None, {"uta": True})


async def test_an_order_is_cancelled_by_its_client_id_only_under_its_own_symbol(kucoin: ccxt.kucoinfutures) -> None:
    await kucoin.create_order(BTC, "limit", "buy", 1, 50_000, {**ISOLATED, "clientOrderId": "resting1"})
    with pytest.raises(ccxt.OrderNotFound, match="100001"):
        await kucoin.cancel_order(None, ETH, {"clientOrderId": "resting1"})

    assert len(await kucoin.fetch_open_orders(BTC)) == 1


async def test_recent_lists_come_without_pages(kucoin: ccxt.kucoinfutures) -> None:
    await kucoin.create_order(BTC, "market", "buy", 1, None, ISOLATED)
    await kucoin.create_order(ETH, "market", "buy", 1, None, ISOLATED)

    fills = (await kucoin.futuresPrivateGetRecentFills())["data"]
    orders = (await kucoin.futuresPrivateGetRecentDoneOrders({"symbol": "ETHUSDTM"}))["data"]

    assert [fill["symbol"] for fill in fills] == ["ETHUSDTM", "XBTUSDTM"]
    assert [order["symbol"] for order in orders] == ["ETHUSDTM"]


async def test_public_reads_beside_ticker_and_book_agree_with_them(kucoin: ccxt.kucoinfutures) -> None:
    ticker = await kucoin.fetch_ticker(BTC)
    bids_asks = await kucoin.fetch_bids_asks([BTC])
    mark = await kucoin.fetch_mark_price(BTC)
    funding = await kucoin.fetch_funding_rate(BTC)

    assert (bids_asks[BTC]["bid"], bids_asks[BTC]["ask"]) == (ticker["bid"], ticker["ask"])
    assert mark["markPrice"] == 60_000
    assert abs(funding["fundingRate"]) < 0.001
    assert (await kucoin.fetch_status())["status"] == "ok"
    with pytest.raises(ccxt.NotSupported, match="404000"):
        await kucoin.fetch(kucoin.urls["api"]["futuresPublic"] + "/api/v1/level2/depth7?symbol=XBTUSDTM")


async def test_a_ticker_compares_with_the_price_a_day_before_the_running_hour(
    kucoin: ccxt.kucoinfutures, house: PaperHouse
) -> None:
    exchange, world = house.exchanges["kucoin"], house.world
    hour_ms = world.now_ms() // 3_600_000 * 3_600_000
    before = world.quote("kucoin", exchange.market("ETHUSDTM"), hour_ms - 86_400_000).last

    row = (await kucoin.fetch_tickers([ETH]))[ETH]["info"]

    assert row["priceChg"] == pytest.approx(row["lastTradePrice"] - float(before))
    assert row["lowPrice"] <= row["lastTradePrice"] <= row["highPrice"]
    assert row["priceChg"] != 0


async def test_a_cross_position_tells_its_leverage_setting_and_an_isolated_one_what_it_has_become(
    kucoin: ccxt.kucoinfutures,
) -> None:
    await kucoin.set_margin_mode("cross", ETH)
    await kucoin.create_order(ETH, "market", "buy", 1, None, {"marginMode": "cross"})
    await kucoin.create_order(BTC, "market", "buy", 10, None, ISOLATED)

    rows = {row["symbol"]: row for row in await kucoin.fetch_positions()}

    assert rows[ETH]["leverage"] == 10
    assert rows[BTC]["leverage"] == pytest.approx(3, abs=0.05)
    assert "realLeverage" not in rows[ETH]["info"]


async def test_a_clock_of_the_exchange_that_is_off_is_refused_and_told_by_the_time_call(
    kucoin: ccxt.kucoinfutures, house: PaperHouse
) -> None:
    house.faults.add(Fault(FaultKind.CLOCK_SKEW, seconds=30, count=2))

    told = await kucoin.fetch_time()
    with pytest.raises(ccxt.InvalidNonce, match="400002"):
        await kucoin.fetch_balance()

    assert told - house.world.now_ms() == 30_000
