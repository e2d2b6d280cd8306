"""What sources say, and what their weighted words add up to."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.model.failures import InvalidInput
from core.model.identity import SourceName, Symbol
from core.model.money import ONE, ZERO, finite_decimal, positive_decimal


@dataclass(frozen=True, slots=True)
class SourceSignal:
    """One source's latest word on one of its own symbols, before any mapping.

    Attributes:
        source: Who says it.
        source_symbol: The symbol as the source names it, such as BTCUSD.
        depth: Signed share of the source's allocation, -1..1; 0 is flat, negative is short.
        at: UTC time of the word itself.
        leverage: The leverage the source asks for; it may only lower the configured one.
        price: The price the source saw, for people; it sizes nothing.
        record_id: The raw record it came from.
    """

    source: SourceName
    source_symbol: str
    depth: Decimal
    at: datetime
    leverage: Decimal | None = None
    price: Decimal | None = None
    record_id: str = ""

    def __post_init__(self) -> None:
        place = f"{self.source} {self.source_symbol}"
        if abs(finite_decimal(self.depth, f"{place} depth")) > ONE:
            raise InvalidInput(f"{place} depth: {self.depth} is outside -1..1")
        if self.leverage is not None:
            positive_decimal(self.leverage, f"{place} leverage")
        if self.price is not None:
            positive_decimal(self.price, f"{place} price")


class SourceStatus(StrEnum):
    """What a source says about itself."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """Everything a source says now: one file, replaced atomically.

    Attributes:
        source: Who says it.
        sequence: Grows by one with every change of content; the same sequence means nothing changed.
        written_at: UTC time of the last change of content.
        heartbeat_at: UTC time of the last rewrite; rewritten every 10 s while the source lives.
        fetched_at: UTC time of the last good fetch of a polled source, None for pushed ones.
        status: What the source says about itself.
        reason: Why, in words, when the status is not ok.
        authenticated: False when anyone could have written to the source; such frames move no live account.
        signals: The latest word per source symbol, each symbol once.
    """

    source: SourceName
    sequence: int
    written_at: datetime
    heartbeat_at: datetime
    fetched_at: datetime | None
    status: SourceStatus
    reason: str
    authenticated: bool
    signals: tuple[SourceSignal, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceContribution:
    """What one source adds to a merged depth: weight x depth."""

    source: SourceName
    weight: Decimal
    depth: Decimal
    leverage: Decimal | None
    at: datetime

    @property
    def weighted_depth(self) -> Decimal:
        """Weight times depth."""
        return self.weight * self.depth


@dataclass(frozen=True, slots=True)
class MergedTarget:
    """What all sources together ask for on one symbol.

    Attributes:
        symbol: The unified symbol.
        depth: Sum of weight x depth over the sources, -1..1, not divided by the total weight.
        leverage: The leverage to hold it with.
        contributions: The terms of the sum, in configured order.
    """

    symbol: Symbol
    depth: Decimal
    leverage: Decimal
    contributions: tuple[SourceContribution, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Whether the target asks for no position."""
        return self.depth == ZERO
