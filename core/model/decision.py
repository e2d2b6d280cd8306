"""What a change of depth, leverage, weight or mapping asks of one account and symbol, sized once and journaled."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.model.signal import SourceContribution


@dataclass(frozen=True, slots=True)
class Decision:
    """A sized target. Price, profit, funding and deposits do not move it; only a new decision does.

    Attributes:
        number: 1, 2, 3 ... per account and symbol; part of the client order ids that serve it.
        depth: Merged depth it was made for, -1..1.
        leverage: Leverage it was made for.
        config_version: Configuration in force.
        equity: Account value it was sized on in USDT, None for a target of zero and for one scaled down from the last.
        price: Price it was sized with in USDT, None for a target of zero.
        quantity: Signed base-asset quantity the account should hold, rounded towards zero to the lot step.
        unreachable: Why the wanted size cannot be held exactly (below minimum, not listed), empty otherwise.
        decided_at: UTC time.
        capped: Which risk limits made it smaller and to what, empty when none did.
        contributions: What each source said then, times its weight.
    """

    number: int
    depth: Decimal
    leverage: Decimal
    config_version: str
    equity: Decimal | None
    price: Decimal | None
    quantity: Decimal
    unreachable: str
    decided_at: datetime
    capped: str = ""
    contributions: tuple[SourceContribution, ...] = ()

    @property
    def is_provisional(self) -> bool:
        """Whether it only scales the one before down, until value and price are known to size it."""
        return self.equity is None and self.depth != 0
