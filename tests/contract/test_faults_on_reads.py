"""A read that meets a fault is unknown, never flat, never zero, never an exception; without the fault it is known."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from account_processors.instruments import RETRY_SECONDS, Listing
from core.model.order import Side
from core.model.position import MarginMode
from core.model.reading import Barred, Known, Unknown
from paper.account import Leg, PositionKey
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import BTC, EXCHANGES, Bench, must_know, play

BREAKING = (
    Fault(FaultKind.HANG),
    Fault(FaultKind.CUT_BEFORE),
    Fault(FaultKind.ANSWER_LOST),
    Fault(FaultKind.LATE, seconds=5.0),
    Fault(FaultKind.LATENCY, seconds=3.0),
    Fault(FaultKind.RATE_LIMITED),
    Fault(FaultKind.RATE_LIMITED, status=429),
    Fault(FaultKind.BANNED),
    Fault(FaultKind.MAINTENANCE),
    Fault(FaultKind.SERVER_ERROR, status=502),
    Fault(FaultKind.SERVER_ERROR, status=404),
    Fault(FaultKind.HTML_PAGE),
    Fault(FaultKind.HTML_PAGE, status=200),
    Fault(FaultKind.TRUNCATED),
    Fault(FaultKind.REFUSED),
    Fault(FaultKind.REFUSED, code="987654"),
    Fault(FaultKind.CLOCK_SKEW, seconds=-400.0),
)
MANDATORY = {
    ("bybit", "balance"): ("retCode", "result", "list", "accountType:coin", "walletBalance", "unrealisedPnl"),
    ("bybit", "positions"): ("retCode", "result", "list", "symbol", "size", "side"),
    ("blofin", "balance"): ("code", "data", "details", "currency", "balance", "equity"),
    ("blofin", "positions"): ("code", "data", "instId", "positions", "positionSide", "marginMode"),
    ("kucoin", "balance"): ("code", "data", "currency", "accountEquity", "unrealisedPNL"),
    ("kucoin", "positions"): ("code", "data", "symbol", "currentQty"),
    ("mexc", "balance"): ("success", "code", "data", "currency", "equity", "unrealized"),
    ("mexc", "positions"): ("success", "code", "data", "symbol", "holdVol", "positionType", "openType"),
}
"""Every field without which an answer says nothing, by exchange and endpoint."""


def fields_of(name: str, endpoint: str) -> list[str]:
    return [field.rpartition(":")[2] for field in MANDATORY[name, endpoint]]


async def held(bench: Bench) -> None:
    """Open a position, so that an empty answer would be a lie."""
    await bench.ready()
    assert (await bench.trade(Side.BUY, "0.02")).filled_quantity == Decimal("0.02")


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("fault", BREAKING, ids=lambda fault: f"{fault.kind}{fault.status or fault.code or ''}")
def test_fault_04_41_a_broken_read_is_unknown_and_the_next_one_known(name: str, fault: Fault) -> None:
    async def scene(bench: Bench) -> None:
        await held(bench)
        for endpoint in ("positions", "balance"):
            bench.break_next(replace(fault, endpoint=endpoint))
        snapshot = await bench.exchange.read_snapshot()
        assert isinstance(snapshot.equity, Unknown), snapshot.equity
        assert isinstance(snapshot.positions, Unknown), snapshot.positions
        bench.house.faults.clear()
        await bench.pause(61)
        healed = await bench.exchange.read_snapshot()
        assert isinstance(healed.equity, Known)
        assert isinstance(healed.positions, Known)
        assert healed.positions.value[BTC].quantity == Decimal("0.02")

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("endpoint", ["balance", "positions"])
def test_fault_22_every_mandatory_field_counts(name: str, endpoint: str) -> None:
    async def scene(bench: Bench) -> None:
        await held(bench)
        for field in fields_of(name, endpoint):
            for fault in (
                Fault(FaultKind.MISSING_FIELD, endpoint=endpoint, field=field),
                Fault(FaultKind.WRONG_FIELD, endpoint=endpoint, field=field, value=None),
                Fault(FaultKind.WRONG_FIELD, endpoint=endpoint, field=field, value=""),
                Fault(FaultKind.WRONG_FIELD, endpoint=endpoint, field=field, value="NaN"),
            ):
                await bench.pause(0.2)  # No exchange allows fewer than ten a second: each read must be made.
                bench.break_next(fault)
                snapshot = await bench.exchange.read_snapshot()
                reading = snapshot.equity if endpoint == "balance" else snapshot.positions
                missing_coin = field in ("currency", "coin") and fault.value == "NaN"
                assert isinstance(reading, Unknown) or missing_coin, (field, fault, reading)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_key_that_is_not_accepted_bars_the_account(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.break_next(Fault(FaultKind.REVOKED_KEY, endpoint="positions"))
        assert isinstance(await bench.exchange.read_positions(), Barred)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_failed_price_read_leaves_every_symbol_unknown_and_a_missing_one_alone(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        bench.break_next(Fault(FaultKind.SERVER_ERROR, endpoint="tickers"))
        assert all(isinstance(quote, Unknown) for quote in (await bench.exchange.read_quotes(bench.pair)).values())
        quotes = await bench.exchange.read_quotes([*bench.pair, bench.unlisted])
        assert [isinstance(quotes[symbol], Known) for symbol in (*bench.pair, bench.unlisted)] == [True, True, False]

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_position_in_a_contract_that_is_newer_than_our_list_is_unknown_until_the_list_is_read_anew(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        cache = bench.exchange._instruments
        assert cache.last is not None
        exchange_symbol = cache.last.value.instruments[BTC].exchange_symbol
        older = {symbol: rules for symbol, rules in cache.last.value.instruments.items() if symbol != BTC}
        cache.last = replace(cache.last, value=Listing(older, cache.last.value.others))
        bench.hold(PositionKey(exchange_symbol, Leg.NET, MarginMode.ISOLATED), Decimal(1))
        assert isinstance(await bench.exchange.read_positions(), Unknown)
        await asyncio.sleep(RETRY_SECONDS)
        assert isinstance(await bench.exchange.read_positions(), Unknown)
        assert BTC in must_know(await bench.exchange.read_positions())

    play(name, scene)
