"""What KuCoin and MEXC say of orders that fill in part, are taken late, are dropped, or are liquidated."""

from decimal import Decimal

import ccxt.async_support as ccxt

from paper.faults import Fault, FaultKind
from paper.house import PaperHouse
from simulation.paper_clients import SteadyClock

BTC = "BTC/USDT:USDT"
KUCOIN = {"marginMode": "isolated", "leverage": 3}
MEXC = {"openType": 1, "leverage": 3}


async def test_kucoin_calls_a_market_order_that_ran_out_of_book_cancelled_and_says_what_filled(
    kucoin: ccxt.kucoinfutures, house: PaperHouse
) -> None:
    house.faults.add(Fault(FaultKind.PARTIAL_FILL, endpoint="create_order", share=Decimal("0.5")))
    order = await kucoin.create_order(BTC, "market", "buy", 10, None, KUCOIN)

    fetched = await kucoin.fetch_order(order["id"], BTC)

    assert (fetched["status"], fetched["amount"], fetched["filled"]) == ("canceled", 10, 5)
    assert fetched["info"]["avgDealPrice"] != "0"


async def test_mexc_calls_a_market_order_that_ran_out_of_book_cancelled_and_says_what_filled(
    mexc: ccxt.mexc, house: PaperHouse
) -> None:
    house.faults.add(Fault(FaultKind.PARTIAL_FILL, endpoint="create_order", share=Decimal("0.5")))
    order = await mexc.create_order(BTC, "market", "buy", 10, None, MEXC)

    fetched = await mexc.fetch_order(order["id"], BTC)

    assert (fetched["status"], fetched["amount"], fetched["filled"]) == ("canceled", 10, 5)
    assert fetched["info"]["state"] == 4


async def test_kucoin_shows_an_order_open_until_it_reaches_the_book(
    kucoin: ccxt.kucoinfutures, house: PaperHouse, clock: SteadyClock
) -> None:
    house.faults.add(Fault(FaultKind.ACCEPTED_LATE, endpoint="create_order", seconds=2))
    order = await kucoin.create_order(BTC, "market", "buy", 10, None, KUCOIN)
    early = await kucoin.fetch_order(order["id"], BTC)
    clock.pass_seconds(2)

    late = await kucoin.fetch_order(order["id"], BTC)

    assert (early["status"], early["filled"]) == ("open", 0)
    assert (late["status"], late["filled"]) == ("closed", 10)


async def test_mexc_calls_an_order_uninformed_until_it_reaches_the_book(
    mexc: ccxt.mexc, house: PaperHouse, clock: SteadyClock
) -> None:
    house.faults.add(Fault(FaultKind.ACCEPTED_LATE, endpoint="create_order", seconds=2))
    order = await mexc.create_order(BTC, "market", "buy", 10, None, MEXC)
    early = await mexc.fetch_order(order["id"], BTC)
    clock.pass_seconds(2)

    late = await mexc.fetch_order(order["id"], BTC)

    assert (early["info"]["state"], early["filled"]) == (1, 0)
    assert (late["info"]["state"], late["filled"]) == (3, 10)


async def test_an_order_dropped_after_the_answer_is_done_without_a_fill(
    kucoin: ccxt.kucoinfutures, mexc: ccxt.mexc, house: PaperHouse, clock: SteadyClock
) -> None:
    house.faults.add(
        Fault(FaultKind.REJECTED_LATER, endpoint="create_order", count=2, seconds=1, reason="insufficient_margin")
    )
    on_kucoin = await kucoin.create_order(BTC, "market", "buy", 10, None, KUCOIN)
    on_mexc = await mexc.create_order(BTC, "market", "buy", 10, None, MEXC)
    clock.pass_seconds(1)

    kucoin_order = await kucoin.fetch_order(on_kucoin["id"], BTC)
    mexc_order = await mexc.fetch_order(on_mexc["id"], BTC)

    assert (kucoin_order["status"], kucoin_order["filled"]) == ("canceled", 0)
    assert (mexc_order["info"]["state"], mexc_order["info"]["errorCode"], mexc_order["filled"]) == (5, 2, 0)


async def test_a_liquidation_is_told_by_the_kind_of_its_fill(
    kucoin: ccxt.kucoinfutures, mexc: ccxt.mexc, house: PaperHouse
) -> None:
    await kucoin.create_order(BTC, "market", "buy", 10, None, KUCOIN)
    await mexc.create_order(BTC, "market", "buy", 10, None, MEXC)
    house.world.pin("BTC", Decimal(39_000))

    on_kucoin = await kucoin.fetch_my_trades(BTC)
    on_mexc = await mexc.fetch_my_trades(BTC)

    assert [trade["info"]["tradeType"] for trade in on_kucoin] == ["trade", "liquid"]
    assert [(trade["info"]["category"], trade["info"]["side"]) for trade in on_mexc] == [(1, 1), (2, 4)]
    assert await kucoin.fetch_positions() == await mexc.fetch_positions() == []
