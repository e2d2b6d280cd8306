"""BloFin through unmodified ccxt, in process: the calls that an adapter makes and what they answer."""

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
ISOLATED = {"marginMode": "isolated"}

EXCEPTIONS = {
    "404": ccxt.BadRequest,
    "429": ccxt.RateLimitExceeded,
    "542": ccxt.InvalidOrder,
    "102002": ccxt.InvalidOrder,
    "102014": ccxt.InvalidOrder,
    "102015": ccxt.InvalidOrder,
    "102022": ccxt.InvalidOrder,
    "102067": ccxt.OrderNotFound,
    "102068": ccxt.BadRequest,
    "102089": ccxt.BadRequest,
    "103003": ccxt.InsufficientFunds,
    "103013": ccxt.ExchangeError,
    "110019": ccxt.InvalidOrder,
    "150004": ccxt.InvalidOrder,
    "152002": ccxt.BadRequest,
    "152009": ccxt.InvalidOrder,
    "152011": ccxt.PermissionDenied,
    "152014": ccxt.BadRequest,
    "152401": ccxt.AuthenticationError,
    "152402": ccxt.AuthenticationError,
    "152404": ccxt.PermissionDenied,
    "152405": ccxt.InvalidNonce,
    "152406": ccxt.PermissionDenied,
    "152407": ccxt.InvalidNonce,
    "152408": ccxt.AuthenticationError,
    "152409": ccxt.AuthenticationError,
}


async def refusal(call: Awaitable[object]) -> tuple[type[BaseException], str]:
    """The exception, and the last code in the message: the inner one where there is one."""
    with pytest.raises(ccxt.BaseError) as raised:
        await call
    return raised.type, str(raised.value).rpartition('"code":"')[2].partition('"')[0]


async def test_markets_prices_and_book(blofin: ccxt.blofin) -> None:
    market, ticker, tickers = blofin.market(BTC), await blofin.fetch_ticker(BTC), await blofin.fetch_tickers()
    book = await blofin.fetch_order_book(BTC, 5)

    assert len(blofin.markets) >= 25
    assert (market["id"], market["contractSize"], market["precision"]["amount"]) == ("BTC-USDT", 0.001, 0.1)
    assert float(market["info"]["maxMarketSize"]) < market["limits"]["amount"]["max"]
    assert ticker["bid"] < ticker["last"] < ticker["ask"]
    assert tickers[BTC]["last"] == ticker["last"]
    assert (book["bids"][0][0], book["asks"][0][0], len(book["bids"])) == (ticker["bid"], ticker["ask"], 5)
    mark = await blofin.publicGetMarketMarkPrice({"instId": "BTC-USDT"})
    assert mark["data"][0]["markPrice"] == "60000"


async def test_total_is_equity(blofin: ccxt.blofin, house: PaperHouse) -> None:
    await blofin.create_order(BTC, "market", "buy", 100, None, ISOLATED)
    house.world.pin("BTC", Decimal(61_000))

    balance = (await blofin.fetch_balance())["USDT"]

    fee, margin = 0.1 * 60_006 * 0.0006, 0.1 * 60_006 / 3
    assert balance["total"] == pytest.approx(10_000 - fee + 0.1 * 994)
    assert balance["free"] == pytest.approx(10_000 - fee - margin)


async def test_the_order_decides_which_position_it_touches(blofin: ccxt.blofin) -> None:
    await blofin.create_order(BTC, "market", "buy", 20, None, ISOLATED)
    assert await refusal(blofin.create_order(BTC, "market", "sell", 20, None, {"reduceOnly": True})) == (
        ccxt.InvalidOrder,
        "102022",
    )

    (position,) = await blofin.fetch_positions()
    await blofin.create_order(BTC, "market", "sell", 20, None, {**ISOLATED, "reduceOnly": True})

    assert (position["side"], position["contracts"], position["marginMode"]) == ("long", 20, "isolated")
    assert (position["leverage"], position["info"]["positionSide"]) == (3, "net")
    assert await blofin.fetch_positions() == []
    with pytest.raises(ccxt.NullResponse):
        await blofin.fetch_position(BTC)


async def test_an_order_is_found_by_client_id_with_flags_as_text(blofin: ccxt.blofin) -> None:
    order = await blofin.create_order(BTC, "market", "buy", 20, None, {**ISOLATED, "clientOrderId": "mine1"})

    row = (await blofin.privateGetTradeOrderDetail({"instId": "BTC-USDT", "clientOrderId": "mine1"}))["data"]

    assert (row["orderId"], row["state"], row["reduceOnly"]) == (order["id"], "filled", "false")
    assert (Decimal(row["filledSize"]), Decimal(row["averagePrice"])) == (Decimal(20), Decimal(60_006))
    assert row["brokerId"] == "ec6dd3a7dd982d0b"


async def test_a_limit_order_rests_until_it_is_cancelled(blofin: ccxt.blofin) -> None:
    order = await blofin.create_order(BTC, "limit", "buy", 20, 50_000, ISOLATED)
    assert [row["id"] for row in await blofin.fetch_open_orders(BTC)] == [order["id"]]

    await blofin.cancel_order(order["id"], BTC)

    assert await blofin.fetch_open_orders(BTC) == []
    assert (await blofin.fetch_closed_orders(BTC))[0]["status"] == "canceled"
    assert await refusal(blofin.cancel_order(order["id"], BTC)) == (ccxt.BadRequest, "102068")
    assert await refusal(blofin.cancel_order("1", BTC)) == (ccxt.OrderNotFound, "102067")


async def test_leverage_is_per_symbol_and_margin_mode(blofin: ccxt.blofin) -> None:
    await blofin.set_leverage(7, BTC, ISOLATED)
    await blofin.set_leverage(7, BTC, ISOLATED)

    assert (await blofin.fetch_leverage(BTC, ISOLATED))["longLeverage"] == 7
    assert (await blofin.fetch_leverage(BTC, {"marginMode": "cross"}))["longLeverage"] == 3
    assert (await blofin.fetch_leverage(ETH, ISOLATED))["longLeverage"] == 3
    too_much = {"instId": "BTC-USDT", "leverage": 126, "marginMode": "isolated"}
    assert await refusal(blofin.privatePostAccountSetLeverage(too_much)) == (ccxt.BadRequest, "152002")


async def test_margin_mode_is_only_a_default_and_position_mode_is_the_accounts(blofin: ccxt.blofin) -> None:
    await blofin.create_order(BTC, "market", "buy", 20, None, ISOLATED)
    await blofin.set_margin_mode("isolated")
    assert (await blofin.fetch_margin_mode(BTC))["marginMode"] == "isolated"
    assert await refusal(blofin.set_position_mode(True)) == (ccxt.InvalidOrder, "110019")

    await blofin.create_order(BTC, "market", "sell", 20, None, {**ISOLATED, "reduceOnly": True})
    await blofin.set_position_mode(True)

    assert (await blofin.fetch_position_mode())["hedged"] is True
    assert await refusal(blofin.create_order(BTC, "market", "buy", 20, None, ISOLATED)) == (ccxt.BadRequest, "102089")
    await blofin.create_order(BTC, "market", "sell", 20, None, {**ISOLATED, "positionSide": "short"})
    assert [row["side"] for row in await blofin.fetch_positions()] == ["short"]


async def test_orders_and_fills_come_in_pages_by_id(blofin: ccxt.blofin) -> None:
    for _ in range(5):
        await blofin.create_order(BTC, "market", "buy", 1, None, ISOLATED)
    first = (await blofin.privateGetTradeOrdersHistory({"limit": "3"}))["data"]
    rest = (await blofin.privateGetTradeOrdersHistory({"limit": "3", "after": first[-1]["orderId"]}))["data"]
    fills = (await blofin.privateGetTradeFillsHistory({"limit": "2"}))["data"]
    older = (await blofin.privateGetTradeFillsHistory({"limit": "9", "after": fills[-1]["tradeId"]}))["data"]

    assert (len(first), len(rest), len(fills), len(older)) == (3, 2, 2, 3)
    assert len({row["orderId"] for row in first + rest}) == 5


async def test_every_code_becomes_the_exception_that_ccxt_has_for_it(blofin: ccxt.blofin, house: PaperHouse) -> None:
    seen = {}
    for code in EXCEPTIONS:
        house.faults.add(Fault(FaultKind.REFUSED, endpoint="create_order", code=code))
        kind, told = await refusal(blofin.create_order(BTC, "market", "buy", 1, None, ISOLATED))
        assert told == code
        seen[code] = kind

    assert seen == EXCEPTIONS
    assert await blofin.fetch_positions() == []


async def test_refusals_of_the_matching_side_stand_inside_an_outer_code_of_zero(
    blofin: ccxt.blofin, house: PaperHouse
) -> None:
    async def code_of(side: str, amount: float, **params: object) -> str:
        kind, code = await refusal(blofin.create_order(BTC, "market", side, amount, None, {**ISOLATED, **params}))
        outer = blofin.last_http_response.partition('"code":"')[2].partition('"')[0]
        assert (outer == "0") == (code not in ("152009", "152011", "152002")), kind
        return code

    await blofin.create_order(BTC, "market", "buy", 1, None, {**ISOLATED, "clientOrderId": "once"})
    assert await code_of("buy", 1, clientOrderId="once") == "102002"
    assert await code_of("buy", 1, clientOrderId="with-hyphen") == "152009"
    assert await code_of("buy", 1, reduceOnly=True) == "102022"
    assert await code_of("buy", 100_000) == "103003"
    assert await code_of("buy", 1_000_000) == "102015"
    assert await code_of("buy", 1, marginMode="both") == "152002"
    house.exchanges["blofin"].set_state("BTC-USDT", MarketState.HALTED)
    assert await code_of("buy", 1) == "103013"


async def test_a_key_belongs_to_no_foreign_broker(blofin: ccxt.blofin) -> None:
    foreign = blofin.create_order(BTC, "market", "buy", 1, None, {**ISOLATED, "brokerId": "somebody"})
    assert await refusal(foreign) == (ccxt.PermissionDenied, "152011")

    assert await blofin.create_order(BTC, "market", "buy", 1, None, {**ISOLATED, "brokerId": ""})


async def test_wrong_key_secret_and_passphrase_have_codes_of_their_own(blofin: ccxt.blofin) -> None:
    right = {name: getattr(blofin, name) for name in ("apiKey", "secret", "password")}
    for name, code in {"apiKey": "152401", "secret": "152409", "password": "152408"}.items():
        setattr(blofin, name, "wrong")
        assert await refusal(blofin.fetch_balance()) == (ccxt.AuthenticationError, code)
        setattr(blofin, name, right[name])


@pytest.mark.parametrize(
    ("permissions", "code"),
    [
        (Permissions(is_revoked=True), "152401"),
        (Permissions(expires_ms=1), "152402"),
        (Permissions(allowed_addresses=("10.1.1.1",)), "152406"),
        (Permissions(can_trade=False), "152404"),
    ],
    ids=["revoked", "expired", "foreign address", "may only read"],
)
async def test_a_key_that_may_not_trade_has_the_reason_in_its_code(
    blofin: ccxt.blofin, house: PaperHouse, permissions: Permissions, code: str
) -> None:
    house.exchanges["blofin"].set_permissions(house.account("blofin", "main"), permissions)

    assert (await refusal(blofin.create_order(BTC, "market", "buy", 1, None, ISOLATED)))[1] == code


@pytest.mark.parametrize(("shift_ms", "is_taken"), [(60_000, True), (60_001, False), (-60_000, True), (-60_001, False)])
async def test_timestamps_count_within_a_minute(
    blofin: ccxt.blofin, house: PaperHouse, shift_ms: int, *, is_taken: bool
) -> None:
    now_ms = house.world.now_ms()
    blofin.milliseconds = lambda: now_ms + shift_ms

    if is_taken:
        assert (await blofin.fetch_balance())["USDT"]["total"] == 10_000
    else:
        assert await refusal(blofin.fetch_balance()) == (ccxt.InvalidNonce, "152405")


async def test_two_calls_of_one_millisecond_collide_on_the_nonce_for_a_minute(
    blofin: ccxt.blofin, clock: SteadyClock, house: PaperHouse
) -> None:
    now_ms = house.world.now_ms() + 30_000
    blofin.milliseconds = lambda: now_ms
    await blofin.fetch_balance()
    assert await refusal(blofin.fetch_positions()) == (ccxt.InvalidNonce, "152407")

    clock.pass_seconds(60)
    assert await blofin.fetch_positions() == []


async def test_trading_calls_are_limited_to_30_in_ten_seconds(blofin: ccxt.blofin, clock: SteadyClock) -> None:
    for _ in range(30):
        await blofin.create_order(BTC, "market", "buy", 1, None, ISOLATED)
    over = await refusal(blofin.create_order(BTC, "market", "buy", 1, None, ISOLATED))
    assert over == (ccxt.RateLimitExceeded, "429")

    clock.pass_seconds(10)
    assert await blofin.create_order(BTC, "market", "buy", 1, None, ISOLATED)


async def test_a_bare_429_is_taken_for_an_exchange_that_is_away(blofin: ccxt.blofin, house: PaperHouse) -> None:
    house.faults.add(Fault(FaultKind.RATE_LIMITED, endpoint="positions", status=429))

    with pytest.raises(ccxt.ExchangeNotAvailable):
        await blofin.fetch_positions()
