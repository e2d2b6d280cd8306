"""Orders and decisions told in any order, torn by restarts: every ledger is what its own events add up to.

The model is a small table of its own; the journal is the real file.
"""

import asyncio
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import apsw
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.decisions.fold_journal import fold_changes
from core.model.decision import Decision
from core.model.events import (
    AdoptionGranted,
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
from core.model.failures import StorageFailure
from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.ledger import IllegalTransition, LedgerKey, SymbolLedger
from core.model.money import ZERO
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from core.model.standing import Standing
from operations.journal_file import open_journal
from simulation.bare_world import EPOCH
from simulation.virtual_time import START

D = Decimal
KEYS: list[LedgerKey] = [
    (AccountId(account), Symbol(symbol)) for account in ("bybit", "mexc") for symbol in ("BTCUSDT", "ETHUSDT")
]
MAY_BECOME = {
    "intended": ("accepted", "refused", "unknown", "settled", "lost"),
    "accepted": ("unknown", "settled", "lost"),
    "unknown": ("intended", "accepted", "unknown", "settled", "lost"),
    "lost": ("intended", "settled"),
}
"""Written a second time on purpose."""

ORDERS = tuple(ClientOrderId(f"{number:032}") for number in range(4))
KEY = st.sampled_from(range(len(KEYS)))
BECOMES = st.sampled_from(["accepted", "refused", "unknown", "settled", "lost", "intended"])
FILL = st.sampled_from([D(1), D("0.4"), D(0), D("1.1"), D("-0.1")])


@dataclass
class Order:
    """An order of the model."""

    side: Side
    state: str = "intended"


@dataclass
class Model:
    """What one ledger must say."""

    orders: dict[ClientOrderId, Order] = field(default_factory=dict)
    owned: Decimal = ZERO
    decided: int = 0
    confirmed: int = 0
    intended: int = 0
    has_traded: bool = False
    standing: Standing = Standing.ACTIVE
    adopter: str = ""

    def told(self) -> tuple[object, ...]:
        """In the words of a ledger."""
        states = {order_id: order.state for order_id, order in self.orders.items()}
        return (
            states, self.owned, self.decided, self.confirmed, self.intended, self.has_traded, self.standing,
            self.adopter,
        )  # fmt: skip


def told(ledger: SymbolLedger) -> tuple[object, ...]:
    """The same of a ledger."""
    states = {record.intent.client_order_id: str(record.phase) for record in ledger.orders}
    decided = ledger.decision.number if ledger.decision else 0
    return (
        states, ledger.owned, decided, ledger.confirmed, ledger.steps, ledger.ever_traded, ledger.standing,
        ledger.adopter,
    )  # fmt: skip


class LifeOfJournal(RuleBasedStateMachine):
    """Four ledgers of two accounts in one file."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="journal-"))
        self.path = self.folder / "journal.sqlite"
        self.runner = asyncio.Runner()
        self.models: dict[LedgerKey, Model] = defaultdict(Model)
        self.events: list[Event] = []
        self.prefixes: list[tuple[int, Mapping[LedgerKey, SymbolLedger]]] = []
        self.seconds = 0
        self.journal = open_journal(self.path, EPOCH, survives_power_loss=False)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.runner.close()
            self.journal.close()
            shutil.rmtree(self.folder)

    # -- what is told ------------------------------------------------------------------------------------------

    @rule(which=KEY, gap=st.sampled_from([1, 1, 1, 0, 2]))
    def decide(self, which: int, gap: int) -> None:
        model = self.models[KEYS[which]]
        made = Decision(model.decided + gap, D("0.1"), D(3), "v", D(1), D(1), D("0.5"), "", START)
        if self._tell(DecisionMade(*KEYS[which], self._now(), made), is_legal=gap == 1):
            model.decided += 1

    @rule(which=KEY, order_id=st.sampled_from(ORDERS), side=st.sampled_from(Side), reduces=st.booleans())
    def intend(self, which: int, order_id: ClientOrderId, side: Side, *, reduces: bool) -> None:
        key, model = KEYS[which], self.models[KEYS[which]]
        intent = OrderIntent(order_id, *key, side, D(1), reduces, MarginMode.ISOLATED, D(3), 1)
        if self._tell(OrderIntended(*key, self._now(), intent), is_legal=order_id not in model.orders):
            model.orders[order_id] = Order(side)
            model.intended, model.has_traded = model.intended + 1, True

    @rule(data=st.data(), becomes=BECOMES, fill=FILL)
    def learn(self, data: st.DataObject, becomes: str, fill: Decimal) -> None:
        """Something about an order that is remembered."""
        known = [(which, one) for which, key in enumerate(KEYS) for one in self.models[key].orders]
        if known:
            self.learn_of_any(*data.draw(st.sampled_from(known)), becomes, fill)

    @rule(data=st.data(), becomes=BECOMES, fill=FILL)
    def learn_more(self, data: st.DataObject, becomes: str, fill: Decimal) -> None:
        self.learn(data, becomes, fill)

    @rule(which=KEY, order_id=st.sampled_from(ORDERS), becomes=BECOMES, fill=FILL)
    def learn_of_any(self, which: int, order_id: ClientOrderId, becomes: str, fill: Decimal) -> None:
        """Something about an order, whether or not there is such an order."""
        key, model = KEYS[which], self.models[KEYS[which]]
        order = model.orders.get(order_id)
        filled = fill * (order.side if order else Side.BUY).sign
        is_legal = order is not None and becomes in MAY_BECOME[order.state]
        if becomes == "settled":
            is_legal = is_legal and 0 <= fill <= 1
        if not self._tell(self._news(key, order_id, becomes, filled), is_legal=is_legal) or order is None:
            return
        order.state = becomes
        if becomes == "settled":
            model.owned += filled
        if becomes in ("settled", "refused"):
            del model.orders[order_id]

    @rule(which=KEY)
    def confirm(self, which: int) -> None:
        model = self.models[KEYS[which]]
        self._tell(TargetConfirmed(*KEYS[which], self._now(), model.decided, D("0.1"), D("0.5")), is_legal=True)
        model.confirmed = model.decided

    @rule(which=KEY, grants=st.booleans())
    def adopt(self, which: int, *, grants: bool) -> None:
        model, key = self.models[KEYS[which]], KEYS[which]
        if grants:
            self._tell(AdoptionGranted(*key, self._now(), "operator"), is_legal=True)
            model.adopter = "operator"
        else:
            self._tell(PositionAdopted(*key, self._now(), D("0.7"), "operator"), is_legal=True)
            model.owned, model.has_traded, model.adopter = D("0.7"), True, ""

    @rule(which=KEY, standing=st.sampled_from(Standing))
    def stand(self, which: int, standing: Standing) -> None:
        self._tell(StandingChanged(*KEYS[which], self._now(), standing, "engine", "why"), is_legal=True)
        self.models[KEYS[which]].standing = standing

    @rule(which=KEY, other=KEY)
    def refuse_both(self, which: int, other: int) -> None:
        """Two events together, the second impossible: neither happened."""
        grant = AdoptionGranted(*KEYS[which], self._now(), "nobody")
        lost = OrderNeverArrived(*KEYS[other], self._now(), ClientOrderId("f" * 32))
        with pytest.raises(IllegalTransition):
            self.runner.run(self.journal.record(grant, lost))

    # -- what happens to the file ------------------------------------------------------------------------------

    @rule()
    def restart(self) -> None:
        before = self.journal.state_hash()
        self.journal.close()
        self.journal = open_journal(self.path, "f" * 32, survives_power_loss=False)
        assert self.journal.state_hash() == before

    @rule()
    def mark_a_prefix(self) -> None:
        self.prefixes.append((len(self.events), self._ledgers()))

    @rule(which=KEY)
    def meet_an_unknown_event(self, which: int) -> None:
        """A row of a kind that this release does not know is refused, and not passed over."""
        (account, symbol), database = KEYS[which], apsw.Connection(str(self.path))
        values = (str(account), symbol)
        database.execute(
            "INSERT INTO events (at, kind, account, symbol, payload) VALUES ('', 'New', ?, ?, '{}')", values
        )
        with pytest.raises(StorageFailure, match="its past cannot be read"):
            self.journal.history(account, symbol)
        database.execute("DELETE FROM events WHERE kind = 'New'")
        database.close()

    # -- what must be true -------------------------------------------------------------------------------------

    @invariant()
    def every_ledger_is_as_the_model(self) -> None:
        for key in KEYS:
            assert told(self.journal.ledger(*key)) == self.models[key].told()

    @invariant()
    def every_ledger_is_the_fold_of_its_own_events_alone(self) -> None:
        """In one sweep, symbol by symbol, backwards over the symbols, and as read back from the file."""
        ledgers = self._ledgers()
        assert fold_changes({}, self.events) == ledgers
        for order in (KEYS, KEYS[::-1]):
            told_apart = [event for key in order for event in self.events if (event.account, event.symbol) == key]
            assert fold_changes({}, told_apart) == ledgers
        for key, ledger in ledgers.items():
            assert fold_changes({}, self.journal.history(*key, limit=1_000)) == {key: ledger}
        for length, then in self.prefixes:
            assert fold_changes({}, self.events[:length]) == then
            assert {**then, **fold_changes(then, self.events[length:])} == ledgers

    def _ledgers(self) -> dict[LedgerKey, SymbolLedger]:
        accounts = dict.fromkeys(account for account, _ in KEYS)
        return {(one.account, one.symbol): one for account in accounts for one in self.journal.ledgers(account)}

    def _tell(self, event: Event, *, is_legal: bool) -> bool:
        """Record, and whether it was taken; it must be exactly when it is legal."""
        try:
            self.runner.run(self.journal.record(event))
        except IllegalTransition:
            assert not is_legal, event
            return False
        assert is_legal, event
        self.events.append(event)
        return True

    def _news(self, key: LedgerKey, order_id: ClientOrderId, becomes: str, filled: Decimal) -> Event:
        now = self._now()
        news: dict[str, Event] = {
            "accepted": OrderAccepted(*key, now, order_id, "7"),
            "refused": OrderRefused(*key, now, order_id, "risk_limit", "no"),
            "unknown": OrderOutcomeUnknown(*key, now, order_id, "timeout"),
            "settled": OrderSettled(*key, now, order_id, filled, None),
            "lost": OrderNeverArrived(*key, now, order_id),
            "intended": OrderResent(*key, now, order_id),
        }
        return news[becomes]

    def _now(self) -> datetime:
        self.seconds += 1
        return START + timedelta(seconds=self.seconds)


LifeOfJournal.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, database=None, derandomize=True
)
TestLifeOfJournal = pytest.mark.timeout(600)(LifeOfJournal.TestCase)


class LongLifeOfJournal(LifeOfJournal):
    """The same, longer, and other lives every time."""


LongLifeOfJournal.TestCase.settings = settings(max_examples=1_000, stateful_step_count=80, deadline=None, database=None)
TestLongLifeOfJournal = pytest.mark.full(pytest.mark.timeout(1_800)(LongLifeOfJournal.TestCase))
