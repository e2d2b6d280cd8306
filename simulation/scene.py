"""What all checks look at: the exchanges' own books, the engine's journal, and where broken rules are noted."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.ledger import OrderRecord, SymbolLedger
from core.model.money import ZERO
from core.ports.journal import Journal
from paper.house import PaperHouse
from paper.ledger import Entry
from simulation.states import Place

REMEMBERED_SECONDS = 90.0
"""How long a book's earlier values are kept, to judge a confirmation by what a read could have shown."""

NEVER = float("-inf")


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
class Book:
    """What one exchange really holds of one symbol, from its own fills.

    Attributes:
        quantity: Signed, in base asset.
        is_tainted: Whether somebody else ever had a hand in it.
    """

    quantity: Decimal = ZERO
    is_tainted: bool = False
    _history: deque[tuple[float, Decimal]] = field(default_factory=deque)

    def change(self, by: Decimal, at_seconds: float) -> None:
        """Take a fill."""
        self._history.append((at_seconds, self.quantity))
        self.quantity += by
        while self._history and self._history[0][0] < at_seconds - REMEMBERED_SECONDS:
            self._history.popleft()

    def could_show(self, quantity: Decimal, lot: Decimal, since_seconds: float) -> bool:
        """Whether the book held this, within a lot, at some moment since."""
        seen = [held for at, held in self._history if at >= since_seconds]
        return any(abs(held - quantity) < lot for held in (self.quantity, *seen))


@dataclass
class Scene:
    """One world as the checks see it.

    Attributes:
        house: The exchanges.
        time: The world's seconds, which no step of the clock changes.
        now: The wall clock.
        journal: Of the engine that runs, None while none does.
        left: What the engine before this one knew, where its disk had failed and kept the latest of it in memory alone.
        violations: Rules that were broken, in order.
        books: By account and symbol.
        targets: Every quantity that was decided, by place and number of the decision.
        stranger_tags: With what the order ids of other installations in this world begin.
        strangers_until: Until when another installation may have been at work, by exchange.
        engine_since: When the engine that runs was started.
        stepped_at: When the wall clock was last stepped, by which the exchanges count their limits too.
        spending_unknown_until: Until when what engines spent whose notes a full disk did not keep may count.
    """

    house: PaperHouse
    time: Callable[[], float]
    now: Callable[[], datetime]
    journal: Journal | None = None
    left: dict[Place, SymbolLedger] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    books: defaultdict[Place, Book] = field(default_factory=lambda: defaultdict(Book))
    targets: dict[tuple[Place, int], Decimal] = field(default_factory=dict)
    stranger_tags: set[str] = field(default_factory=set)
    strangers_until: dict[str, float] = field(default_factory=dict)
    engine_since: float = NEVER
    stepped_at: float = NEVER
    spending_unknown_until: float = NEVER

    def fail(self, invariant: int, told: str) -> None:
        """Note a broken rule."""
        self.violations.append(Violation(invariant, self.time(), told))

    def place_of(self, entry: Entry) -> tuple[Place, Decimal]:
        """Where an entry with a symbol happened, and how much base asset one unit of its market is."""
        market = self.house.exchanges[entry.exchange].markets[str(entry.facts["symbol"])]
        return (AccountId(entry.exchange, entry.account), unified(market.coin)), market.contract_size

    def lot(self, place: Place) -> Decimal:
        """The market's lot in base asset."""
        markets = self.house.exchanges[place[0].exchange].markets.values()
        market = next(market for market in markets if unified(market.coin) == place[1])
        return market.lot_step * market.contract_size

    def limit_window_ms(self, entry: Entry) -> int:
        """The window of the published limit that a request was refused for, zero where the refusal names none."""
        rules = self.house.doors[entry.exchange].protocol.rate_rules
        return next((rule.window_ms for rule in rules if rule.name == entry.facts["detail"]), 0)

    @property
    def longest_limit_seconds(self) -> float:
        """The longest window of all published limits."""
        doors = self.house.doors.values()
        return max(rule.window_ms for door in doors for rule in door.protocol.rate_rules) / 1000

    def record_of(self, place: Place, client_id: ClientOrderId) -> OrderRecord | None:
        """What the journal remembers of an order, or remembered before it failed and its engine died."""
        if self.journal is None:
            return None
        orders = [*self.journal.ledger(*place).orders, *(self.left[place].orders if place in self.left else ())]
        return next((record for record in orders if record.intent.client_order_id == client_id), None)

    def is_of_stranger(self, client_id: ClientOrderId) -> bool:
        """Whether another installation of this world made the id."""
        return client_id.startswith(tuple(self.stranger_tags)) if self.stranger_tags else False

    def has_stranger(self, exchange: str) -> bool:
        """Whether another installation is, or was a moment ago, at work on an exchange."""
        return self.time() <= self.strangers_until.get(exchange, NEVER)


def unified(coin: str) -> Symbol:
    """A coin's unified symbol."""
    return Symbol(f"{coin}USDT")
