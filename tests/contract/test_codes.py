"""Every code of every exchange's table, one by one: a refusal where it proves one, otherwise unknown."""

from decimal import Decimal

import pytest

from account_processors.outcomes import Absence
from account_processors.registry import find_dialect
from core.model.order import Accepted, NotFound, RefusalReason, RefusedOutcome, Side, UnknownOutcome
from core.model.position import MarginMode
from core.model.reading import Barred, Unknown
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import BTC, EXCHANGES, Bench, play

FACTS = {
    "bybit": "10003 33004 10004 10002 10005 10006 10018 110004 110007 110012 110014 110044 110045 110051 110052 110017 "
    "110094 110090 110095 110072 110001 110043 110025 110026 110013 10001 10016",
    "blofin": "152401 152402 152409 152408 152405 152410 152407 152404 152406 152011 429 103003 150004 102022 102015 "
    "102014 542 102002 102067 102089 500",
    "kucoin": "400003 400006 411100 400005 400004 400002 400007 429 429000 300003 330008 200004 260100 300009 300005 "
    "300011 300012 300018 100001 330005 300016 330012 330011 500000 503",
    "mexc": "402 401 10072 602 513 700003 403 511 704 510 429 2005 2009 2008 2011 2015 2028 2031 603 2040 2027 501 604",
}
"""The codes that the exchanges' own papers and clients name for each meaning."""


@pytest.mark.parametrize("name", EXCHANGES)
def test_every_known_code_is_in_the_table(name: str) -> None:
    codes = find_dialect(name).profile.codes
    assert [code for code in FACTS[name].split() if code not in codes] == []


@pytest.mark.parametrize("name", EXCHANGES)
def test_fault_42_each_code_means_on_an_order_what_the_table_says(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        for code, meaning in find_dialect(name).profile.codes.items():
            if not code.isdigit():
                continue
            bench.break_next(Fault(FaultKind.REFUSED, endpoint="create_order", code=code))
            outcome = await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02"))
            if isinstance(meaning, RefusalReason):
                assert isinstance(outcome, RefusedOutcome), (code, outcome)
                assert outcome.reason is meaning
                assert code in outcome.detail
            else:
                assert isinstance(outcome, UnknownOutcome), (code, outcome)
            await bench.pause(61)
        assert await bench.position() is None

    play(name, scene)


NO_PROOF = {
    "bybit": "10016 987654",
    "blofin": "500 103013 987654",
    "kucoin": "500000 987654",
    "mexc": "500 987654",
}
"""Codes of an exchange's own trouble, of which ccxt makes a definite refusal, and one that nobody knows."""


@pytest.mark.parametrize("name", EXCHANGES)
def test_fault_42_a_code_that_proves_nothing_leaves_an_order_unknown(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        for code in NO_PROOF[name].split():
            bench.break_next(Fault(FaultKind.REFUSED, endpoint="create_order", code=code))
            outcome = await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02"))
            assert isinstance(outcome, UnknownOutcome), (code, outcome)
            await bench.pause(61)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_each_code_leaves_a_read_unknown_and_only_proofs_of_absence_count_on_a_look_up(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        intent = bench.intent(Side.BUY, "0.02")
        for code, meaning in find_dialect(name).profile.codes.items():
            if not code.isdigit():
                continue
            bench.break_next(Fault(FaultKind.REFUSED, endpoint="positions", code=code))
            reading = await bench.exchange.read_positions()
            assert isinstance(reading, Unknown), (code, reading)
            barred = meaning in (RefusalReason.AUTHENTICATION, RefusalReason.PERMISSION)
            assert isinstance(reading, Barred) == barred, (code, reading)
            bench.break_next(Fault(FaultKind.REFUSED, endpoint=bench.look_up, code=code))
            found = await bench.exchange.find_order(BTC, intent.client_order_id)
            assert isinstance(found, NotFound if meaning is Absence.NOT_FOUND else UnknownOutcome), (code, found)
            await bench.pause(61)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_unchanged_is_success_for_a_setting(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        for _ in range(2):
            assert await bench.exchange.set_leverage(BTC, Decimal(7), MarginMode.ISOLATED) == Accepted("")

    play(name, scene)
