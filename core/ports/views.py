"""Views that people read; never the truth."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from core.model.identity import AccountId, Symbol
from core.model.outcome import PassReport


class DepthView(Protocol):
    """Per account, the depth last confirmed against the exchange."""

    def publish(self, depths: Mapping[AccountId, Mapping[Symbol, Decimal]]) -> None:
        """Replace the whole view atomically.

        Raises:
            core.model.failures.StorageFailure: If it cannot be written.
        """
        ...


class PassView(Protocol):
    """Per account, where it and its symbols stood after the last pass."""

    def publish(self, report: PassReport) -> None:
        """Replace the view of one account.

        Raises:
            core.model.failures.StorageFailure: If it cannot be written.
        """
        ...
