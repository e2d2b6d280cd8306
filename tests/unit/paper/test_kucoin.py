"""KuCoin Futures through unmodified ccxt, in process: the calls that an adapter makes and what they answer."""

from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from paper.house import PaperHouse

BTC = "BTC/USDT:USDT"


async def test_markets_load_with_keys_and_have_whole_contracts_of_the_multiplier(kucoin: ccxt.kucoinfutures) -> None:
    market = kucoin.market(BTC)

    assert len(kucoin.markets) >= 25
    assert market["id"] == "XBTUSDTM"
    assert market["contractSize"] == 0.001
    assert market["precision"]["amount"] == 1
    assert int(market["info"]["marketMaxOrderQty"]) < market["limits"]["amount"]["max"]


async def test_prices_come_as_ticker_list_and_book(kucoin: ccxt.kucoinfutures) -> None:
    ticker, tickers, book = (
        await kucoin.fetch_ticker(BTC),
        await kucoin.fetch_tickers([BTC]),
        await kucoin.fetch_order_book(BTC),
    )

    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert tickers[BTC]["last"] == ticker["last"]
    assert (book["bids"][0][0], book["asks"][0][0]) == (ticker["bid"], ticker["ask"])


async def test_an_isolated_order_opens_a_position_with_its_own_leverage(kucoin: ccxt.kucoinfutures) -> None:
    order = await kucoin.create_order(BTC, "market", "buy", 20, None, {"marginMode": "isolated", "leverage": 3})
    fetched = await kucoin.fetch_order(order["id"], BTC)
    position = await kucoin.fetch_position(BTC)

    assert (fetched["status"], fetched["filled"], fetched["info"]["leverage"]) == ("closed", 20, "3")
    assert (position["side"], position["contracts"], position["marginMode"]) == ("long", 20, "isolated")
    assert position["initialMargin"] == pytest.approx(fetched["cost"] / 3)
    assert position["info"]["currentQty"] == 20


async def test_a_short_is_told_by_the_sign_of_its_quantity(kucoin: ccxt.kucoinfutures) -> None:
    await kucoin.create_order(BTC, "market", "sell", 5, None, {"marginMode": "isolated", "leverage": 2})

    (position,) = await kucoin.fetch_positions()

    assert (position["side"], position["contracts"], position["info"]["currentQty"]) == ("short", 5, -5)


async def test_a_flat_symbol_answers_a_row_of_size_zero(kucoin: ccxt.kucoinfutures) -> None:
    position = await kucoin.fetch_position(BTC)

    assert (position["contracts"], position["side"]) == (0, None)
    assert await kucoin.fetch_positions() == []


async def test_equity_includes_open_profit(kucoin: ccxt.kucoinfutures, house: PaperHouse) -> None:
    await kucoin.create_order(BTC, "market", "buy", 100, None, {"marginMode": "isolated", "leverage": 5})
    before = await kucoin.fetch_balance()
    house.world.pin("BTC", Decimal(61_000))

    after = await kucoin.fetch_balance()

    assert after["USDT"]["total"] - before["USDT"]["total"] == pytest.approx(100, abs=1)
    assert after["info"]["data"]["accountEquity"] == pytest.approx(after["USDT"]["total"])


async def test_an_order_is_found_by_the_id_we_gave_it_and_the_id_is_refused_a_second_time(
    kucoin: ccxt.kucoinfutures,
) -> None:
    sent = {"marginMode": "isolated", "leverage": 3, "clientOrderId": "te0001abc"}
    order = await kucoin.create_order(BTC, "market", "buy", 2, None, sent)

    found = await kucoin.fetch_order(None, BTC, {"clientOrderId": "te0001abc"})
    with pytest.raises(ccxt.ExchangeError, match="300018"):
        await kucoin.create_order(BTC, "market", "buy", 2, None, sent)

    assert (found["id"], found["clientOrderId"]) == (order["id"], "te0001abc")
    assert (await kucoin.fetch_position(BTC))["contracts"] == 2


async def test_an_order_rests_is_listed_cancelled_and_cannot_be_cancelled_twice(kucoin: ccxt.kucoinfutures) -> None:
    resting = {"marginMode": "isolated", "leverage": 3, "clientOrderId": "resting1"}
    order = await kucoin.create_order(BTC, "limit", "buy", 2, 50_000, resting)
    listed = await kucoin.fetch_open_orders(BTC)
    await kucoin.cancel_order(order["id"], BTC)
    done = await kucoin.fetch_closed_orders(BTC)

    with pytest.raises(ccxt.BadRequest, match="100004"):
        await kucoin.cancel_order(None, BTC, {"clientOrderId": "resting1"})

    assert [row["id"] for row in listed] == [order["id"]]
    assert [(row["id"], row["status"]) for row in done] == [(order["id"], "canceled")]


async def test_fills_carry_price_size_and_fee(kucoin: ccxt.kucoinfutures) -> None:
    order = await kucoin.create_order(BTC, "market", "buy", 10, None, {"marginMode": "isolated", "leverage": 3})

    (trade,) = await kucoin.fetch_my_trades(BTC)

    assert (trade["order"], trade["amount"], trade["takerOrMaker"]) == (order["id"], 10, "taker")
    assert trade["fee"]["cost"] == pytest.approx(float(trade["info"]["value"]) * 0.0006)


async def test_a_reduction_larger_than_the_position_is_clipped_and_one_of_nothing_refused(
    kucoin: ccxt.kucoinfutures,
) -> None:
    isolated = {"marginMode": "isolated", "leverage": 3}
    await kucoin.create_order(BTC, "market", "buy", 4, None, isolated)
    order = await kucoin.create_order(BTC, "market", "sell", 50, None, {**isolated, "reduceOnly": True})

    with pytest.raises(ccxt.InvalidOrder, match="300009"):
        await kucoin.create_order(BTC, "market", "sell", 1, None, {**isolated, "reduceOnly": True})

    fetched = await kucoin.fetch_order(order["id"], BTC)
    assert (fetched["filled"], fetched["reduceOnly"]) == (4, True)
    assert (await kucoin.fetch_position(BTC))["contracts"] == 0


async def test_margin_mode_belongs_to_the_symbol_and_the_order_must_repeat_it(kucoin: ccxt.kucoinfutures) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="330005"):
        await kucoin.create_order(BTC, "market", "buy", 1, None, {"marginMode": "cross"})
    await kucoin.set_margin_mode("cross", BTC)
    await kucoin.create_order(BTC, "market", "buy", 1, None, {"marginMode": "cross"})
    with pytest.raises(ccxt.ExchangeError, match="330002"):
        await kucoin.set_margin_mode("isolated", BTC)

    assert (await kucoin.fetch_margin_mode(BTC))["marginMode"] == "cross"
    assert (await kucoin.fetch_margin_mode("ETH/USDT:USDT"))["marginMode"] == "isolated"


async def test_cross_leverage_belongs_to_the_symbol_whatever_an_order_says(kucoin: ccxt.kucoinfutures) -> None:
    await kucoin.set_margin_mode("cross", BTC)
    await kucoin.set_leverage(7, BTC, {"marginMode": "cross"})
    await kucoin.create_order(BTC, "market", "buy", 10, None, {"marginMode": "cross"})

    (position,) = await kucoin.fetch_positions()

    assert (await kucoin.fetch_leverage(BTC, {"marginMode": "cross"}))["longLeverage"] == 7
    assert position["leverage"] == 7


async def test_hedge_mode_keeps_two_legs_and_wants_the_side_in_the_order(kucoin: ccxt.kucoinfutures) -> None:
    isolated = {"marginMode": "isolated", "leverage": 3}
    with pytest.raises(ccxt.ExchangeError, match="330011"):
        await kucoin.create_order(BTC, "market", "buy", 1, None, {**isolated, "hedged": True})
    await kucoin.set_position_mode(True)
    with pytest.raises(ccxt.InvalidOrder, match="330012"):
        await kucoin.create_order(BTC, "market", "buy", 1, None, isolated)
    await kucoin.create_order(BTC, "market", "buy", 3, None, {**isolated, "hedged": True})
    await kucoin.create_order(BTC, "market", "sell", 2, None, {**isolated, "hedged": True})

    legs = {row["info"]["positionSide"]: row["info"]["currentQty"] for row in await kucoin.fetch_positions()}

    assert legs == {"LONG": 3, "SHORT": -2}


async def test_market_orders_have_a_maximum_of_their_own(kucoin: ccxt.kucoinfutures) -> None:
    largest = int(kucoin.market(BTC)["info"]["marketMaxOrderQty"])

    with pytest.raises(ccxt.OrderNotFound, match=r"100001.*invalid parameters"):
        await kucoin.create_order(BTC, "market", "buy", largest + 1, None, {"marginMode": "isolated", "leverage": 3})


async def test_a_stale_timestamp_is_refused_and_a_fresh_one_is_not(
    kucoin: ccxt.kucoinfutures, house: PaperHouse
) -> None:
    await kucoin.fetch_balance()
    late = house.world.now_ms() - 6_000
    kucoin.milliseconds = lambda: late

    with pytest.raises(ccxt.InvalidNonce, match="400002"):
        await kucoin.fetch_balance()
