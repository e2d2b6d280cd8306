"""What is remembered across restarts: every order intent before it is sent, and what came of it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from core.model.events import Event
from core.model.identity import AccountId, SourceName, Symbol
from core.model.ledger import SymbolLedger
from core.model.risk import ValueMarks
from core.model.signal import SourceFrame
from core.model.standing import OperatorCommand, SetStanding, Standings


class Journal(Protocol):
    """The durable record and the ledgers folded from it."""

    @property
    def epoch(self) -> str:
        """128 random bits, new when the journal is created and after every restore; part of every order id."""
        ...

    @property
    def tag(self) -> str:
        """The installation's 6 characters, the beginning of every order id."""
        ...

    def ledger(self, account: AccountId, symbol: Symbol) -> SymbolLedger:
        """One symbol's ledger as of the last recorded event; an empty one if there was none."""
        ...

    def ledgers(self, account: AccountId) -> Sequence[SymbolLedger]:
        """Every ledger of one account, in the order in which they began."""
        ...

    async def record(self, *events: Event) -> None:
        """Record events together; durable when this returns. Calls of one turn of the loop share one commit.

        Raises:
            core.model.ledger.IllegalTransition: If an event cannot follow; nothing is then written.
            core.model.failures.StorageFailure: If the disk did not keep it; never retried.
        """
        ...

    async def note(self, *events: Event) -> bool:
        """Record what is true whether or not the disk keeps it; whether it did.

        For what came of an order, and for a reduction about to be sent. When the disk fails, the ledgers still change
        for as long as the process lives, `problem` says so, and no StorageFailure is raised.

        Raises:
            core.model.ledger.IllegalTransition: If an event cannot follow; nothing is then changed.
        """
        ...

    def problem(self) -> str:
        """Why nothing can be made durable any more, empty while all is well."""
        ...

    def standings(self) -> Standings:
        """What the operator has set and not lifted."""
        ...

    def last_command(self) -> int:
        """The number of the last operator command that was applied."""
        ...

    async def record_command(self, command: OperatorCommand, *events: Event) -> None:
        """Apply a command: its standing, its events and its number become durable together, or hold until the end."""
        ...

    async def record_standing(self, entry: SetStanding) -> None:
        """Set a standing that no command asked for; durable, or in force until the process ends."""
        ...

    def value_marks(self, account: AccountId) -> ValueMarks | None:
        """What the account's losses are measured against, None when nothing is."""
        ...

    async def remember_marks(self, account: AccountId, marks: ValueMarks | None) -> None:
        """Replace what the account's losses are measured against."""
        ...

    def last_frames(self) -> Mapping[SourceName, SourceFrame]:
        """The newest good frame of each source, also from before a restart."""
        ...

    async def remember_frame(self, frame: SourceFrame) -> None:
        """Keep a source's newest good frame, in memory only when the disk fails."""
        ...
