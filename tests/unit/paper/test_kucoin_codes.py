"""What KuCoin Futures answers when it says no, and what unmodified ccxt makes of it."""

from collections.abc import Awaitable
from typing import Any

import ccxt.async_support as ccxt
import pytest

from paper.account import Permissions
from paper.exchange import MarketState
from paper.faults import Fault, FaultKind
from paper.house import PaperHouse

BTC = "BTC/USDT:USDT"
ISOLATED = {"marginMode": "isolated", "leverage": 3}
EXCEPTIONS = {
    "100001": ccxt.OrderNotFound,
    "100003": ccxt.ExchangeError,
    "100004": ccxt.BadRequest,
    "200002": ccxt.ExchangeError,
    "300000": ccxt.InvalidOrder,
    "300001": ccxt.ExchangeError,
    "300002": ccxt.ExchangeError,
    "300003": ccxt.InsufficientFunds,
    "300005": ccxt.ExchangeError,
    "300008": ccxt.ExchangeError,
    "300009": ccxt.InvalidOrder,
    "300011": ccxt.InvalidOrder,
    "300012": ccxt.InvalidOrder,
    "300014": ccxt.ExchangeError,
    "300016": ccxt.ExchangeError,
    "300018": ccxt.ExchangeError,
    "330002": ccxt.ExchangeError,
    "330005": ccxt.InvalidOrder,
    "330008": ccxt.InsufficientFunds,
    "330011": ccxt.ExchangeError,
    "330012": ccxt.InvalidOrder,
    "400001": ccxt.AuthenticationError,
    "400002": ccxt.InvalidNonce,
    "400003": ccxt.AuthenticationError,
    "400004": ccxt.AuthenticationError,
    "400005": ccxt.AuthenticationError,
    "400006": ccxt.AuthenticationError,
    "400007": ccxt.AuthenticationError,
    "400100": ccxt.BadRequest,
    "404000": ccxt.NotSupported,
    "411100": ccxt.AccountSuspended,
    "415000": ccxt.BadRequest,
    "429000": ccxt.RateLimitExceeded,
    "500000": ccxt.ExchangeNotAvailable,
    "503": ccxt.ExchangeNotAvailable,
}


async def refusal(call: Awaitable[Any]) -> tuple[type[BaseException], str]:
    with pytest.raises(ccxt.BaseError) as raised:
        await call
    return raised.type, str(raised.value)


async def test_every_code_becomes_the_exception_that_ccxt_has_for_it(
    kucoin: ccxt.kucoinfutures, house: PaperHouse
) -> None:
    seen = {}
    for code in EXCEPTIONS:
        house.faults.add(Fault(FaultKind.REFUSED, endpoint="create_order", code=code))
        kind, message = await refusal(kucoin.create_order(BTC, "market", "buy", 1, None, ISOLATED))
        assert f'"code":"{code}"' in message
        seen[code] = kind

    assert seen == EXCEPTIONS
    assert await kucoin.fetch_positions() == []


async def test_wrong_key_secret_and_passphrase_have_codes_of_their_own(kucoin: ccxt.kucoinfutures) -> None:
    right = {name: getattr(kucoin, name) for name in ("apiKey", "secret", "password")}
    expected = {"apiKey": "400003", "secret": "400004", "password": "400004"}
    for name, code in expected.items():
        setattr(kucoin, name, "paperwrong")
        kind, message = await refusal(kucoin.fetch_balance())
        assert (kind, code in message) == (ccxt.AuthenticationError, True), name
        setattr(kucoin, name, right[name])

    assert (await kucoin.fetch_balance())["USDT"]["total"] == 10_000


async def test_a_signature_over_another_path_is_refused(kucoin: ccxt.kucoinfutures) -> None:
    signed = kucoin.sign("account-overview", ["futuresPrivate"], "GET", {"currency": "USDT"})

    kind, message = await refusal(
        kucoin.fetch(signed["url"].replace("USDT", "XBT"), "GET", signed["headers"], signed["body"])
    )

    assert (kind, "400005" in message) == (ccxt.AuthenticationError, True)


async def test_missing_headers_are_named_before_anything_else(kucoin: ccxt.kucoinfutures) -> None:
    url = kucoin.urls["api"]["futuresPrivate"] + "/api/v1/positions"

    kind, message = await refusal(kucoin.fetch(url, "GET", {"KC-API-KEY": kucoin.apiKey}))

    assert (kind, "400001" in message) == (ccxt.AuthenticationError, True)


@pytest.mark.parametrize(
    ("permissions", "code"),
    [
        (Permissions(is_revoked=True), "400003"),
        (Permissions(expires_ms=1), "400003"),
        (Permissions(allowed_addresses=("10.1.1.1",)), "400006"),
    ],
    ids=["revoked", "expired", "foreign address"],
)
async def test_a_key_that_may_not_be_used_is_refused_on_reads(
    kucoin: ccxt.kucoinfutures, house: PaperHouse, permissions: Permissions, code: str
) -> None:
    house.exchanges["kucoin"].set_permissions(house.account("kucoin", "main"), permissions)

    kind, message = await refusal(kucoin.fetch_positions())

    assert (kind, code in message) == (ccxt.AuthenticationError, True)


async def test_a_key_that_may_only_read_reads_and_does_not_trade(kucoin: ccxt.kucoinfutures, house: PaperHouse) -> None:
    house.exchanges["kucoin"].set_permissions(house.account("kucoin", "main"), Permissions(can_trade=False))

    kind, message = await refusal(kucoin.create_order(BTC, "market", "buy", 1, None, ISOLATED))

    assert await kucoin.fetch_positions() == []
    assert (kind, "400007" in message) == (ccxt.AuthenticationError, True)


async def test_refusals_of_the_state_machine_arrive_as_the_exchanges_own_codes(
    kucoin: ccxt.kucoinfutures, house: PaperHouse
) -> None:
    async def code_of(amount: float, **params: object) -> str:
        _, message = await refusal(kucoin.create_order(BTC, "market", "buy", amount, None, {**ISOLATED, **params}))
        return message.partition('"code":"')[2].partition('"')[0]

    assert await code_of(8_000, leverage=1) == "300003"
    assert await code_of(1, leverage=101) == "300016"
    assert await code_of(187_400, leverage=100) == "300005"
    assert await code_of(1, clientOrderId="not allowed!") == "400100"
    house.exchanges["kucoin"].set_state("XBTUSDTM", MarketState.HALTED)
    assert await code_of(1) == "300002"


async def test_a_halted_contract_is_paused_and_a_delisted_one_gone(
    kucoin: ccxt.kucoinfutures, house: PaperHouse
) -> None:
    exchange = house.exchanges["kucoin"]
    exchange.set_state("XBTUSDTM", MarketState.HALTED)
    exchange.set_state("ETHUSDTM", MarketState.DELISTED)

    markets = {market["id"]: market["active"] for market in await kucoin.fetch_markets()}

    assert markets["XBTUSDTM"] is False
    assert "ETHUSDTM" not in markets


async def test_what_is_not_an_endpoint_is_not_found(kucoin: ccxt.kucoinfutures) -> None:
    kind, message = await refusal(kucoin.fetch(kucoin.urls["api"]["futuresPrivate"] + "/api/v1/nothing"))

    assert (kind, "404000" in message) == (ccxt.NotSupported, True)


async def test_a_bare_429_is_a_rate_limit(kucoin: ccxt.kucoinfutures, house: PaperHouse) -> None:
    house.faults.add(Fault(FaultKind.RATE_LIMITED, endpoint="positions", status=429))

    kind, _ = await refusal(kucoin.fetch_positions())

    assert kind is ccxt.RateLimitExceeded
