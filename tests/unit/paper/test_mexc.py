"""MEXC contracts through unmodified ccxt, in process: the calls that an adapter makes and what they answer."""

from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from paper.house import PaperHouse

BTC = "BTC/USDT:USDT"
ISOLATED = {"openType": 1, "leverage": 3}


async def test_markets_load_beside_the_spot_pairs_of_the_same_coins(mexc: ccxt.mexc) -> None:
    market = mexc.market(BTC)

    assert sum(1 for row in mexc.markets.values() if row["swap"]) >= 25
    assert (market["id"], market["contractSize"], market["precision"]["amount"]) == ("BTC_USDT", 0.0001, 1)
    assert mexc.market("BTC/USDT")["spot"] is True


async def test_prices_come_as_ticker_list_and_book(mexc: ccxt.mexc) -> None:
    ticker, tickers = await mexc.fetch_ticker(BTC), await mexc.fetch_tickers()
    book = await mexc.fetch_order_book(BTC)

    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert ticker["info"]["fairPrice"] == 60_000
    assert tickers[BTC]["last"] == ticker["last"]
    assert (book["bids"][0][0], book["asks"][0][0]) == (ticker["bid"], ticker["ask"])


async def test_a_new_account_is_in_hedge_mode(hedged_mexc: ccxt.mexc) -> None:
    assert (await hedged_mexc.fetch_position_mode())["hedged"] is True


async def test_an_isolated_order_opens_a_position_with_its_own_leverage(mexc: ccxt.mexc) -> None:
    order = await mexc.create_order(BTC, "market", "buy", 200, None, ISOLATED)
    fetched = await mexc.fetch_order(order["id"], BTC)
    (position,) = await mexc.fetch_positions()

    assert (fetched["status"], fetched["filled"], fetched["info"]["leverage"]) == ("closed", 200, 3)
    assert (position["side"], position["contracts"], position["marginMode"]) == ("long", 200, "isolated")
    assert (position["leverage"], position["info"]["holdVol"]) == (3, 200)
    assert position["initialMargin"] == pytest.approx(fetched["cost"] / 3)


async def test_an_isolated_order_without_leverage_is_refused(mexc: ccxt.mexc) -> None:
    raw = {"symbol": "BTC_USDT", "vol": 1, "side": 1, "type": 6, "openType": 1}

    with pytest.raises(ccxt.ExchangeError, match="2006"):
        await mexc.contractPrivatePostOrderCreate(raw)


async def test_total_is_not_equity_and_equity_is_in_the_raw_answer(mexc: ccxt.mexc, house: PaperHouse) -> None:
    await mexc.create_order(BTC, "market", "buy", 1000, None, ISOLATED)
    house.world.pin("BTC", Decimal(61_000))

    balance = await mexc.fetch_balance()

    (raw,) = balance["info"]["data"]
    margin = 1000 * 0.0001 * 60_006 / 3
    assert raw["equity"] == pytest.approx(10_000 + 1000 * 0.0001 * 1_000, abs=5)
    assert balance["USDT"]["total"] == pytest.approx(10_000 - margin, abs=5)


async def test_a_flat_symbol_has_no_row(mexc: ccxt.mexc) -> None:
    assert await mexc.fetch_positions() == []
    assert await mexc.fetch_position(BTC) is None


async def test_a_repeated_external_id_is_a_success_that_changes_nothing(mexc: ccxt.mexc) -> None:
    sent = {**ISOLATED, "clientOrderId": "te0001abc"}
    first = await mexc.create_order(BTC, "market", "buy", 20, None, sent)

    second = await mexc.create_order(BTC, "market", "buy", 70, None, sent)
    looked_up = await mexc.contractPrivateGetOrderExternalSymbolExternalOid(
        {"symbol": "BTC_USDT", "external_oid": "te0001abc"}
    )

    assert second["id"] == first["id"]
    assert (looked_up["data"]["orderId"], looked_up["data"]["vol"]) == (first["id"], 20)
    assert (await mexc.fetch_position(BTC))["contracts"] == 20


async def test_an_external_id_of_another_symbol_is_not_found(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "market", "buy", 20, None, {**ISOLATED, "clientOrderId": "te0001abc"})

    with pytest.raises(ccxt.ExchangeError, match="2040"):
        await mexc.contractPrivateGetOrderExternalSymbolExternalOid({"symbol": "ETH_USDT", "external_oid": "te0001abc"})


async def test_an_external_id_of_more_than_32_characters_is_refused(mexc: ccxt.mexc) -> None:
    with pytest.raises(ccxt.ExchangeError, match="2030"):
        await mexc.create_order(BTC, "market", "buy", 1, None, {**ISOLATED, "clientOrderId": "a" * 33})


async def test_an_order_rests_is_listed_cancelled_and_cannot_be_cancelled_twice(mexc: ccxt.mexc) -> None:
    order = await mexc.create_order(BTC, "limit", "buy", 2, 50_000, ISOLATED)
    listed = await mexc.fetch_open_orders(BTC)
    await mexc.cancel_order(order["id"], BTC)
    cancelled = await mexc.fetch_canceled_orders(BTC)

    with pytest.raises(ccxt.InvalidOrder, match="cannot be cancelled"):
        await mexc.cancel_order(order["id"], BTC)
    with pytest.raises(ccxt.InvalidOrder, match="not exist"):
        await mexc.cancel_order("123456", BTC)

    assert [row["id"] for row in listed] == [order["id"]]
    assert [row["id"] for row in cancelled] == [order["id"]]


async def test_an_order_is_cancelled_by_symbol_and_external_id(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "limit", "buy", 2, 50_000, {**ISOLATED, "clientOrderId": "resting1"})

    wanted = [{"symbol": "BTC_USDT", "externalOid": "resting1"}]
    answer = await mexc.contractPrivatePostOrderCancelWithExternal(wanted)

    assert answer["data"] == [{"symbol": "BTC_USDT", "externalOid": "resting1", "errorCode": 0, "errorMsg": "success"}]
    assert await mexc.fetch_open_orders(BTC) == []


async def test_fills_carry_price_size_and_fee(mexc: ccxt.mexc) -> None:
    order = await mexc.create_order(BTC, "market", "buy", 100, None, ISOLATED)

    (trade,) = await mexc.fetch_my_trades(BTC)

    assert (trade["order"], trade["amount"], trade["takerOrMaker"]) == (order["id"], 100, "taker")
    assert trade["fee"]["cost"] == pytest.approx(trade["cost"] * 0.0004)


async def test_a_reduction_larger_than_the_position_is_refused_and_so_is_one_of_nothing(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "market", "buy", 40, None, ISOLATED)

    with pytest.raises(ccxt.ExchangeError, match="2008"):
        await mexc.create_order(BTC, "market", "sell", 41, None, {**ISOLATED, "reduceOnly": True})
    await mexc.create_order(BTC, "market", "sell", 40, None, {**ISOLATED, "reduceOnly": True})
    with pytest.raises(ccxt.InvalidOrder, match="2009"):
        await mexc.create_order(BTC, "market", "sell", 1, None, {**ISOLATED, "reduceOnly": True})

    assert await mexc.fetch_positions() == []


async def test_one_way_buys_and_sells_go_through_zero(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "market", "buy", 40, None, ISOLATED)
    await mexc.create_order(BTC, "market", "sell", 100, None, ISOLATED)

    (position,) = await mexc.fetch_positions()

    assert (position["side"], position["contracts"]) == ("short", 60)


async def test_hedge_mode_opens_a_second_leg_and_closes_by_side_number(hedged_mexc: ccxt.mexc) -> None:
    await hedged_mexc.create_order(BTC, "market", "buy", 40, None, ISOLATED)
    await hedged_mexc.create_order(BTC, "market", "sell", 30, None, ISOLATED)
    both = {row["side"]: row["contracts"] for row in await hedged_mexc.fetch_positions()}
    await hedged_mexc.create_order(BTC, "market", "sell", 40, None, {**ISOLATED, "reduceOnly": True})
    await hedged_mexc.create_order(BTC, "market", "buy", 30, None, {**ISOLATED, "reduceOnly": True})

    assert both == {"long": 40, "short": 30}
    assert await hedged_mexc.fetch_positions() == []


async def test_the_hedged_flag_of_ccxt_turns_a_closing_sell_into_close_short(hedged_mexc: ccxt.mexc) -> None:
    await hedged_mexc.create_order(BTC, "market", "buy", 40, None, ISOLATED)

    with pytest.raises(ccxt.InvalidOrder, match="2009"):
        await hedged_mexc.create_order(
            BTC, "market", "sell", 40, None, {**ISOLATED, "reduceOnly": True, "hedged": True}
        )


async def test_leverage_is_kept_per_mode_and_direction(mexc: ccxt.mexc) -> None:
    await mexc.set_leverage(7, BTC, {"openType": 1, "positionType": 1})
    await mexc.set_leverage(4, BTC, {"openType": 2, "positionType": 2})

    rows = (await mexc.fetch_leverage(BTC))["info"]

    kept = {(row["openType"], row["positionType"]): row["leverage"] for row in rows}
    assert kept == {(1, 1): 7, (1, 2): 20, (2, 1): 20, (2, 2): 4}


async def test_a_cross_order_sets_the_leverage_that_it_names(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "market", "buy", 10, None, {"openType": 2, "leverage": 9})

    (position,) = await mexc.fetch_positions()

    assert (position["marginMode"], position["leverage"]) == ("cross", 9)


async def test_one_symbol_is_not_held_in_both_margin_modes(mexc: ccxt.mexc) -> None:
    await mexc.create_order(BTC, "market", "buy", 10, None, ISOLATED)

    with pytest.raises(ccxt.ExchangeError, match="2027"):
        await mexc.create_order(BTC, "market", "buy", 10, None, {"openType": 2})


async def test_position_mode_does_not_change_under_a_position_and_orders_may_name_it(mexc: ccxt.mexc) -> None:
    with pytest.raises(ccxt.ExchangeError, match="2022"):
        await mexc.create_order(BTC, "market", "buy", 10, None, {**ISOLATED, "hedged": True})
    await mexc.create_order(BTC, "market", "buy", 10, None, ISOLATED)

    with pytest.raises(ccxt.ExchangeError, match="2019"):
        await mexc.set_position_mode(True)


async def test_a_market_order_above_the_maximum_is_refused(mexc: ccxt.mexc) -> None:
    largest = int(mexc.market(BTC)["info"]["maxVol"])

    with pytest.raises(ccxt.ExchangeError, match="2028"):
        await mexc.create_order(BTC, "market", "buy", largest + 1, None, ISOLATED)


async def test_the_former_order_path_says_that_requests_are_too_frequent(mexc: ccxt.mexc) -> None:
    with pytest.raises(ccxt.RateLimitExceeded, match="510"):
        await mexc.contractPrivatePostOrderSubmit({"symbol": "BTC_USDT", "vol": 1, "side": 1, "type": 5})


async def test_a_stale_timestamp_is_a_bad_request(mexc: ccxt.mexc, house: PaperHouse) -> None:
    await mexc.fetch_balance()
    late = house.world.now_ms() - 11_000
    mexc.milliseconds = lambda: late

    with pytest.raises(ccxt.BadRequest, match="513"):
        await mexc.fetch_balance()
