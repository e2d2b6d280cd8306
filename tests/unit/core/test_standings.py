"""What the operator asks for, and what the engine then does and does not do."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core.decisions.limit_source import limit_source
from core.model.failures import InvalidInput
from core.model.identity import AccountId, SourceName, Symbol
from core.model.policy import AccountPolicy
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.model.standing import OperatorCommand, Scope, SetStanding, Standing, Standings, Verb
from simulation.bare_world import World, live

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
BYBIT, MEXC = AccountId("bybit"), AccountId("mexc")
SOURCE = SourceName("tradingview")
D = Decimal


def setting(standing: Standing, scope: Scope | None = None) -> SetStanding:
    return SetStanding(scope or Scope(), standing, "operator", NOW, "why not")


def test_the_severest_standing_that_covers_a_symbol_wins() -> None:
    standings = (
        Standings()
        .with_entry(setting(Standing.REDUCE_ONLY))
        .with_entry(setting(Standing.HALTED, Scope(BYBIT, BTC)))
        .with_entry(setting(Standing.FLAT, Scope(symbol=ETH)))
    )

    def standing(account: AccountId, symbol: Symbol) -> Standing | None:
        entry = standings.for_symbol(account, symbol)
        return entry.standing if entry else None

    assert standing(BYBIT, BTC) is Standing.HALTED
    assert standing(MEXC, BTC) is Standing.REDUCE_ONLY
    assert standing(MEXC, ETH) is Standing.FLAT


@pytest.mark.parametrize(
    ("lifted", "left"),
    [
        (Scope(), set()),
        (Scope(BYBIT), {Scope(), Scope(symbol=ETH), Scope(source=SOURCE)}),
        (Scope(BYBIT, BTC), {Scope(), Scope(BYBIT), Scope(symbol=ETH), Scope(source=SOURCE)}),
        (Scope(source=SOURCE), {Scope(), Scope(BYBIT), Scope(BYBIT, BTC), Scope(symbol=ETH)}),
    ],
)
def test_resuming_lifts_what_lies_within_its_scope(lifted: Scope, left: set[Scope]) -> None:
    standings = Standings()
    for scope in (Scope(), Scope(BYBIT), Scope(BYBIT, BTC), Scope(symbol=ETH), Scope(source=SOURCE)):
        standings = standings.with_entry(setting(Standing.HALTED, scope))

    assert set(standings.with_entry(setting(Standing.ACTIVE, lifted)).by_scope) == left


def test_a_scope_names_a_source_or_accounts_and_symbols() -> None:
    with pytest.raises(InvalidInput, match="source stands alone"):
        Scope(account=BYBIT, source=SOURCE)


def test_adoption_needs_an_account_and_a_symbol() -> None:
    with pytest.raises(InvalidInput, match="name an account and a symbol"):
        OperatorCommand(1, Verb.ADOPT, Scope(BYBIT), "operator", NOW)


def frame(depth: str) -> SourceFrame:
    signal = SourceSignal(SOURCE, "BTCUSDT", D(depth), NOW)
    return SourceFrame(SOURCE, 1, NOW, NOW, None, SourceStatus.OK, "", authenticated=True, signals=(signal,))


@pytest.mark.parametrize(
    ("standing", "before", "now", "merged"),
    [
        (Standing.REDUCE_ONLY, "0.5", "0.3", "0.3"),
        (Standing.REDUCE_ONLY, "0.5", "0.8", "0.5"),
        (Standing.REDUCE_ONLY, "0.5", "-0.3", "0"),
        (Standing.REDUCE_ONLY, "0", "0.3", "0"),
        (Standing.HALTED, "0.5", "0.3", "0.5"),
        (Standing.ACTIVE, "0.5", "0.8", "0.8"),
    ],
)
def test_a_source_that_is_held_back_may_only_shrink_or_stand_still(
    standing: Standing, before: str, now: str, merged: str
) -> None:
    assert limit_source(standing, frame(before), frame(now)).signals[0].depth == D(merged)


def test_a_source_held_back_before_it_spoke_says_nothing() -> None:
    assert limit_source(Standing.REDUCE_ONLY, None, frame("0.5")).signals[0].depth == 0
    assert limit_source(Standing.HALTED, None, frame("0.5")).signals == ()


def test_halted_sends_nothing_at_all_and_resume_follows_the_sources_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.commands.give(Verb.HALT)
        world.sources.say(BTC="0")
        await world.cycle(3)
        assert world.held() == D("0.06")
        world.commands.give(Verb.RESUME)
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_reduce_only_lets_exits_through_and_stops_entries(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1", ETH="0")
        await world.cycle()
        world.commands.give(Verb.REDUCE_ONLY, account="bybit")
        world.sources.say(BTC="0.05", ETH="0.1")
        await world.cycle()

        assert (world.held(BTC), world.held(ETH)) == (D("0.03"), D(0))

    live(tmp_path, story)


def test_flatten_closes_what_is_ours_and_stays_flat(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()
        world.commands.give(Verb.FLATTEN, symbol="BTCUSDT")
        await world.cycle()
        world.sources.say(BTC="0.2", ETH="0.1")
        await world.cycle()

        assert (world.held(BTC), world.held(ETH)) == (D(0), D("1.2"))

    live(tmp_path, story)


def test_standings_survive_a_restart_and_commands_are_applied_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.commands.give(Verb.HALT, account="bybit", symbol="BTCUSDT")
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()
        world.restart()
        await world.cycle()

        assert (world.held(BTC), world.held(ETH)) == (D(0), D("1.2"))
        assert world.told.names().count("operator command applied") == 1

    live(tmp_path, story)


def test_a_flattened_source_takes_its_share_to_zero(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.commands.give(Verb.FLATTEN, source="tradingview")
        await world.cycle()

        assert world.held() == 0

    live(tmp_path, story)


def test_resume_lifts_what_the_engine_restricted_after_a_foreign_change(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.positions[BTC] = D(0)
        await world.outlast_doubt()
        assert world.ledger().standing is Standing.REDUCE_ONLY
        world.commands.give(Verb.RESUME, account="bybit", symbol="BTCUSDT")
        await world.cycle()

        assert world.held() == D("0.06")

    live(tmp_path, story)


def test_adopt_takes_over_a_position_at_first_sight_and_brings_it_to_its_target(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.exchange.positions[BTC] = D("0.5")
        world.exchange.positions[ETH] = D("-3")
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.commands.give(Verb.ADOPT, account="bybit", symbol="BTCUSDT")
        await world.cycle()

        assert (world.held(BTC), world.held(ETH)) == (D("0.06"), D(-3))

    live(tmp_path, story)


def test_an_agreement_to_adopt_ends_with_the_first_read_and_is_not_kept_for_later(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.commands.give(Verb.ADOPT, account="bybit", symbol="BTCUSDT")
        await world.cycle()
        world.exchange.positions[BTC] = D("0.5")
        await world.outlast_doubt()

        assert world.held() == D("0.5")
        assert world.ledger().owned == D("0.06")

    live(tmp_path, story)


def test_one_account_can_be_halted_alone(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.commands.give(Verb.HALT, account="mexc")
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert {str(account): exchange.positions.get(BTC, D(0)) for account, exchange in world.exchanges.items()} == {
            "bybit": D("0.06"),
            "mexc": D(0),
        }

    live(tmp_path, story, AccountPolicy(BYBIT), AccountPolicy(MEXC))
