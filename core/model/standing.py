"""What may be done with a symbol, an account, a source or the engine, and what the operator asks about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.model.failures import InvalidInput
from core.model.identity import AccountId, SourceName, Symbol


class Standing(StrEnum):
    """What may be done; automatic rules set reduce_only, `halted` and `flat` are the operator's alone.

    ACTIVE: everything. REDUCE_ONLY: exits and smaller targets. FLAT: what is ours is closed.
    HALTED: nothing is sent at all, whatever is held stays open.
    """

    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    FLAT = "flat"
    HALTED = "halted"

    @property
    def severity(self) -> int:
        """Where several standings meet, the highest wins."""
        return list(Standing).index(self)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a standing is about: the whole engine when nothing is named.

    Attributes:
        account: One account.
        symbol: One symbol, of one account if that is named too.
        source: One source; never together with the others.
    """

    account: AccountId | None = None
    symbol: Symbol | None = None
    source: SourceName | None = None

    def __post_init__(self) -> None:
        if self.source and (self.account or self.symbol):
            raise InvalidInput("scope: a source stands alone, without account or symbol")

    def __str__(self) -> str:
        if self.source:
            return f"source {self.source}"
        parts = [str(part) for part in (self.account, self.symbol) if part]
        return " ".join(parts) or "engine"

    def covers(self, account: AccountId, symbol: Symbol) -> bool:
        """Whether the standing is about this symbol of this account."""
        if self.source:
            return False
        return self.account in (None, account) and self.symbol in (None, symbol)


@dataclass(frozen=True, slots=True)
class SetStanding:
    """A standing with who set it, when and why."""

    scope: Scope
    standing: Standing
    by: str
    at: datetime
    why: str

    def __str__(self) -> str:
        return f"{self.standing} for {self.scope} by {self.by}: {self.why or 'no reason given'}"


@dataclass(frozen=True, slots=True)
class Standings:
    """Every standing that the operator has set and not lifted."""

    by_scope: Mapping[Scope, SetStanding] = field(default_factory=dict)

    def for_symbol(self, account: AccountId, symbol: Symbol) -> SetStanding | None:
        """The severest standing over one symbol of one account, None when active."""
        if not self.by_scope:
            return None
        covering = [entry for scope, entry in self.by_scope.items() if scope.covers(account, symbol)]
        return max(covering, key=lambda entry: entry.standing.severity, default=None)

    def for_source(self, source: SourceName) -> SetStanding | None:
        """The standing of a source, None when active."""
        return self.by_scope.get(Scope(source=source))

    def tightens(self, entry: SetStanding) -> bool:
        """Whether an entry is severer than what its own scope has now."""
        current = self.by_scope.get(entry.scope)
        return current is None or current.standing.severity < entry.standing.severity

    def with_entry(self, entry: SetStanding) -> "Standings":
        """These standings after one more; ACTIVE lifts everything at or below its scope."""
        kept = {scope: old for scope, old in self.by_scope.items() if not _lies_within(scope, entry.scope)}
        if entry.standing is not Standing.ACTIVE:
            kept = {**self.by_scope, entry.scope: entry}
        return Standings(kept)


class Verb(StrEnum):
    """What an operator may ask for."""

    HALT = "halt"
    REDUCE_ONLY = "reduce_only"
    FLATTEN = "flatten"
    RESUME = "resume"
    ADOPT = "adopt"


STANDING_OF = {
    Verb.HALT: Standing.HALTED,
    Verb.REDUCE_ONLY: Standing.REDUCE_ONLY,
    Verb.FLATTEN: Standing.FLAT,
    Verb.RESUME: Standing.ACTIVE,
}
"""The standing that a verb sets; ADOPT sets none."""


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """One request of the operator; applied once, in order, also after a restart.

    Attributes:
        number: Grows with every command of this installation.
        verb: What is asked.
        scope: About what; ADOPT needs an account and a symbol.
        by: Who asked.
        at: UTC time.
        why: The operator's reason.
    """

    number: int
    verb: Verb
    scope: Scope
    by: str
    at: datetime
    why: str = ""

    def __post_init__(self) -> None:
        if self.verb is Verb.ADOPT and not (self.scope.account and self.scope.symbol):
            raise InvalidInput("adopt: name an account and a symbol")


def _lies_within(scope: Scope, outer: Scope) -> bool:
    if outer.source or scope.source:
        return scope == outer or outer == Scope()
    return outer.account in (None, scope.account) and outer.symbol in (None, scope.symbol)
