"""What Binance, OKX and Hyperliquid themselves answered or document, read by the general adapter into our words.

Each file under recorded/ names its origin and how real it is. Where a row is changed for a case (another symbol, net
mode, our id), the test shows it.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import pytest

from account_processors.ccxt_base import CcxtExchange
from account_processors.passport import Passport, Severity
from account_processors.registry import connect, find_dialect
from config.accounts import AccountMode, AccountSettings
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.order import (
    Accepted,
    ExchangeOrderState,
    NotFound,
    OrderIntent,
    OrderReport,
    RefusalReason,
    RefusedOutcome,
    Side,
    UnknownOutcome,
)
from core.model.position import MarginMode
from core.model.reading import Barred, Unknown
from simulation.bare_world import ToldFacts
from simulation.exchange_bench import BTC, ETH, must_know
from simulation.replay import Replay, Status, read_recorded
from simulation.virtual_time import VirtualClock, run_virtually

RECORDED = Path(__file__).parent / "recorded"
KEY, SECRET = "0x" + "1" * 40, "0x" + "2" * 64
ISOLATED, CROSS = MarginMode.ISOLATED, MarginMode.CROSS
CID = ClientOrderId("a" * 32)
HYPE = Symbol("HYPEUSDT")
HEX_CID = "0x3ba3f5f43b92602683c19aee62a20342"
"""What Hyperliquid is told instead of CID, since its ids are 128 bits in hex."""


def told(name: str, **changes: object) -> Any:  # noqa: ANN401 - JSON
    """A recorded answer, with changes to the first (or only) row of its data."""
    body = read_recorded(RECORDED, name)
    if changes:
        data = body["data"] if isinstance(body, dict) and "data" in body else body
        (data[0] if isinstance(data, list) else data).update(changes)
    return body


def hyperliquid_order(name: str, **changes: object) -> Any:  # noqa: ANN401 - JSON
    body = read_recorded(RECORDED, f"hyperliquid/{name}")
    body["order"]["order"].update({"coin": "BTC", "cloid": HEX_CID, **changes})
    return body


def markets_of_hyperliquid() -> Any:  # noqa: ANN401 - JSON
    """The documented sample with further coins that the recorded positions are in."""
    meta, contexts = read_recorded(RECORDED, "hyperliquid/meta_and_asset_contexts")
    for coin in ("HYPE", "SOL"):
        meta["universe"].append({"name": coin, "szDecimals": 2, "maxLeverage": 10})
        contexts.append(contexts[0])
    return [meta, contexts]


def binance_markets() -> Any:  # noqa: ANN401 - JSON
    """The recorded listing with the documented row beside it, which alone has a limit for market orders."""
    body = told("binance/exchange_info")
    body["symbols"] += told("binance/exchange_info_documented")["symbols"]
    return body


def okx_markets(*coins: str) -> Any:  # noqa: ANN401 - JSON
    """The recorded listing, with further coins of the shape of ETH-USDT-SWAP."""
    body = told("okx/instruments")
    for coin in coins:
        names = {"instId": f"{coin}-USDT-SWAP", "instFamily": f"{coin}-USDT", "uly": f"{coin}-USDT", "ctValCcy": coin}
        body["data"].append({**body["data"][1], **names, "ctVal": "1", "lotSz": "1", "minSz": "1"})
    return body


WORLDS: dict[str, dict[str, Any]] = {
    "binance": {
        "exchangeInfo": binance_markets(),
        "v3/account": told("binance/account"),
        "positionRisk": told("binance/position_risk"),
        "symbolConfig": told("binance/symbol_config"),
        "leverageBracket": told("binance/leverage_bracket"),
        "24hr": told("binance/ticker_24hr"),
        "v1/order": told("binance/order_created"),
        "v1/leverage": told("binance/set_leverage"),
        "marginType": told("binance/set_margin_type"),
        "depth": told("binance/depth"),
        "dual": told("binance/position_mode"),
        "apiRestrictions": told("binance/api_restrictions"),
        "multiAssetsMargin": told("binance/multi_assets_mode"),
    },
    "okx": {
        "public/instruments": okx_markets(),
        "account/balance": told("okx/balance"),
        "account/positions": told("okx/position_isolated"),
        "market/ticker": told("okx/ticker", instId="BTC-USDT-SWAP"),
        "batch-orders": told("okx/order_created"),
        "leverage-info": told("okx/leverage_info"),
        "set-leverage": told("okx/set_leverage"),
        "market/books": told("okx/order_book"),
        "account/config": told("okx/account_config"),
    },
    "hyperliquid": {
        "metaAndAssetCtxs": markets_of_hyperliquid(),
        "clearinghouseState": told("hyperliquid/state_isolated_long"),
        "userAbstraction": "disabled",
        "order": told("hyperliquid/order_filled"),
        "updateLeverage": told("hyperliquid/set_leverage"),
        "l2Book": told("hyperliquid/book"),
    },
}


def play(name: str, scene: Callable[[CcxtExchange], Awaitable[None]], **changes: object) -> Replay:
    """Run a scene against what was recorded of an exchange; what was asked."""
    answers = {**WORLDS[name.removesuffix("usdm")], **changes}
    replay = Replay(copy.deepcopy(answers))

    async def whole() -> None:
        settings = AccountSettings(AccountId(name), AccountMode.SANDBOX, api_key=KEY, secret=SECRET, passphrase="word")
        clock = VirtualClock(asyncio.get_running_loop())
        urls = find_dialect(name).urls("http://recorded.invalid")
        exchange = connect(settings, clock, ToldFacts(), session=replay, urls=urls)
        try:
            await scene(exchange)
        finally:
            await exchange.close()

    run_virtually(whole())
    return replay


def intent_of(exchange: CcxtExchange, symbol: Symbol = BTC, *, reduce_only: bool = False) -> OrderIntent:
    return OrderIntent(CID, exchange.account, symbol, Side.BUY, Decimal("0.02"), reduce_only, ISOLATED, Decimal(3), 1)


@pytest.mark.parametrize("name", ["binance", "binanceusdm"])
def test_binance_lists_its_usdt_perpetuals_and_nothing_else(name: str) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        listed = must_know(await exchange.read_instruments())
        assert sorted(listed) == ["BLZUSDT", "BTCUSDT", "XAUUSDT"]
        bitcoin, blz = listed[BTC], listed[Symbol("BLZUSDT")]
        assert bitcoin.lot_step == bitcoin.min_quantity == Decimal("0.001")
        assert bitcoin.min_notional == 5
        assert bitcoin.max_market_quantity == 1000
        assert [blz.lot_step, blz.max_market_quantity, blz.min_notional] == [Decimal(1), Decimal(590_119), Decimal(5)]

    play(name, scene)


@pytest.mark.parametrize("name", ["binance", "binanceusdm"])
def test_both_names_of_binance_load_the_class_that_covers_spot_and_perpetuals(name: str) -> None:
    loaded = getattr(ccxt, find_dialect(name).profile.ccxt_id)
    assert issubclass(loaded, ccxt.binance)
    assert loaded().has["spot"] is not None
    assert loaded().has["swap"] is True


def test_okx_and_hyperliquid_list_their_perpetuals_with_sizes_in_base_asset() -> None:
    async def okx(exchange: CcxtExchange) -> None:
        listed = must_know(await exchange.read_instruments())
        assert sorted(listed) == [BTC, ETH]
        bitcoin = listed[BTC]
        assert (bitcoin.contract_size, bitcoin.lot_step) == (Decimal("0.01"), Decimal("0.0001"))
        assert bitcoin.max_market_quantity == 120  # 12,000 contracts; ccxt's own limit is that of limit orders.
        assert listed[ETH].max_market_quantity == 2000

    async def hyperliquid(exchange: CcxtExchange) -> None:
        listed = must_know(await exchange.read_instruments())
        assert (listed[BTC].lot_step, listed[BTC].min_notional) == (Decimal("0.00001"), Decimal(10))
        assert listed[Symbol("HPOSUSDT")].lot_step == 1
        assert listed[Symbol("HPOSUSDT")].max_leverage == 3

    play("okx", okx)
    play("hyperliquid", hyperliquid)


@pytest.mark.parametrize(
    ("name", "changes", "value"),
    [
        ("binance", {}, "4.27203287"),  # 3.72964781 in the wallet and 0.54238506 of open profit; 22 USDC do not count.
        ("binance", {"v3/account": told("binance/account_flat")}, "31.022612"),
        ("okx", {}, "99.89469657000001"),  # Of it -0.0273 is open profit of an isolated position.
        ("hyperliquid", {}, "83.307638"),  # With the margin of an isolated position.
        ("hyperliquid", {"clearinghouseState": told("hyperliquid/state_isolated_short")}, "76.206517"),
        ("hyperliquid", {"clearinghouseState": told("hyperliquid/state_cross")}, "19762.483455"),
        ("hyperliquid", {"clearinghouseState": told("hyperliquid/state_flat")}, "20.454862"),
    ],
)
def test_the_value_of_an_account_is_wallet_and_open_profit(
    name: str, changes: Mapping[str, object], value: str
) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        assert must_know((await exchange.read_snapshot()).equity) == Decimal(value)

    play(name, scene, **changes)


BINANCE_SHORT = told("binance/position_risk", positionAmt="-0.009", isolatedMargin="7.1", isolatedWallet="7.1")
OKX_NET_SHORT = {"instId": "ETH-USDT-SWAP", "posSide": "net", "pos": "-3", "ccy": "USDT"}


@pytest.mark.parametrize(
    ("name", "changes", "held"),
    [
        ("binance", {}, {BTC: ("0.009", CROSS)}),
        ("binance", {"positionRisk": BINANCE_SHORT}, {BTC: ("-0.009", ISOLATED)}),
        ("binance", {"positionRisk": []}, {}),
        ("binance", {"positionRisk": told("binance/position_risk_hedge")}, {BTC: ("0.001", CROSS)}),
        ("okx", {}, {}),  # A position of BTC-USD-SWAP, which is settled in BTC, is not ours to read.
        (
            "okx",
            {"account/positions": told("okx/position_isolated", **OKX_NET_SHORT)},
            {ETH: ("-0.3", ISOLATED)},
        ),
        (
            "okx",
            {"account/positions": told("okx/position_cross"), "public/instruments": okx_markets("LTC")},
            {Symbol("LTCUSDT"): ("2", CROSS)},
        ),
        ("okx", {"account/positions": {"code": "0", "msg": "", "data": []}}, {}),
        ("hyperliquid", {}, {HYPE: ("2", ISOLATED)}),
        ("hyperliquid", {"clearinghouseState": told("hyperliquid/state_isolated_short")}, {HYPE: ("-4", ISOLATED)}),
        (
            "hyperliquid",
            {"clearinghouseState": told("hyperliquid/state_cross")},
            {Symbol("SOLUSDT"): ("3.34", CROSS), ETH: ("3.6", CROSS)},
        ),
        ("hyperliquid", {"clearinghouseState": told("hyperliquid/state_flat")}, {}),
    ],
)
def test_positions_are_signed_base_asset_with_their_own_margin_mode(
    name: str, changes: Mapping[str, object], held: Mapping[Symbol, tuple[str, MarginMode]]
) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        positions = must_know(await exchange.read_positions())
        assert {symbol: (one.quantity, one.margin_mode) for symbol, one in positions.items()} == {
            symbol: (Decimal(quantity), mode) for symbol, (quantity, mode) in held.items()
        }

    play(name, scene, **changes)


def test_a_symbol_held_on_both_sides_is_unclear_alone() -> None:
    async def scene(exchange: CcxtExchange) -> None:
        held = must_know(await exchange.read_positions())
        assert [bool(one.unclear) for one in held.values()] == [True], held

    play("okx", scene, **{"account/positions": told("okx/positions_hedge")})


def test_entry_price_and_profit_of_a_position_are_exact() -> None:
    async def scene(exchange: CcxtExchange) -> None:
        held = must_know(await exchange.read_positions())[BTC]
        assert (held.entry_price, held.unrealized_profit) == (Decimal("67445.9"), Decimal("0.51106678"))

    play("binance", scene)


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("okx", {"account/positions": told("okx/position_cross")}, "LTC"),
        ("binance", {"positionRisk": told("binance/position_risk", symbol="DOGEUSDT")}, "DOGE"),
        ("hyperliquid", {"metaAndAssetCtxs": told("hyperliquid/meta_and_asset_contexts")}, "HYPE"),
        ("hyperliquid", {"clearinghouseState": {"status": "?"}}, ""),
    ],
)
def test_positions_that_cannot_be_read_are_unknown_and_never_left_out(
    name: str, changes: Mapping[str, object], why: str
) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        positions = await exchange.read_positions()
        assert isinstance(positions, Unknown), positions
        assert why in positions.reason

    play(name, scene, **changes)


@pytest.mark.parametrize("price", [None, "", "0"])
def test_a_position_that_ccxt_drops_beside_one_that_it_shows_makes_all_unknown(price: str | None) -> None:
    (shown,) = told("binance/position_risk")
    dropped = {**shown, "symbol": "XAUUSDT", "entryPrice": price}

    async def scene(exchange: CcxtExchange) -> None:
        positions = await exchange.read_positions()
        assert isinstance(positions, Unknown), positions
        assert "the exchange tells of 2 and ccxt of 1" in positions.reason

    play("binance", scene, positionRisk=[shown, dropped])


def test_a_hyperliquid_account_of_the_unified_kind_is_named_and_its_value_is_not_guessed() -> None:
    async def scene(exchange: CcxtExchange) -> None:
        equity = (await exchange.read_snapshot()).equity
        assert isinstance(equity, Unknown)
        assert "unifiedAccount" in equity.reason

    asked = play("hyperliquid", scene, userAbstraction="unifiedAccount").requests
    assert sum("userAbstraction" in body for _, body in asked) == 1

    async def untold(exchange: CcxtExchange) -> None:
        assert isinstance((await exchange.read_snapshot()).equity, Unknown)

    play("hyperliquid", untold, userAbstraction=Status(500, {}))


@pytest.mark.parametrize(
    ("name", "last", "bid", "at"),
    [
        ("binance", "4.000002", None, datetime(2017, 7, 12, 14, 31, 39, 40000, tzinfo=UTC)),
        ("okx", "9999.99", "8888.88", datetime(2020, 8, 10, 2, 26, 23, 85000, tzinfo=UTC)),
        ("hyperliquid", "14.314", "14.3047", None),
    ],
)
def test_prices_have_the_exchanges_own_time_where_it_tells_one(
    name: str, last: str, bid: str | None, at: datetime | None
) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        quote = must_know((await exchange.read_quotes([BTC]))[BTC])
        assert (quote.last, quote.bid) == (Decimal(last), Decimal(bid) if bid else None)
        assert quote.at == at or at is None

    play(name, scene)


def test_a_ticker_of_another_instrument_is_no_price() -> None:
    async def scene(exchange: CcxtExchange) -> None:
        assert isinstance((await exchange.read_quotes([BTC]))[BTC], Unknown)

    play("okx", scene, **{"market/ticker": told("okx/ticker")})


@pytest.mark.parametrize(
    ("name", "bid", "ask"),
    [
        ("binance", ("42651.1", "470.672"), ("42878", "7.011")),
        ("okx", ("41006.7", "0.0048792100"), ("41006.8", "0.0060038921")),
        ("hyperliquid", ("110427", "4.11882"), ("110428", "3.72573")),
    ],
)
def test_books_are_in_base_asset(name: str, bid: tuple[str, str], ask: tuple[str, str]) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        book = must_know(await exchange.read_book(BTC))
        assert book.bids[0] == tuple(map(Decimal, bid))
        assert book.asks[0] == tuple(map(Decimal, ask))

    play(name, scene)


@pytest.mark.parametrize(
    ("name", "order_id"),
    [("binance", "4087922044"), ("okx", "2896576259728695296"), ("hyperliquid", "296683658818")],
)
def test_the_answer_to_an_order_gives_its_id(name: str, order_id: str) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        await exchange.read_quotes([BTC])
        assert await exchange.submit_order(intent_of(exchange)) == Accepted(order_id)

    play(name, scene)


SPOT_ID = "x-xcKtGhcud2deca88ac9f4ccb9485a9"
ORDERS: list[tuple[str, str, object, tuple[ExchangeOrderState, str, str, str | None]]] = [
    (
        "binance",
        "v1/order",
        told("binance/order_filled", clientOrderId=CID),
        (ExchangeOrderState.FILLED, "0.01", "0.01", "47279.4"),
    ),
    (
        "binance",
        "v1/order",
        told("binance/order_open", clientOrderId=CID, symbol="BTCUSDT"),
        (ExchangeOrderState.OPEN, "0.2", "0", None),
    ),
    (
        "binance",
        "v1/order",
        told("binance/order_canceled", clientOrderId=CID, time=1571110484038),
        (ExchangeOrderState.CANCELLED, "11", "0", None),
    ),
    (
        "binance",
        "v1/order",
        told("binance/order_filled", clientOrderId=CID, status="EXPIRED", executedQty="0.004"),
        (ExchangeOrderState.CANCELLED, "0.01", "0.004", "47279.4"),
    ),
    (
        "okx",
        "trade/order",
        told("okx/order_filled", clOrdId=CID),
        (ExchangeOrderState.FILLED, "0.0003", "0.0003", "103698.9"),
    ),
    (
        "okx",
        "trade/order",
        told("okx/order_filled", clOrdId=CID, state="live", accFillSz="0", avgPx=""),
        (ExchangeOrderState.OPEN, "0.0003", "0", None),
    ),
    (
        "okx",
        "trade/order",
        told("okx/order_filled", clOrdId=CID, state="canceled", accFillSz="0.01"),
        (ExchangeOrderState.CANCELLED, "0.0003", "0.0001", "103698.9"),
    ),
    (
        "hyperliquid",
        "orderStatus",
        hyperliquid_order("status_filled"),
        (ExchangeOrderState.FILLED, "0.0076", "0.0076", None),
    ),
    ("hyperliquid", "orderStatus", hyperliquid_order("status_open"), (ExchangeOrderState.OPEN, "2", "0", None)),
    (
        "hyperliquid",
        "orderStatus",
        hyperliquid_order("status_canceled"),
        (ExchangeOrderState.CANCELLED, "50", "0", None),
    ),
]


@pytest.mark.parametrize(("name", "path", "body", "expected"), ORDERS)
def test_orders_as_the_exchanges_tell_them(
    name: str, path: str, body: object, expected: tuple[ExchangeOrderState, str, str, str | None]
) -> None:
    state, quantity, filled, price = expected

    async def scene(exchange: CcxtExchange) -> None:
        report = await exchange.find_order(BTC, CID)
        assert isinstance(report, OrderReport), report
        assert (report.state, report.quantity, report.filled_quantity) == (state, Decimal(quantity), Decimal(filled))
        assert report.average_price == (Decimal(price) if price else None)

    play(name, scene, **{path: body})


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("binance", "v1/order", told("binance/order_filled")),
        ("binance", "v1/order", told("binance/order_open", clientOrderId=CID, symbol="XAUUSDT")),
        ("okx", "trade/order", told("okx/order_spot")),
        ("okx", "trade/order", told("okx/order_spot", clOrdId=CID)),
        ("hyperliquid", "orderStatus", read_recorded(RECORDED, "hyperliquid/status_filled")),
    ],
)
def test_another_order_and_another_symbols_order_prove_nothing(name: str, path: str, body: object) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        assert isinstance(await exchange.find_order(BTC, CID), UnknownOutcome)

    play(name, scene, **{path: body})


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("binance", "v1/order", told("binance/error_unknown_order")),
        ("okx", "trade/order", told("okx/error_unknown_order")),
        ("hyperliquid", "orderStatus", told("hyperliquid/status_unknown")),
    ],
)
def test_an_order_that_the_exchange_does_not_know_is_not_found(name: str, path: str, body: object) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        assert await exchange.find_order(BTC, CID) == NotFound()

    play(name, scene, **{path: body})


REFUSALS = [
    ("binance", "v1/order", told("binance/error_insufficient"), RefusalReason.INSUFFICIENT_MARGIN),
    ("binance", "v1/order", told("binance/error_reduce_only"), RefusalReason.NOTHING_TO_REDUCE),
    ("binance", "v1/order", told("binance/error_duplicate"), RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
    ("okx", "batch-orders", told("okx/error_insufficient"), RefusalReason.INSUFFICIENT_MARGIN),
    ("okx", "batch-orders", told("okx/error_insufficient_margin"), RefusalReason.INSUFFICIENT_MARGIN),
    ("okx", "batch-orders", told("okx/error_reduce_only"), RefusalReason.NOTHING_TO_REDUCE),
    ("okx", "batch-orders", told("okx/error_duplicate"), RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
    ("okx", "batch-orders", told("okx/error_not_activated"), RefusalReason.NOT_TRADABLE),
]
HYPERLIQUID_REFUSALS = (
    RefusalReason.PRECISION,
    RefusalReason.BELOW_MINIMUM,
    RefusalReason.INSUFFICIENT_MARGIN,
    RefusalReason.NOTHING_TO_REDUCE,
    RefusalReason.NOT_TRADABLE,
    RefusalReason.NOT_TRADABLE,
    RefusalReason.RISK_LIMIT,
    RefusalReason.RISK_LIMIT,
    RefusalReason.RISK_LIMIT,
    RefusalReason.NOT_TRADABLE,
    RefusalReason.RISK_LIMIT,
)


def refused_by_hyperliquid(text: str) -> object:
    return {"status": "ok", "response": {"type": "order", "data": {"statuses": [{"error": f"{text} asset=0"}]}}}


REFUSALS += [
    ("hyperliquid", "order", refused_by_hyperliquid(text), reason)
    for text, reason in zip(read_recorded(RECORDED, "hyperliquid/error_texts"), HYPERLIQUID_REFUSALS, strict=True)
]


@pytest.mark.parametrize(("name", "path", "body", "reason"), REFUSALS)
def test_a_refused_order_has_our_reason(name: str, path: str, body: object, reason: RefusalReason) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        await exchange.read_quotes([BTC])
        outcome = await exchange.submit_order(intent_of(exchange))
        assert isinstance(outcome, RefusedOutcome), outcome
        assert outcome.reason is reason

    play(name, scene, **{path: body})


def test_a_key_that_is_refused_bars_the_account_and_a_limit_is_obeyed() -> None:
    async def barred(exchange: CcxtExchange) -> None:
        assert isinstance((await exchange.read_snapshot()).equity, Barred)

    async def limited(exchange: CcxtExchange) -> None:
        await exchange.read_instruments()
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert isinstance((await exchange.read_snapshot()).equity, Unknown)
        await exchange.read_quotes([BTC])
        assert loop.time() - before >= 1

    play("okx", barred, **{"account/balance": told("okx/error_key")})
    play("okx", limited, **{"account/balance": told("okx/error_rate_limit")})


@pytest.mark.parametrize(
    ("name", "mode", "leverage"), [("binance", CROSS, 20), ("okx", None, 10), ("hyperliquid", None, 0)]
)
def test_settings_are_read_where_they_are_told(name: str, mode: MarginMode | None, leverage: int) -> None:
    async def scene(exchange: CcxtExchange) -> None:
        settings = must_know(await exchange.read_settings(BTC))
        assert settings.margin_mode is mode
        assert settings.leverage == leverage
        assert await exchange.set_leverage(BTC, Decimal(3), ISOLATED) == Accepted("")

    asked = play(name, scene).requests[-1]
    assert {"binance": "leverage=3&", "okx": '"mgnMode":"isolated"', "hyperliquid": '"isCross":false'}[name] in asked[1]
    assert "marginMode" not in asked[1]


def test_a_margin_mode_that_is_set_already_is_success_and_one_that_is_no_setting_is_refused_unsent() -> None:
    async def binance(exchange: CcxtExchange) -> None:
        assert await exchange.set_margin_mode(BTC, ISOLATED) == Accepted("")

    async def others(exchange: CcxtExchange) -> None:
        outcome = await exchange.set_margin_mode(BTC, ISOLATED)
        assert isinstance(outcome, RefusedOutcome)
        assert outcome.reason is RefusalReason.MARGIN_MODE_MISMATCH

    play("binance", binance)
    play("binance", binance, marginType=told("binance/error_unchanged"))
    for name in ("okx", "hyperliquid"):
        asked = play(name, others).requests
        assert not any("leverage" in path.lower() + body for path, body in asked)


def severities(passport: Passport) -> dict[str, Severity]:
    return {finding.topic: finding.severity for finding in passport.findings}


def test_the_passport_tells_rights_kind_and_position_mode_where_the_exchange_does() -> None:
    good, warning, problem = Severity.GOOD, Severity.WARNING, Severity.PROBLEM

    async def binance(exchange: CcxtExchange) -> None:
        found = severities(await exchange.inspect())
        assert (found["trading"], found["withdrawal"], found["position mode"]) == (problem, good, problem)
        assert found["account"] is problem  # In multi-assets mode there is no isolated margin.

    async def okx(exchange: CcxtExchange) -> None:
        found = severities(await exchange.inspect())
        assert (found["trading"], found["withdrawal"], found["position mode"]) == (good, warning, good)
        assert found["account"] is good

    async def spot_mode(exchange: CcxtExchange) -> None:
        assert severities(await exchange.inspect())["account"] is problem

    async def untold(exchange: CcxtExchange) -> None:
        found = severities(await exchange.inspect())
        assert (found["trading"], found["withdrawal"], found["position mode"]) == (good, warning, warning)

    play("binance", binance)
    play("okx", okx)
    play("okx", spot_mode, **{"account/config": told("okx/account_config", acctLv="1")})
    play("binance", untold, apiRestrictions=Status(404, {}), dual=Status(404, {}))
