"""Timeouts and tries come from the settings: reads are tried again with a growing pause, writes never."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from account_processors.ccxt_client import CallSettings
from config.accounts import AccountMode, AccountSettings
from config.engine_settings_file import EngineSettingsFile
from config.home import Home
from core.model.failures import InvalidInput
from core.model.identity import AccountId
from core.model.order import Side, UnknownOutcome
from core.model.reading import Known, Unknown
from execute_trades import _patience
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import CALLS, EXCHANGES, Bench, play

THREE_TRIES = replace(CALLS, read_tries=3)


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize(
    "fault",
    [
        Fault(FaultKind.HANG, count=2),
        Fault(FaultKind.SERVER_ERROR, status=503, count=2),
        Fault(FaultKind.CUT_BEFORE, count=2),
    ],
    ids=lambda fault: fault.kind,
)
def test_a_read_that_fails_twice_succeeds_at_the_third_try_after_growing_pauses(name: str, fault: Fault) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        before = bench.calls_of("positions")
        bench.house.faults.add(replace(fault, exchange=name, endpoint="positions"))
        assert isinstance(await bench.exchange.read_positions(), Known)
        requests = bench.house.ledger.entries("request", name, where=lambda one: one.facts["endpoint"] == "positions")
        assert bench.base_url or len(requests) - before == 3
        if fault.kind is FaultKind.SERVER_ERROR and not bench.base_url:
            first, second, third = [entry.at_ms for entry in requests[-3:]]
            assert 100 <= second - first <= 201
            assert 200 <= third - second <= 401

    play(name, scene, calls=THREE_TRIES)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_order_is_sent_once_whatever_the_settings_say(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        bench.break_next(Fault(FaultKind.SERVER_ERROR, endpoint="create_order", status=503))
        assert isinstance(await bench.exchange.submit_order(bench.intent(Side.BUY, "0.02")), UnknownOutcome)
        assert bench.calls_of("create_order") == 1

    play(name, scene, calls=replace(CALLS, read_tries=10))


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_rate_limit_is_not_answered_with_another_try(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        before = bench.calls_of("positions")
        bench.break_next(Fault(FaultKind.RATE_LIMITED, endpoint="positions"))
        assert isinstance(await bench.exchange.read_positions(), Unknown)
        assert bench.calls_of("positions") == before + 1

    play(name, scene, calls=THREE_TRIES)


def test_two_accounts_do_not_retry_in_step() -> None:
    pauses: set[int] = set()

    async def scene(bench: Bench) -> None:
        await bench.ready()
        other = bench.another("second")
        for exchange, label in ((bench.exchange, "main"), (other, "second")):
            fault = Fault(FaultKind.SERVER_ERROR, exchange="bybit", account=label, endpoint="positions", status=503)
            bench.house.faults.add(fault)
            await exchange.read_positions()
            requests = bench.house.ledger.entries("request", "bybit", label)
            first, second = [one.at_ms for one in requests if one.facts["endpoint"] == "positions"][-2:]
            pauses.add(second - first)
        await other.close()

    play("bybit", scene, calls=replace(CALLS, read_tries=2, first_pause_seconds=10.0))
    assert len(pauses) == 2


def test_the_settings_file_reaches_the_connection(tmp_path: Path) -> None:
    home = Home(tmp_path)
    written = {"calls": {"read_timeout_seconds": 2.5, "read_tries": 4}, "read_lag_bound_seconds": {"bybit": 7}}
    home.engine_settings.write_text(json.dumps(written))
    settings = EngineSettingsFile(home).load()
    patience = _patience(AccountSettings(AccountId("bybit"), AccountMode.PAPER), settings)
    assert patience["calls"] == CallSettings(read_timeout_seconds=2.5, read_tries=4)
    assert patience["read_lag_bound_seconds"] == 7


def test_impatience_without_end_is_refused() -> None:
    with pytest.raises(InvalidInput, match="greater than zero"):
        CallSettings(read_timeout_seconds=0)
    with pytest.raises(InvalidInput, match="at least 1"):
        CallSettings(read_tries=0)
