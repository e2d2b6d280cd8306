"""Bybit v5 through unmodified ccxt, in process: the calls that an adapter makes and what they answer."""

import asyncio
from collections.abc import Awaitable
from decimal import Decimal

import ccxt.async_support as ccxt
import pytest

from paper.account import Permissions
from paper.effects import MarketState
from paper.faults import Fault, FaultKind
from paper.house import PaperHouse
from simulation.paper_clients import SteadyClock

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"

EXCEPTIONS = {
    "10001": ccxt.BadRequest,
    "10002": ccxt.InvalidNonce,
    "10003": ccxt.AuthenticationError,
    "10004": ccxt.AuthenticationError,
    "10005": ccxt.PermissionDenied,
    "10006": ccxt.RateLimitExceeded,
    "10010": ccxt.PermissionDenied,
    "10016": ccxt.ExchangeError,
    "10017": ccxt.BadRequest,
    "10018": ccxt.RateLimitExceeded,
    "33004": ccxt.AuthenticationError,
    "100028": ccxt.PermissionDenied,
    "110001": ccxt.OrderNotFound,
    "110003": ccxt.InvalidOrder,
    "110007": ccxt.InsufficientFunds,
    "110013": ccxt.BadRequest,
    "110017": ccxt.InvalidOrder,
    "110024": ccxt.BadRequest,
    "110025": ccxt.NoChange,
    "110026": ccxt.MarginModeAlreadySet,
    "110043": ccxt.BadRequest,
    "110044": ccxt.InsufficientFunds,
    "110066": ccxt.ExchangeError,
    "110072": ccxt.InvalidOrder,
    "110090": ccxt.ExchangeError,
    "110094": ccxt.InvalidOrder,
    "3400045": ccxt.ExchangeError,
}


async def refusal(call: Awaitable[object]) -> tuple[type[BaseException], str]:
    with pytest.raises(ccxt.BaseError) as raised:
        await call
    message = str(raised.value)
    return raised.type, message.partition('"retCode":')[2].partition(",")[0]


async def test_markets_time_prices_and_book(bybit: ccxt.bybit, house: PaperHouse) -> None:
    market, ticker, tickers = bybit.market(BTC), await bybit.fetch_ticker(BTC), await bybit.fetch_tickers()
    book = await bybit.fetch_order_book(BTC, 5)

    assert len(bybit.markets) >= 25
    assert (market["id"], market["contractSize"], market["precision"]["amount"]) == ("BTCUSDT", 1, 0.001)
    assert (market["limits"]["cost"]["min"], float(market["info"]["lotSizeFilter"]["maxMktOrderQty"])) == (5, 187.5)
    assert bybit.market("1000PEPE/USDT:USDT")["id"] == "1000PEPEUSDT"
    assert await bybit.fetch_time() == house.world.now_ms()
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert (ticker["markPrice"], tickers[BTC]["last"]) == (60_000, ticker["last"])
    assert (book["bids"][0][0], book["asks"][0][0], len(book["asks"])) == (ticker["bid"], ticker["ask"], 5)


async def test_total_is_the_wallet_and_equity_is_in_the_raw_answer(bybit: ccxt.bybit, house: PaperHouse) -> None:
    await bybit.create_order(BTC, "market", "buy", 0.1)
    house.world.pin("BTC", Decimal(61_000))

    balance = await bybit.fetch_balance()

    (raw,) = balance["info"]["result"]["list"][0]["coin"]
    fee = 0.1 * 60_006 * 0.00055
    assert balance["USDT"]["total"] == pytest.approx(10_000 - fee)
    assert float(raw["equity"]) == pytest.approx(10_000 - fee + 0.1 * 994)
    assert raw["availableToWithdraw"] == ""


async def test_a_flat_symbol_answers_one_row_of_size_zero_and_the_list_of_all_only_open_ones(bybit: ccxt.bybit) -> None:
    await bybit.create_order(ETH, "market", "sell", 1)

    flat = await bybit.fetch_position(BTC)
    everything = await bybit.fetch_positions()

    assert (flat["contracts"], flat["info"]["side"]) == (0, "")
    assert [(row["symbol"], row["side"], row["contracts"]) for row in everything] == [(ETH, "short", 1)]
    assert everything[0]["marginMode"] is None


async def test_an_order_is_found_by_either_id_also_when_it_is_done(bybit: ccxt.bybit) -> None:
    order = await bybit.create_order(BTC, "market", "buy", 0.02, None, {"orderLinkId": "mine1"})

    by_id = await bybit.fetch_order(order["id"], BTC, {"acknowledged": True})
    (by_link,) = await bybit.fetch_open_orders(BTC, params={"orderLinkId": "mine1"})
    (closed,) = await bybit.fetch_closed_orders(BTC, params={"orderLinkId": "mine1"})

    assert by_id["id"] == by_link["id"] == closed["id"] == order["id"]
    assert (by_id["status"], by_id["filled"], by_id["average"]) == ("closed", 0.02, 60_006)
    assert by_id["price"] == pytest.approx(60_006 * 1.05, rel=1e-5)
    assert await bybit.fetch_open_orders(BTC) == []


async def test_a_limit_order_rests_until_it_is_cancelled(bybit: ccxt.bybit) -> None:
    order = await bybit.create_order(BTC, "limit", "buy", 0.02, 50_000)
    assert [row["id"] for row in await bybit.fetch_open_orders(BTC)] == [order["id"]]

    await bybit.cancel_order(order["id"], BTC)

    assert await bybit.fetch_open_orders(BTC) == []
    assert (await bybit.fetch_canceled_orders(BTC))[0]["id"] == order["id"]
    assert await refusal(bybit.cancel_order(order["id"], BTC)) == (ccxt.OrderNotFound, "110001")


async def test_margin_mode_is_the_whole_accounts_and_cannot_change_while_something_is_open(bybit: ccxt.bybit) -> None:
    await bybit.set_margin_mode("isolated")
    assert (await bybit.privateGetV5AccountInfo())["result"]["marginMode"] == "ISOLATED_MARGIN"
    assert await refusal(bybit.set_margin_mode("isolated")) == (ccxt.MarginModeAlreadySet, "110026")

    await bybit.create_order(BTC, "market", "buy", 0.02)

    assert await refusal(bybit.set_margin_mode("cross")) == (ccxt.ExchangeError, "3400045")
    switch = {"category": "linear", "symbol": "BTCUSDT", "tradeMode": 1, "buyLeverage": "5", "sellLeverage": "5"}
    assert await refusal(bybit.privatePostV5PositionSwitchIsolated(switch)) == (ccxt.PermissionDenied, "100028")


async def test_leverage_is_per_symbol_and_unchanged_leverage_is_an_error(bybit: ccxt.bybit) -> None:
    await bybit.set_leverage(7, BTC)

    assert (await bybit.fetch_leverage(BTC))["longLeverage"] == 7
    assert (await bybit.fetch_leverage(ETH))["longLeverage"] == 10
    assert await refusal(bybit.set_leverage(7, BTC)) == (ccxt.BadRequest, "110043")
    assert await refusal(bybit.set_leverage(101, BTC)) == (ccxt.BadRequest, "110013")


async def test_position_mode_is_per_symbol_or_of_all_by_coin(bybit: ccxt.bybit) -> None:
    await bybit.set_position_mode(True, BTC)
    assert await refusal(bybit.set_position_mode(True, BTC)) == (ccxt.NoChange, "110025")
    assert await refusal(bybit.create_order(BTC, "market", "buy", 0.02)) == (ccxt.BadRequest, "10001")

    await bybit.create_order(BTC, "market", "buy", 0.02, None, {"positionIdx": 1})
    await bybit.create_order(BTC, "market", "sell", 0.01, None, {"positionIdx": 2})

    rows = (await bybit.privateGetV5PositionList({"category": "linear", "symbol": "BTCUSDT"}))["result"]["list"]
    assert [(row["positionIdx"], row["side"], row["size"]) for row in rows] == [
        (1, "Buy", "0.02"),
        (2, "Sell", "0.01"),
    ]


async def test_fills_come_in_pages(bybit: ccxt.bybit) -> None:
    for _ in range(5):
        await bybit.create_order(BTC, "market", "buy", 0.01)
    first = (await bybit.privateGetV5ExecutionList({"category": "linear", "symbol": "BTCUSDT", "limit": 3}))["result"]
    rest = {"category": "linear", "symbol": "BTCUSDT", "limit": 3, "cursor": first["nextPageCursor"]}
    second = (await bybit.privateGetV5ExecutionList(rest))["result"]

    assert (len(first["list"]), len(second["list"]), second["nextPageCursor"]) == (3, 2, "")
    assert len({row["execId"] for row in first["list"] + second["list"]}) == 5
    trades = await bybit.fetch_my_trades(BTC)
    assert sum(trade["fee"]["cost"] for trade in trades) == pytest.approx(0.05 * 60_006 * 0.00055)


async def test_every_code_becomes_the_exception_that_ccxt_has_for_it(bybit: ccxt.bybit, house: PaperHouse) -> None:
    seen = {}
    for code in EXCEPTIONS:
        house.faults.add(Fault(FaultKind.REFUSED, endpoint="create_order", code=code))
        kind, told = await refusal(bybit.create_order(BTC, "market", "buy", 0.01))
        assert told == code
        seen[code] = kind

    assert seen == EXCEPTIONS
    assert await bybit.fetch_positions() == []


async def test_refusals_of_the_state_machine_arrive_as_the_exchanges_own_codes(
    bybit: ccxt.bybit, house: PaperHouse
) -> None:
    async def code_of(side: str, amount: float, **params: object) -> str:
        return (await refusal(bybit.create_order(BTC, "market", side, amount, None, params)))[1]

    await bybit.create_order(BTC, "market", "buy", 0.01, None, {"orderLinkId": "once"})
    assert await code_of("buy", 0.01, orderLinkId="once") == "110072"
    assert await code_of("buy", 0.01, reduceOnly=True) == "110017"
    assert await code_of("buy", 100) == "110007"
    assert await code_of("buy", 200) == "10001"
    assert await code_of("buy", 0.01, orderLinkId="not allowed!") == "10001"
    house.world.pin("BTC", Decimal(300))
    assert await code_of("buy", 0.01) == "110094"
    house.exchanges["bybit"].set_state("BTCUSDT", MarketState.HALTED)
    assert await code_of("buy", 1) == "110066"


async def test_a_wrong_key_or_secret_is_refused(bybit: ccxt.bybit) -> None:
    secret = bybit.secret
    bybit.secret = "wrong"
    assert await refusal(bybit.fetch_balance()) == (ccxt.AuthenticationError, "10004")
    bybit.secret, bybit.apiKey = secret, "wrong"
    assert await refusal(bybit.fetch_balance()) == (ccxt.AuthenticationError, "10003")


@pytest.mark.parametrize(
    ("permissions", "code"),
    [
        (Permissions(is_revoked=True), "10003"),
        (Permissions(expires_ms=1), "33004"),
        (Permissions(allowed_addresses=("10.1.1.1",)), "10010"),
        (Permissions(can_trade=False), "10005"),
    ],
    ids=["revoked", "expired", "foreign address", "may only read"],
)
async def test_a_key_that_may_not_trade_has_the_reason_in_its_code(
    bybit: ccxt.bybit, house: PaperHouse, permissions: Permissions, code: str
) -> None:
    house.exchanges["bybit"].set_permissions(house.account("bybit", "main"), permissions)

    assert (await refusal(bybit.create_order(BTC, "market", "buy", 0.01)))[1] == code


@pytest.mark.parametrize(
    ("shift_ms", "is_taken"), [(0, True), (-5_000, True), (-5_001, False), (999, True), (1_000, False)]
)
async def test_timestamps_count_from_five_seconds_behind_to_one_ahead(
    bybit: ccxt.bybit, house: PaperHouse, shift_ms: int, *, is_taken: bool
) -> None:
    now_ms = house.world.now_ms()
    bybit.milliseconds = lambda: now_ms + shift_ms

    if is_taken:
        assert (await bybit.fetch_balance())["USDT"]["total"] == 10_000
    else:
        assert await refusal(bybit.fetch_balance()) == (ccxt.InvalidNonce, "10002")


async def test_a_signature_over_other_data_is_refused(bybit: ccxt.bybit) -> None:
    signed = bybit.sign("v5/position/list", ["private"], "GET", {"category": "linear", "symbol": "BTCUSDT"})

    other = bybit.fetch(signed["url"].replace("BTC", "ETH"), "GET", signed["headers"], None)

    assert (await refusal(other))[1] == "10004"


async def test_too_many_calls_of_one_endpoint_are_refused_until_the_next_second(
    bybit: ccxt.bybit, clock: SteadyClock
) -> None:
    for _ in range(20):
        await bybit.create_order(BTC, "market", "buy", 0.001)
    assert await refusal(bybit.create_order(BTC, "market", "buy", 0.001)) == (ccxt.RateLimitExceeded, "10006")
    assert (
        bybit.last_response_headers["X-Bapi-Limit-Reset-Timestamp"] == str(clock.now().timestamp() * 1000 + 1_000)[:13]
    )
    assert await bybit.fetch_positions()

    clock.pass_seconds(1)
    await bybit.create_order(BTC, "market", "buy", 0.001)


async def test_too_many_calls_from_one_address_are_banned_with_http_403(bybit: ccxt.bybit) -> None:
    calls = await asyncio.gather(*(bybit.fetch_time() for _ in range(601)), return_exceptions=True)

    refused = [call for call in calls if isinstance(call, ccxt.RateLimitExceeded)]
    assert 0 < len(refused) < 20
    assert all("10018" in str(call) for call in refused)


async def test_what_is_not_an_endpoint_is_told(bybit: ccxt.bybit) -> None:
    assert await refusal(bybit.fetch(bybit.urls["api"]["public"] + "/v5/nothing")) == (ccxt.BadRequest, "10017")


async def test_other_products_are_listed_as_empty(bybit: ccxt.bybit) -> None:
    for category in ("spot", "inverse", "option"):
        answer = await bybit.publicGetV5MarketInstrumentsInfo({"category": category})
        assert answer["result"]["list"] == []


async def test_average_prices_have_as_many_digits_as_bybit_shows(bybit: ccxt.bybit, house: PaperHouse) -> None:
    for price in (60_000, 60_100, 60_100):
        house.world.pin("BTC", Decimal(price))
        await bybit.create_order(BTC, "market", "buy", 0.01)

    assert (await bybit.fetch_position(BTC))["info"]["avgPrice"] == "60072.6666667"
