"""The life of orders as one table: what cannot happen is refused and changes nothing, in whatever order it is told."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.decisions.fold_journal import fold_changes
from core.model.events import (
    Event,
    OrderAccepted,
    OrderIntended,
    OrderNeverArrived,
    OrderOutcomeUnknown,
    OrderRefused,
    OrderResent,
    OrderSettled,
)
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.ledger import TRANSITIONS, IllegalTransition, LedgerKey, OrderPhase, SymbolLedger
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, BTC = AccountId("bybit"), Symbol("BTCUSDT")
LEADS_TO: dict[str, OrderPhase] = {
    "accept": OrderPhase.ACCEPTED,
    "refuse": OrderPhase.REFUSED,
    "unknown": OrderPhase.UNKNOWN,
    "settle": OrderPhase.SETTLED,
    "lose": OrderPhase.LOST,
    "resend": OrderPhase.INTENDED,
}


def event_of(act: str, number: int, fill: Decimal) -> Event:
    order_id = ClientOrderId(f"{number:032}")
    side = Side.BUY if number % 2 else Side.SELL
    events: dict[str, Event] = {
        "intend": OrderIntended(
            ACCOUNT,
            BTC,
            NOW,
            OrderIntent(order_id, ACCOUNT, BTC, side, Decimal(1), number > 2, MarginMode.ISOLATED, Decimal(3), 1),
        ),
        "accept": OrderAccepted(ACCOUNT, BTC, NOW, order_id, "7"),
        "refuse": OrderRefused(ACCOUNT, BTC, NOW, order_id, "risk_limit", "no"),
        "unknown": OrderOutcomeUnknown(ACCOUNT, BTC, NOW, order_id, "timeout"),
        "settle": OrderSettled(ACCOUNT, BTC, NOW, order_id, fill * side.sign, None),
        "lose": OrderNeverArrived(ACCOUNT, BTC, NOW, order_id),
        "resend": OrderResent(ACCOUNT, BTC, NOW, order_id),
    }
    return events[act]


ACT = st.tuples(
    st.sampled_from(["intend", *LEADS_TO]), st.integers(1, 4), st.decimals(min_value=0, max_value=1, places=2)
)


@given(st.lists(ACT, max_size=40))
def test_no_sequence_of_events_leads_where_the_table_does_not(acts: list[tuple[str, int, Decimal]]) -> None:
    ledgers: dict[LedgerKey, SymbolLedger] = {(ACCOUNT, BTC): SymbolLedger(ACCOUNT, BTC)}
    phases: dict[int, OrderPhase] = {}
    owned, steps = Decimal(0), 0
    for act, number, fill in acts:
        event, before, phase = event_of(act, number, fill), ledgers[(ACCOUNT, BTC)], phases.get(number)
        is_told_again = act == "unknown" and phase is OrderPhase.UNKNOWN
        is_legal = phase is None if act == "intend" else phase is not None and LEADS_TO[act] in TRANSITIONS[phase]
        try:
            ledgers |= fold_changes(ledgers, [event])
        except IllegalTransition:
            assert not is_legal
            assert not is_told_again
            assert ledgers[(ACCOUNT, BTC)] == before
            continue
        assert is_legal or is_told_again
        steps += act == "intend"
        if isinstance(event, OrderSettled):
            owned += event.filled
        phases[number] = OrderPhase.INTENDED if act == "intend" else LEADS_TO[act]
        if phases[number] in (OrderPhase.SETTLED, OrderPhase.REFUSED):
            del phases[number]

    ledger = ledgers[(ACCOUNT, BTC)]
    assert (ledger.owned, ledger.steps) == (owned, steps)
    assert {int(record.intent.client_order_id): record.phase for record in ledger.orders} == phases
