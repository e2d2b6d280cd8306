"""Checks the rules of truth at every step, against the exchanges' own books and not against what the engine believes.

The numbers of the rules: 1 one unsettled increase and one unsettled reduction a symbol, 2 never more than the target,
3 after healing every position equals its target or a reason is named, 4 an alert is answered 200, 5 the newest answered
alert is in force, 6 a reduction only reduces and says so, 8 leverage and margin mode are as meant, 9 no order without a
journaled intent, 10 nothing is sent while halted, 11 confirmed means that the exchange showed it, 14 an invalid edit
changes nothing, 15 a second engine refuses to start, 16 a stale source follows its policy, 19 journaled fills explain
what is held, 20 no secret in any file; 0 is a fault of the program itself.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.ledger import IllegalTransition, OrderPhase, OrderRecord, SymbolLedger
from core.model.money import ZERO, plain
from core.model.order import OrderIntent
from core.model.standing import Standing
from core.ports.journal import Journal
from paper.house import PaperHouse
from paper.ledger import Entry
from simulation.states import Place, States

HALTS_WITHIN_SECONDS = 2.0
"""How long after a halt an order that was on its way may still arrive."""

RECEIVE_WINDOW_SECONDS: Mapping[str, float] = {"bybit": 5.0, "blofin": 60.0, "kucoin": 5.0, "mexc": 10.0}
"""How long each exchange takes a signed request after it was signed."""

REMEMBERED_SECONDS = 90.0
"""How long a book's earlier values are kept, to judge a confirmation by what a read could have shown."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken.

    Attributes:
        invariant: Its number.
        at_seconds: Of the world.
        told: Where and how.
    """

    invariant: int
    at_seconds: float
    told: str


@dataclass
class _Book:
    """What one exchange really holds of one symbol, from its own fills."""

    quantity: Decimal = ZERO
    is_tainted: bool = False
    history: deque[tuple[float, Decimal]] = field(default_factory=deque)

    def change(self, by: Decimal, at_seconds: float) -> None:
        self.history.append((at_seconds, self.quantity))
        self.quantity += by
        while self.history and self.history[0][0] < at_seconds - REMEMBERED_SECONDS:
            self.history.popleft()

    def could_show(self, quantity: Decimal, lot: Decimal, since_seconds: float) -> bool:
        """Whether the book held this, within a lot, at some moment since."""
        seen = [held for at, held in self.history if at >= since_seconds]
        return any(abs(held - quantity) < lot for held in (self.quantity, *seen))


class Watcher:
    """Listens to the exchanges' ledger and to what the engine tells; also core.ports.telemetry.Telemetry.

    Attributes:
        violations: What was broken so far.
        told: How often each event was told.
        seen: How often each kind of fact happened on the exchanges.
        hits: How often each kind of fault met the engine in each state.
        states: What every account is about.
        reads_may_lag_seconds: How far behind a read may be.
        traded: How much was bought and sold of each symbol, together.
    """

    def __init__(self, house: PaperHouse, time: Callable[[], float], now: Callable[[], datetime]) -> None:
        self.violations: list[Violation] = []
        self.told: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.hits: Counter[tuple[str, str]] = Counter()
        self.states = States()
        self.reads_may_lag_seconds = 10.0
        self.traded: defaultdict[Place, Decimal] = defaultdict(Decimal)
        self._house = house
        self._time = time
        self._now = now
        self._journal: Journal | None = None
        self._books: defaultdict[Place, _Book] = defaultdict(_Book)
        self._targets: dict[tuple[Place, int], Decimal] = {}
        self._requests: dict[tuple[str, str], ClientOrderId] = {}
        self._unasked: dict[tuple[str, str], set[str]] = {}
        self._checks = {"request": self._check_request, "order": self._check_order, "fill": self._check_fill}
        house.ledger.observers.append(self._observe)

    def watch(self, journal: Journal | None, has_passed: Callable[[AccountId], bool] = lambda _: False) -> None:
        """From now on this is the engine's journal; None while no engine runs.

        What it brings along of decisions counts as told: a crash may fall between the journal and the telling.
        """
        self._journal = journal
        self.states.follow(journal, has_passed)
        for name in self._house.exchanges if journal else ():
            for ledger in journal.ledgers(AccountId(name)) if journal else ():
                if ledger.decision:
                    place = (ledger.account, ledger.symbol)
                    self._targets[place, ledger.decision.number] = ledger.decision.quantity

    def taint(self, place: Place) -> None:
        """Somebody else touched this position: how large it may be is no longer the engine's doing."""
        self._books[place].is_tainted = True

    def is_tainted(self, place: Place) -> bool:
        """Whether somebody else ever touched this position."""
        return self._books[place].is_tainted

    def held(self, place: Place) -> Decimal:
        """What the exchange holds, in base asset."""
        return self._books[place].quantity

    def planned(self, place: Place) -> Decimal:
        """How much the decisions told so far would trade, each from the one before it."""
        targets = [quantity for (where, _), quantity in sorted(self._targets.items()) if where == place]
        return sum((abs(after - before) for before, after in pairwise([ZERO, *targets])), ZERO)

    def tell(self, event: str, **facts: object) -> None:
        """What the engine tells: decisions are remembered, confirmations checked."""
        self.told[event] += 1
        if event == "target decided":
            self._remember_decision(
                self._place_told(facts), int(str(facts["decision"])), Decimal(str(facts["quantity"]))
            )
            self._check_size(facts)
        elif event == "target confirmed":
            self._check_confirmation(self._place_told(facts), Decimal(str(facts["held"])))
        elif event == "order disagrees with its intent":
            self._break(9, f"an id that was used before: {facts}")
        elif event == "pass failed unexpectedly":
            self._break(0, f"an error of ours: {facts}")

    # -- the exchanges' own facts ----------------------------------------------------------------------------

    def _observe(self, entry: Entry) -> None:
        self.seen[entry.kind] += 1
        if entry.kind == "fault":
            self._count_hit(entry)
        check = self._checks.get(entry.kind)
        if check:
            check(entry)

    def _check_request(self, entry: Entry) -> None:
        """9: what may have arrived is not sent again before the exchange was asked."""
        account, symbol = (entry.exchange, entry.account), str(entry.facts.get("symbol", ""))
        if entry.facts["endpoint"] != "create_order":
            self._unasked.pop(account, None)
            return
        unasked = self._unasked.setdefault(account, set())
        if symbol in unasked:
            self._break(
                9, f"{account} {symbol}: an order was sent twice, and the exchange was asked nothing in between"
            )
        unasked.add(symbol)

    def _count_hit(self, entry: Entry) -> None:
        """Count what a fault met the account in."""
        state = self.states.of(AccountId(entry.exchange, entry.account))
        if state is not None:
            self.hits[str(entry.facts["fault"]), state] += 1

    def _remember_decision(self, place: Place, number: int, quantity: Decimal) -> None:
        self._targets[place, number] = quantity
        if self._journal:
            ledger = self._journal.ledger(*place)
            self.states.decided(ledger, number, is_turn=ledger.owned * quantity < ZERO)

    def _check_order(self, entry: Entry) -> None:
        """An order that an exchange accepted: 9 it was journaled before, 1 it is the only one of its kind."""
        place, unit = self._place_of(entry)
        client_id = ClientOrderId(str(entry.facts.get("client_order_id", "")))
        self._requests[entry.exchange, str(entry.facts["order_id"])] = client_id
        if self._journal is None:
            return
        ledger = self._journal.ledger(*place)
        record = _record_of(ledger, client_id)
        if record is None:
            self._break(9, f"{place}: the exchange has an order {client_id} that was never journaled")
            return
        intent = record.intent
        asked = (
            str(entry.facts["side"]),
            Decimal(str(entry.facts["quantity"])) * unit,
            str(entry.facts["reduce_only"]),
        )
        meant = (str(intent.side), intent.quantity, str(intent.reduce_only))
        if asked[0] != meant[0] or asked[1] > meant[1] or asked[2] != meant[2]:
            self._break(9, f"{place}: order {client_id} asks {asked}, the journal says {meant}")
        self._check_flag(place, intent)
        self._check_halt(place)
        for is_reduction in (False, True):
            alive = [other for other in ledger.unsettled if other.intent.reduce_only is is_reduction]
            if len(alive) > 1:
                kind = "reductions" if is_reduction else "increases"
                self._break(1, f"{place}: {len(alive)} unsettled {kind} at once")

    def _check_flag(self, place: Place, intent: OrderIntent) -> None:
        """6: what goes against a position that is ours alone is reduce-only."""
        book = self._books[place]
        is_against = book.quantity * intent.side.sign < ZERO
        if is_against and not intent.reduce_only and not book.is_tainted and not self._has_lost(place):
            asked = f"{intent.side} {plain(intent.quantity)}"
            self._break(6, f"{place}: {asked} against {plain(book.quantity)} is not reduce-only")

    def _check_halt(self, place: Place) -> None:
        """10: nothing is sent for what the operator halted a while ago."""
        operator = self._journal.standings().for_symbol(*place) if self._journal else None
        if operator and operator.standing is Standing.HALTED:
            since = (self._now() - operator.at).total_seconds()
            if since > HALTS_WITHIN_SECONDS:
                self._break(10, f"{place}: an order {since:.0f} s after the operator halted it")

    def _check_leverage(self, entry: Entry, place: Place, intent: OrderIntent) -> None:
        """8: an increase has the leverage and margin mode that were meant."""
        account = self._house.exchanges[entry.exchange].accounts[entry.account]
        for row in account.held(str(entry.facts["symbol"])):
            if row.leverage != intent.leverage or row.key.margin_mode is not intent.margin_mode:
                meant = f"{intent.margin_mode} {plain(intent.leverage)}x"
                self._break(8, f"{place}: holds {row.key.margin_mode} {plain(row.leverage)}x, meant was {meant}")

    def _has_lost(self, place: Place) -> bool:
        """Whether an order was given up that may have landed after all."""
        return self._journal is not None and bool(self._journal.ledger(*place).lost)

    def _check_fill(self, entry: Entry) -> None:
        """A fill: 6 a reduction only reduces, 2 an increase never exceeds the target it serves."""
        place, unit = self._place_of(entry)
        book = self._books[place]
        before = book.quantity
        sign = 1 if entry.facts["side"] == "buy" else -1
        quantity = Decimal(str(entry.facts["quantity"])) * unit
        self.traded[place] += quantity
        book.change(sign * quantity, self._time())
        client_id = self._requests.get((entry.exchange, str(entry.facts["order_id"])))
        if entry.facts["cause"] != "trade":
            book.is_tainted = True
            return
        if client_id is None or self._journal is None:
            return
        record = _record_of(self._journal.ledger(*place), client_id)
        if record is None:
            return
        self._check_given_up(place, record)
        if record.intent.reduce_only:
            if abs(book.quantity) > abs(before) or book.quantity * before < ZERO:
                self._break(6, f"{place}: reduction {client_id} took {plain(before)} to {plain(book.quantity)}")
            return
        self._check_leverage(entry, place, record.intent)
        target = self._targets.get((place, record.intent.decision))
        ledger = self._journal.ledger(*place)
        is_in_force = ledger.decision is not None and ledger.decision.number == record.intent.decision
        is_judged = not book.is_tainted and (is_in_force or record.phase is not OrderPhase.LOST)
        if is_judged and target is not None and abs(book.quantity) > abs(target):
            self._break(
                2, f"{place}: holds {plain(book.quantity)}, decision {record.intent.decision} asked {plain(target)}"
            )

    def _check_given_up(self, place: Place, record: OrderRecord) -> None:
        """1: what may still arrive is not given up."""
        age = (self._now() - record.sent_at).total_seconds()
        if record.phase is OrderPhase.LOST and age < RECEIVE_WINDOW_SECONDS[place[0].exchange]:
            self._break(
                1, f"{place}: {record.intent.client_order_id} was given up and filled {age:.1f} s after its send"
            )

    # -- what the engine tells -------------------------------------------------------------------------------

    def check_books(self, journal: Journal) -> None:
        """19: journaled fills explain what every exchange holds, where nobody else had a hand in it."""
        for place, book in self._books.items():
            ledger = journal.ledger(*place)
            if not book.is_tainted and not ledger.unsettled and ledger.owned != book.quantity:
                told = f"fills explain {plain(ledger.owned)}, the exchange holds {plain(book.quantity)}"
                self._break(19, f"{place}: {told}")

    def fail(self, invariant: int, told: str) -> None:
        """Note a rule that was seen broken from outside."""
        self._break(invariant, told)

    def _check_size(self, facts: Mapping[str, object]) -> None:
        """2: a position is worth at most the account's value x depth x leverage."""
        if facts["equity"] is None or facts["price"] is None:
            return
        worth = abs(Decimal(str(facts["quantity"]))) * Decimal(str(facts["price"]))
        most = Decimal(str(facts["equity"])) * abs(Decimal(str(facts["depth"]))) * Decimal(str(facts["leverage"]))
        if worth > most:
            self._break(2, f"a target worth {worth:.2f} USDT where {most:.2f} are asked: {facts}")

    def _check_confirmation(self, place: Place, held: Decimal) -> None:
        """11: what is confirmed is what the exchange showed a moment ago."""
        lot = self._lot(place)
        if not self._books[place].could_show(held, lot, self._time() - self.reads_may_lag_seconds):
            self._break(
                11, f"{place}: confirmed {plain(held)}, the exchange holds {plain(self._books[place].quantity)}"
            )

    def _lot(self, place: Place) -> Decimal:
        markets = self._house.exchanges[place[0].exchange].markets.values()
        market = next(market for market in markets if unified(market.coin) == place[1])
        return market.lot_step * market.contract_size

    def _place_of(self, entry: Entry) -> tuple[Place, Decimal]:
        market = self._house.exchanges[entry.exchange].markets[str(entry.facts["symbol"])]
        return (AccountId(entry.exchange, entry.account), unified(market.coin)), market.contract_size

    def _place_told(self, facts: dict[str, object]) -> Place:
        return AccountId.parse(str(facts["account"])), Symbol(str(facts["symbol"]))

    def _break(self, invariant: int, told: str) -> None:
        self.violations.append(Violation(invariant, self._time(), told))


def unified(coin: str) -> Symbol:
    """A coin's unified symbol."""
    return Symbol(f"{coin}USDT")


def _record_of(ledger: SymbolLedger, client_id: ClientOrderId) -> OrderRecord | None:
    try:
        return ledger.record_of(client_id)
    except IllegalTransition:
        return None
