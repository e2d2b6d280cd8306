"""What an account is about at a moment: the columns of the table of faults, each moment in one of them."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ZERO
from core.ports.journal import Journal

Place = tuple[AccountId, Symbol]


class State(StrEnum):
    """What an account is about; the first that fits, from the last one up.

    `STARTING` lasts from the engine's start to the end of the first pass that read the account. `BETWEEN` is a flip
    whose close is settled and whose opening is not filled yet, whether or not its order is on its way.
    """

    NOTHING = "nothing in flight"
    INCREASE = "increase in flight"
    BETWEEN = "between close and open"
    REDUCTION = "reduction in flight"
    STARTING = "starting"


class States:
    """Knows the state of every account of the engine that runs."""

    def __init__(self) -> None:
        self._journal: Journal | None = None
        self._has_passed: Callable[[AccountId], bool] = lambda _: False
        self._turning: dict[Place, int] = {}

    def follow(self, journal: Journal | None, has_passed: Callable[[AccountId], bool]) -> None:
        """From now on this engine runs; None while none does.

        Args:
            journal: Its journal.
            has_passed: Whether a pass that read the account has ended since it started.
        """
        self._journal, self._has_passed = journal, has_passed

    def decided(self, ledger: SymbolLedger, number: int, *, is_turn: bool) -> None:
        """A target was decided; a turn is one that lies on the other side of what is owned."""
        place = (ledger.account, ledger.symbol)
        self._turning.pop(place, None)
        if is_turn:
            self._turning[place] = number

    def of(self, account: AccountId) -> State | None:
        """The account's state, None while no engine runs."""
        if self._journal is None:
            return None
        if not self._has_passed(account):
            return State.STARTING
        ledgers = self._journal.ledgers(account)
        alive = [record.intent.reduce_only for ledger in ledgers for record in ledger.unsettled]
        if any(alive):
            return State.REDUCTION
        if self.between(account):
            return State.BETWEEN
        return State.INCREASE if alive else State.NOTHING

    def between(self, account: AccountId) -> Sequence[Symbol]:
        """The symbols whose flip is closed and not open yet."""
        ledgers = self._journal.ledgers(account) if self._journal else ()
        return [ledger.symbol for ledger in ledgers if self._is_between(ledger)]

    def in_flight(self, account: AccountId) -> Sequence[Symbol]:
        """The symbols that have an unsettled order, and those between close and open."""
        ledgers = self._journal.ledgers(account) if self._journal else ()
        return [ledger.symbol for ledger in ledgers if ledger.unsettled or self._is_between(ledger)]

    def _is_between(self, ledger: SymbolLedger) -> bool:
        decision = ledger.decision
        is_turning = decision is not None and self._turning.get((ledger.account, ledger.symbol)) == decision.number
        return is_turning and ledger.owned == ZERO and not ledger.is_confirmed
