"""A position that was missing from the exchange's answers for longer than the doubt, and is there again."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decisions.fold_journal import apply
from core.decisions.judge_position import PositionJudgement, Whose, judge_position
from core.decisions.permit_trade import Blocked, permit_trade
from core.model.events import AdoptionGranted, PositionAdopted
from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.order import Side
from core.model.plan import Purpose, Trade
from core.model.policy import AccountPolicy
from core.model.position import ClosingCause
from core.model.standing import Standing, Verb
from simulation.bare_world import RULES, World, live, weigh

D = Decimal
BYBIT, BTC, ETH = AccountId("bybit"), Symbol("BTCUSDT"), Symbol("ETHUSDT")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HELD = SymbolLedger(BYBIT, BTC, owned=D("0.06"), ever_traded=True)


async def lose_sight(world: World) -> None:
    """A confirmed 0.06 is missing from every read for longer than the doubt."""
    world.sources.say(BTC="0.1")
    await world.cycle()
    assert world.held() == D("0.06")
    world.exchange.positions[BTC] = D(0)
    await world.outlast_doubt()
    assert (world.ledger().owned, world.ledger().standing) == (D(0), Standing.REDUCE_ONLY)


@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_there_again_to_the_lot_is_ours_and_may_only_shrink(tmp_path: Path, *, restarts: bool) -> None:
    async def story(world: World) -> None:
        await lose_sight(world)
        if restarts:
            world.restart()
            world.sources.say(BTC="0.1")
            await world.cycle()
        world.exchange.positions[BTC] = D("0.06")
        await world.cycle(2)
        assert (world.ledger().owned, world.ledger().standing) == (D("0.06"), Standing.REDUCE_ONLY)
        kinds = [facts["kind"] for name, facts in world.told.events if name == "position changed without us"]
        assert kinds == [Whose.SHRUNK, Whose.RETURNED]
        world.sources.say(BTC="0.2")
        await world.cycle(2)
        assert world.held() == D("0.06")
        world.sources.say(BTC="0.05")
        await world.cycle(2)
        assert world.held() == D("0.03")
        world.sources.say(BTC="0")
        await world.cycle(2)

        assert world.held() == 0

    live(tmp_path, story)


def test_what_is_there_again_is_closed_at_once_where_nothing_is_wanted_any_more(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await lose_sight(world)
        world.sources.say(BTC="0")
        await world.cycle(2)
        world.exchange.positions[BTC] = D("0.06")
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_what_is_there_again_is_closed_on_a_disabled_account_and_where_the_symbol_is_no_longer_configured(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        for _ in range(2):
            await lose_sight(world)
            if world.workers[0].policy.is_enabled:
                world.workers[0].policy = replace(world.workers[0].policy, is_enabled=False)
            else:
                world.config.config = weigh(ETH="1")
            await world.cycle(2)
            await asyncio.sleep(300)
            world.exchange.positions[BTC] = D("0.06")
            await world.cycle()
            assert world.held() == 0
            world.workers[0].policy = replace(world.workers[0].policy, is_enabled=True)
            world.sources.say(BTC="0")
            await world.cycle(2)
            world.commands.give(Verb.RESUME)

    live(tmp_path, story)


def test_a_disabled_account_looks_for_what_went_missing_for_ten_minutes(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await lose_sight(world)
        world.workers[0].policy = AccountPolicy(BYBIT, is_enabled=False)
        await world.cycle(2)
        await asyncio.sleep(580)
        world.exchange.calls.clear()
        await world.cycle()
        assert world.exchange.calls
        await asyncio.sleep(20)
        world.exchange.calls.clear()
        await world.cycle(10)

        assert world.exchange.calls == []

    live(tmp_path, story)


def test_what_went_missing_of_a_symbol_no_longer_configured_is_looked_for_for_ten_minutes_and_then_forgotten(
    tmp_path: Path,
) -> None:
    async def story(world: World) -> None:
        await lose_sight(world)
        world.config.config = weigh(ETH="1")
        await world.cycle(2)
        assert world.ledger().is_confirmed
        await asyncio.sleep(580)
        assert BTC in (await world.workers[0].run_pass()).outcomes
        await asyncio.sleep(20)

        assert BTC not in (await world.workers[0].run_pass()).outcomes

    live(tmp_path, story)


def test_after_a_fill_of_ours_nothing_counts_as_there_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await lose_sight(world)
        for depth in ("0", "0.05"):
            world.sources.say(BTC=depth)
            await world.cycle(2)
        assert world.held() == D("0.03")
        world.exchange.positions[BTC] = D("0.06")
        world.sources.say(BTC="0.04")
        await world.outlast_doubt()

        assert (world.held(), world.ledger().owned) == (D("0.06"), D("0.03"))

    live(tmp_path, story)


@pytest.mark.parametrize("cause", list(ClosingCause))
def test_what_the_exchange_itself_said_was_traded_away_does_not_count_as_there_again(
    tmp_path: Path, cause: ClosingCause
) -> None:
    async def story(world: World) -> None:
        world.exchange.causes[BTC] = cause
        await lose_sight(world)
        world.sources.say(BTC="0")
        await world.cycle(2)
        world.exchange.positions[BTC] = D("0.06")
        await world.outlast_doubt()

        assert (world.held(), world.ledger().owned) == (D("0.06"), D(0))

    live(tmp_path, story)


def test_where_the_operator_agreed_to_the_smaller_position_nothing_counts_as_there_again() -> None:
    taken = PositionAdopted(BYBIT, BTC, NOW, D(0), "")
    agreed = apply(apply(HELD, AdoptionGranted(BYBIT, BTC, NOW, "operator")), taken)

    assert judge_position(agreed, D("0.06"), RULES[BTC], NOW).whose is Whose.FOREIGN
    assert judge_position(apply(HELD, taken), D("0.06"), RULES[BTC], NOW).whose is Whose.RETURNED


@pytest.mark.parametrize(
    ("after", "whose"),
    [
        (timedelta(days=1), Whose.RETURNED),
        (timedelta(days=1, seconds=1), Whose.FOREIGN),
        (timedelta(days=-1), Whose.RETURNED),
        (timedelta(days=-1, seconds=-1), Whose.FOREIGN),
    ],
)
def test_for_a_day_a_position_counts_as_there_again(after: timedelta, whose: Whose) -> None:
    shrunk = apply(HELD, PositionAdopted(BYBIT, BTC, NOW, D("0.02"), ""))

    assert judge_position(shrunk, D("0.06"), RULES[BTC], NOW + after).whose is whose


@pytest.mark.parametrize(
    ("held", "whose"), [("0.059", Whose.FOREIGN), ("0.06", Whose.RETURNED), ("0.061", Whose.FOREIGN)]
)
def test_one_lot_more_or_less_than_there_was_is_not_there_again(held: str, whose: Whose) -> None:
    shrunk = apply(HELD, PositionAdopted(BYBIT, BTC, NOW, D("0.02"), ""))

    assert judge_position(shrunk, D(held), RULES[BTC], NOW).whose is whose


LOTS = st.integers(-90, 90).map(lambda lots: D(lots) / 1000)


@given(owned=LOTS, taken=LOTS, held=LOTS)
def test_only_the_very_position_that_shrank_is_there_again(owned: Decimal, taken: Decimal, held: Decimal) -> None:
    ledger = replace(HELD, owned=owned)
    shrank = judge_position(ledger, taken, RULES[BTC], NOW).whose is Whose.SHRUNK
    judged = judge_position(apply(ledger, PositionAdopted(BYBIT, BTC, NOW, taken, "")), held, RULES[BTC], NOW)

    assert (judged.whose is Whose.RETURNED) is (shrank and held == owned)
    if judged.whose is Whose.RETURNED:
        back = apply(ledger, PositionAdopted(BYBIT, BTC, NOW, held, ""))
        assert (back.owned, back.shrunk_from, back.shrunk_at) == (owned, D(0), None)


def test_before_it_is_taken_back_what_is_there_again_is_not_reduced_beyond_what_is_ours() -> None:
    close, there_again = Trade(Side.SELL, D("0.06"), Purpose.CLOSE), PositionJudgement(Whose.RETURNED, "again")

    assert isinstance(permit_trade(close, D("0.06"), replace(HELD, owned=D(0)), there_again, ""), Blocked)
