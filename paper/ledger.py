"""Everything that happened in the paper world, in order: what tests and the simulation ask afterwards."""

import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

KEPT_ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact.

    Attributes:
        number: 1, 2, 3 ... over the whole world.
        at_ms: Unix milliseconds of the world's clock.
        kind: `request`, `answer`, `order`, `fill`, `refusal`, `setting`, `funding`, `liquidation`, `fault`, ...
        exchange: Where; empty for the world itself.
        account: The account's label, empty where none is concerned.
        facts: Plain values; numbers as text.
    """

    number: int
    at_ms: int
    kind: str
    exchange: str
    account: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def line(self) -> bytes:
        """The entry as one line of JSON, the same for the same facts."""
        row = [self.number, self.at_ms, self.kind, self.exchange, self.account, self.facts]
        return json.dumps(row, sort_keys=True, separators=(",", ":"), default=str).encode() + b"\n"


class Ledger:
    """An append-only list; the oldest entries are dropped, the hash covers all of them.

    Attributes:
        observers: Called with every entry as it is appended.
    """

    def __init__(self, kept: int = KEPT_ENTRIES) -> None:
        self._entries: deque[Entry] = deque()
        self._kept = kept
        self._hash = hashlib.sha256()
        self._unhashed: deque[Entry] = deque()
        self._count = 0
        self._kinds: Counter[tuple[str, str]] = Counter()
        self.observers: list[Callable[[Entry], None]] = []

    def record(
        self, at_ms: int, kind: str, exchange: str = "", account: str = "", facts: Mapping[str, object] | None = None
    ) -> None:
        """Append one fact."""
        self._count += 1
        entry = Entry(self._count, at_ms, kind, exchange, account, facts or {})
        self._entries.append(entry)
        self._unhashed.append(entry)
        self._kinds[exchange, kind] += 1
        for observe in self.observers:
            observe(entry)
        if len(self._entries) > self._kept:
            self._entries.popleft()
        if len(self._unhashed) >= self._kept:
            self._fold()

    def count(self, kind: str, exchange: str | None = None) -> int:
        """How many facts of a kind there ever were, on one exchange or on all."""
        return sum(
            number for (place, name), number in self._kinds.items() if name == kind and exchange in (None, place)
        )

    def entries(
        self,
        kind: str | None = None,
        exchange: str | None = None,
        account: str | None = None,
        where: Callable[[Entry], bool] = lambda _: True,
    ) -> list[Entry]:
        """The facts still kept that fit, oldest first."""
        return [
            entry
            for entry in self._entries
            if kind in (None, entry.kind)
            and exchange in (None, entry.exchange)
            and account in (None, entry.account)
            and where(entry)
        ]

    def digest(self) -> str:
        """SHA-256 over all entries ever recorded: equal exactly when everything happened the same."""
        self._fold()
        return self._hash.copy().hexdigest()

    def _fold(self) -> None:
        while self._unhashed:
            self._hash.update(self._unhashed.popleft().line())
