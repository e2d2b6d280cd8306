"""The view of confirmed depths that people read; never the truth."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from core.model.identity import AccountId, Symbol


class DepthView(Protocol):
    """Per account, the depth last confirmed against the exchange."""

    def publish(self, depths: Mapping[AccountId, Mapping[Symbol, Decimal]]) -> None:
        """Replace the whole view atomically.

        Raises:
            core.model.failures.StorageFailure: If it cannot be written.
        """
        ...
