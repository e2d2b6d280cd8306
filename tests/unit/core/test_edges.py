"""The far side of each edge: what a decision does exactly there, and what it leaves alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.decisions.account_targets import has_history, shrinks
from core.decisions.dampen_source import dampen_source
from core.decisions.judge_position import PositionJudgement, Whose, judge_position
from core.decisions.judge_source import OnStale, SourceUse, StalenessPolicy, judge_source
from core.decisions.make_decision import Readings, asks_for_decision, decide, decide_resize
from core.decisions.make_intent import make_intent
from core.decisions.pace_retries import RetryPace, after_failure
from core.decisions.permit_trade import Blocked, permit_trade
from core.decisions.risk_rules import Cap, Proposal, cap_depth, refuse_leverage
from core.decisions.size_position import size_position
from core.decisions.watch_exchange import read_pause_seconds
from core.decisions.watch_value import mark_value, value_jumped
from core.model.decision import Decision
from core.model.events import DecisionMade, Event, StandingChanged
from core.model.failures import InvalidInput
from core.model.identity import AccountId, ClientOrderId, SourceName, Symbol, derive_client_order_id
from core.model.instrument import Instrument
from core.model.ledger import OrderPhase, OrderRecord, SymbolLedger
from core.model.order import OrderIntent, Side
from core.model.plan import Purpose, Trade
from core.model.policy import RetryLimits
from core.model.position import AccountSnapshot, MarginMode, Quote
from core.model.reading import Known, Unknown
from core.model.risk import ResizeBand, RiskLimits, ValueMarks
from core.model.signal import MergedTarget, SourceFrame, SourceSignal, SourceStatus
from core.model.standing import Standing

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, BTC = AccountId("bybit"), Symbol("BTCUSDT")
LOT = Instrument(BTC, "BTCUSDT", D("0.001"), D("0.001"), D(100), D(5), D(100))
SELL = Trade(Side.SELL, D("0.1"), Purpose.CLOSE)
MADE = Decision(1, D("0.1"), D(3), "v", D(10_000), D(50_000), D("0.06"), "", NOW)


def ledger(owned: str = "0", **changes: object) -> SymbolLedger:
    return replace(SymbolLedger(ACCOUNT, BTC, owned=D(owned)), **changes)  # type: ignore[arg-type]  # passed on


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


# -- positions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owned", "held", "whose"),
    [
        ("0.06", "0.0609", Whose.OURS),
        ("0.06", "0.061", Whose.FOREIGN),
        ("0.06", "0.059", Whose.SHRUNK),
        ("0.06", "0", Whose.SHRUNK),
        ("-0.06", "-0.059", Whose.SHRUNK),
        ("0.06", "-0.06", Whose.FOREIGN),
        ("0", "0.001", Whose.FOREIGN),
    ],
)
def test_a_position_is_ours_within_less_than_one_lot(owned: str, held: str, whose: Whose) -> None:
    assert judge_position(ledger(owned, ever_traded=True), D(held), LOT, NOW).whose is whose


@pytest.mark.parametrize(
    ("held", "seconds", "whose"),
    [
        ("0.02", 60, Whose.STALE),
        ("0.02", 60.001, Whose.SHRUNK),
        ("0.0209", 0, Whose.STALE),
        ("0.021", 0, Whose.SHRUNK),
        ("0.019", 0, Whose.SHRUNK),
    ],
)
def test_a_read_is_late_for_a_minute_and_only_where_it_shows_the_time_before_the_fill(
    held: str, seconds: float, whose: Whose
) -> None:
    filled = ledger("0.06", ever_traded=True, last_fill=D("0.04"), last_fill_at=NOW)

    assert judge_position(filled, D(held), LOT, later(seconds)).whose is whose


def test_a_position_of_exactly_the_target_does_not_shrink() -> None:
    assert not shrinks(ledger("0.06", decision=MADE))
    assert shrinks(ledger("0.061", decision=MADE))
    assert not shrinks(ledger("0.059", decision=MADE))
    assert shrinks(ledger("-0.01", decision=MADE))
    assert not shrinks(ledger())


def test_a_symbol_has_a_history_by_a_decision_or_by_what_is_ours() -> None:
    assert not has_history(ledger())
    assert has_history(ledger("0.001"))
    assert has_history(ledger("-0.001"))
    assert has_history(ledger(decision=MADE))


# -- permission --------------------------------------------------------------------------------------------


def in_flight(side: Side, quantity: str, *, reduce_only: bool = False) -> OrderRecord:
    intent = OrderIntent(
        ClientOrderId("a" * 32), ACCOUNT, BTC, side, D(quantity), reduce_only, MarginMode.ISOLATED, D(3), 1
    )
    return OrderRecord(intent, OrderPhase.UNKNOWN, NOW)


FOREIGN = PositionJudgement(Whose.FOREIGN, "0.5")
OURS = PositionJudgement(Whose.OURS)
EXIT = replace(MADE, depth=D(0), quantity=D(0))
NOT_OURS = Blocked("the position is not ours alone (0.5)")


@pytest.mark.parametrize(
    ("owned", "held", "purpose", "quantity"),
    [
        ("0.04", "0.5", Purpose.CLOSE, "0.04"),
        ("0.5", "0.04", Purpose.CLOSE, "0.04"),
        ("0.3", "0.5", Purpose.CLOSE, "0.1"),
        ("-0.04", "0.5", Purpose.CLOSE, None),
        ("0", "0.5", Purpose.CLOSE, None),
        ("0.04", "0.5", Purpose.REDUCE, None),
    ],
)
def test_of_a_position_that_is_not_ours_alone_an_exit_takes_our_part(
    owned: str, held: str, purpose: Purpose, quantity: str | None
) -> None:
    trade = replace(SELL, purpose=purpose)

    permitted = permit_trade(trade, D(held), ledger(owned, decision=MADE), FOREIGN, "")

    assert permitted == (replace(trade, quantity=D(quantity)) if quantity else NOT_OURS)


@pytest.mark.parametrize(
    ("owned", "held", "order", "quantity"),
    [
        ("0.04", "0.5", in_flight(Side.BUY, "0.03"), "0.07"),
        ("0.04", "0.05", in_flight(Side.BUY, "0.03"), "0.05"),
        ("0.04", "0.5", in_flight(Side.SELL, "0.03"), "0.04"),
        ("0.3", "0.5", in_flight(Side.BUY, "0.03"), "0.1"),
        ("-0.04", "0.5", in_flight(Side.BUY, "0.03"), "0"),
        ("-0.04", "-0.5", in_flight(Side.SELL, "0.03"), "0.07"),
        ("-0.04", "-0.5", in_flight(Side.BUY, "0.03"), "0.04"),
    ],
)
def test_beside_an_unsettled_increase_a_reduction_takes_what_fills_and_that_order_could_have_made(
    owned: str, held: str, order: OrderRecord, quantity: str
) -> None:
    permitted = permit_trade(SELL, D(held), ledger(owned, decision=MADE, orders=(order,)), OURS, "")

    nothing = Blocked("none of the position can be ours while an order is unsettled")
    assert permitted == (replace(SELL, quantity=D(quantity)) if D(quantity) else nothing)


def test_what_the_engine_restricted_may_shrink_and_not_grow() -> None:
    buy = replace(SELL, side=Side.BUY, purpose=Purpose.INCREASE)
    shrunk = ledger("0.06", decision=MADE, standing=Standing.REDUCE_ONLY, standing_reason="engine: shrunk")

    assert permit_trade(buy, D("0.06"), shrunk, OURS, "") == Blocked("reduce_only: engine: shrunk")
    assert permit_trade(SELL, D("0.06"), shrunk, OURS, "") == SELL


@pytest.mark.parametrize("reduce_only", [False, True])
def test_beside_an_unsettled_order_nothing_grows(*, reduce_only: bool) -> None:
    buy = replace(SELL, side=Side.BUY, purpose=Purpose.INCREASE)
    held = ledger("0.06", decision=MADE, orders=(in_flight(Side.SELL, "0.03", reduce_only=reduce_only),))

    assert permit_trade(buy, D("0.06"), held, OURS, "") == Blocked("an order is still unsettled")


def test_beside_an_unsettled_reduction_no_other_is_sent() -> None:
    held = ledger("0.06", decision=MADE, orders=(in_flight(Side.SELL, "0.03", reduce_only=True),))

    assert permit_trade(SELL, D("0.06"), held, OURS, "") == Blocked("a reduction is still unsettled")


# -- sources -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "use"), [(3_600, SourceUse.FOLLOW), (3_601, SourceUse.FLATTEN)])
def test_words_of_exactly_the_greatest_age_are_followed(age: int, use: SourceUse) -> None:
    said, source = later(-age), SourceName("moon")
    frame = SourceFrame(source, 1, said, NOW, None, SourceStatus.OK, "", authenticated=True)
    policy = StalenessPolicy(60.0, None, 3_600.0, OnStale.FLATTEN)

    assert judge_source(source, Known(frame, NOW), None, policy, NOW).use is use


@pytest.mark.parametrize(
    ("before", "now", "followed"),
    [
        ("0.1", "0.1049", "0.1"),
        ("0.1", "0.105", "0.105"),
        ("0.1", "0.0951", "0.1"),
        ("-0.1", "-0.1049", "-0.1"),
        ("0.1", "0", "0"),
        ("0", "0.001", "0.001"),
        ("0.001", "-0.001", "-0.001"),
    ],
)
def test_a_depth_that_moved_by_less_than_its_ratio_stays(before: str, now: str, followed: str) -> None:
    def said(depth: str) -> SourceFrame:
        source = SourceName("moon")
        signal = SourceSignal(source, "BTC", D(depth), NOW)
        return SourceFrame(source, 1, NOW, NOW, None, SourceStatus.OK, "", authenticated=True, signals=(signal,))

    (signal,) = dampen_source(D("0.05"), said(before), said(now)).signals
    assert signal.depth == D(followed)
    assert dampen_source(D(0), said(before), said(now)) == said(now)
    assert dampen_source(D("0.05"), None, said(now)) == said(now)


def test_a_new_symbol_and_another_leverage_are_followed_however_little_the_depth_moved() -> None:
    source = SourceName("moon")
    said = SourceSignal(source, "BTC", D("0.1"), NOW, leverage=D(3))
    nothing = SourceFrame(source, 1, NOW, NOW, None, SourceStatus.OK, "", authenticated=True)
    before, bolder = replace(nothing, signals=(said,)), replace(said, depth=D("0.101"), leverage=D(4))

    assert dampen_source(D("0.05"), nothing, before) == before
    assert dampen_source(D("0.05"), before, replace(nothing, signals=(bolder,))).signals == (bolder,)


# -- decisions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "owned", "depth", "leverage", "asks"),
    [
        (None, "0", "0", "3", False),
        (None, "0.001", "0", "3", True),
        (None, "0", "0.1", "3", True),
        (MADE, "0", "0.1", "3", False),
        (MADE, "0", "0.1", "2", True),
        (MADE, "0", "0.2", "3", True),
        (replace(MADE, depth=D(0)), "0", "0", "2", False),
    ],
)
def test_depth_or_leverage_asks_for_a_decision(
    decision: Decision | None, owned: str, depth: str, leverage: str, *, asks: bool
) -> None:
    target = MergedTarget(BTC, D(depth), D(leverage))

    assert asks_for_decision(ledger(owned, decision=decision), target) is asks


@pytest.mark.parametrize(("decision", "number"), [(None, 0), (replace(MADE, number=7), 7)])
def test_an_order_names_its_decision_or_none(decision: Decision | None, number: int) -> None:
    intent = make_intent(ledger(decision=decision), SELL, LOT, MarginMode.ISOLATED, D(3), "abc123", "00")

    assert intent.decision == number


def test_an_orders_id_says_what_it_means_and_which_step_it_is() -> None:
    intent = make_intent(ledger(decision=MADE, steps=4), SELL, LOT, MarginMode.ISOLATED, D(3), "abc123", "00")

    assert intent.client_order_id == derive_client_order_id("abc123", "00", ACCOUNT, BTC, 1, 5)


def readings(equity: str = "10000") -> Readings:
    snapshot = AccountSnapshot(ACCOUNT, Known(D(equity), NOW), Known({}, NOW))
    return Readings(snapshot, {BTC: Known(Quote(D(50_000), NOW), NOW)}, Known({BTC: LOT}, NOW))


def asked(depth: str = "0.1") -> MergedTarget:
    return MergedTarget(BTC, D(depth), D(3))


def decided(events: list[Event] | str) -> list[Event]:
    assert isinstance(events, list)
    return events


@pytest.mark.parametrize(
    ("equity", "seconds", "quantity"),
    [
        ("10500", 60, None),
        ("10600", 60, None),
        ("10700", 60, "0.064"),
        ("9300", 60, "0.055"),
        ("10700", 59, None),
    ],
)
def test_a_size_is_changed_beyond_the_band_and_from_its_time_on(
    equity: str, seconds: float, quantity: str | None
) -> None:
    """A band of 5 % around 0.06 BTC is 0.003 BTC; sizes are whole lots of 0.001 BTC."""
    ours, band = ledger("0.06", decision=MADE), ResizeBand(D(5), 60)
    at = later(seconds)
    fresh = replace(readings(equity), quotes={BTC: Known(Quote(D(50_000), at), at)})

    events = decide_resize(ours, asked(), fresh, "v", at, band)

    made = [one.decision.quantity for one in events if isinstance(one, DecisionMade)]
    assert made == ([D(quantity)] if quantity else [])


def test_a_new_decision_comes_under_the_limits_also_where_more_is_held() -> None:
    limits = RiskLimits(max_symbol_notional=D(2_000))

    (event,) = decided(decide(ledger("0.06", decision=MADE), asked("0.12"), readings(), "v", NOW, limits))

    assert isinstance(event, DecisionMade)
    assert event.decision.quantity == D("0.04")


@pytest.mark.parametrize(
    ("depth", "leverage", "quantity"),
    [("0.05", "3", "0.03"), ("0.2", "1", "0.04"), ("0.0333", "3", "0.019"), ("0.1", "3", None), ("0.2", "3", None)],
)
def test_a_decision_that_cannot_be_sized_shrinks_as_its_depth_times_leverage_does(
    depth: str, leverage: str, quantity: str | None
) -> None:
    blind = replace(readings(), snapshot=AccountSnapshot(ACCOUNT, Unknown("torn"), Known({}, NOW)))
    target = MergedTarget(BTC, D(depth), D(leverage))

    made = decide(ledger("0.06", decision=MADE), target, blind, "v", NOW)

    if quantity is None:
        assert made == "account value unknown: torn"
        return
    (event,) = decided(made)
    assert isinstance(event, DecisionMade)
    assert (event.decision.number, event.decision.quantity, event.decision.depth) == (2, D(quantity), D(depth))
    assert (event.decision.leverage, event.decision.equity) == (D(leverage), None)


def restricted(decision: Decision | None, binding_until: datetime | None) -> SymbolLedger:
    return ledger("0", decision=decision, standing=Standing.REDUCE_ONLY, binding_until=binding_until)


@pytest.mark.parametrize(
    ("before", "depth", "binding_until", "lifts"),
    [
        (None, "0.1", None, True),
        (EXIT, "0.1", None, True),
        (replace(MADE, depth=D("-0.1")), "0.1", None, True),
        (MADE, "0.2", None, False),
        (MADE, "0", None, False),
        (None, "0.1", later(1), False),
        (None, "0.1", NOW, True),
    ],
)
def test_a_fresh_entry_lifts_what_the_engine_restricted_once_it_binds_no_more(
    before: Decision | None, depth: str, binding_until: datetime | None, *, lifts: bool
) -> None:
    events = decided(decide(restricted(before, binding_until), asked(depth), readings(), "v", NOW))

    lifted = StandingChanged(ACCOUNT, BTC, NOW, Standing.ACTIVE, "engine", "fresh entry")
    assert events[1:] == ([lifted] if lifts else [])


@pytest.mark.parametrize(("leverage", "price"), [("0", "1"), ("-1", "1"), ("NaN", "1"), ("1", "0"), ("1", "-1")])
def test_neither_leverage_nor_price_may_be_zero_or_less(leverage: str, price: str) -> None:
    with pytest.raises(InvalidInput, match="leverage" if leverage != "1" else "price"):
        size_position(D(100), D("0.1"), D(leverage), D(price), LOT)


def test_what_cannot_be_held_is_told_to_the_eighth_digit() -> None:
    coarse = replace(LOT, min_quantity=D(1), min_notional=D(0))

    told = size_position(D(1), D(1), D(1), D(3), coarse).unreachable
    assert told == "below the exchange's minimum of 1 (wanted 0.33333333)"
    told = size_position(D("2.46912"), D(1), D(1), D(2), replace(LOT, lot_step=D("0.0001"))).unreachable
    assert told == "below the exchange's minimum value of 5 USDT (worth 2.47)"


def test_a_depth_of_exactly_one_is_sized() -> None:
    assert size_position(D(100), D(1), D(1), D(10), LOT).quantity == 10
    assert size_position(D(100), D(-1), D(1), D(10), LOT).quantity == -10


# -- risk and value ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("leverage", "is_refused"), [("5", False), ("5.01", True)])
def test_a_leverage_of_exactly_the_limit_may_be_opened(leverage: str, *, is_refused: bool) -> None:
    equity, quote = Known(D(10_000), NOW), Known(Quote(D(50_000), NOW), NOW)
    proposal = Proposal(BTC, D(1), D(0), D("0.1"), D(leverage), D(50_000), equity, equity, quote, 0, NOW)

    assert bool(refuse_leverage(proposal, RiskLimits(max_leverage=D(5)))) is is_refused


def test_a_depth_of_exactly_the_limit_is_not_cut() -> None:
    equity, quote = Known(D(10_000), NOW), Known(Quote(D(50_000), NOW), NOW)
    proposal = Proposal(BTC, D(1), D(0), D("-0.5"), D(3), D(50_000), equity, equity, quote, 0, NOW)

    assert cap_depth(proposal, RiskLimits(max_depth=D("0.5"))) is None
    cut = cap_depth(proposal, RiskLimits(max_depth=D("0.25")))
    assert cut == Cap(D("0.5"), "depth 0.5 is above the limit of 0.25")


@pytest.mark.parametrize(
    ("previous", "value", "jumped"),
    [(None, "1", False), ("100", "150", False), ("100", "150.01", True), ("100", "50", False), ("100", "49.9", True)],
)
def test_a_value_jumps_beyond_the_limit_in_either_direction(previous: str | None, value: str, *, jumped: bool) -> None:
    limits = RiskLimits(max_value_jump_percent=D(50))

    assert value_jumped(D(previous) if previous else None, D(value), limits) is jumped


def test_marks_follow_the_highest_value_and_begin_each_day_anew() -> None:
    first = mark_value(None, D(100), NOW)
    assert first == ValueMarks("2026-01-01", D(100), D(100))
    assert mark_value(first, D(90), later(60)) == first
    assert mark_value(first, D(110), later(60)) == ValueMarks("2026-01-01", D(100), D(110))
    assert mark_value(first, D(90), later(86_400)) == ValueMarks("2026-01-02", D(90), D(100))
    assert mark_value(replace(first, day="2026-01-02"), D(90), NOW) == replace(first, day="2026-01-02")


# -- waiting -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("failures", "seconds"), [(19, 2**19), (20, 2**20), (21, 2**20), (10_000, 2**20)])
def test_a_delay_is_doubled_twenty_times_at_most(failures: int, seconds: int) -> None:
    pace = after_failure(RetryPace(failures), NOW, "why", RetryLimits(1.0, 1e9))

    assert pace.next_try_at == later(seconds)


@pytest.mark.parametrize(("account", "share"), [("bybit", 43), ("mexc", 16), ("kucoin", 71)])
def test_each_account_comes_back_at_its_own_time_within_a_fifth(account: str, share: int) -> None:
    assert read_pause_seconds(1, account, has_exit=False) == pytest.approx(1 - share / 500, abs=1e-9)
