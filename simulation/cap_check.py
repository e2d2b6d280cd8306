"""Checks every increase against the operator's caps on exposure: what it brings the account to on the exchange itself.

The engine values a position at the price its decision was sized with, which the exchange had just shown (rule 2 checks
that too), or at the newest price where the decision in force asks for nothing. So the worth at the price of a fill may
be above a cap by the movement of the price since, and by nothing else.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from core.model.decision import Decision
from core.model.ledger import OrderPhase, OrderRecord
from core.model.money import ZERO, plain
from simulation.scene import Scene
from simulation.shown import KEPT_SECONDS, Shown
from simulation.states import Place


@dataclass(frozen=True, slots=True)
class _Told:
    at_seconds: float
    number: int
    price: Decimal | None


class CapCheck:
    """Rule 2, as far as the operator caps the exposure.

    Attributes:
        largest_position: What one symbol's position may be worth in USDT, None where nothing caps it.
        largest_total: What the positions of an account may be worth together in USDT, None where nothing caps them.
        counts: How many increases were judged by each cap, and how many targets came out smaller by one.
    """

    def __init__(self, scene: Scene, shown: Shown) -> None:
        self.largest_position: Decimal | None = None
        self.largest_total: Decimal | None = None
        self.counts: Counter[str] = Counter()
        self._scene = scene
        self._shown = shown
        self._told: defaultdict[Place, deque[_Told]] = defaultdict(deque)

    def take_decision(self, place: Place, decision: Decision | None) -> None:
        """A target was decided, or an engine that was started brought it along."""
        told, now = self._told[place], self._scene.time()
        if decision is None or (told and told[-1].number == decision.number):
            return
        if decision.capped:
            self.counts["target capped"] += 1
        told.append(_Told(now, decision.number, decision.price))
        while len(told) > 1 and told[1].at_seconds < now - KEPT_SECONDS:
            told.popleft()

    def take_increase(self, place: Place, record: OrderRecord | None) -> None:
        """A fill that was to make a position of ours larger, in the books already; None: it was none.

        A position in which somebody else had a hand counts for nothing, and an order that the engine had to give up
        and that landed all the same is judged elsewhere.
        """
        if record is None or record.phase is OrderPhase.LOST or self._scene.books[place].is_tainted:
            return
        if self.largest_position is not None:
            self._check_position(place, record, self.largest_position)
        if self.largest_total is not None:
            self._check_total(place, record, self.largest_total)

    def _check_position(self, place: Place, record: OrderRecord, largest: Decimal) -> None:
        """At the price of the very decision that the order serves."""
        price = next((one.price for one in self._told[place] if one.number == record.intent.decision), None)
        if price is None:
            return
        self.counts["increase judged by the cap of its symbol"] += 1
        held = self._scene.books[place].quantity
        if abs(held) * price > largest:
            told = f"{plain(held)} at {plain(price)}, where {plain(largest)} USDT are the most"
            self._scene.fail(2, f"{place}: {record.intent.client_order_id} brought the position to {told}")

    def _check_total(self, place: Place, record: OrderRecord, largest: Decimal) -> None:
        self.counts["increase judged by the cap of its account"] += 1
        worths = {symbol: worth for (account, symbol), worth in self._worths() if account == place[0]}
        total = sum(worths.values(), ZERO)
        if total > largest:
            told = ", ".join(f"{symbol} {worth:.2f}" for symbol, worth in worths.items())
            most = f"where {plain(largest)} USDT are the most"
            self._scene.fail(2, f"{place}: {record.intent.client_order_id} brought the account to {told}, {most}")

    def _worths(self) -> Iterator[tuple[Place, Decimal]]:
        """What the account holds of its own, each at the lowest price by which the engine may just have valued it."""
        for place, book in self._scene.books.items():
            if book.quantity != ZERO and not book.is_tainted:
                yield place, abs(book.quantity) * self._lowest_price(place)

    def _lowest_price(self, place: Place) -> Decimal:
        """Of the decisions in force while the order was on its way; without one, of what the exchange showed then."""
        told, since = self._told[place], self._scene.time() - KEPT_SECONDS
        ends = [one.at_seconds for one in list(told)[1:]]
        prices = [one.price for one, end in zip(told, [*ends, self._scene.time()], strict=False) if end >= since]
        known = [price for price in prices if price is not None]
        if len(known) < len(prices) or not known:
            known.append(self._shown.lowest(place[0].exchange, str(place[1])))
        return min(known)
