"""One bad row costs its own symbol and no other; what cannot be read is never taken for flat."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from account_processors.dialect import quote_of, quotes_of, unified
from account_processors.instruments import Listing, Unnameable, make_listing
from account_processors.replies import MalformedReply, Row
from core.model.identity import Symbol
from core.model.instrument import Instrument


def row(name: str, coin: str, step: str = "0.001", status: str = "live") -> dict[str, object]:
    return {"id": name, "coin": coin, "step": step, "status": status, "last": "100", "bid": "", "ask": "0"}


def rules_of(told: Row) -> Instrument:
    step = told.decimal("step")
    is_live = told.text("status") == "live"
    symbol = unified(told.text("coin"))
    return Instrument(symbol, told.text("id"), step, step, Decimal(9), Decimal(0), Decimal(9), Decimal(1), is_live)


def listing(*rows: dict[str, object]) -> Listing:
    return make_listing([Row(one, "list") for one in rows], "id", lambda one: one.text("status") != "inverse", rules_of)


def test_a_row_that_cannot_be_read_leaves_the_others_and_its_position_unknown() -> None:
    found = listing(row("BTC-USDT", "BTC"), row("ETH-USDT", "ETH", step=""), row("XRP-USDT", "XRP", step="0"))
    assert list(found.instruments) == [Symbol("BTCUSDT")]
    for name in ("ETH-USDT", "XRP-USDT"):
        with pytest.raises(MalformedReply, match=name):
            found.instrument_of(name)


def test_a_coin_that_no_symbol_can_name_is_somebody_elses() -> None:
    found = listing(row("BTC-USDT", "BTC"), row("币安人生-USDT", "币安人生"))
    assert found.instrument_of("币安人生-USDT") is None
    with pytest.raises(Unnameable):
        unified("币安人生")


def test_of_two_rows_for_one_symbol_the_tradable_one_counts() -> None:
    found = listing(
        row("OLD", "BTC", status="halted"),
        row("NEW", "BTC"),
        row("THIRD", "BTC"),
        row("BTC-USD", "BTC", status="inverse"),
    )
    assert found.instruments[Symbol("BTCUSDT")].exchange_symbol == "NEW"
    assert [found.instrument_of(name) for name in ("OLD", "THIRD", "BTC-USD")] == [None, None, None]


def test_a_listing_without_one_readable_row_or_with_a_nameless_one_is_malformed() -> None:
    with pytest.raises(MalformedReply, match="no instrument can be read"):
        listing(row("BTC-USDT", "BTC", step=""), row("ETH-USDT", "ETH", step="NaN"))
    with pytest.raises(MalformedReply, match="id"):
        listing(row("", "BTC"))


def test_a_price_that_cannot_be_read_leaves_the_other_symbols_their_prices() -> None:
    rules = list(listing(row("BTC-USDT", "BTC"), row("ETH-USDT", "ETH")).instruments.values())
    rows = [
        Row({**row("BTC-USDT", "BTC"), "last": "0"}, "t"),
        Row(row("ETH-USDT", "ETH"), "t"),
        Row(row("X", "X"), "t"),
    ]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    quotes = quotes_of(rows, "id", rules, lambda told: quote_of(told, at, "last", "bid", "ask"))
    assert list(quotes) == ["ETH-USDT"]
    assert (quotes["ETH-USDT"].last, quotes["ETH-USDT"].bid, quotes["ETH-USDT"].ask) == (Decimal(100), None, None)
