"""KuCoin and MEXC: request limits answered in the exchange's own way, and lists that come in numbered pages."""

import ccxt.async_support as ccxt
import pytest

from simulation.paper_clients import SteadyClock

BTC = "BTC/USDT:USDT"


async def test_kucoin_counts_weight_and_says_when_the_quota_is_new(
    kucoin: ccxt.kucoinfutures, clock: SteadyClock
) -> None:
    clock.pass_seconds(30)
    for _ in range(200):
        await kucoin.cancel_all_orders(BTC)
    with pytest.raises(ccxt.RateLimitExceeded, match="429000"):
        await kucoin.fetch_positions()
    reset_ms = int(kucoin.last_response_headers["gw-ratelimit-reset"])

    clock.pass_seconds(reset_ms / 1000)

    assert reset_ms <= 30_000
    assert await kucoin.fetch_positions() == []


async def test_kucoins_public_calls_do_not_use_up_the_quota_of_the_account(
    kucoin: ccxt.kucoinfutures, clock: SteadyClock
) -> None:
    clock.pass_seconds(30)
    for _ in range(198):
        await kucoin.cancel_all_orders(BTC)
    for _ in range(20):
        await kucoin.fetch_ticker(BTC)

    assert await kucoin.fetch_positions() == []


async def test_kucoin_counts_public_calls_by_address(kucoin: ccxt.kucoinfutures, clock: SteadyClock) -> None:
    clock.pass_seconds(30)
    for _ in range(400):
        await kucoin.futuresPublicGetContractsRiskLimitSymbol({"symbol": "XBTUSDTM"})
    with pytest.raises(ccxt.RateLimitExceeded, match="429000"):
        await kucoin.fetch_ticker(BTC)

    assert await kucoin.fetch_positions() == []


async def test_mexc_counts_every_endpoint_apart_in_two_seconds(mexc: ccxt.mexc, clock: SteadyClock) -> None:
    for _ in range(20):
        await mexc.fetch_positions()
    with pytest.raises(ccxt.RateLimitExceeded, match="510"):
        await mexc.fetch_positions()

    assert (await mexc.fetch_balance())["USDT"]["total"] == 10_000
    clock.pass_seconds(2)
    assert await mexc.fetch_positions() == []


async def test_mexc_lists_its_contracts_once_in_five_seconds(mexc: ccxt.mexc, clock: SteadyClock) -> None:
    with pytest.raises(ccxt.RateLimitExceeded, match="510"):
        await mexc.fetch_swap_markets()
    clock.pass_seconds(5)

    assert await mexc.fetch_swap_markets()


async def test_kucoin_cuts_fills_and_orders_into_pages(kucoin: ccxt.kucoinfutures, clock: SteadyClock) -> None:
    for _ in range(7):
        await kucoin.create_order(BTC, "market", "buy", 1, None, {"marginMode": "isolated", "leverage": 3})
        clock.pass_seconds(1)

    pages = [await kucoin.fetch_my_trades(BTC, None, 3, {"currentPage": number}) for number in (1, 2, 3, 4)]
    raw = await kucoin.futuresPrivateGetOrders({"status": "done", "pageSize": 3})
    since = pages[0][0]["timestamp"]

    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert len({trade["id"] for page in pages for trade in page}) == 7
    assert (raw["data"]["totalNum"], raw["data"]["totalPage"], len(raw["data"]["items"])) == (7, 3, 3)
    assert [trade["timestamp"] for trade in await kucoin.fetch_my_trades(BTC, since)] == [
        since,
        since + 1_000,
        since + 2_000,
    ]


async def test_mexc_cuts_fills_and_orders_into_pages(mexc: ccxt.mexc, clock: SteadyClock) -> None:
    for _ in range(7):
        await mexc.create_order(BTC, "market", "buy", 1, None, {"openType": 1, "leverage": 3})
        clock.pass_seconds(1)

    pages = [await mexc.fetch_my_trades(BTC, None, 3, {"page_num": number}) for number in (1, 2, 3, 4)]
    orders = await mexc.fetch_orders(BTC, None, 5)

    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert len({trade["id"] for page in pages for trade in page}) == 7
    assert len(orders) == 5
