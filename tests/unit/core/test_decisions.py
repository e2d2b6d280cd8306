"""Pure decisions at their edges, by example."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.decisions.find_halted import find_halted
from core.decisions.fold_journal import apply
from core.decisions.judge_position import PositionJudgement, Whose, looks_liquidated
from core.decisions.judge_source import OnStale, SourceUse, StalenessPolicy, judge_source
from core.decisions.make_decision import Readings, asks_for_decision, decide, decide_resize, depth_changed
from core.decisions.pace_retries import RetryPace, after_failure, reduction_retry_seconds
from core.decisions.permit_trade import Blocked, permit_trade
from core.decisions.react_to_refusal import REACTIONS
from core.decisions.recognise_engine import foreign_engine_tags
from core.decisions.reconcile import reconcile
from core.decisions.size_position import size_position
from core.decisions.verify_order import disagreement
from core.decisions.watch_exchange import (
    ExchangeHealth,
    after_order,
    after_read,
    barred_pause_seconds,
    read_pause_seconds,
)
from core.model.decision import Decision
from core.model.events import DecisionMade, SymbolEvent
from core.model.failures import EngineError, InvalidInput
from core.model.identity import AccountId, ClientOrderId, SourceName, Symbol, derive_client_order_id
from core.model.instrument import Instrument
from core.model.ledger import OrderPhase, OrderRecord, SymbolLedger
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, RefusalReason, Side
from core.model.plan import Purpose, Trade
from core.model.policy import RetryLimits
from core.model.position import AccountSnapshot, MarginMode, Quote
from core.model.reading import Absent, Known, Reading, Unknown
from core.model.risk import ResizeBand
from core.model.signal import MergedTarget, SourceFrame, SourceStatus
from core.model.standing import Scope, SetStanding, Standing

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, BTC, SOURCE = AccountId("bybit"), Symbol("BTCUSDT"), SourceName("bittensor")
LOT = Instrument(BTC, "BTCUSDT", D("0.001"), D("0.001"), D(100), D(5), D(10))
OURS = PositionJudgement(Whose.OURS)
BUY = Trade(Side.BUY, D("0.1"), Purpose.INCREASE)
SELL = Trade(Side.SELL, D("0.1"), Purpose.CLOSE)
LESS = Trade(Side.SELL, D("0.1"), Purpose.REDUCE)


def made(quantity: str = "0.06", price: str | None = "50000", leverage: str = "3") -> Decision:
    worth = D(price) if price else None
    return Decision(1, D("0.1"), D(leverage), "v", D(10_000), worth, D(quantity), "", NOW)


# -- sources -----------------------------------------------------------------------------------------------


def frame(heartbeat_age: float = 0, fetch_age: float = 0) -> SourceFrame:
    heartbeat, fetched = NOW - timedelta(seconds=heartbeat_age), NOW - timedelta(seconds=fetch_age)
    return SourceFrame(SOURCE, 1, fetched, heartbeat, fetched, SourceStatus.OK, "", authenticated=True)


POLLED = StalenessPolicy(60.0, 600.0, 86_400.0, OnStale.FLATTEN)
HOLDING = replace(POLLED, on_stale=OnStale.HOLD)
PUSHED = StalenessPolicy()


@pytest.mark.parametrize(
    ("heartbeat_age", "fetch_age", "policy", "use", "reason"),
    [
        (60, 600, POLLED, SourceUse.FOLLOW, ""),
        (61, 0, POLLED, SourceUse.HOLD, "no heartbeat since 2025-12-31 23:58:59 UTC"),
        (0, 601, POLLED, SourceUse.HOLD, "no good fetch since 2025-12-31 23:49:59 UTC"),
        (0, 86_401, POLLED, SourceUse.FLATTEN, "content older than 86400 s; no good fetch"),
        (0, 86_401, HOLDING, SourceUse.HOLD, "content older than 86400 s"),
        (0, 86_401, replace(POLLED, fetch_seconds=None), SourceUse.FLATTEN, "content older than 86400 s"),
        (0, 10**9, PUSHED, SourceUse.FOLLOW, ""),
        (61, 10**9, PUSHED, SourceUse.HOLD, "no heartbeat"),
    ],
)
def test_a_source_is_followed_held_or_flattened_by_its_two_ages(
    heartbeat_age: float, fetch_age: float, policy: StalenessPolicy, use: SourceUse, reason: str
) -> None:
    judged = judge_source(SOURCE, Known(frame(heartbeat_age, fetch_age), NOW), None, policy, NOW)

    assert judged.use is use
    assert judged.reason.startswith(reason)


@pytest.mark.parametrize(
    ("reading", "last_good", "use"),
    [
        (Absent("nothing yet"), None, SourceUse.SILENT),
        (Unknown("torn"), None, SourceUse.UNREADABLE),
        (Unknown("torn"), frame(), SourceUse.HOLD),
        (Absent("gone"), frame(), SourceUse.HOLD),
        (Unknown("torn"), frame(fetch_age=86_401), SourceUse.FLATTEN),
    ],
)
def test_an_unreadable_source_lives_on_its_last_good_frame(
    reading: Reading[SourceFrame], last_good: SourceFrame | None, use: SourceUse
) -> None:
    assert judge_source(SOURCE, reading, last_good, POLLED, NOW).use is use


# -- deciding ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "changed"),
    [
        ("0.1", "0.1", False),
        ("0.1", "0.1001", False),
        ("0.1", "0.10011", True),
        ("0.5", "0.5005", False),
        ("0.5", "0.50051", True),
        ("0.00001", "0", True),
        ("0", "0.00001", True),
        ("0.00001", "-0.00001", True),
    ],
)
def test_a_depth_changed_beyond_its_tolerance_or_through_zero(before: str, now: str, changed: bool) -> None:
    assert depth_changed(D(before), D(now)) is changed


def readings(**changes: Any) -> Readings:  # noqa: ANN401 - parts of a read
    equity = changes.get("equity", Known(D(10_000), NOW))
    quote = changes.get("quote", Known(Quote(D(50_000), NOW), NOW))
    rules = changes.get("rules", Known({BTC: LOT}, NOW))
    return Readings(AccountSnapshot(ACCOUNT, equity, Known({}, NOW)), {BTC: quote}, rules)


def target(depth: str = "0.1", leverage: str = "3") -> MergedTarget:
    return MergedTarget(BTC, D(depth), D(leverage))


@pytest.mark.parametrize(
    ("rules", "ledger", "is_halted"),
    [
        ({BTC: LOT}, SymbolLedger(ACCOUNT, BTC, decision=made()), False),
        ({BTC: replace(LOT, tradable=False)}, SymbolLedger(ACCOUNT, BTC), True),
        ({}, SymbolLedger(ACCOUNT, BTC), False),
        ({}, SymbolLedger(ACCOUNT, BTC, decision=made("0", None)), False),
        ({}, SymbolLedger(ACCOUNT, BTC, decision=made()), True),
        ({}, SymbolLedger(ACCOUNT, BTC, decision=made("0", None), ever_traded=True), True),
    ],
)
def test_what_left_the_list_is_halted_where_it_was_once_sized_or_traded(
    rules: dict[Symbol, Instrument], ledger: SymbolLedger, is_halted: bool
) -> None:
    assert find_halted([BTC], Known(rules, NOW), [ledger]) == [BTC] * is_halted
    assert find_halted([], Known(rules, NOW), [ledger]) == []
    assert find_halted([BTC], Unknown("torn"), [ledger]) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"equity": Unknown("torn")}, "account value unknown: torn"),
        ({"equity": Known(D(0), NOW)}, "account value: Decimal('0') must be greater than zero"),
        ({"quote": Unknown("torn")}, "price unknown: torn"),
        ({"rules": Unknown("torn")}, "the exchange's rules are unknown: torn"),
        ({"rules": Known({}, NOW)}, "not listed on this exchange"),
        ({"rules": Known({BTC: replace(LOT, tradable=False)}, NOW)}, "the exchange does not trade this symbol now"),
    ],
)
def test_what_cannot_be_sized_says_why_and_leaves_the_other_side_anyway(changes: dict[str, Any], why: str) -> None:
    flat, short = SymbolLedger(ACCOUNT, BTC), SymbolLedger(ACCOUNT, BTC, decision=made("-0.06"))

    assert decide(flat, target(), readings(**changes), "v", NOW) == why
    left = decide(short, target(), readings(**changes), "v", NOW)
    assert isinstance(left, list)
    assert isinstance(left[0], DecisionMade)
    assert (left[0].decision.quantity, left[0].decision.depth, left[0].decision.unreachable) == (D(0), D(0), why)


@pytest.mark.parametrize(
    ("depth", "leverage", "quantity"),
    [("0.05", "3", "0.03"), ("0.1", "2", "0.04"), ("0.0333", "3", "0.019"), ("0.1", "3", None), ("0.2", "2", None)],
)
@pytest.mark.parametrize(
    "changes",
    [
        {"equity": Unknown("torn")},
        {"quote": Unknown("torn")},
        {"quote": Known(Quote(D(50_000), NOW, D(40_000), D(60_000)), NOW)},
    ],
)
def test_a_smaller_target_that_cannot_be_sized_is_scaled_down_from_the_last_one(
    changes: dict[str, Any], depth: str, leverage: str, quantity: str | None
) -> None:
    ledger = SymbolLedger(ACCOUNT, BTC, decision=made(), owned=D("0.06"))
    decided = decide(ledger, target(depth, leverage), readings(**changes), "v", NOW)
    if quantity is None:
        assert isinstance(decided, str)
        return

    assert isinstance(decided, list)
    assert isinstance(decided[0], DecisionMade)
    scaled = decided[0].decision
    assert (scaled.quantity, scaled.depth, scaled.equity) == (D(quantity), D(depth), None)
    assert scaled.unreachable.startswith("scaled down from the last target until it can be sized: ")
    after = replace(ledger, decision=scaled)
    assert asks_for_decision(after, target(depth, leverage))
    assert isinstance(decide(after, target(depth, leverage), readings(**changes), "v", NOW), str)
    sized = decide(after, target(depth, leverage), readings(), "v", NOW)
    assert isinstance(sized, list)
    assert isinstance(sized[0], DecisionMade)
    assert not asks_for_decision(replace(ledger, decision=sized[0].decision), target(depth, leverage))


@pytest.mark.parametrize("depth", ["0.1", "-0.1"])
def test_from_flat_what_cannot_be_sized_decides_nothing(depth: str) -> None:
    flat = SymbolLedger(ACCOUNT, BTC, decision=replace(made("0"), depth=D(0)), confirmed=1)

    assert decide(flat, target(depth), readings(quote=Unknown("torn")), "v", NOW) == "price unknown: torn"


def test_a_leverage_above_the_exchanges_own_is_named_and_sized_with_that() -> None:
    events = decide(SymbolLedger(ACCOUNT, BTC), target(leverage="20"), readings(), "v", NOW)

    assert isinstance(events, list)
    assert isinstance(events[0], DecisionMade)
    assert events[0].decision.quantity == D("0.2")
    assert events[0].decision.unreachable == "leverage 20 is above the exchange's 10, sized with that"


@pytest.mark.parametrize("changes", [{"equity": Unknown("torn")}, {"equity": Known(D(10_100), NOW)}])
def test_within_the_band_or_without_a_value_no_size_changes(changes: dict[str, Any]) -> None:
    ledger, band = SymbolLedger(ACCOUNT, BTC, decision=made()), ResizeBand(D(5), 60)
    later = NOW + timedelta(seconds=60)

    assert decide_resize(ledger, target(), readings(**changes), "v", later, band) == []
    assert decide_resize(SymbolLedger(ACCOUNT, BTC), target(), readings(), "v", later, band) == []
    assert decide_resize(ledger, target("0"), readings(), "v", later, band) == []


def test_a_depth_outside_its_range_cannot_be_sized() -> None:
    with pytest.raises(InvalidInput, match=r"outside -1\.\.1"):
        size_position(D(10_000), D("1.1"), D(3), D(50_000), LOT)


# -- positions and plans -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "price", "liquidated"),
    [
        (None, "1", False),
        (made(price=None), "1", False),
        (made(quantity="0"), "1", False),
        (made(), None, True),
        (made(), "38334", False),
        (made(), "38333", True),
        (made("-0.06"), "61666", False),
        (made("-0.06"), "61667", True),
        (made(leverage="0.5"), "15001", False),
        (made(leverage="0.5"), "15000", True),
    ],
)
def test_a_move_of_seven_tenths_of_the_margin_looks_like_a_liquidation(
    decision: Decision | None, price: str | None, liquidated: bool
) -> None:
    assert looks_liquidated(decision, D(price) if price else None) is liquidated


def test_a_gap_below_one_lot_is_none_and_one_below_the_minimum_is_named() -> None:
    coarse = replace(LOT, min_quantity=D("0.01"))

    assert reconcile(D("0.0604"), D("0.06"), LOT, D(50_000)).trades == ()
    plan = reconcile(D("0.065"), D("0.06"), coarse, D(50_000))
    assert (plan.trades, plan.remainder, plan.note) == (
        (),
        D("-0.005"),
        "0.005 is less than the exchange trades at once",
    )
    assert reconcile(D("0.06"), D("0.065"), coarse, D(50_000)).note == "0.005 is less than the exchange trades at once"
    assert reconcile(D("0.06"), D("0.065"), LOT, None).trades[0].quantity == D("0.005")


def operator(standing: Standing) -> SetStanding:
    return SetStanding(Scope(), standing, "operator", NOW, "told to")


STALE = PositionJudgement(Whose.STALE, "late")
FIRST = PositionJudgement(Whose.FIRST_SIGHT, "0.5")
SHRUNK = PositionJudgement(Whose.SHRUNK, "0.05")
FOREIGN = PositionJudgement(Whose.FOREIGN, "0.5")


@pytest.mark.parametrize(
    ("trade", "judgement", "standing", "unready", "why"),
    [
        (BUY, OURS, None, "", ""),
        (SELL, OURS, None, "source is silent", ""),
        (SELL, OURS, Standing.REDUCE_ONLY, "", ""),
        (SELL, OURS, Standing.FLAT, "", ""),
        (SELL, OURS, Standing.HALTED, "", "halted for engine by operator: told to"),
        (BUY, OURS, Standing.REDUCE_ONLY, "", "reduce_only for engine by operator: told to"),
        (BUY, OURS, None, "source is silent", "source is silent"),
        (SELL, STALE, None, "", "the position is not known: late"),
        (SELL, FIRST, None, "", "a position that we did not open (0.5); adopt it or close it"),
        (BUY, SHRUNK, None, "", "the position changed without us (0.05)"),
        (SELL, SHRUNK, None, "", ""),
        (SELL, FOREIGN, None, "", ""),
        (LESS, FOREIGN, None, "", "the position is not ours alone (0.5)"),
    ],
)
def test_a_reduction_is_stopped_by_very_little_and_an_increase_by_any_doubt(
    trade: Trade, judgement: PositionJudgement, standing: Standing | None, unready: str, why: str
) -> None:
    ledger = SymbolLedger(ACCOUNT, BTC, decision=made(), owned=D("0.1"))
    permitted = permit_trade(trade, D("0.1"), ledger, judgement, unready, operator(standing) if standing else None)

    assert permitted == (Blocked(why) if why else trade)


def in_flight(side: Side, *, reduce_only: bool) -> OrderRecord:
    intent = OrderIntent(
        ClientOrderId("a" * 32), ACCOUNT, BTC, side, D("0.1"), reduce_only, MarginMode.ISOLATED, D(3), 1
    )
    return OrderRecord(intent, OrderPhase.UNKNOWN, NOW)


def test_beside_an_unsettled_order_of_the_other_side_nothing_of_a_position_can_be_ours() -> None:
    ledger = SymbolLedger(ACCOUNT, BTC, decision=made(), orders=(in_flight(Side.SELL, reduce_only=False),))

    permitted = permit_trade(SELL, D("0.1"), ledger, OURS, "")

    assert permitted == Blocked("none of the position can be ours while an order is unsettled")


@pytest.mark.parametrize(
    ("trade", "permitted"),
    [
        (Trade(Side.SELL, D("0.1"), Purpose.CLOSE), "0.1"),
        (Trade(Side.SELL, D("0.3"), Purpose.CLOSE), "0.1"),
        (Trade(Side.SELL, D("0.09"), Purpose.CLOSE), ""),
        (Trade(Side.BUY, D("0.1"), Purpose.CLOSE), ""),
        (Trade(Side.SELL, D("0.1"), Purpose.REDUCE), ""),
    ],
)
def test_a_lost_reduction_is_sent_again_only_as_part_of_a_close_that_wants_no_less(
    trade: Trade, permitted: str
) -> None:
    lost = in_flight(Side.SELL, reduce_only=True)
    ledger = SymbolLedger(ACCOUNT, BTC, decision=made(), owned=D("0.3"), orders=(lost,))

    wanted = replace(trade, quantity=D(permitted)) if permitted else Blocked("a reduction is still unsettled")
    assert permit_trade(trade, D("0.3"), ledger, OURS, "", None, lost) == wanted
    assert permit_trade(trade, D("0.3"), ledger, OURS, "") == Blocked("a reduction is still unsettled")


# -- orders ------------------------------------------------------------------------------------------------

INTENT = in_flight(Side.BUY, reduce_only=False).intent
REPORT = OrderReport(
    INTENT.client_order_id, "7", BTC, Side.BUY, D("0.1"), D("0.1"), D(1), False, MarginMode.ISOLATED, None,
    ExchangeOrderState.FILLED, NOW,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({}, ""),
        ({"reduce_only": None, "margin_mode": None}, ""),
        ({"client_order_id": ClientOrderId("b" * 32)}, "id b"),
        ({"symbol": Symbol("ETHUSDT")}, "symbol ETHUSDT, meant BTCUSDT"),
        ({"side": Side.SELL}, "side sell, meant buy"),
        ({"quantity": D("0.2")}, "quantity 0.2, meant 0.1"),
        ({"reduce_only": True}, "reduce-only True, meant False"),
        ({"margin_mode": MarginMode.CROSS}, "margin mode cross, meant isolated"),
        ({"created_at": NOW - timedelta(seconds=5)}, ""),
        ({"created_at": NOW - timedelta(seconds=6)}, "created 2025-12-31"),
    ],
)
def test_an_order_is_believed_only_where_all_that_it_echoes_agrees(changes: dict[str, Any], difference: str) -> None:
    told = disagreement(OrderRecord(INTENT, OrderPhase.UNKNOWN, NOW), replace(REPORT, **changes), NOW)

    assert told.startswith(difference)
    assert bool(difference) == bool(told)


def test_while_our_clock_shows_a_time_before_the_send_the_creation_time_tells_nothing() -> None:
    record, early = OrderRecord(INTENT, OrderPhase.UNKNOWN, NOW), replace(REPORT, created_at=NOW - timedelta(hours=1))

    assert disagreement(record, early, NOW - timedelta(seconds=1)) == ""
    assert disagreement(record, replace(early, symbol=Symbol("ETHUSDT")), NOW - timedelta(seconds=1))


def test_a_reduction_that_the_exchange_clipped_to_the_position_is_still_ours() -> None:
    record = OrderRecord(replace(INTENT, reduce_only=True), OrderPhase.UNKNOWN, NOW)
    clipped = replace(REPORT, quantity=D("0.05"), filled_quantity=D("0.05"), reduce_only=True)

    assert disagreement(record, clipped, NOW) == ""
    assert disagreement(record, replace(clipped, quantity=D("0.2")), NOW) == "quantity 0.2, meant 0.1"


def test_an_event_that_nobody_knows_is_refused() -> None:
    with pytest.raises(EngineError, match="unknown event SymbolEvent"):
        apply(SymbolLedger(ACCOUNT, BTC), SymbolEvent(ACCOUNT, BTC, NOW))  # type: ignore[arg-type]  # on purpose


def test_every_refusal_has_its_reaction() -> None:
    assert set(REACTIONS) == set(RefusalReason)


# -- pacing ------------------------------------------------------------------------------------------------


def test_increases_are_paced_by_doubling_and_by_what_the_exchange_asks_for() -> None:
    limits, pace, waits = RetryLimits(1.0, 10.0), RetryPace(), []
    for _ in range(6):
        pace = after_failure(pace, NOW, "why", limits)
        assert pace.next_try_at
        waits.append((pace.next_try_at - NOW).total_seconds())
    asked = after_failure(pace, NOW, "why", limits, retry_after_seconds=90)

    assert waits == [1, 2, 4, 8, 10, 10]
    assert asked.next_try_at == NOW + timedelta(seconds=90)
    assert asked.is_waiting(NOW + timedelta(seconds=89))
    assert not asked.is_waiting(NOW + timedelta(seconds=90))
    assert not RetryPace().is_waiting(NOW)


def test_reductions_are_tried_again_within_five_seconds() -> None:
    assert [reduction_retry_seconds(failures) for failures in (0, 1, 2, 3, 4, 5, 50)] == [0.5, 0.5, 1, 2, 4, 5, 5]


def test_an_exchange_is_in_trouble_after_three_failures_in_a_row_and_well_after_one_success() -> None:
    health = ExchangeHealth()
    for _ in range(2):
        health = after_read(health, NOW, "timeout")
    assert (health.is_in_trouble, health.trouble(NOW)) == (False, "")
    assert after_read(health, NOW, "") == ExchangeHealth()
    health = after_read(health, NOW, "timeout")

    assert health.trouble(NOW) == "the exchange is in trouble since 00:00:00 UTC: timeout"
    assert after_read(health, NOW, "") == ExchangeHealth()


def test_orders_without_an_answer_pause_increases_longer_each_time() -> None:
    health, pauses = ExchangeHealth(), []
    for _ in range(9):
        health = after_order(health, NOW, BTC, "timeout")
        until = health.orders_pause_until
        pauses.append((until - NOW).total_seconds() if until else 0)
    assert pauses == [0, 0, 10, 20, 40, 80, 120, 120, 120]
    assert health.trouble(NOW + timedelta(seconds=119))
    assert not health.trouble(NOW + timedelta(seconds=120))
    mixed = after_read(after_order(health, NOW, BTC, ""), NOW, "timeout")

    assert (after_order(health, NOW, BTC, ""), mixed.failed_orders, mixed.failed_reads) == (ExchangeHealth(), 0, 1)
    assert after_order(mixed, NOW, BTC, "").failed_reads == 1


def test_failed_reads_are_spread_over_accounts_and_never_hold_up_an_exit() -> None:
    waits = [read_pause_seconds(failures, "bybit", has_exit=False) for failures in (1, 2, 3, 4, 5, 50)]
    exits = [read_pause_seconds(failures, "bybit", has_exit=True) for failures in (1, 50)]

    assert all(0.8 * full <= wait <= full for wait, full in zip(waits, (1, 2, 4, 8, 15, 15), strict=True))
    assert exits[0] <= 1
    assert exits[1] <= 5
    assert len({read_pause_seconds(5, name, has_exit=False) for name in ("a", "b", "c", "d")}) == 4
    assert [barred_pause_seconds(times) for times in (1, 2, 3, 9)] == [60, 300, 900, 900]


def test_another_engine_is_told_by_the_form_and_the_tag_of_its_ids() -> None:
    ours = derive_client_order_id("abc123", "00", ACCOUNT, BTC, 1, 1)
    theirs = derive_client_order_id("zzz999", "00", ACCOUNT, BTC, 1, 1)
    others = ["", "web-1", "0123456789abcdef0123456789abcdef", theirs.upper(), theirs + "a"]

    assert foreign_engine_tags([ours, theirs, *others, theirs], "abc123") == ("zzz999",)
