"""What the exchanges themselves answered, as far as it was recorded or documented, read into our words."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from account_processors.ccxt_base import CcxtExchange
from account_processors.registry import connect, find_dialect
from config.accounts import AccountMode, AccountSettings
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.order import Accepted, ExchangeOrderState, OrderIntent, OrderReport, Side
from core.model.position import MarginMode
from core.model.reading import Unknown
from simulation.bare_world import ToldFacts
from simulation.exchange_bench import BTC, ETH, must_know
from simulation.replay import InTurn, Replay, read_recorded
from simulation.virtual_time import VirtualClock, run_virtually

RECORDED = Path(__file__).parent / "recorded"
ISOLATED, CROSS = MarginMode.ISOLATED, MarginMode.CROSS


def answer(name: str, *, in_list: bool = False) -> dict[str, Any]:
    """A recorded answer; `in_list` puts the one object of a sample into the list that the bulk call answers with."""
    body: dict[str, Any] = read_recorded(RECORDED, name)
    return {**body, "data": [body["data"]]} if in_list else body


def replay(name: str, answers: Mapping[str, object] | Replay) -> CcxtExchange:
    settings = AccountSettings(AccountId(name), AccountMode.PAPER, api_key="key", secret="secret", passphrase="phrase")
    urls = find_dialect(name).urls("http://recorded.invalid")
    clock = VirtualClock(asyncio.get_running_loop())
    session = answers if isinstance(answers, Replay) else Replay(answers)
    return connect(settings, clock, ToldFacts(), session=session, urls=urls)


BYBIT = {
    "instruments-info": answer("bybit/nautilus_http_get_instruments_linear"),
    "wallet-balance": answer("bybit/nautilus_http_get_wallet_balance"),
    "order/realtime": answer("bybit/nautilus_http_get_orders_realtime"),
    "order/create": answer("bybit/jk_place_order"),
}
BLOFIN = {
    "instruments": answer("blofin/instruments"),
    "account/balance": answer("blofin/account_balance"),
    "account/positions": answer("blofin/positions"),
    "order-detail": answer("blofin/order_detail"),
    "trade/order": answer("blofin/order_create"),
    "tickers": answer("blofin/tickers"),
}
KUCOIN = {
    "contracts/active": answer("kucoin/sdk_get_symbol_resp", in_list=True),
    "byClientOid": answer("kucoin/sdk_get_order_by_client_oid_resp"),
    "v1/orders": answer("kucoin/jk_order_create"),
    "v1/ticker": answer("kucoin/sdk_get_ticker_resp"),
}
MEXC = {
    "detail": answer("mexc/contract_detail", in_list=True),
    "account/assets": answer("mexc/assets"),
    "open_positions": answer("mexc/open_positions"),
    "order/create": answer("mexc/order_create"),
    "ticker": answer("mexc/tickers"),
}
WORLDS: dict[str, dict[str, object]] = {
    "bybit": dict(BYBIT),
    "blofin": dict(BLOFIN),
    "kucoin": dict(KUCOIN),
    "mexc": dict(MEXC),
}


def test_rules_in_base_asset() -> None:
    async def scene() -> None:
        bybit = must_know(await replay("bybit", BYBIT).read_instruments())
        assert list(bybit) == [BTC, ETH]
        assert (bybit[BTC].lot_step, bybit[BTC].max_market_quantity) == (Decimal("0.001"), Decimal(50))
        assert bybit[BTC].min_notional == 5
        blofin = must_know(await replay("blofin", BLOFIN).read_instruments())[BTC]
        assert (blofin.contract_size, blofin.lot_step) == (Decimal("0.001"), Decimal("0.0001"))
        assert blofin.max_market_quantity == 1000
        kucoin = must_know(await replay("kucoin", KUCOIN).read_instruments())[BTC]
        assert (kucoin.exchange_symbol, kucoin.lot_step) == ("XBTUSDTM", Decimal("0.001"))
        mexc = must_know(await replay("mexc", MEXC).read_instruments())[BTC]
        assert (mexc.exchange_symbol, mexc.lot_step) == ("BTC_USDT", Decimal("0.0001"))
        assert mexc.max_market_quantity == 100

    run_virtually(scene())


def test_values() -> None:
    async def scene() -> None:
        values = {name: (await replay(name, WORLDS[name]).read_snapshot()).equity for name in WORLDS}
        assert must_know(values["bybit"]) == Decimal("1000.50")
        assert round(must_know(values["blofin"]), 12) == Decimal("10014042.988958415234")
        assert must_know(values["mexc"]) == Decimal("0.03176562")
        assert isinstance(values["kucoin"], Unknown)

    run_virtually(scene())


def test_an_overview_of_another_currency_is_unknown() -> None:
    async def scene() -> None:
        exchange = replay("kucoin", {**KUCOIN, "account-overview": answer("kucoin/jk_account_overview")})
        equity = (await exchange.read_snapshot()).equity
        assert isinstance(equity, Unknown)
        assert "currency" in equity.reason

    run_virtually(scene())


def test_positions_of_symbols_that_the_listing_lacks_are_unknown_and_never_left_out() -> None:
    async def scene() -> None:
        listed = answer("bybit/nautilus_http_get_positions")
        listed["result"]["list"][2] |= {"size": "1", "side": "Buy"}
        positions = await replay("bybit", {**BYBIT, "position/list": listed}).read_positions()
        assert isinstance(positions, Unknown)
        assert "SOLUSDT" in positions.reason
        assert isinstance(await replay("blofin", BLOFIN).read_positions(), Unknown)
        assert isinstance(await replay("mexc", MEXC).read_positions(), Unknown)

    run_virtually(scene())


def test_positions_are_signed_base_asset_with_their_own_margin_mode() -> None:
    async def scene() -> None:
        listed = answer("bybit/nautilus_http_get_positions")
        bybit = must_know(await replay("bybit", {**BYBIT, "position/list": listed}).read_positions())
        assert {symbol: held.quantity for symbol, held in bybit.items()} == {BTC: Decimal("0.5"), ETH: Decimal("-5.0")}
        assert bybit[BTC].margin_mode is None

        rules = answer("blofin/instruments")
        rules["data"] = [
            {**rules["data"][0], "instId": f"{coin}-USDT", "baseCurrency": coin} for coin in ("ETH", "BCH")
        ]
        blofin = must_know(await replay("blofin", {**BLOFIN, "instruments": rules}).read_positions())
        assert blofin[ETH].margin_mode is ISOLATED
        assert blofin[ETH].quantity == Decimal("0.001")
        assert blofin[Symbol("BCHUSDT")].quantity == Decimal("-0.290")
        assert blofin[Symbol("BCHUSDT")].margin_mode is CROSS

        contracts = answer("kucoin/sdk_get_symbol_resp", in_list=True)
        inverse = {**contracts["data"][0], "symbol": "ETHUSDM", "isInverse": True, "settleCurrency": "ETH"}
        contracts["data"].append(inverse)
        answers = {**KUCOIN, "contracts/active": contracts, "positions": answer("kucoin/sdk_get_position_list_resp")}
        kucoin = must_know(await replay("kucoin", answers).read_positions())
        assert [(symbol, held.quantity, held.margin_mode) for symbol, held in kucoin.items()] == [
            (BTC, Decimal("0.001"), ISOLATED)
        ]

    run_virtually(scene())


def test_orders_as_the_exchanges_tell_them() -> None:
    async def scene() -> None:
        cid = ClientOrderId("5c52e11203aa677f33e493fb")
        contracts = answer("kucoin/sdk_get_symbol_resp", in_list=True)
        contracts["data"][0] |= {"symbol": "XRPUSDTM", "baseCurrency": "XRP", "multiplier": 10}
        kucoin = replay("kucoin", {**KUCOIN, "contracts/active": contracts})
        report = await kucoin.find_order(Symbol("XRPUSDT"), cid)
        assert isinstance(report, OrderReport), report
        assert report.state is ExchangeOrderState.OPEN
        assert (report.quantity, report.filled_quantity) == (Decimal(10), Decimal(0))
        assert report.created_at == datetime(2024, 11, 25, 8, 37, 38, 568000, tzinfo=UTC)

        detail = answer("mexc/contract_detail", in_list=True)
        detail["data"][0] |= {"symbol": "ETH_USDT", "baseCoin": "ETH", "contractSize": 0.01}
        oid = "_m_f95eb99b061d4eef8f64a04e9ac4dad3"
        mexc = replay("mexc", {**MEXC, "detail": detail, f"ETH_USDT/{oid}": answer("mexc/order_external")})
        closed = await mexc.find_order(ETH, ClientOrderId(oid))
        assert isinstance(closed, OrderReport), closed
        assert (closed.side, closed.filled_quantity) == (Side.BUY, Decimal("0.01"))
        assert closed.average_price == Decimal("1208.35")

    run_virtually(scene())


@pytest.mark.parametrize(
    ("name", "order_id"),
    [
        ("bybit", "1321003749386327552"),
        ("blofin", "28150801"),
        ("kucoin", "5bd6e9286d99522a52e458de"),
        ("mexc", "739113577038255616"),
    ],
)
def test_the_answer_to_an_order_gives_its_id(name: str, order_id: str) -> None:
    async def scene() -> None:
        exchange = replay(name, WORLDS[name])
        cid = ClientOrderId("a" * 32)
        intent = OrderIntent(cid, exchange.account, BTC, Side.BUY, Decimal("0.02"), False, ISOLATED, Decimal(3), 1)
        assert await exchange.submit_order(intent) == Accepted(order_id)

    run_virtually(scene())


def test_prices_with_their_own_times() -> None:
    async def scene() -> None:
        blofin = must_know((await replay("blofin", BLOFIN).read_quotes([BTC]))[BTC])
        assert (blofin.last, blofin.bid, blofin.ask) == (Decimal(27187), Decimal(27187), Decimal("27187.5"))
        assert blofin.at == datetime(2023, 9, 21, 2, 4, 22, 487000, tzinfo=UTC)
        mexc = await replay("mexc", MEXC).read_quotes([BTC])
        assert isinstance(mexc[BTC], Unknown)
        one = answer("mexc/tickers")
        one["data"] = one["data"][0]
        told = must_know((await replay("mexc", {**MEXC, "ticker": one}).read_quotes([BTC]))[BTC])
        assert (told.last, told.mark) == (Decimal(31199), Decimal("31199.5"))

    run_virtually(scene())


def page_of(symbol: str, cursor: str) -> dict[str, Any]:
    """One page of Bybit's positions."""
    body = answer("bybit/nautilus_http_get_positions")
    row = next(one for one in body["result"]["list"] if one["symbol"] == symbol)
    return {**body, "result": {"list": [row], "nextPageCursor": cursor, "category": "linear"}}


def test_fault_23_positions_are_paged_to_the_end_and_unknown_when_a_page_is_missing() -> None:
    async def scene() -> None:
        both = InTurn([page_of("BTCUSDT", "next"), page_of("ETHUSDT", "")])
        positions = await replay("bybit", {**BYBIT, "position/list": both}).read_positions()
        assert list(must_know(positions)) == [BTC, ETH]
        first = InTurn([page_of("BTCUSDT", "next")])
        assert isinstance(await replay("bybit", {**BYBIT, "position/list": first}).read_positions(), Unknown)
        endless = InTurn(page_of("SOLUSDT", "next") for _ in range(100))
        assert isinstance(await replay("bybit", {**BYBIT, "position/list": endless}).read_positions(), Unknown)

    run_virtually(scene())


EMPTY: dict[str, tuple[str, dict[str, Any], str, tuple[object, object]]] = {
    "bybit": (
        "position/list",
        {"retCode": 0, "retMsg": "OK", "result": {"list": [], "nextPageCursor": "", "category": "linear"}},
        "retCode",
        (10006, 987654),
    ),
    "blofin": ("account/positions", {"code": "0", "msg": "success", "data": []}, "code", ("152002", "987654")),
    "kucoin": ("v1/positions", {"code": "200000", "data": []}, "code", ("429000", "987654")),
    "mexc": ("open_positions", {"success": True, "code": 0, "data": []}, "code", (510, 987654)),
}
"""By exchange: the path, how it says that nothing is held, and a known and an unknown code that say otherwise."""


@pytest.mark.parametrize("name", EMPTY)
def test_fault_04_an_empty_list_beside_an_error_code_is_unknown_and_never_flat(name: str) -> None:
    path, flat, field, codes = EMPTY[name]

    async def scene() -> None:
        assert must_know(await replay(name, {**WORLDS[name], path: flat}).read_positions()) == {}
        for code in codes:
            answers = {**WORLDS[name], path: {**flat, field: code}}
            assert isinstance(await replay(name, answers).read_positions(), Unknown), code

    run_virtually(scene())


REDUCE_ONLY: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "bybit": ("order/create", {"side": "Sell", "reduceOnly": True}, {"side": "Sell", "reduceOnly": False}),
    "blofin": ("trade/order", {"side": "sell", "reduceOnly": "true"}, {"side": "sell", "reduceOnly": "false"}),
    "kucoin": ("v1/orders", {"side": "sell", "reduceOnly": True}, {"side": "sell", "reduceOnly": False}),
    "mexc": ("order/create", {"side": 4}, {"side": 3}),
}
"""By exchange: the path of orders, and how a sale that only reduces and one that may open are marked there."""


@pytest.mark.parametrize("name", REDUCE_ONLY)
def test_fault_21_a_reduction_is_an_ordinary_order_marked_so_in_the_exchanges_own_words(name: str) -> None:
    path, reducing, opening = REDUCE_ONLY[name]

    async def scene() -> None:
        session = Replay(WORLDS[name])
        exchange = replay(name, session)
        for reduce_only, marked in ((True, reducing), (False, opening)):
            cid = ClientOrderId(f"clos{reduce_only:d}{'a' * 27}")
            intent = OrderIntent(
                cid, exchange.account, BTC, Side.SELL, Decimal("0.02"), reduce_only, ISOLATED, Decimal(3), 1
            )
            assert isinstance(await exchange.submit_order(intent), Accepted)
            (sent,) = [json.loads(body) for asked, body in session.requests if asked.endswith(path) and cid in body]
            assert {field: sent[field] for field in marked} == marked

    run_virtually(scene())
