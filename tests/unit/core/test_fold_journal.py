from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.decisions.fold_journal import apply, fold_changes
from core.model.decision import Decision
from core.model.events import (
    DecisionMade,
    Event,
    OrderAccepted,
    OrderIntended,
    OrderNeverArrived,
    OrderOutcomeUnknown,
    OrderRefused,
    OrderResent,
    OrderSettled,
    PositionAdopted,
    StandingChanged,
    TargetConfirmed,
)
from core.model.identity import AccountId, ClientOrderId, Symbol, derive_client_order_id
from core.model.ledger import TRANSITIONS, IllegalTransition, OrderPhase, SymbolLedger
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from core.model.standing import Standing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, BTC = AccountId("bybit"), Symbol("BTCUSDT")
ID = ClientOrderId("a" * 32)


def intent(client_order_id: ClientOrderId = ID, side: Side = Side.BUY, quantity: str = "0.5") -> OrderIntent:
    return OrderIntent(
        client_order_id, ACCOUNT, BTC, side, Decimal(quantity), False, MarginMode.ISOLATED, Decimal(3), 1
    )


def ledger_after(*events: Event) -> SymbolLedger:
    ledger = SymbolLedger(ACCOUNT, BTC)
    for event in events:
        ledger = apply(ledger, event)
    return ledger


def intended(**kwargs: object) -> OrderIntended:
    return OrderIntended(ACCOUNT, BTC, NOW, intent(**kwargs))  # type: ignore[arg-type]  # forwarded as given


def decision(number: int) -> DecisionMade:
    made = Decision(number, Decimal("0.1"), Decimal(3), "v", Decimal(1), Decimal(1), Decimal("0.5"), "", NOW)
    return DecisionMade(ACCOUNT, BTC, NOW, made)


def test_owned_is_the_sum_of_settled_fills() -> None:
    ledger = ledger_after(
        intended(),
        OrderAccepted(ACCOUNT, BTC, NOW, ID, "77"),
        OrderSettled(ACCOUNT, BTC, NOW, ID, Decimal("0.3"), Decimal(50_000)),
        intended(client_order_id=ClientOrderId("b" * 32), side=Side.SELL, quantity="0.1"),
        OrderSettled(ACCOUNT, BTC, NOW, ClientOrderId("b" * 32), Decimal("-0.1"), Decimal(50_000)),
    )

    assert (ledger.owned, ledger.orders, ledger.steps) == (Decimal("0.2"), (), 2)


def test_an_order_of_unknown_outcome_stays_in_flight() -> None:
    ledger = ledger_after(intended(), OrderOutcomeUnknown(ACCOUNT, BTC, NOW, ID, "timeout"))

    assert [record.phase for record in ledger.unsettled] == [OrderPhase.UNKNOWN]


def test_a_refused_order_is_gone_and_owned_is_unchanged() -> None:
    ledger = ledger_after(intended(), OrderRefused(ACCOUNT, BTC, NOW, ID, "insufficient_margin", "110007"))

    assert ledger.orders == ()
    assert ledger.owned == 0


def test_a_lost_order_is_remembered_and_may_be_resent_or_still_settle() -> None:
    lost = ledger_after(intended(), OrderNeverArrived(ACCOUNT, BTC, NOW, ID))
    assert [record.phase for record in lost.lost] == [OrderPhase.LOST]
    assert lost.unsettled == ()

    resent = apply(lost, OrderResent(ACCOUNT, BTC, NOW, ID))
    assert [record.phase for record in resent.unsettled] == [OrderPhase.INTENDED]
    assert resent.steps == lost.steps

    late = apply(lost, OrderSettled(ACCOUNT, BTC, NOW, ID, Decimal("0.5"), None))
    assert (late.owned, late.orders) == (Decimal("0.5"), ())


def test_only_so_many_lost_orders_are_remembered() -> None:
    events: list[Event] = []
    for number in range(30):
        client_order_id = derive_client_order_id("abc123", "00", ACCOUNT, BTC, 1, number)
        events += [
            intended(client_order_id=client_order_id),
            OrderNeverArrived(ACCOUNT, BTC, NOW, client_order_id),
        ]

    assert len(ledger_after(*events).lost) == 20


@pytest.mark.parametrize(
    "event",
    [
        OrderAccepted(ACCOUNT, BTC, NOW, ID, "77"),
        OrderSettled(ACCOUNT, BTC, NOW, ID, Decimal("0.5"), None),
        OrderResent(ACCOUNT, BTC, NOW, ID),
    ],
)
def test_nothing_can_happen_to_an_order_that_was_never_intended(event: Event) -> None:
    with pytest.raises(IllegalTransition, match="no order"):
        ledger_after(event)


def test_an_order_cannot_be_intended_twice() -> None:
    with pytest.raises(IllegalTransition, match="intended twice"):
        ledger_after(intended(), intended())


@pytest.mark.parametrize("fill", ["-0.1", "0.6"])
def test_a_fill_that_does_not_fit_its_order_is_refused(fill: str) -> None:
    with pytest.raises(IllegalTransition, match="does not fit"):
        ledger_after(intended(), OrderSettled(ACCOUNT, BTC, NOW, ID, Decimal(fill), None))


def test_decisions_are_numbered_without_a_gap() -> None:
    with pytest.raises(IllegalTransition, match="decision 3 follows 1"):
        ledger_after(decision(1), decision(3))


def test_confirmation_belongs_to_one_decision() -> None:
    confirmed = ledger_after(decision(1), TargetConfirmed(ACCOUNT, BTC, NOW, 1, Decimal("0.1"), Decimal("0.5")))
    assert confirmed.is_confirmed
    assert confirmed.confirmed_depth == Decimal("0.1")

    assert not apply(confirmed, decision(2)).is_confirmed


def test_adoption_and_standing_are_remembered_with_who_and_why() -> None:
    ledger = ledger_after(
        PositionAdopted(ACCOUNT, BTC, NOW, Decimal("0.7"), "operator"),
        StandingChanged(ACCOUNT, BTC, NOW, Standing.REDUCE_ONLY, "engine", "shrunk"),
    )
    assert (ledger.owned, ledger.ever_traded) == (Decimal("0.7"), True)
    assert (ledger.standing, ledger.standing_reason) == (Standing.REDUCE_ONLY, "engine: shrunk")

    lifted = apply(ledger, StandingChanged(ACCOUNT, BTC, NOW, Standing.ACTIVE, "operator", "resume"))
    assert (lifted.standing, lifted.standing_reason) == (Standing.ACTIVE, "")


def test_final_phases_lead_nowhere() -> None:
    assert TRANSITIONS[OrderPhase.SETTLED] == TRANSITIONS[OrderPhase.REFUSED] == frozenset()
    assert set(TRANSITIONS) == set(OrderPhase)


def test_folding_leaves_the_given_ledgers_alone() -> None:
    before = {(ACCOUNT, BTC): SymbolLedger(ACCOUNT, BTC)}

    changed = fold_changes(before, [intended(), OrderAccepted(ACCOUNT, BTC, NOW, ID, "77")])

    assert before[(ACCOUNT, BTC)].orders == ()
    assert changed[(ACCOUNT, BTC)].orders[0].exchange_order_id == "77"


def test_an_increase_explains_the_position_and_a_reduction_may_follow_what_somebody_else_did() -> None:
    bought, sold = ClientOrderId("b" * 32), ClientOrderId("c" * 32)
    later, latest = NOW + timedelta(seconds=5), NOW + timedelta(seconds=9)
    held = ledger_after(
        decision(1),
        intended(client_order_id=bought),
        OrderSettled(ACCOUNT, BTC, NOW, bought, Decimal("0.5"), Decimal(50_000)),
    )
    reduced = apply(held, intended(client_order_id=sold, side=Side.SELL, quantity="0.2"))
    reduced = apply(reduced, OrderSettled(ACCOUNT, BTC, later, sold, Decimal("-0.2"), Decimal(50_000)))
    adopted = apply(reduced, PositionAdopted(ACCOUNT, BTC, latest, Decimal("0.1"), "a test"))
    flat = apply(adopted, PositionAdopted(ACCOUNT, BTC, latest, Decimal(0), "a test"))

    assert (held.explained_at, reduced.explained_at, adopted.explained_at) == (NOW, NOW, latest)
    assert held.sized_by == reduced.sized_by == adopted.sized_by == held.decision
    assert flat.sized_by is None
