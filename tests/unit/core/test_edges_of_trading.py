"""The far side of each edge, continued: repetitions, gaps, limits, health and the merge."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.decisions.account_targets import asks_for_less, needs_calls, pursued_symbols, wanted_targets
from core.decisions.fold_journal import LOST_ORDERS_REMEMBERED, apply
from core.decisions.judge_position import PositionJudgement, Whose
from core.decisions.limit_source import limit_source
from core.decisions.measure_volatility import Volatility, observe_price
from core.decisions.pace_retries import RetryPace, unsettled_retry_seconds
from core.decisions.permit_trade import Blocked, permit_trade
from core.decisions.reconcile import reconcile
from core.decisions.risk_rules import (
    Cap,
    Proposal,
    Refusal,
    cap_account_notional,
    cap_gross_leverage,
    refuse_haste,
    refuse_odd_value,
)
from core.decisions.verify_order import disagreement
from core.decisions.watch_exchange import ExchangeHealth
from core.decisions.watch_value import loss_breach
from core.model.decision import Decision
from core.model.events import OrderIntended, OrderNeverArrived
from core.model.identity import AccountId, ClientOrderId, SourceName, Symbol
from core.model.instrument import Instrument
from core.model.ledger import OrderPhase, OrderRecord, SymbolLedger
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, Side
from core.model.plan import Purpose, Trade
from core.model.policy import AccountPolicy
from core.model.position import MarginMode, Quote
from core.model.reading import Known, Unknown
from core.model.risk import RiskLimits, ValueMarks
from core.model.signal import MergedTarget, SourceFrame, SourceSignal, SourceStatus
from core.model.standing import Standing, Standings
from core.model.target import Targets

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, BTC, MOON = AccountId("bybit"), Symbol("BTCUSDT"), SourceName("moon")
LOT = Instrument(BTC, "BTCUSDT", D("0.001"), D("0.01"), D(100), D(5), D(100))
MADE = Decision(1, D("0.1"), D(3), "v", D(10_000), D(50_000), D("0.06"), "", NOW)
INTENT = OrderIntent(ClientOrderId("a" * 32), ACCOUNT, BTC, Side.SELL, D("0.1"), True, MarginMode.ISOLATED, D(3), 1)
RECORD = OrderRecord(INTENT, OrderPhase.UNKNOWN, NOW)
OURS = PositionJudgement(Whose.OURS)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


# -- trades ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trade", "quantity"),
    [
        (Trade(Side.SELL, D("0.1"), Purpose.CLOSE), "0.1"),
        (Trade(Side.SELL, D("0.3"), Purpose.CLOSE), "0.1"),
        (Trade(Side.SELL, D("0.09"), Purpose.CLOSE), None),
        (Trade(Side.SELL, D("0.3"), Purpose.REDUCE), None),
        (Trade(Side.BUY, D("0.3"), Purpose.CLOSE), None),
    ],
)
def test_a_reduction_goes_out_again_only_where_all_of_it_is_to_be_closed(trade: Trade, quantity: str | None) -> None:
    ledger = SymbolLedger(ACCOUNT, BTC, MADE, D("0.3"), (RECORD,))

    permitted = permit_trade(trade, D("0.3"), ledger, OURS, "", repeatable=RECORD)

    blocked = Blocked("a reduction is still unsettled")
    assert permitted == (replace(trade, quantity=D(quantity)) if quantity else blocked)
    assert permit_trade(trade, D("0.3"), ledger, OURS, "") == blocked


@pytest.mark.parametrize(
    ("held", "target", "traded", "remainder", "note"),
    [
        ("0.06", "0.05", "-0.01", "0", ""),
        ("0.06", "0.051", None, "-0.009", "0.009 is less than the exchange trades at once"),
        ("0.06", "0.07", "0.01", "0", ""),
        ("0.06", "0.069", None, "0.009", "0.009 is less than the exchange trades at once"),
        ("-0.06", "-0.05", "0.01", "0", ""),
        ("0.06", "0.0609", None, "0", ""),
        ("0.005", "0", "-0.005", "0", ""),
        ("0.0009", "0", None, "-0.0009", "0.0009 is less than the exchange trades at once"),
    ],
)
def test_a_gap_of_exactly_the_smallest_quantity_is_traded(
    held: str, target: str, traded: str | None, remainder: str, note: str
) -> None:
    plan = reconcile(D(held), D(target), LOT, D(50_000))

    assert [trade.signed_quantity for trade in plan.trades] == ([D(traded)] if traded else [])
    assert (plan.remainder, plan.note) == (D(remainder), note)


@pytest.mark.parametrize(
    ("price", "note"),
    [("500", ""), ("412.36", "4.12 USDT is less than the exchange's minimum order value")],
)
def test_an_increase_of_exactly_the_smallest_value_is_traded(price: str, note: str) -> None:
    plan = reconcile(D(0), D("0.01"), replace(LOT, min_notional=D(5)), D(price))

    assert (plan.note, bool(plan.trades)) == (note, not note)


REPORT = OrderReport(
    INTENT.client_order_id, "7", BTC, Side.SELL, D("0.1"), D("0.1"), D(1), True, MarginMode.ISOLATED, None,
    ExchangeOrderState.FILLED, later(-6),
)  # fmt: skip


@pytest.mark.parametrize(("seconds", "is_old"), [(0, True), (1, True), (-0.001, False)])
def test_an_order_created_before_its_send_is_another_unless_the_clock_was_stepped_back(
    seconds: float, *, is_old: bool
) -> None:
    assert bool(disagreement(RECORD, REPORT, later(seconds))) is is_old


def test_of_lost_orders_the_newest_are_remembered() -> None:
    ledger = SymbolLedger(ACCOUNT, BTC)
    ids = [ClientOrderId(f"{number:032}") for number in range(LOST_ORDERS_REMEMBERED + 2)]
    for order_id in ids:
        ledger = apply(ledger, OrderIntended(ACCOUNT, BTC, NOW, replace(INTENT, client_order_id=order_id)))
        ledger = apply(ledger, OrderNeverArrived(ACCOUNT, BTC, NOW, order_id))

    assert [record.intent.client_order_id for record in ledger.lost] == ids[2:]


# -- waiting and health ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "waits"), [(-0.001, False), (0, True), (1.999, True), (2, False)])
def test_an_increase_waits_from_its_failure_on_and_not_before(seconds: float, *, waits: bool) -> None:
    assert RetryPace(1, later(2), "why", NOW).is_waiting(later(seconds)) is waits
    assert RetryPace().is_waiting(later(seconds)) is False


@pytest.mark.parametrize(("seconds", "is_paused"), [(-0.001, False), (0, True), (9.999, True), (10, False)])
def test_increases_pause_from_the_beginning_of_an_incident_on(seconds: float, *, is_paused: bool) -> None:
    health = ExchangeHealth(failed_orders=3, orders_pause_until=later(10), since=NOW, why="timeout")

    assert bool(health.trouble(later(seconds))) is is_paused


def test_a_price_read_at_the_same_moment_changes_nothing() -> None:
    seen = Volatility(D(100), NOW, D("0.01"), 600.0)

    assert observe_price(seen, D(200), NOW) is seen
    assert observe_price(seen, D(200), later(-0.001)) == Volatility(D(200), later(-0.001))


def test_prices_half_a_minute_apart_are_samples_and_the_volatility_is_in_percent() -> None:
    seen = Volatility(D(100), NOW, D("0.0004"), 1_800.0)

    assert observe_price(seen, D(200), later(29.999)) is seen
    assert observe_price(seen, D(200), later(30)).price == 200
    assert seen.daily_percent == 2


@pytest.mark.parametrize(("reduce_only", "close_seconds"), [(False, 10), (True, 20)])
@pytest.mark.parametrize(("is_tradable", "patient_seconds"), [(True, 3), (False, 15)])
def test_a_lost_order_is_looked_for_each_second_at_first_and_then_every_three_or_fifteen_on_a_halted_market(
    *, reduce_only: bool, close_seconds: float, is_tradable: bool, patient_seconds: float
) -> None:
    lost = replace(RECORD, intent=replace(INTENT, reduce_only=reduce_only))
    ledger = SymbolLedger(ACCOUNT, BTC, orders=(lost,))

    for seconds in (0, close_seconds, -close_seconds):
        assert unsettled_retry_seconds(ledger, later(seconds), is_tradable=is_tradable) == 1
    for seconds in (close_seconds + 0.001, -close_seconds - 0.001):
        assert unsettled_retry_seconds(ledger, later(seconds), is_tradable=is_tradable) == patient_seconds


def test_beside_a_young_order_an_old_one_is_looked_for_each_second() -> None:
    old, young = replace(RECORD, sent_at=later(-60)), replace(RECORD, sent_at=later(0))

    assert unsettled_retry_seconds(SymbolLedger(ACCOUNT, BTC, orders=(old, young)), NOW, is_tradable=False) == 1


# -- limits ------------------------------------------------------------------------------------------------


def proposal(*, equity: str = "10000", others: str | None = "0", increases: int = 0) -> Proposal:
    notional = Known(D(others), NOW) if others else Unknown("timeout")
    quote = Known(Quote(D(50_000), NOW), NOW)
    return Proposal(
        BTC, D(1), D(0), D("0.1"), D(3), D(50_000), Known(D(equity), NOW), notional, quote, increases, NOW
    )  # fmt: skip


@pytest.mark.parametrize(("increases", "is_refused"), [(4, False), (5, True), (6, True)])
def test_so_many_increases_a_minute_and_no_more(increases: int, *, is_refused: bool) -> None:
    refusal = refuse_haste(proposal(increases=increases), RiskLimits(max_increases_per_minute=5))

    assert bool(refusal) is is_refused
    assert refuse_haste(proposal(increases=10**6), RiskLimits(max_increases_per_minute=None)) is None


@pytest.mark.parametrize(("equity", "is_refused"), [("0.01", False), ("0", True), ("-1", True)])
def test_an_account_must_be_worth_something(equity: str, *, is_refused: bool) -> None:
    assert bool(refuse_odd_value(proposal(equity=equity), RiskLimits())) is is_refused


@pytest.mark.parametrize(("others", "largest"), [("0", "0.4"), ("5000", "0.3"), ("20000", "0"), ("30000", "0")])
def test_what_other_positions_leave_of_an_accounts_limits(others: str, largest: str) -> None:
    asked = proposal(others=others)
    total, gross = RiskLimits(max_account_notional=D(20_000)), RiskLimits(max_gross_leverage=D(2))

    assert cap_account_notional(asked, total) == Cap(D(largest), "the limit of 20000 USDT per account")
    assert cap_gross_leverage(asked, gross) == Cap(D(largest), "the limit of 2 account values in all positions")
    assert cap_account_notional(asked, RiskLimits()) is None
    unknown = Refusal("the limit of 20000 USDT per account: timeout")
    assert cap_account_notional(proposal(others=None), total) == unknown
    assert cap_gross_leverage(proposal(equity="-5"), gross) == Cap(
        D(0), "the limit of 2 account values in all positions"
    )


def test_an_account_that_was_worth_nothing_has_lost_nothing() -> None:
    limits = RiskLimits(max_daily_loss_percent=D(5), max_drawdown_percent=D(10))

    assert loss_breach(ValueMarks("d", D(0), D(0)), D(-1), limits) == ""
    assert loss_breach(ValueMarks("d", D(1), D(1)), D("0.5"), limits).startswith("lost 50.00 % (1 to 0.5 USDT)")


# -- sources and targets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "limited"),
    [
        ("0.5", "0.5", "0.5"),
        ("0.5", "0.6", "0.5"),
        ("0.5", "0.4", "0.4"),
        ("0.5", "-0.1", "0"),
        ("-0.5", "-0.6", "-0.5"),
        ("-0.5", "-0.4", "-0.4"),
        ("0", "0.1", "0"),
        ("0.5", "0", "0"),
    ],
)
def test_a_source_that_may_only_shrink_keeps_its_side_and_never_grows(before: str, now: str, limited: str) -> None:
    def said(depth: str) -> SourceFrame:
        signals = (SourceSignal(MOON, "BTC", D(depth), NOW),)
        return SourceFrame(MOON, 1, NOW, NOW, None, SourceStatus.OK, "", authenticated=True, signals=signals)

    (signal,) = limit_source(Standing.REDUCE_ONLY, said(before), said(now)).signals
    assert signal.depth == D(limited)
    (signal,) = limit_source(Standing.REDUCE_ONLY, None, said(now)).signals
    assert signal.depth == 0
    assert limit_source(Standing.HALTED, None, said(now)).signals == ()


def missing_since(seconds: int) -> SymbolLedger:
    flat = SymbolLedger(ACCOUNT, BTC, replace(MADE, quantity=D(0)), confirmed=1)
    return replace(flat, shrunk_from=D("0.06"), shrunk_at=later(seconds))


@pytest.mark.parametrize(
    ("ledger", "wanted"),
    [
        (SymbolLedger(ACCOUNT, BTC, MADE, D("0.06")), D(3)),
        (SymbolLedger(ACCOUNT, BTC, None, D("0.06")), D(1)),
        (SymbolLedger(ACCOUNT, BTC, replace(MADE, quantity=D(0)), confirmed=1), None),
        (missing_since(-599), D(3)),
        (missing_since(-600), None),
        (SymbolLedger(ACCOUNT, BTC), None),
    ],
)
def test_what_is_no_longer_configured_is_taken_to_zero_at_its_own_leverage(
    ledger: SymbolLedger, wanted: Decimal | None
) -> None:
    targets = Targets(1, "v", {}, {})

    asked = wanted_targets(AccountPolicy(ACCOUNT), targets, [ledger], Standings(), RiskLimits(), NOW)

    assert asked == ({BTC: MergedTarget(BTC, D(0), wanted)} if wanted else {})
    unready = replace(targets, unready={BTC: "torn"})
    assert wanted_targets(AccountPolicy(ACCOUNT), unready, [ledger], Standings(), RiskLimits(), NOW) == {}
    disabled = AccountPolicy(ACCOUNT, is_enabled=False)
    assert wanted_targets(disabled, unready, [ledger], Standings(), RiskLimits(), NOW) == asked


def given_up(sent_at: datetime) -> OrderRecord:
    return OrderRecord(INTENT, OrderPhase.LOST, sent_at)


NOTHING = SymbolLedger(ACCOUNT, BTC)
FLAT = replace(NOTHING, decision=replace(MADE, quantity=D(0)), confirmed=1)


@pytest.mark.parametrize(
    ("ledger", "costs_a_call"),
    [
        (NOTHING, False),
        (FLAT, False),
        (replace(FLAT, confirmed=0), True),
        (replace(FLAT, owned=D("-0.001")), True),
        (replace(FLAT, orders=(RECORD,)), True),
        (replace(FLAT, orders=(given_up(later(-599)),)), True),
        (replace(FLAT, orders=(given_up(later(-600)),)), False),
        (replace(FLAT, orders=(given_up(later(599)),)), True),
        (replace(FLAT, orders=(given_up(later(600)),)), False),
    ],
)
def test_an_account_that_wants_nothing_is_read_only_while_something_may_be_held(
    ledger: SymbolLedger, *, costs_a_call: bool
) -> None:
    disabled, wanted = AccountPolicy(ACCOUNT, is_enabled=False), {BTC: MergedTarget(BTC, D("0.1"), D(3))}

    assert bool(needs_calls(disabled, wanted, [NOTHING, ledger], NOW, {})) is costs_a_call
    assert bool(needs_calls(AccountPolicy(ACCOUNT), {}, [ledger], NOW, {})) is costs_a_call
    assert needs_calls(AccountPolicy(ACCOUNT), wanted, [ledger], NOW, {})


FACED = replace(FLAT, confirmed=0)


@pytest.mark.parametrize(
    ("ledger", "costs_a_call"),
    [
        (FACED, False),
        (replace(FACED, standing=Standing.REDUCE_ONLY), True),
        (replace(FACED, adopter="operator"), True),
        (replace(FLAT, adopter="operator"), True),
        (replace(NOTHING, adopter="operator"), False),
        (replace(FACED, orders=(given_up(later(-599)),)), True),
        (replace(FACED, decision=MADE), True),
    ],
)
def test_a_position_of_others_is_looked_at_again_only_when_something_happened_to_its_ledger(
    ledger: SymbolLedger, *, costs_a_call: bool
) -> None:
    disabled = AccountPolicy(ACCOUNT, is_enabled=False)
    left_alone = {BTC: ledger if ledger.decision == MADE or ledger.orders else FACED}

    assert bool(needs_calls(disabled, {}, [ledger], NOW, left_alone)) is costs_a_call


@pytest.mark.parametrize(
    ("ledger", "is_wanted", "is_pursued"),
    [
        (FLAT, False, False),
        (FLAT, True, True),
        (replace(FLAT, confirmed=0), False, True),
        (replace(FLAT, owned=D("0.001")), False, True),
        (missing_since(-599), False, True),
        (missing_since(-600), False, False),
        (NOTHING, True, False),
    ],
)
def test_what_is_wanted_or_not_over_is_kept_in_line(ledger: SymbolLedger, *, is_wanted: bool, is_pursued: bool) -> None:
    wanted = {BTC: MergedTarget(BTC, D(0), D(3))} if is_wanted else {}

    assert pursued_symbols(wanted, [ledger], NOW) == ([BTC] if is_pursued else [])


def test_exits_overtake_entries() -> None:
    eth = Symbol("ETHUSDT")
    grows, shrinks = replace(NOTHING, decision=MADE), SymbolLedger(ACCOUNT, eth, MADE, D("0.07"))
    wanted = {symbol: MergedTarget(symbol, D("0.1"), D(3)) for symbol in (BTC, eth)}

    assert pursued_symbols(wanted, [grows, shrinks], NOW) == [eth, BTC]


@pytest.mark.parametrize(
    ("owned", "decision", "depth", "less"),
    [
        ("0.06", MADE, "0.1", False),
        ("0.06", MADE, "0.2", False),
        ("0.06", MADE, "0.09", True),
        ("0.06", MADE, "-0.1", True),
        ("0.06", MADE, "0", True),
        ("-0.06", replace(MADE, depth=D("-0.1")), "-0.09", True),
        ("-0.06", replace(MADE, depth=D("-0.1")), "-0.1", False),
        ("0.06", None, "0.1", False),
        ("0.06", None, "-0.1", True),
        ("0.06", None, "0", True),
        ("0", MADE, "0.09", False),
        ("0", None, "0", False),
    ],
)
def test_a_target_may_want_less_than_what_is_ours(
    owned: str, decision: Decision | None, depth: str, *, less: bool
) -> None:
    ledger = replace(NOTHING, owned=D(owned), decision=decision)

    assert asks_for_less(ledger, MergedTarget(BTC, D(depth), D(3))) is less
