"""KuCoin Futures through unmodified ccxt, in process: the calls that an adapter makes and what they answer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from paper.house import PaperHouse

BTC = "BTC/USDT:USDT"
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class SteadyClock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def house() -> PaperHouse:
    house = PaperHouse(SteadyClock(), seed=3)
    house.world.pin("BTC", Decimal(60_000))
    return house


@pytest.fixture
async def client(house: PaperHouse) -> AsyncIterator[ccxt.kucoinfutures]:
    keys = house.open_account("kucoin", "main", Decimal(10_000))
    client = _client(house, apiKey=keys.api_key, secret=keys.secret, password=keys.passphrase)
    await client.load_markets()
    yield client
    await client.close()


def _client(house: PaperHouse, **credentials: str) -> ccxt.kucoinfutures:
    client = ccxt.kucoinfutures({"session": house.session(), "enableRateLimit": False, **credentials})
    client.urls["api"] = house.urls("kucoin")
    client.timeout_on_exit = 0
    clock = house.world.clock
    client.milliseconds = lambda: int(clock.now().timestamp() * 1000)
    return client


async def test_markets_load_with_keys_and_have_whole_contracts_of_the_multiplier(client: ccxt.kucoinfutures) -> None:
    market = client.market(BTC)

    assert len(client.markets) >= 25
    assert market["id"] == "XBTUSDTM"
    assert market["contractSize"] == 0.001
    assert market["precision"]["amount"] == 1
    assert int(market["info"]["marketMaxOrderQty"]) < market["limits"]["amount"]["max"]


async def test_prices_come_as_ticker_list_and_book(client: ccxt.kucoinfutures) -> None:
    ticker, tickers, book = (
        await client.fetch_ticker(BTC),
        await client.fetch_tickers([BTC]),
        await client.fetch_order_book(BTC),
    )

    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert tickers[BTC]["last"] == ticker["last"]
    assert (book["bids"][0][0], book["asks"][0][0]) == (ticker["bid"], ticker["ask"])


async def test_an_isolated_order_opens_a_position_with_its_own_leverage(client: ccxt.kucoinfutures) -> None:
    order = await client.create_order(BTC, "market", "buy", 20, None, {"marginMode": "isolated", "leverage": 3})
    fetched = await client.fetch_order(order["id"], BTC)
    position = await client.fetch_position(BTC)

    assert (fetched["status"], fetched["filled"], fetched["info"]["leverage"]) == ("closed", 20, "3")
    assert (position["side"], position["contracts"], position["marginMode"]) == ("long", 20, "isolated")
    assert position["initialMargin"] == pytest.approx(fetched["cost"] / 3)
    assert position["info"]["currentQty"] == 20


async def test_a_short_is_told_by_the_sign_of_its_quantity(client: ccxt.kucoinfutures) -> None:
    await client.create_order(BTC, "market", "sell", 5, None, {"marginMode": "isolated", "leverage": 2})

    (position,) = await client.fetch_positions()

    assert (position["side"], position["contracts"], position["info"]["currentQty"]) == ("short", 5, -5)


async def test_a_flat_symbol_answers_a_row_of_size_zero(client: ccxt.kucoinfutures) -> None:
    position = await client.fetch_position(BTC)

    assert (position["contracts"], position["side"]) == (0, None)
    assert await client.fetch_positions() == []


async def test_equity_includes_open_profit(client: ccxt.kucoinfutures, house: PaperHouse) -> None:
    await client.create_order(BTC, "market", "buy", 100, None, {"marginMode": "isolated", "leverage": 5})
    before = await client.fetch_balance()
    house.world.pin("BTC", Decimal(61_000))

    after = await client.fetch_balance()

    assert after["USDT"]["total"] - before["USDT"]["total"] == pytest.approx(100, abs=1)
    assert after["info"]["data"]["accountEquity"] == pytest.approx(after["USDT"]["total"])


async def test_an_order_is_found_by_the_id_we_gave_it_and_the_id_is_refused_a_second_time(
    client: ccxt.kucoinfutures,
) -> None:
    sent = {"marginMode": "isolated", "leverage": 3, "clientOrderId": "te0001abc"}
    order = await client.create_order(BTC, "market", "buy", 2, None, sent)

    found = await client.fetch_order(None, BTC, {"clientOrderId": "te0001abc"})
    with pytest.raises(ccxt.ExchangeError, match="300018"):
        await client.create_order(BTC, "market", "buy", 2, None, sent)

    assert (found["id"], found["clientOrderId"]) == (order["id"], "te0001abc")
    assert (await client.fetch_position(BTC))["contracts"] == 2


async def test_an_order_rests_is_listed_cancelled_and_cannot_be_cancelled_twice(client: ccxt.kucoinfutures) -> None:
    resting = {"marginMode": "isolated", "leverage": 3, "clientOrderId": "resting1"}
    order = await client.create_order(BTC, "limit", "buy", 2, 50_000, resting)
    listed = await client.fetch_open_orders(BTC)
    await client.cancel_order(order["id"], BTC)
    done = await client.fetch_closed_orders(BTC)

    with pytest.raises(ccxt.BadRequest, match="100004"):
        await client.cancel_order(None, BTC, {"clientOrderId": "resting1"})

    assert [row["id"] for row in listed] == [order["id"]]
    assert [(row["id"], row["status"]) for row in done] == [(order["id"], "canceled")]


async def test_fills_carry_price_size_and_fee(client: ccxt.kucoinfutures) -> None:
    order = await client.create_order(BTC, "market", "buy", 10, None, {"marginMode": "isolated", "leverage": 3})

    (trade,) = await client.fetch_my_trades(BTC)

    assert (trade["order"], trade["amount"], trade["takerOrMaker"]) == (order["id"], 10, "taker")
    assert trade["fee"]["cost"] == pytest.approx(float(trade["info"]["value"]) * 0.0006)


async def test_a_reduction_larger_than_the_position_is_clipped_and_one_of_nothing_refused(
    client: ccxt.kucoinfutures,
) -> None:
    isolated = {"marginMode": "isolated", "leverage": 3}
    await client.create_order(BTC, "market", "buy", 4, None, isolated)
    order = await client.create_order(BTC, "market", "sell", 50, None, {**isolated, "reduceOnly": True})

    with pytest.raises(ccxt.InvalidOrder, match="300009"):
        await client.create_order(BTC, "market", "sell", 1, None, {**isolated, "reduceOnly": True})

    assert (await client.fetch_order(order["id"], BTC))["filled"] == 4
    assert (await client.fetch_position(BTC))["contracts"] == 0


async def test_margin_mode_belongs_to_the_symbol_and_the_order_must_repeat_it(client: ccxt.kucoinfutures) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="330005"):
        await client.create_order(BTC, "market", "buy", 1, None, {"marginMode": "cross"})
    await client.set_margin_mode("cross", BTC)
    await client.create_order(BTC, "market", "buy", 1, None, {"marginMode": "cross"})
    with pytest.raises(ccxt.ExchangeError, match="330002"):
        await client.set_margin_mode("isolated", BTC)

    assert (await client.fetch_margin_mode(BTC))["marginMode"] == "cross"
    assert (await client.fetch_margin_mode("ETH/USDT:USDT"))["marginMode"] == "isolated"


async def test_cross_leverage_belongs_to_the_symbol_whatever_an_order_says(client: ccxt.kucoinfutures) -> None:
    await client.set_margin_mode("cross", BTC)
    await client.set_leverage(7, BTC, {"marginMode": "cross"})
    await client.create_order(BTC, "market", "buy", 10, None, {"marginMode": "cross"})

    (position,) = await client.fetch_positions()

    assert (await client.fetch_leverage(BTC, {"marginMode": "cross"}))["longLeverage"] == 7
    assert position["leverage"] == 7


async def test_hedge_mode_keeps_two_legs_and_wants_the_side_in_the_order(client: ccxt.kucoinfutures) -> None:
    isolated = {"marginMode": "isolated", "leverage": 3}
    with pytest.raises(ccxt.ExchangeError, match="330011"):
        await client.create_order(BTC, "market", "buy", 1, None, {**isolated, "hedged": True})
    await client.set_position_mode(True)
    with pytest.raises(ccxt.InvalidOrder, match="330012"):
        await client.create_order(BTC, "market", "buy", 1, None, isolated)
    await client.create_order(BTC, "market", "buy", 3, None, {**isolated, "hedged": True})
    await client.create_order(BTC, "market", "sell", 2, None, {**isolated, "hedged": True})

    legs = {row["info"]["positionSide"]: row["info"]["currentQty"] for row in await client.fetch_positions()}

    assert legs == {"LONG": 3, "SHORT": -2}


async def test_market_orders_have_a_maximum_of_their_own(client: ccxt.kucoinfutures) -> None:
    largest = int(client.market(BTC)["info"]["marketMaxOrderQty"])

    with pytest.raises(ccxt.OrderNotFound, match=r"100001.*invalid parameters"):
        await client.create_order(BTC, "market", "buy", largest + 1, None, {"marginMode": "isolated", "leverage": 3})


async def test_a_stale_timestamp_is_refused_and_a_fresh_one_is_not(
    client: ccxt.kucoinfutures, house: PaperHouse
) -> None:
    await client.fetch_balance()
    late = int((house.world.clock.now() - timedelta(seconds=6)).timestamp() * 1000)
    client.milliseconds = lambda: late

    with pytest.raises(ccxt.InvalidNonce, match="400002"):
        await client.fetch_balance()
