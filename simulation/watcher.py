"""Checks the rules of truth at every step, against the exchanges' own books and not against what the engine believes.

The numbers are those of the twenty invariants:

 1. one unsettled increase and beside it one unsettled reduction a symbol; nothing that may arrive is given up: orders
 2. a target is worth at most value x depth x leverage, by the exchange's own value and price of a moment ago; an
    increase never exceeds its target, nor brings a symbol or the account above the operator's cap: decisions, fills
 3. after healing every position equals its target or names a reason: the trial, with its time
 4. an alert is answered 200, and what was is in the record exactly once, also after restarts: the trial
 5. the newest answered alert is in force, in the engine too; an earlier one, sent again, changes nothing: the trial,
    and what a source's file says at every step
 6. a reduction only reduces and says so: orders, fills
 7. no order without a good read of positions a moment before, nor with numbers that are none: calls, orders, decisions
 8. leverage and margin mode are as meant: fills of increases
 9. no order without its journaled intent, no increase on a full disk, no id twice, nothing sent again unasked: orders
10. while reads fail nothing is decided and nothing confirmed: calls
11. confirmed means that the exchange showed it: confirmations
12. an account that nothing troubles is on target, whatever troubles the others: the trial, at every quiet step; twins
13. no published limit is passed; after a refusal for it or a ban, silence, lane by lane: calls, silence
14. decided only under a configuration that was valid; the newest valid one is in force in the end: decisions, trial
15. a second engine on the same data refuses to start; beside one with data of its own increases stop: orders, trial
16. nothing is built up on a source that went silent, and one that is too old is flattened, not before: orders, trial
17. the same seed lives the same life: every tenth world begins twice
18. a restart changes nothing: what the journal adds up to before and after every orderly one; twins; crash points
19. journaled fills explain what is held: confirmations, and in the end
20. no secret in what is told, nor in any file in the end

0 is a fault of the program itself, 21 the operator's word: nothing for what is halted, no increase where only less is
allowed.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from core.model.identity import AccountId
from core.model.ledger import SymbolLedger
from core.model.money import ZERO
from core.ports.journal import Journal
from paper.house import PaperHouse
from paper.ledger import Entry
from simulation.call_checks import CallChecks
from simulation.cap_check import CapCheck
from simulation.order_checks import OrderChecks
from simulation.processes import is_from_the_dead
from simulation.scene import Scene, Violation
from simulation.states import Place, States
from simulation.word_checks import WordChecks, place_told

CALLS = frozenset({"request", "fault", "refused_request", "answer"})


class Watcher:
    """Listens to the exchanges' ledger and to what the engine tells; also core.ports.telemetry.Telemetry.

    Attributes:
        told: How often each event was told.
        seen: How often each kind of fact happened on the exchanges, or was found by a check between the steps; a flip
            is a decision for the other side and, once decided, the first fill there.
        hits: How often each kind of fault met the engine in each state.
        troubled_at: When a fault last met each exchange, in seconds of the world.
        scene: What the checks look at.
        states: What every account is about.
        orders: Checks of orders and fills.
        calls: Checks of calls.
        words: Checks of what is told.
        caps: Checks of the operator's caps on exposure.
    """

    def __init__(self, house: PaperHouse, time: Callable[[], float], now: Callable[[], datetime]) -> None:
        self.told: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.hits: Counter[tuple[str, str]] = Counter()
        self.troubled_at: dict[str, float] = {}
        self.scene = Scene(house, time, now)
        self.states = States()
        self.orders = OrderChecks(self.scene)
        self.calls = CallChecks(self.scene)
        self.words = WordChecks(self.scene, self.calls)
        self.caps = CapCheck(self.scene, self.calls.shown)
        self._turning: dict[Place, Decimal] = {}
        house.ledger.observers.append(self._observe)

    @property
    def violations(self) -> list[Violation]:
        """What was broken so far, in order."""
        return self.scene.violations

    def watch(self, journal: Journal | None, has_passed: Callable[[AccountId], bool] = lambda _: False) -> None:
        """From now on this is the engine's journal; None while no engine runs.

        What it brings along of decisions counts as told: a crash may fall between the journal and the telling. What
        an earlier journal, whose disk failed, had only in memory is explained to nobody any more.
        """
        before, self.scene.journal = self.scene.journal, journal
        self.states.follow(journal, has_passed)
        if journal is None:
            self.scene.left = {} if before is None or not before.problem() else self._ledgers_of(before)
            return
        self.scene.engine_since = self.scene.time()
        self.calls.begin()
        for place, ledger in self._ledgers_of(journal).items():
            self.caps.take_decision(place, ledger.decision)
            if ledger.decision:
                self.scene.targets[place, ledger.decision.number] = ledger.decision.quantity
        for place, ledger in self.scene.left.items():
            self.scene.books[place].is_tainted |= journal.ledger(*place) != ledger

    def _ledgers_of(self, journal: Journal) -> dict[Place, SymbolLedger]:
        ledgers = [one for name in self.scene.house.exchanges for one in journal.ledgers(AccountId(name))]
        return {(ledger.account, ledger.symbol): ledger for ledger in ledgers}

    def taint(self, place: Place) -> None:
        """Somebody else touched this position: how large it may be is no longer the engine's doing."""
        self.scene.books[place].is_tainted = True

    def is_tainted(self, place: Place) -> bool:
        """Whether somebody else ever touched this position."""
        return self.scene.books[place].is_tainted

    def held(self, place: Place) -> Decimal:
        """What the exchange holds, in base asset."""
        return self.scene.books[place].quantity

    def planned(self, place: Place) -> Decimal:
        """How much the decisions told so far would trade, each from the one before it."""
        targets = [quantity for (where, _), quantity in sorted(self.scene.targets.items()) if where == place]
        return sum((abs(after - before) for before, after in pairwise([ZERO, *targets])), ZERO)

    def fail(self, invariant: int, told: str) -> None:
        """Note a rule that was seen broken from outside."""
        self.scene.fail(invariant, told)

    def tell(self, event: str, **facts: object) -> None:
        """What the engine tells: decisions are remembered, everything is checked."""
        self.told[event] += 1
        if event == "target decided":
            self._remember_decision(place_told(facts), int(str(facts["decision"])), Decimal(str(facts["quantity"])))
        self.words.take(event, facts)

    def _remember_decision(self, place: Place, number: int, quantity: Decimal) -> None:
        self.scene.targets[place, number] = quantity
        if self.scene.journal:
            ledger = self.scene.journal.ledger(*place)
            self.caps.take_decision(place, ledger.decision)
            is_turn = ledger.owned * quantity < ZERO
            self.states.decided(ledger, number, is_turn=is_turn)
            if is_turn:
                self.seen["flip decided"] += place not in self._turning
                self._turning[place] = quantity
            elif quantity * self._turning.get(place, ZERO) <= ZERO:
                self._turning.pop(place, None)

    def _observe(self, entry: Entry) -> None:
        self.seen[entry.kind] += 1
        if entry.kind in CALLS and not is_from_the_dead():
            self.calls.take(entry)
        if entry.kind == "fault":
            self._take_fault(entry)
        elif entry.kind == "request":
            self.orders.take_request(entry)
        elif entry.kind == "order":
            self.orders.take_order(entry)
        elif entry.kind == "fill":
            self.caps.take_increase(self.scene.place_of(entry)[0], self.orders.take_fill(entry))
            self._count_flip(self.scene.place_of(entry)[0])

    def _count_flip(self, place: Place) -> None:
        """A flip is done with the first fill on the side to which a decision had turned."""
        if self.held(place) * self._turning.get(place, ZERO) > ZERO:
            del self._turning[place]
            self.seen["flip"] += 1

    def _take_fault(self, entry: Entry) -> None:
        """Count what the account was about when the fault met it; another installation's faults are its own."""
        self.troubled_at[entry.exchange] = self.scene.time()
        state = self.states.of(AccountId(entry.exchange, entry.account))
        if state is not None and not self.scene.has_stranger(entry.exchange):
            self.hits[str(entry.facts["fault"]), state] += 1
