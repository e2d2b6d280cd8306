"""What became of an order, and what one pass over an account found and did, symbol by symbol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from core.model.identity import AccountId, Symbol
from core.model.instrument import Instrument
from core.model.money import ZERO
from core.model.order import RefusedOutcome
from core.model.position import AccountSnapshot
from core.model.reading import Reading


@dataclass(frozen=True, slots=True)
class Settled:
    """The order can fill no further; the journal has its fill.

    Attributes:
        filled: Signed base-asset quantity; zero when the order was cancelled, rejected later or never arrived.
    """

    filled: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The order may still change the position; only a reduction may be sent beside it.

    Attributes:
        why: In words.
        held_back_seconds: How long our own budget keeps it from being asked for, None where the exchange was asked.
    """

    why: str
    held_back_seconds: float | None = None


TradeResult = Settled | RefusedOutcome | Unsettled


@dataclass(frozen=True, slots=True)
class SymbolOutcome:
    """Where one symbol stands after a pass.

    Attributes:
        symbol: Which.
        held: The position that the last read proved, or unknown.
        is_confirmed: Whether a fresh read agreed with the decision in force.
        why: Why not, in words; also what a confirmed one leaves unreachable. Empty when all is well.
        orders: How many orders were sent.
        retry_at: UTC time of the next try, None when only a wake or the full check brings one.
    """

    symbol: Symbol
    held: Reading[Decimal]
    is_confirmed: bool
    why: str = ""
    orders: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PassReport:
    """One pass: read, decide, act.

    Attributes:
        account: Whose.
        at: UTC time of its end.
        targets_version: The targets it worked on.
        snapshot: What was read at its start, None when the pass cost no call.
        outcomes: By symbol.
        prices: Last prices that the pass read, in USDT.
        rules: The exchange's rules of the symbols that the account follows.
        trouble: What keeps the whole account from working, empty when nothing does.
        is_armed: Whether orders are sent at all.
        number: Which pass of the account since the engine's start.
    """

    account: AccountId
    at: datetime
    targets_version: int
    snapshot: AccountSnapshot | None
    outcomes: Mapping[Symbol, SymbolOutcome]
    prices: Mapping[Symbol, Decimal] = field(default_factory=dict)
    rules: Mapping[Symbol, Instrument] = field(default_factory=dict)
    trouble: str = ""
    is_armed: bool = True
    number: int = 0

    @property
    def confirmed(self) -> tuple[Symbol, ...]:
        """The symbols whose decision a fresh read agreed with."""
        return tuple(symbol for symbol, outcome in self.outcomes.items() if outcome.is_confirmed)
