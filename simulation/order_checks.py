"""Checks every order that an exchange accepts and every fill, against its own book and the journal."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from core.model.identity import ClientOrderId
from core.model.ledger import OrderPhase, OrderRecord
from core.model.money import ZERO, plain
from core.model.order import OrderIntent
from core.model.signal import SourceContribution
from core.model.standing import Standing
from paper.ledger import Entry
from simulation.scene import Scene
from simulation.states import Place

OBEYS_WITHIN_SECONDS = 5.0
"""How long after the operator's word an order may still be journaled; the wall clock may be stepped meanwhile."""

RECEIVE_WINDOW_SECONDS: Mapping[str, float] = {"bybit": 5.0, "blofin": 60.0, "kucoin": 5.0, "mexc": 10.0}
"""How long each exchange takes a signed request after it was signed."""


LOOK_UPS = frozenset({"order", "open_orders", "order_history", "fills", "positions"})
"""Calls that can tell what became of an order: nothing else counts as asking."""


class OrderChecks:
    """Rules 1, 2, 6, 7, 8, 9, 15, 16 and the operator's word.

    Attributes:
        traded: How much was bought and sold of each symbol, together.
        durable_only: While the disk is full: the orders that were journaled before; None while it is not.
        why_held_back: Why nothing may be built up on what a source adds at a time, empty when it may.
    """

    def __init__(self, scene: Scene) -> None:
        self.traded: defaultdict[Place, Decimal] = defaultdict(Decimal)
        self.durable_only: frozenset[ClientOrderId] | None = None
        self.why_held_back: Callable[[SourceContribution, datetime], str] = lambda _contribution, _at: ""
        self._scene = scene
        self._requests: dict[tuple[str, str], ClientOrderId] = {}
        self._unasked: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def take_request(self, entry: Entry) -> None:
        """9: what may have arrived is not sent again before the exchange was asked what became of it."""
        account, symbol = (entry.exchange, entry.account), str(entry.facts.get("symbol", ""))
        endpoint, unasked = entry.facts["endpoint"], self._unasked[account]
        if endpoint in LOOK_UPS:
            self._unasked[account] = unasked - {symbol} if symbol else set()
        elif endpoint == "create_order":
            if symbol in unasked and not self._scene.has_stranger(entry.exchange):
                told = "an order was sent twice, and the exchange was not asked about it in between"
                self._scene.fail(9, f"{account} {symbol}: {told}")
            unasked.add(symbol)

    def take_order(self, entry: Entry) -> None:
        """An order was accepted: 9 it was journaled before, 1 it is the only one of its kind."""
        place, unit = self._scene.place_of(entry)
        client_id = ClientOrderId(str(entry.facts.get("client_order_id", "")))
        self._requests[entry.exchange, str(entry.facts["order_id"])] = client_id
        if self._scene.is_of_stranger(client_id):
            self._scene.books[place].is_tainted = True
            return
        if self._scene.journal is None:
            return
        record = self._scene.record_of(place, client_id)
        if record is None:
            self._scene.fail(9, f"{place}: the exchange has an order {client_id} that was never journaled")
            return
        self._check_meaning(entry, place, unit, record.intent)
        self._check_flag(place, record.intent)
        self._check_permission(place, record)
        self._check_sources(place, record)
        self._check_count(place)

    def take_fill(self, entry: Entry) -> OrderRecord | None:
        """A fill: 6 a reduction only reduces, 2 an increase never exceeds the target it serves.

        Returns:
            The order where it is an increase of ours.
        """
        place, unit = self._scene.place_of(entry)
        book = self._scene.books[place]
        before = book.quantity
        sign = 1 if entry.facts["side"] == "buy" else -1
        quantity = Decimal(str(entry.facts["quantity"])) * unit
        self.traded[place] += quantity
        book.change(sign * quantity, self._scene.time())
        client_id = self._requests.get((entry.exchange, str(entry.facts["order_id"])))
        if entry.facts["cause"] != "trade":
            book.is_tainted = True
            return None
        record = self._scene.record_of(place, client_id) if client_id else None
        if record is None:
            return None
        self._check_given_up(place, record)
        if record.intent.reduce_only:
            if abs(book.quantity) > abs(before) or book.quantity * before < ZERO:
                told = f"reduction {client_id} took {plain(before)} to {plain(book.quantity)}"
                self._scene.fail(6, f"{place}: {told}")
            return None
        self._check_leverage(entry, place, record.intent)
        self._check_target(place, record)
        return record

    def _check_meaning(self, entry: Entry, place: Place, unit: Decimal, intent: OrderIntent) -> None:
        """9 the exchange took what was journaled; 7 a quantity that is a number above zero."""
        quantity = Decimal(str(entry.facts["quantity"])) * unit
        asked = (str(entry.facts["side"]), quantity, str(entry.facts["reduce_only"]))
        meant = (str(intent.side), intent.quantity, str(intent.reduce_only))
        if asked[0] != meant[0] or quantity > intent.quantity or asked[2] != meant[2]:
            told = f"order {intent.client_order_id} asks {asked}, the journal says {meant}"
            self._scene.fail(9, f"{place}: {told}")
        if not quantity.is_finite() or quantity <= ZERO:
            self._scene.fail(7, f"{place}: order {intent.client_order_id} is about {quantity}")

    def _check_flag(self, place: Place, intent: OrderIntent) -> None:
        """6: what goes against a position that is ours alone is reduce-only."""
        book = self._scene.books[place]
        is_against = book.quantity * intent.side.sign < ZERO
        if is_against and not intent.reduce_only and not book.is_tainted and not self._has_lost(place):
            asked = f"{intent.side} {plain(intent.quantity)}"
            self._scene.fail(6, f"{place}: {asked} against {plain(book.quantity)} is not reduce-only")

    def _check_permission(self, place: Place, record: OrderRecord) -> None:
        """Nothing is meant anew for what is halted, nor an increase where only less is allowed, nor on a full disk."""
        intent = record.intent
        standing = self._scene.journal.standings().for_symbol(*place) if self._scene.journal else None
        if standing and (standing.standing is Standing.HALTED or not intent.reduce_only):
            late = (record.sent_at - standing.at).total_seconds()
            if late > OBEYS_WITHIN_SECONDS:
                rule = 15 if standing.by == "engine" else 21
                kind = "reduction" if intent.reduce_only else "increase"
                self._scene.fail(rule, f"{place}: an order ({kind}) {late:.0f} s after: {standing}")
        if self.durable_only is not None and not intent.reduce_only and intent.client_order_id not in self.durable_only:
            self._scene.fail(9, f"{place}: increase {intent.client_order_id} was meant while the disk was full")

    def _check_sources(self, place: Place, record: OrderRecord) -> None:
        """16: nothing is built up on a source that went silent."""
        decision = self._scene.journal.ledger(*place).decision if self._scene.journal else None
        if record.intent.reduce_only or decision is None or decision.number != record.intent.decision:
            return
        for contribution in decision.contributions:
            why = self.why_held_back(contribution, record.sent_at)
            if why and contribution.weight > ZERO:
                self._scene.fail(16, f"{place}: increase {record.intent.client_order_id} was meant, and {why}")

    def _check_count(self, place: Place) -> None:
        ledger = self._scene.journal.ledger(*place) if self._scene.journal else None
        for is_reduction in (False, True):
            alive = [one for one in ledger.unsettled if one.intent.reduce_only is is_reduction] if ledger else []
            if len(alive) > 1:
                kind = "reductions" if is_reduction else "increases"
                self._scene.fail(1, f"{place}: {len(alive)} unsettled {kind} at once")

    def _check_leverage(self, entry: Entry, place: Place, intent: OrderIntent) -> None:
        """8: an increase has the leverage and margin mode that were meant."""
        account = self._scene.house.exchanges[entry.exchange].accounts[entry.account]
        for row in account.held(str(entry.facts["symbol"])):
            if row.leverage != intent.leverage or row.key.margin_mode is not intent.margin_mode:
                meant = f"{intent.margin_mode} {plain(intent.leverage)}x"
                held = f"{row.key.margin_mode} {plain(row.leverage)}x"
                self._scene.fail(8, f"{place}: holds {held}, meant was {meant}")

    def _check_target(self, place: Place, record: OrderRecord) -> None:
        book, journal = self._scene.books[place], self._scene.journal
        target = self._scene.targets.get((place, record.intent.decision))
        decision = journal.ledger(*place).decision if journal else None
        is_in_force = decision is not None and decision.number == record.intent.decision
        is_judged = not book.is_tainted and (is_in_force or record.phase is not OrderPhase.LOST)
        if is_judged and target is not None and abs(book.quantity) > abs(target):
            told = f"holds {plain(book.quantity)}, decision {record.intent.decision} asked {plain(target)}"
            self._scene.fail(2, f"{place}: {told}")

    def _check_given_up(self, place: Place, record: OrderRecord) -> None:
        """1: what may still arrive is not given up."""
        age = (self._scene.now() - record.sent_at).total_seconds()
        if record.phase is OrderPhase.LOST and age < RECEIVE_WINDOW_SECONDS[place[0].exchange]:
            told = f"{record.intent.client_order_id} was given up and filled {age:.1f} s after its send"
            self._scene.fail(1, f"{place}: {told}")

    def _has_lost(self, place: Place) -> bool:
        """Whether an order was given up that may have landed after all."""
        return self._scene.journal is not None and bool(self._scene.journal.ledger(*place).lost)
