"""What MEXC contracts answer when they say no, and what unmodified ccxt makes of it."""

from collections.abc import Awaitable
from typing import Any

import ccxt.async_support as ccxt
import pytest

from paper.account import Permissions
from paper.exchange import MarketState
from paper.faults import Fault, FaultKind
from paper.house import PaperHouse
from simulation.paper_clients import SteadyClock

BTC = "BTC/USDT:USDT"
ISOLATED = {"openType": 1, "leverage": 3}
EXCEPTIONS = {
    401: ccxt.AuthenticationError,
    402: ccxt.AuthenticationError,
    403: ccxt.PermissionDenied,
    406: ccxt.PermissionDenied,
    500: ccxt.ExchangeError,
    501: ccxt.ExchangeNotAvailable,
    510: ccxt.RateLimitExceeded,
    511: ccxt.PermissionDenied,
    513: ccxt.BadRequest,
    600: ccxt.BadRequest,
    601: ccxt.BadRequest,
    602: ccxt.AuthenticationError,
    603: ccxt.BadRequest,
    604: ccxt.OnMaintenance,
    701: ccxt.PermissionDenied,
    702: ccxt.PermissionDenied,
    703: ccxt.PermissionDenied,
    704: ccxt.PermissionDenied,
    1000: ccxt.AuthenticationError,
    1001: ccxt.BadSymbol,
    1002: ccxt.InvalidOrder,
    2001: ccxt.ExchangeError,
    2002: ccxt.ExchangeError,
    2003: ccxt.InvalidOrder,
    2005: ccxt.InsufficientFunds,
    2006: ccxt.ExchangeError,
    2008: ccxt.ExchangeError,
    2009: ccxt.InvalidOrder,
    2011: ccxt.BadRequest,
    2015: ccxt.ExchangeError,
    2019: ccxt.ExchangeError,
    2022: ccxt.ExchangeError,
    2027: ccxt.ExchangeError,
    2028: ccxt.ExchangeError,
    2030: ccxt.ExchangeError,
    2031: ccxt.ExchangeError,
    2040: ccxt.ExchangeError,
}


async def refusal(call: Awaitable[Any]) -> tuple[type[BaseException], str]:
    with pytest.raises(ccxt.BaseError) as raised:
        await call
    return raised.type, str(raised.value)


async def test_every_code_becomes_the_exception_that_ccxt_has_for_it(mexc: ccxt.mexc, house: PaperHouse) -> None:
    seen = {}
    for code in EXCEPTIONS:
        house.faults.add(Fault(FaultKind.REFUSED, endpoint="create_order", code=str(code)))
        kind, message = await refusal(mexc.create_order(BTC, "market", "buy", 1, None, ISOLATED))
        assert f'"code":{code},' in message
        seen[code] = kind

    assert seen == EXCEPTIONS
    assert await mexc.fetch_positions() == []


async def test_wrong_key_and_secret_have_codes_of_their_own(mexc: ccxt.mexc) -> None:
    right = {name: getattr(mexc, name) for name in ("apiKey", "secret")}
    for name, code in {"apiKey": "401", "secret": "602"}.items():
        setattr(mexc, name, "paperwrong")
        kind, message = await refusal(mexc.fetch_balance())
        assert (kind, f'"code":{code},' in message) == (ccxt.AuthenticationError, True), name
        setattr(mexc, name, right[name])

    assert (await mexc.fetch_balance())["USDT"]["total"] == 10_000


async def test_spot_calls_have_other_numbers_for_a_wrong_key_secret_and_clock(
    mexc: ccxt.mexc, house: PaperHouse
) -> None:
    right = mexc.secret
    mexc.secret = "wrong"
    secret = await refusal(mexc.fetch_currencies())
    mexc.secret = right
    late = house.world.now_ms() - 20_000
    mexc.milliseconds = lambda: late
    clock = await refusal(mexc.fetch_currencies())
    mexc.apiKey = "paperwrong"
    key = await refusal(mexc.fetch_currencies())

    assert (secret[0], "700002" in secret[1]) == (ccxt.AuthenticationError, True)
    assert (clock[0], "700003" in clock[1]) == (ccxt.InvalidNonce, True)
    assert (key[0], "10072" in key[1]) == (ccxt.BadRequest, True)


@pytest.mark.parametrize(
    ("permissions", "code", "expected"),
    [
        (Permissions(is_revoked=True), 401, ccxt.AuthenticationError),
        (Permissions(expires_ms=1), 402, ccxt.AuthenticationError),
        (Permissions(allowed_addresses=("10.1.1.1",)), 406, ccxt.PermissionDenied),
    ],
    ids=["revoked", "expired", "foreign address"],
)
async def test_a_key_that_may_not_be_used_is_refused_on_reads(
    mexc: ccxt.mexc, house: PaperHouse, permissions: Permissions, code: int, expected: type[BaseException]
) -> None:
    house.exchanges["mexc"].set_permissions(house.account("mexc", "main"), permissions)

    kind, message = await refusal(mexc.fetch_positions())

    assert (kind, f'"code":{code},' in message) == (expected, True)


async def test_a_key_that_may_only_read_reads_and_does_not_trade(mexc: ccxt.mexc, house: PaperHouse) -> None:
    house.exchanges["mexc"].set_permissions(house.account("mexc", "main"), Permissions(can_trade=False))

    kind, message = await refusal(mexc.create_order(BTC, "market", "buy", 1, None, ISOLATED))

    assert await mexc.fetch_positions() == []
    assert (kind, '"code":704,' in message) == (ccxt.PermissionDenied, True)


async def test_refusals_of_the_state_machine_arrive_as_the_exchanges_own_codes(
    mexc: ccxt.mexc, house: PaperHouse
) -> None:
    async def code_of(amount: float, **params: object) -> int:
        raw = {"symbol": "BTC_USDT", "vol": amount, "side": 1, "type": 6, **ISOLATED, **params}
        _, message = await refusal(mexc.contractPrivatePostOrderCreate(raw))
        return int(message.partition('"code":')[2].partition(",")[0])

    assert await code_of(80_000, leverage=1) == 2005
    assert await code_of(1, leverage=201) == 2006
    assert await code_of(1_800_000, leverage=200) == 2031
    assert await code_of(0.5) == 2011
    assert await code_of(1.5) == 2015
    assert await code_of(1, side=5) == 2001
    assert await code_of(1, type=9) == 2029
    assert await code_of(1, openType=3) == 2002
    assert await code_of(1, symbol="NOPE_USDT") == 1001
    house.exchanges["mexc"].set_state("BTC_USDT", MarketState.HALTED)
    assert await code_of(1) == 1002


async def test_a_halted_contract_takes_no_orders_and_a_delisted_one_is_gone(
    mexc: ccxt.mexc, house: PaperHouse, clock: SteadyClock
) -> None:
    exchange = house.exchanges["mexc"]
    exchange.set_state("BTC_USDT", MarketState.HALTED)
    exchange.set_state("ETH_USDT", MarketState.DELISTED)
    clock.pass_seconds(5)

    markets = {market["id"]: market for market in await mexc.fetch_swap_markets()}

    assert (markets["BTC_USDT"]["active"], markets["BTC_USDT"]["info"]["apiAllowed"]) == (False, False)
    assert "ETH_USDT" not in markets
