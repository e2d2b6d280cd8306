"""Settings that may change while the engine runs, asked for at the moment they are needed."""

from decimal import Decimal
from typing import Protocol

from core.model.identity import SourceName, Symbol
from core.model.money import ZERO
from core.model.policy import RetryLimits
from core.model.risk import ResizeBand, RiskLimits

FULL_CHECK_SECONDS = 60.0


class LiveSettings(Protocol):
    """What the operator may tune; every answer is the newest valid one."""

    def limits(self) -> RiskLimits:
        """The limits on what may be built up."""
        ...

    def resize_band(self, symbol: Symbol) -> ResizeBand | None:
        """When a symbol is sized anew between signals, None for never."""
        ...

    def retries(self) -> RetryLimits:
        """The pace of increases that failed."""
        ...

    def full_check_seconds(self) -> float:
        """How often held and target are compared although nothing happened."""
        ...

    def min_depth_change(self, source: SourceName) -> Decimal:
        """The share of a source's depth below which a change makes no new decision, 0..1."""
        ...


class DefaultSettings:
    """LiveSettings that nobody tuned."""

    def limits(self) -> RiskLimits:
        """The limits that are safe for everyone."""
        return RiskLimits()

    def resize_band(self, symbol: Symbol) -> ResizeBand | None:
        """Sizes change on signals alone."""
        del symbol
        return None

    def retries(self) -> RetryLimits:
        """1, 2, 4 ... 120 s."""
        return RetryLimits()

    def full_check_seconds(self) -> float:
        """Once a minute."""
        return FULL_CHECK_SECONDS

    def min_depth_change(self, source: SourceName) -> Decimal:
        """Every change counts."""
        del source
        return ZERO
