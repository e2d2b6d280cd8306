"""The account passport: what is found, how much it matters, and what to do about it."""

from dataclasses import replace

import pytest

from account_processors.passport import Finding, Passport, Severity, tell_passports
from core.model.identity import Symbol
from paper.account import Permissions
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import BTC, EXCHANGES, Bench, play


def finding(passport: Passport, topic: str) -> Finding:
    return next(one for one in passport.findings if one.topic == topic)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_well_kept_account_is_fit_and_every_trouble_has_a_remedy(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        passport = await bench.exchange.inspect([BTC, bench.unlisted])
        assert passport.is_fit
        assert finding(passport, BTC).severity is Severity.GOOD
        assert "smallest order" in finding(passport, BTC).what
        assert finding(passport, bench.unlisted).severity is Severity.WARNING
        assert finding(passport, "value").what.endswith("USDT")
        assert finding(passport, "clock").severity is Severity.GOOD
        told = [one for one in passport.findings if one.severity is Severity.PROBLEM or one.remedy_id]
        assert all(one.remedy for one in told)

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_key_that_is_not_accepted_is_the_first_thing_said(name: str) -> None:
    async def scene(bench: Bench) -> None:
        bench.account.permissions = Permissions(is_revoked=True)
        passport = await bench.exchange.inspect()
        assert not passport.is_fit
        assert passport.findings[0].severity is Severity.PROBLEM
        assert passport.findings[0].remedy

    play(name, scene)


def test_a_unified_account_of_kucoin_is_refused_with_the_remedy() -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        assert finding(await bench.exchange.inspect(), "account").severity is Severity.GOOD
        unified = Fault(FaultKind.WRONG_FIELD, endpoint="account_mode", field="selfAccountMode", value="UNIFIED")
        bench.break_next(unified)
        found = finding(await bench.exchange.inspect(), "account")
        assert (found.severity, bool(found.remedy)) == (Severity.PROBLEM, True)

    play("kucoin", scene)


def test_bybit_tells_a_key_that_may_not_trade() -> None:
    async def scene(bench: Bench) -> None:
        bench.account.permissions = Permissions(can_trade=False)
        assert finding(await bench.exchange.inspect(), "trading").severity is Severity.PROBLEM

    play("bybit", scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_clock_that_is_far_off_and_an_empty_account_are_warned_of(name: str) -> None:
    async def scene(bench: Bench) -> None:
        bench.clock.step(2)
        bench.account.wallet *= 0
        passport = await bench.exchange.inspect()
        assert finding(passport, "clock").severity is Severity.WARNING
        assert finding(passport, "value").severity is Severity.WARNING

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_that_does_not_answer_is_a_finding_and_no_exception(name: str) -> None:
    async def scene(bench: Bench) -> None:
        bench.house.faults.add(Fault(FaultKind.HANG, exchange=name, count=None))
        passport = await bench.exchange.inspect([BTC])
        assert not passport.is_fit
        assert finding(passport, "symbols").severity is Severity.PROBLEM

    play(name, scene)


def test_a_coin_that_the_exchange_lists_by_the_thousand_is_named() -> None:
    async def scene(bench: Bench) -> None:
        passport = await bench.exchange.inspect([Symbol("PEPEUSDT")])
        assert "1000PEPEUSDT" in finding(passport, "PEPEUSDT").remedy

    play("bybit", scene)


def test_one_problem_makes_a_passport_unfit() -> None:
    async def scene(bench: Bench) -> None:
        passport = await (await bench.ready()).exchange.inspect()
        assert passport.is_fit
        bad = Finding(Severity.PROBLEM, "trading", "may not trade")
        assert not replace(passport, findings=(*passport.findings, bad)).is_fit

    play("kucoin", scene)


def test_at_start_every_account_is_looked_at_and_a_bad_one_stops_no_other() -> None:
    async def scene(bench: Bench) -> None:
        other = bench.another("second")
        bench.account.permissions = Permissions(is_revoked=True)
        await tell_passports([bench.exchange, object(), other], [BTC, bench.unlisted], bench.told)
        looked = {facts["account"]: facts["is_fit"] for name, facts in bench.told.events if name == "account looked at"}
        assert looked == {"mexc::main": False, "mexc::second": True}
        problems = [facts for name, facts in bench.told.events if name == "account problem"]
        assert all(facts["remedy"] and facts["account"] == "mexc::main" for facts in problems)
        assert any(facts["topic"] == "key" for facts in problems)
        await other.close()

    play("mexc", scene)
