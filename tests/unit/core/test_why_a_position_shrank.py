"""Fault 25: a position shrank without us; the exchange's own word decides how long a fresh entry has to wait.

Depths are on a weight of 1 and leverage 3, prices are BTC 50,000: a depth of 0.1 is 0.06 BTC.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.decisions.judge_position import judge_closing
from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.position import ClosingCause
from core.model.reading import Known, Unknown
from core.model.standing import Standing, Verb
from simulation.bare_exchange import Fault
from simulation.bare_world import World, live

BTC = Symbol("BTCUSDT")
D = Decimal
TAKEN = [ClosingCause.LIQUIDATION, ClosingCause.DELEVERAGING]


async def hold(world: World) -> None:
    world.sources.say(BTC="0.1")
    await world.cycle()
    assert world.ledger().is_confirmed


async def enter_short(world: World, minutes: int) -> None:
    """A fresh entry, so many minutes later."""
    await asyncio.sleep(60 * minutes)
    world.sources.say(BTC="-0.1")
    await world.cycle(3)


def vanished(world: World, cause: ClosingCause | None = None, price: int = 50_000) -> None:
    world.exchange.positions[BTC] = D(0)
    world.exchange.prices[BTC] = D(price)
    if cause:
        world.exchange.causes[BTC] = cause


def causes(world: World) -> list[object]:
    return [facts["cause"] for event, facts in world.told.events if event == "symbol may only reduce"]


@pytest.mark.parametrize("cause", TAKEN)
@pytest.mark.parametrize(("minutes", "held"), [(14, "0"), (15, "-0.06")])
def test_fault_25_what_the_exchange_took_keeps_a_fresh_entry_waiting_at_any_price(
    tmp_path: Path, cause: ClosingCause, minutes: int, held: str
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        vanished(world, cause)
        await world.outlast_doubt()
        assert world.ledger().standing is Standing.REDUCE_ONLY
        assert ("ADL" if cause is ClosingCause.DELEVERAGING else "liquidation") in world.ledger().standing_reason
        assert causes(world) == [cause]
        await enter_short(world, minutes)

        assert world.held() == D(held)

    live(tmp_path, story)


def test_fault_25_a_close_by_hand_is_one_by_the_exchange_s_word_whatever_the_price(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        vanished(world, ClosingCause.ORDINARY, price=35_000)
        await world.outlast_doubt()
        assert (causes(world), world.ledger().binding_until) == ([ClosingCause.ORDINARY], None)
        world.exchange.prices[BTC] = D(50_000)
        await enter_short(world, 0)

        assert world.held() == D("-0.06")

    live(tmp_path, story)


@pytest.mark.parametrize("fault", [Fault.READ_FAILS, Fault.HANGS])
@pytest.mark.parametrize(("price", "cause"), [(35_000, ClosingCause.LIQUIDATION), (50_000, "unknown")])
def test_fault_25_while_the_exchange_does_not_say_why_the_price_decides(
    tmp_path: Path, fault: Fault, price: int, cause: object
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        vanished(world, ClosingCause.DELEVERAGING, price)
        world.exchange.inject("closing_cause", fault)
        await world.outlast_doubt()

        assert causes(world) == [cause]
        assert (world.ledger().binding_until is None) is (cause == "unknown")

    live(tmp_path, story)


@pytest.mark.parametrize("question", ["closing_cause", "recent_ids"])
def test_fault_25_an_exchange_that_hangs_over_who_traded_and_why_delays_the_exit_of_the_rest_by_seconds_only(
    tmp_path: Path, question: str
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D("0.03")
        await world.cycle()
        await asyncio.sleep(10)
        world.exchange.inject(question, Fault.HANGS)
        world.sources.say(BTC="0")
        began = world.clock.now()
        await world.cycle()

        assert world.held() == 0
        assert world.clock.now() - began < timedelta(seconds=5)

    live(tmp_path, story)


@pytest.mark.parametrize("cause", [*TAKEN, None])
def test_fault_25_a_restart_between_the_end_of_a_position_and_its_judgement_loses_nothing(
    tmp_path: Path, cause: ClosingCause | None
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        vanished(world, cause, price=35_000)
        world.sources.say(BTC="0")
        await world.cycle()
        world.restart()
        await world.outlast_doubt()
        assert causes(world) == [cause or ClosingCause.LIQUIDATION]
        world.exchange.prices[BTC] = D(50_000)
        await enter_short(world, 14)
        assert world.held() == 0
        world.sources.say(BTC="0")
        await world.cycle()
        await enter_short(world, 2)

        assert world.held() == D("-0.06")

    live(tmp_path, story)


@pytest.mark.parametrize("cause", TAKEN)
def test_fault_25_an_entry_while_a_liquidation_was_doubted_is_not_late_enough(
    tmp_path: Path, cause: ClosingCause
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        vanished(world, cause)
        await world.cycle()
        await enter_short(world, 0)
        await asyncio.sleep(10)
        await world.cycle(3)

        assert (world.held(), world.ledger().standing) == (D(0), Standing.REDUCE_ONLY)

    live(tmp_path, story)


def test_fault_25_the_cause_is_asked_once_for_each_change_and_never_otherwise(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.sources.say(BTC="0.2")
        await world.cycle(3)
        world.sources.say(BTC="0.1")
        await world.cycle(3)
        assert "closing_cause" not in world.exchange.calls
        world.exchange.positions[BTC] = D("0.03")
        world.exchange.causes[BTC] = ClosingCause.DELEVERAGING
        await world.outlast_doubt()
        await world.cycle(5)

        assert world.exchange.calls.count("closing_cause") == 1

    live(tmp_path, story)


def test_the_exchange_is_asked_for_what_happened_since_the_position_was_last_explained(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        asked: list[datetime] = []

        async def remember(symbol: Symbol, since: datetime) -> Known[ClosingCause]:
            assert symbol == BTC
            asked.append(since)
            return Known(ClosingCause.ORDINARY, world.clock.now())

        world.exchange.read_closing_cause = remember  # type: ignore[method-assign]  # only what is asked counts here
        await hold(world)
        confirmed_at = world.clock.now()
        for left in ("0.03", "0.01"):
            await asyncio.sleep(3600)
            world.exchange.positions[BTC] = D(left)
            await world.outlast_doubt()

        assert confirmed_at - asked[0] < timedelta(seconds=1)
        assert timedelta(hours=1) < asked[1] - asked[0] < timedelta(hours=1, seconds=15)

    live(tmp_path, story)


def test_a_journal_from_before_causes_were_asked_for_is_judged_by_its_last_decision(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        key = (world.policies[0].account, BTC)
        world.journal._ledgers[key] = replace(world.ledger(), explained_at=None, sized_by=None)
        vanished(world, price=35_000)
        await world.outlast_doubt()

        assert causes(world) == [ClosingCause.LIQUIDATION]

    live(tmp_path, story)


def test_an_ordinary_trade_is_no_word_about_a_journal_that_does_not_know_since_when_to_ask(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        key = (world.policies[0].account, BTC)
        world.journal._ledgers[key] = replace(world.ledger(), explained_at=None, sized_by=None)
        vanished(world, ClosingCause.ORDINARY, price=35_000)
        await world.outlast_doubt()
        assert causes(world) == [ClosingCause.LIQUIDATION]
        world.exchange.positions[BTC] = D("0.06")
        await world.cycle()

        assert world.ledger().owned == D("0.06")

    live(tmp_path, story)


def test_an_ordinary_trade_is_no_word_where_our_own_reduction_may_be_the_one_that_is_meant(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D("0.05")
        await world.cycle()
        world.sources.say(BTC="0.05")
        await world.cycle()
        assert (world.held(), world.ledger().owned) == (D("0.03"), D("0.04"))
        vanished(world, ClosingCause.ORDINARY, price=35_000)
        await world.outlast_doubt()

        assert causes(world) == [ClosingCause.LIQUIDATION]
        assert "may be our own" in world.ledger().standing_reason

    live(tmp_path, story)


EXPLAINED = datetime(2026, 1, 1, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("explained_at", "filled_at", "is_told"),
    [
        (EXPLAINED, None, True),
        (EXPLAINED, EXPLAINED, True),
        (EXPLAINED, EXPLAINED + A_SECOND, False),
        (None, None, False),
        (None, EXPLAINED, False),
    ],
)
def test_an_ordinary_trade_is_a_word_of_the_exchange_only_where_none_of_ours_was_filled_since(
    explained_at: datetime | None, filled_at: datetime | None, *, is_told: bool
) -> None:
    ledger = SymbolLedger(AccountId("bybit"), BTC, explained_at=explained_at, last_fill_at=filled_at)

    assert judge_closing(ledger, Known(ClosingCause.ORDINARY, EXPLAINED), D(1)).is_told is is_told
    for taken in TAKEN:
        assert judge_closing(ledger, Known(taken, EXPLAINED), D(1)).cause is taken


def test_of_what_an_exchange_says_at_length_only_the_beginning_gets_into_the_journal() -> None:
    ledger = SymbolLedger(AccountId("bybit"), BTC)

    assert "a" * 200 in judge_closing(ledger, Unknown("a" * 200), D(1)).evidence
    assert "a" * 201 not in judge_closing(ledger, Unknown("a" * 9_000), D(1)).evidence


def test_the_decision_that_sized_a_position_is_kept_beyond_its_exit_and_no_longer_than_the_position(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        entry = world.ledger().decision
        world.exchange.inject("submit", Fault.REFUSED)
        world.sources.say(BTC="0")
        await world.cycle()
        assert world.ledger().decision != entry
        assert world.ledger().sized_by == entry
        await asyncio.sleep(10)
        await world.cycle(3)

        assert (world.held(), world.ledger().sized_by) == (D(0), None)

    live(tmp_path, story)


@pytest.mark.parametrize("cause", TAKEN)
def test_fault_25_the_operator_may_resume_at_once_after_what_the_exchange_took(
    tmp_path: Path, cause: ClosingCause
) -> None:
    async def story(world: World) -> None:
        await hold(world)
        vanished(world, cause)
        await world.outlast_doubt()
        assert world.held() == 0
        world.commands.give(Verb.RESUME, account="bybit", symbol="BTCUSDT")
        await world.cycle()

        assert world.held() == D("0.06")

    live(tmp_path, story)


@pytest.mark.parametrize("cause", TAKEN)
def test_fault_25_a_smaller_target_is_followed_while_a_fresh_entry_waits(tmp_path: Path, cause: ClosingCause) -> None:
    async def story(world: World) -> None:
        await hold(world)
        world.exchange.positions[BTC] = D("0.04")
        world.exchange.causes[BTC] = cause
        await world.outlast_doubt()
        await world.cycle(3)
        assert world.held() == D("0.04"), "nothing is bought back"
        world.sources.say(BTC="0.05")
        await world.cycle(3)
        assert world.held() == D("0.03")
        world.sources.say(BTC="0")
        await world.cycle(3)

        assert world.held() == 0

    live(tmp_path, story)
