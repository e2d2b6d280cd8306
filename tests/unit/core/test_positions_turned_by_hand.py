"""A hand turned our position to the other side: nothing of ours is left, and what is held now is the stranger's."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from core.decisions.judge_position import Whose, is_turned
from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.policy import AccountPolicy, OnForeignChange
from core.model.position import ClosingCause
from core.model.standing import Standing
from simulation.bare_world import World, live

D = Decimal
BYBIT, BTC = AccountId("bybit"), Symbol("BTCUSDT")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HELD = SymbolLedger(BYBIT, BTC, owned=D("0.06"), ever_traded=True)


async def be_turned(world: World) -> None:
    """A confirmed 0.06 became a stranger's -0.03."""
    world.sources.say(BTC="0.1")
    await world.cycle()
    assert (world.held(), world.ledger().is_confirmed) == (D("0.06"), True)
    world.exchange.positions[BTC] = D("-0.03")
    await world.outlast_doubt()


def kinds(world: World) -> list[object]:
    return [facts["kind"] for name, facts in world.told.events if name == "position changed without us"]


def test_of_a_position_turned_by_hand_nothing_is_ours_and_the_symbol_may_only_reduce(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await be_turned(world)
        await world.cycle(3)

        ledger = world.ledger()
        assert (ledger.owned, ledger.shrunk_at, ledger.standing) == (D(0), None, Standing.REDUCE_ONLY)
        assert kinds(world) == [Whose.FOREIGN]
        assert world.told.names().count("symbol may only reduce") == 1
        assert world.exchange.calls.count("recent_ids") == 1

    live(tmp_path, story)


def test_what_a_hand_buys_for_itself_after_it_turned_our_position_is_left_alone(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await be_turned(world)
        orders = len(world.exchange.executed)
        world.exchange.positions[BTC] = D("0.06")
        await world.outlast_doubt()
        assert world.ledger().owned == 0
        for depth in ("0", "-0.1", "0.2", "0"):
            world.sources.say(BTC=depth)
            await world.outlast_doubt()

        assert (world.held(), len(world.exchange.executed)) == (D("0.06"), orders)

    live(tmp_path, story)


def test_a_disabled_account_whose_position_a_hand_turned_costs_no_call_any_more(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await be_turned(world)
        world.workers[0].policy = replace(world.workers[0].policy, is_enabled=False)
        await world.cycle(3)
        world.exchange.calls.clear()
        await world.cycle(10)

        assert (world.exchange.calls, world.held()) == ([], D("-0.03"))

    live(tmp_path, story)


@pytest.mark.parametrize("depth", ["0.1", "0.2", "-0.2", "0"])
def test_no_target_opens_or_closes_anything_beside_the_position_of_whoever_turned_ours(
    tmp_path: Path, depth: str
) -> None:
    async def story(world: World) -> None:
        await be_turned(world)
        orders = len(world.exchange.executed)
        world.sources.say(BTC=depth)
        await world.outlast_doubt()
        assert (world.held(), len(world.exchange.executed)) == (D("-0.03"), orders)
        world.exchange.positions[BTC] = D(0)
        await world.outlast_doubt()

        reopened = D("-0.12") if depth == "-0.2" else D(0)
        assert world.held() == reopened, "once the stranger is gone only a fresh entry opens"

    live(tmp_path, story)


def test_a_liquidation_before_the_hand_turned_the_rest_keeps_a_fresh_entry_waiting(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.causes[BTC] = ClosingCause.LIQUIDATION
        await be_turned(world)
        world.exchange.positions[BTC] = D(0)
        world.sources.say(BTC="-0.1")
        await world.cycle(2)
        assert world.held() == 0
        await asyncio.sleep(15 * 60)
        world.sources.say(BTC="0")
        await world.cycle(2)
        world.sources.say(BTC="-0.1")
        await world.cycle(2)
        assert world.held() == D("-0.06")

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("policy", "held"), [(OnForeignChange.RESTORE, D("0.06")), (OnForeignChange.ADOPT, D("-0.03"))]
)
def test_where_the_policy_takes_over_what_is_there_a_turned_position_is_ours(
    tmp_path: Path, policy: OnForeignChange, held: Decimal
) -> None:
    async def story(world: World) -> None:
        await be_turned(world)
        await world.cycle(2)

        assert (world.held(), world.ledger().owned, world.ledger().standing) == (held, held, Standing.ACTIVE)

    live(tmp_path, story, AccountPolicy(BYBIT, on_foreign_change=policy))


@pytest.mark.parametrize(
    ("held", "filled_seconds_ago", "turned"),
    [
        ("-0.001", None, True),
        ("-0.09", None, True),
        ("-0.06", 60, False),
        ("-0.06", 61, True),
        ("0", None, False),
        ("0.09", None, False),
    ],
)
def test_a_position_on_the_other_side_is_turned_unless_the_read_may_be_from_before_our_own_flip(
    held: str, filled_seconds_ago: int | None, *, turned: bool
) -> None:
    filled_at = None if filled_seconds_ago is None else NOW - timedelta(seconds=filled_seconds_ago)

    assert is_turned(replace(HELD, last_fill_at=filled_at), D(held), NOW) is turned
    mirrored = replace(HELD, owned=-HELD.owned, last_fill_at=filled_at)
    assert is_turned(mirrored, -D(held), NOW) is turned


def test_a_very_late_read_from_before_our_own_flip_takes_nothing_from_us(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        flipped = replace(world.ledger(), owned=D("-0.06"), last_fill=D("-0.06"), last_fill_at=world.clock.now())
        world.journal._ledgers[(BYBIT, BTC)] = flipped
        await world.outlast_doubt()
        assert world.ledger().owned == D("-0.06")
        await asyncio.sleep(61)
        await world.cycle()

        assert world.ledger().owned == 0

    live(tmp_path, story)
