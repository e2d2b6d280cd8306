"""Exchanges without an adapter of their own, through ccxt's unified methods, against small servers (assumed)."""

from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from account_processors.generic import dialect_for
from account_processors.registry import find_dialect
from core.model.failures import InvalidInput
from core.model.identity import Symbol
from core.model.order import (
    Accepted,
    NotFound,
    OrderReport,
    RefusalReason,
    RefusedOutcome,
    Side,
    UnknownOutcome,
)
from core.model.position import MarginMode
from core.model.reading import Known, Unknown
from simulation.exchange_bench import BTC, must_know
from simulation.foreign_bench import SERVERS, Foreign, play_foreign


@pytest.mark.parametrize("name", SERVERS)
def test_the_whole_conversation(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = foreign.exchange
        rules = must_know(await exchange.read_instruments())
        assert BTC in rules
        snapshot = await exchange.read_snapshot()
        assert must_know(snapshot.equity) == 10_000
        assert must_know(snapshot.positions) == {}
        quotes = await exchange.read_quotes([BTC, Symbol("ETHUSDT")])
        assert must_know(quotes[BTC]).last == 50_000
        assert isinstance(quotes[Symbol("ETHUSDT")], Unknown)
        await foreign.ready()
        assert foreign.server.leverage == 3
        opening = foreign.intent(Side.BUY, "0.02")
        outcome = await exchange.submit_order(opening)
        assert isinstance(outcome, Accepted), outcome
        report = await exchange.find_order(BTC, opening.client_order_id)
        assert isinstance(report, OrderReport), report
        assert report.client_order_id == opening.client_order_id
        assert report.signed_fill == Decimal("0.02")
        assert foreign.server.held == Decimal("0.02")
        position = must_know(await exchange.read_positions())[BTC]
        assert position.quantity == Decimal("0.02")
        assert position.margin_mode is MarginMode.ISOLATED
        closing = foreign.intent(Side.SELL, "0.02", reduce_only=True)
        assert isinstance(await exchange.submit_order(closing), Accepted)
        assert must_know(await exchange.read_positions()) == {}
        assert must_know((await exchange.read_snapshot()).equity) < 10_000

    play_foreign(name, scene)


@pytest.mark.parametrize("name", SERVERS)
@pytest.mark.parametrize(
    ("reason", "meaning"),
    [
        ("insufficient", RefusalReason.INSUFFICIENT_MARGIN),
        ("reduce", RefusalReason.NOTHING_TO_REDUCE),
        ("minimum", RefusalReason.BELOW_MINIMUM),
        ("duplicate", RefusalReason.DUPLICATE_CLIENT_ORDER_ID),
        ("something new", None),
    ],
)
def test_only_a_code_of_our_table_is_a_refusal(name: str, reason: str, meaning: RefusalReason | None) -> None:
    async def scene(foreign: Foreign) -> None:
        await foreign.exchange.read_quotes([BTC])
        foreign.server.refuse_next = reason
        outcome = await foreign.exchange.submit_order(foreign.intent(Side.BUY, "0.02"))
        if meaning is None:
            assert isinstance(outcome, UnknownOutcome), outcome
        else:
            assert isinstance(outcome, RefusedOutcome), outcome
            assert outcome.reason is meaning

    play_foreign(name, scene)


@pytest.mark.parametrize("name", SERVERS)
def test_a_lost_answer_is_looked_up_and_a_cut_connection_proves_nothing(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        exchange = foreign.exchange
        await exchange.read_quotes([BTC])
        intent = foreign.intent(Side.BUY, "0.02")
        assert await exchange.find_order(BTC, intent.client_order_id) == NotFound()
        foreign.session.is_cut = True
        assert isinstance(await exchange.submit_order(intent), UnknownOutcome)
        assert isinstance(await exchange.find_order(BTC, intent.client_order_id), UnknownOutcome)
        snapshot = await exchange.read_snapshot()
        assert isinstance(snapshot.equity, Unknown)
        assert isinstance(snapshot.positions, Unknown)
        foreign.session.is_cut = False
        assert isinstance((await exchange.read_snapshot()).positions, Known)

    play_foreign(name, scene)


@pytest.mark.parametrize("name", SERVERS)
def test_the_passport_says_that_the_general_adapter_was_never_tried(name: str) -> None:
    async def scene(foreign: Foreign) -> None:
        passport = await foreign.exchange.inspect([BTC])
        assert passport.is_fit, passport
        assert "never tried" in passport.findings[0].remedy

    play_foreign(name, scene)


@pytest.mark.parametrize("name", ["binance", "binanceusdm", "okx", "hyperliquid"])
def test_ccxt_declares_the_six_calls_that_the_engine_needs_and_each_one_missing_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    six = ("createOrder", "fetchPositions", "fetchBalance", "fetchTicker", "setLeverage", "setMarginMode")
    whole = getattr(ccxt, name)
    assert {call: bool(whole().has[call]) for call in six} == dict.fromkeys(six, True)  # True or "emulated"
    ccxt_id = find_dialect(name).profile.ccxt_id
    served = getattr(ccxt, ccxt_id)
    lacking: dict[str, bool] = {}

    class Lacking(served):  # type: ignore[misc, valid-type]  # ccxt has no types
        def describe(self) -> dict[str, Any]:
            return {**super().describe(), "has": {**super().describe()["has"], **lacking}}

    monkeypatch.setattr(ccxt, ccxt_id, Lacking)
    for call in six:
        lacking = {call: False, "fetchTickers": False} if call == "fetchTicker" else {call: False}
        with pytest.raises(InvalidInput, match=call):
            dialect_for.__wrapped__(name)


def test_an_exchange_that_lacks_something_is_refused_with_the_list() -> None:
    with pytest.raises(InvalidInput, match="setLeverage"):
        find_dialect("dydx")
    with pytest.raises(InvalidInput, match="no such exchange"):
        find_dialect("edgex")


def test_a_market_order_that_needs_a_price_is_not_sent_without_one() -> None:
    async def scene(foreign: Foreign) -> None:
        outcome = await foreign.exchange.submit_order(foreign.intent(Side.BUY, "0.02"))
        assert isinstance(outcome, RefusedOutcome)
        assert foreign.server.orders == {}

    play_foreign("hyperliquid", scene)


def test_hyperliquid_is_never_asked_to_approve_a_fee_or_a_referrer() -> None:
    async def scene(foreign: Foreign) -> None:
        await foreign.exchange.read_quotes([BTC])
        await foreign.ready()
        assert isinstance(await foreign.exchange.submit_order(foreign.intent(Side.BUY, "0.02")), Accepted)
        assert foreign.server.requests.count("POST /exchange") == 2

    play_foreign("hyperliquid", scene)
