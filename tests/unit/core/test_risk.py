"""The risk gate: its properties over anything, its rules one by one, and the running engine under limits."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.decisions.check_risk import DECISION_RULES, TRADE_RULES, check_risk
from core.decisions.measure_volatility import observe_price, volatility_scale
from core.decisions.risk_rules import Proposal, Rule
from core.decisions.watch_value import loss_breach, mark_value, value_jumped
from core.model.identity import AccountId, Symbol
from core.model.instrument import Instrument
from core.model.policy import AccountPolicy
from core.model.position import Quote
from core.model.reading import Known, Reading, Unknown
from core.model.risk import RiskLimits, ValueMarks
from core.model.standing import Standing, Verb
from simulation.bare_world import World, live

BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BYBIT = AccountId("bybit")
LOT = Instrument(BTC, "BTCUSDT", D("0.001"), D("0.001"), D(100), D(5), D(100))


def known(value: Decimal) -> Known[Decimal]:
    return Known(value, NOW)


def proposal(
    target: str = "0.1",
    held: str = "0",
    *,
    depth: str = "0.1",
    leverage: str = "3",
    equity: Reading[Decimal] | None = None,
    others: Reading[Decimal] | None = None,
    quote: Reading[Quote] | None = None,
    increases: int = 0,
) -> Proposal:
    return Proposal(
        BTC,
        D(target),
        D(held),
        D(depth),
        D(leverage),
        D(50_000),
        equity or known(D(10_000)),
        others or known(D(0)),
        quote or Known(Quote(D(50_000), NOW), NOW),
        increases,
        NOW,
    )


QUANTITY = st.decimals(min_value=-5, max_value=5, places=3)
AMOUNT = st.none() | st.decimals(min_value="0.01", max_value=500_000, places=2)
READ = st.one_of(st.just(Unknown("timeout")), st.decimals(min_value=-1000, max_value=100_000, places=1).map(known))


@st.composite
def some_quotes(draw: st.DrawFn) -> Reading[Quote]:
    price = st.none() | st.decimals(min_value=40_000, max_value=60_000, places=0)
    at = NOW - timedelta(seconds=draw(st.integers(0, 120)))
    quote = Quote(D(50_000), at, draw(price), draw(price), draw(price))
    readings: list[Reading[Quote]] = [Known(quote, NOW), Unknown("timeout")]
    return draw(st.sampled_from(readings))


@st.composite
def some_proposals(draw: st.DrawFn) -> Proposal:
    return Proposal(
        draw(st.sampled_from([BTC, ETH])),
        draw(QUANTITY),
        draw(QUANTITY),
        draw(st.decimals(min_value=-1, max_value=1, places=3)),
        D(draw(st.integers(1, 20))),
        draw(st.decimals(min_value=1, max_value=100_000, places=1)),
        draw(READ),
        draw(READ),
        draw(some_quotes()),
        draw(st.integers(0, 20)),
        NOW,
        draw(st.none() | st.decimals(min_value=0, max_value=50, places=1)),
    )


@st.composite
def some_limits(draw: st.DrawFn) -> RiskLimits:
    return RiskLimits(
        allowed_symbols=draw(st.sampled_from([None, frozenset({BTC})])),
        max_depth=draw(st.decimals(min_value="0.01", max_value=1, places=2)),
        max_leverage=draw(st.none() | st.integers(1, 20).map(Decimal)),
        max_symbol_notional=draw(AMOUNT),
        max_account_notional=draw(AMOUNT),
        max_gross_leverage=draw(st.none() | st.integers(1, 20).map(Decimal)),
        max_increases_per_minute=draw(st.none() | st.integers(1, 20)),
        target_volatility_percent=draw(st.none() | st.decimals(min_value=1, max_value=20, places=1)),
    )


@given(some_proposals(), some_limits(), st.sampled_from([DECISION_RULES, TRADE_RULES]), st.booleans())
def test_the_gate_never_enlarges_never_turns_and_never_blocks_a_reduction(
    asked: Proposal, limits: RiskLimits, rules: tuple[Rule, ...], keeps_held: bool
) -> None:
    allowed = check_risk(asked, limits, rules, LOT, keeps_held=keeps_held)

    assert abs(allowed.quantity) <= abs(asked.target)
    assert allowed.quantity * asked.target >= 0
    assert bool(allowed.why) == (allowed.quantity != asked.target)
    is_reduction = asked.held * asked.target >= 0 and abs(asked.target) <= abs(asked.held)
    if is_reduction and keeps_held:
        assert allowed.quantity == asked.target
    if asked.held * asked.target < 0:
        assert abs(allowed.quantity - asked.held) >= abs(asked.held)  # the close of a flip goes through


@given(some_proposals(), some_limits())
def test_what_passed_the_gate_once_passes_it_again(asked: Proposal, limits: RiskLimits) -> None:
    once = check_risk(asked, limits, TRADE_RULES, LOT, keeps_held=True)
    twice = check_risk(replace(asked, target=once.quantity), limits, TRADE_RULES, LOT, keeps_held=True)

    assert twice.quantity == once.quantity


FAIR = Known(Quote(D(50_000), NOW, D(49_990), D(50_010), D(50_100)), NOW)
ODD = Known(Quote(D(50_000), NOW, D(40_000), D(60_000)), NOW)


@pytest.mark.parametrize(
    ("limits", "asked", "allowed", "why"),
    [
        (RiskLimits(), proposal(), "0.1", ""),
        (RiskLimits(allowed_symbols=frozenset({ETH})), proposal(), "0", "not among the allowed symbols"),
        (RiskLimits(allowed_symbols=frozenset({BTC})), proposal(), "0.1", ""),
        (RiskLimits(max_leverage=D(2)), proposal(), "0", "leverage 3 is above the limit of 2"),
        (RiskLimits(max_leverage=D(2)), proposal(held="0.04"), "0.04", "leverage 3"),
        (RiskLimits(max_symbol_notional=D(2_025)), proposal(), "0.04", "2025 USDT per symbol"),
        (RiskLimits(max_account_notional=D(4_000)), proposal(others=known(D(1_000))), "0.06", "4000 USDT per account"),
        (RiskLimits(max_account_notional=D(4_000)), proposal(others=known(D(9_000))), "0", "per account"),
        (RiskLimits(max_account_notional=D(4_000)), proposal(others=Unknown("torn")), "0", "torn"),
        (RiskLimits(max_gross_leverage=D("0.2")), proposal(), "0.04", "0.2 account values"),
        (RiskLimits(max_gross_leverage=D(1)), proposal(equity=known(D(-5))), "0", "account value is -5"),
        (RiskLimits(max_gross_leverage=D(1)), proposal(equity=Unknown("torn")), "0", "account value unknown: torn"),
        (RiskLimits(), proposal(equity=Unknown("torn")), "0", "account value unknown: torn"),
        (RiskLimits(), proposal(equity=known(D(0))), "0", "account value is 0 USDT"),
        (RiskLimits(), proposal(quote=Unknown("torn")), "0", "price unknown: torn"),
        (RiskLimits(), proposal(quote=ODD), "0", "40.00 % apart"),
        (RiskLimits(), proposal(quote=FAIR), "0.1", ""),
        (RiskLimits(max_mark_gap_percent=D("0.1")), proposal(quote=FAIR), "0", "0.20 % from the mark price 50100"),
        (RiskLimits(max_increases_per_minute=5), proposal(increases=5), "0", "5 increases in the last minute"),
        (RiskLimits(max_increases_per_minute=5), proposal(increases=4), "0.1", ""),
    ],
)
def test_each_rule_before_a_trade(limits: RiskLimits, asked: Proposal, allowed: str, why: str) -> None:
    outcome = check_risk(asked, limits, TRADE_RULES, LOT, keeps_held=True)

    assert outcome.quantity == D(allowed)
    assert why in outcome.why


@pytest.mark.parametrize(
    ("limits", "asked", "allowed"),
    [
        (RiskLimits(max_depth=D("0.05")), proposal(), "0.05"),
        (RiskLimits(max_depth=D("0.05")), proposal(target="-0.1", depth="-0.1"), "-0.05"),
        (RiskLimits(max_symbol_notional=D(2_025)), proposal(held="0.08"), "0.04"),
        (RiskLimits(max_gross_leverage=D(1)), proposal(equity=Unknown("torn")), "0"),
        (RiskLimits(max_symbol_notional=D(40)), proposal(), "0"),
    ],
)
def test_a_new_decision_is_cut_to_the_caps_whatever_is_held(limits: RiskLimits, asked: Proposal, allowed: str) -> None:
    assert check_risk(asked, limits, DECISION_RULES, LOT, keeps_held=False).quantity == D(allowed)


def test_losses_are_measured_from_midnight_and_from_the_peak() -> None:
    limits = RiskLimits(max_daily_loss_percent=D(5), max_drawdown_percent=D(10))
    marks = mark_value(mark_value(None, D(10_000), NOW), D(11_000), NOW)
    assert marks == ValueMarks("2026-01-01", D(10_000), D(11_000))

    assert loss_breach(marks, D(10_000), limits) == ""
    assert "fell 10.91 % (11000 to 9800 USDT) from its peak" in loss_breach(marks, D(9_800), limits)
    assert "lost 6.00 % (10000 to 9400 USDT) since 2026-01-01" in loss_breach(marks, D(9_400), limits)
    tomorrow = mark_value(marks, D(9_950), NOW + timedelta(days=1))
    assert tomorrow == ValueMarks("2026-01-02", D(9_950), D(11_000))
    assert loss_breach(ValueMarks("d", D(0), D(0)), D(-1), limits) == ""
    assert loss_breach(marks, D(1), RiskLimits()) == ""


def test_a_clock_that_steps_back_over_midnight_starts_no_second_day() -> None:
    marks = mark_value(None, D(10_000), NOW)

    assert mark_value(marks, D(9_000), NOW - timedelta(hours=1)).day_start == 10_000


@pytest.mark.parametrize(("before", "now", "jumped"), [(None, 5, False), (100, 150, False), (100, 151, True)])
def test_a_value_that_moves_by_more_than_half_jumped(before: int | None, now: int, jumped: bool) -> None:
    previous = None if before is None else D(before)
    assert value_jumped(previous, D(now), RiskLimits()) is jumped


# -- the running engine under limits -----------------------------------------------------------------------


def test_caps_are_decided_once_and_no_price_moves_them_afterwards(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.risk = RiskLimits(max_symbol_notional=D(2_000))
        world.sources.say(BTC="0.1")
        await world.cycle()
        assert world.held() == D("0.04")
        assert world.ledger().is_confirmed
        for price in (25_000, 80_000, 50_000):
            world.exchange.prices[BTC] = D(price)
            await world.cycle(2)

        assert len(world.exchange.executed) == 1

    live(tmp_path, story)


def test_an_account_never_holds_more_than_its_cap_also_while_one_position_replaces_another(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.risk = RiskLimits(max_account_notional=D(3_000))
        world.exchange.rules[BTC] = replace(world.exchange.rules[BTC], max_market_quantity=D("0.02"))
        held, most = {BTC: D(0), ETH: D(0)}, D(0)
        world.sources.say(BTC="0.1", ETH="0")
        await world.cycle()
        world.sources.say(BTC="0", ETH="0.1")
        for _ in range(8):
            await world.cycle()
            await asyncio.sleep(1)
        for order in world.exchange.executed:
            held[order.symbol] += order.signed_quantity
            most = max(most, sum((abs(held[symbol]) * world.exchange.prices[symbol] for symbol in held), D(0)))

        assert (world.held(BTC), world.held(ETH), most) == (D(0), D("1.2"), D(3_000))

    live(tmp_path, story)


def test_two_targets_of_one_pass_share_the_accounts_cap(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.01", ETH="0.01")
        await world.cycle()
        world.settings.risk = RiskLimits(max_account_notional=D(4_000))
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle(2)

        assert (world.held(BTC), world.held(ETH)) == (D("0.06"), D("0.4"))
        assert world.ledger(ETH).is_confirmed

    live(tmp_path, story)


def test_a_large_order_is_cut_to_the_limit_on_one_order_and_an_exit_is_not(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.risk = RiskLimits(max_order_notional=D(1_025))
        world.sources.say(BTC="0.1")
        await world.cycle()
        assert [order.quantity for order in world.exchange.executed] == [D("0.02")] * 3
        world.sources.say(BTC="0")
        await world.cycle()

        assert world.exchange.executed[3].quantity == D("0.06")

    live(tmp_path, story)


def test_a_limit_on_one_order_below_the_minimum_opens_nothing_and_is_said(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.risk = RiskLimits(max_order_notional=D(40))
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert world.exchange.executed == []
        assert "the limit on one order is below" in str(world.told.events[-1])

    live(tmp_path, story)


def test_only_so_many_increases_a_minute_and_any_number_of_exits(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.risk = RiskLimits(max_increases_per_minute=3)
        for depth in ("0.1", "0.2", "0.3", "0.4"):
            world.sources.say(BTC=depth)
            await world.cycle()
        assert world.held() == D("0.18")
        for depth in ("0.2", "0.1", "0"):
            world.sources.say(BTC=depth)
            await world.cycle()
        assert world.held() == 0
        await asyncio.sleep(61)
        world.sources.say(BTC="0.1")
        await world.cycle()

        assert world.held() == D("0.06")

    live(tmp_path, story)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (RiskLimits(max_daily_loss_percent=D(5)), "lost 6.00 %"),
        (RiskLimits(max_drawdown_percent=D(5)), "fell 6.00 %"),
    ],
)
def test_beyond_a_loss_limit_an_account_only_reduces_until_the_operator_resumes(
    tmp_path: Path, limits: RiskLimits, why: str
) -> None:
    async def story(world: World) -> None:
        world.settings.risk = limits
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.equity = D(9_400)
        await world.cycle()
        world.restart()
        world.sources.say(BTC="0.05", ETH="0.1")
        await world.cycle()
        assert (world.held(BTC), world.held(ETH)) == (D("0.028"), D(0))
        (entry,) = world.journal.standings().by_scope.values()
        assert (entry.standing, entry.by) == (Standing.REDUCE_ONLY, "engine")
        assert why in entry.why
        assert world.told.names().count("loss limit reached, account may only reduce") == 1
        world.commands.give(Verb.RESUME, account="bybit")
        await world.cycle(2)

        assert world.held(ETH) == D("1.128")
        assert world.journal.standings().by_scope == {}

    live(tmp_path, story)


def test_a_loss_rule_never_softens_what_the_operator_set(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.risk = RiskLimits(max_daily_loss_percent=D(5))
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.commands.give(Verb.HALT, account="bybit")
        world.exchange.equity = D(9_000)
        world.sources.say(BTC="0")
        await world.cycle(2)

        assert world.held() == D("0.06")
        assert [entry.standing for entry in world.journal.standings().by_scope.values()] == [Standing.HALTED]

    live(tmp_path, story)


def test_the_operators_own_minimum_order_value_holds_beside_the_exchanges(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.sources.say(BTC="0.102")
        await world.cycle()

        assert world.held() == D("0.06")
        assert "50 USDT is less than" in str(world.told.events[-1])

    live(tmp_path, story, AccountPolicy(BYBIT, min_order_notional=D(100)))


# -- volatility --------------------------------------------------------------------------------------------


@given(
    daily=st.decimals(min_value=0, max_value=1000, places=3),
    target=st.decimals(min_value="0.01", max_value=100, places=2),
)
def test_the_volatility_scale_lies_between_nothing_and_all(daily: Decimal, target: Decimal) -> None:
    scale = volatility_scale(daily, target)

    assert 0 < scale <= 1
    assert (scale == 1) == (daily <= target)
    assert abs(scale * max(daily, target) - target) < D("1e-20")


def test_a_price_that_moves_one_percent_a_minute_has_a_daily_volatility_of_38_percent() -> None:
    seen, price, at = observe_price(None, D(100), NOW), D(100), NOW
    assert observe_price(seen, D(500), NOW + timedelta(seconds=29)) == seen
    for minute in range(31):
        assert (seen.daily_percent is None) == (minute < 30)
        price, at = price * (D("1.01") if minute % 2 else D("0.99")), at + timedelta(minutes=1)
        seen = observe_price(seen, price, at)
    assert seen.daily_percent
    assert round(seen.daily_percent) == 38  # 1 % x sqrt(1440)

    for _ in range(600):
        at += timedelta(minutes=1)
        seen = observe_price(seen, price, at)
    assert seen.daily_percent
    assert seen.daily_percent < 18  # ten quiet hours later
    assert observe_price(seen, D(7), at - timedelta(hours=1)) == observe_price(None, D(7), at - timedelta(hours=1))


def test_a_lively_symbol_is_held_smaller_and_one_unknown_waits(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.settings.risk = RiskLimits(target_volatility_percent=D(19))
        world.sources.say(BTC="0.1", ETH="0.1")
        await world.cycle()
        assert world.exchange.executed == []
        assert "volatility is not known yet" in str(world.told.events[-1])
        for minute in range(31):
            world.exchange.prices[BTC] = D(50_000) if minute % 2 else D(50_500)
            await asyncio.sleep(60)
            await world.cycle()
        held = world.held(BTC), world.held(ETH)
        await world.cycle(2)

        assert held == (world.held(BTC), world.held(ETH))
        assert (world.held(ETH), D("0.028") <= world.held(BTC) <= D("0.032")) == (D("1.2"), True)
        decision = world.ledger().decision
        assert decision
        assert "above the target of 19 %" in decision.capped

    live(tmp_path, story)
