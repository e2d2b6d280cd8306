"""How soon after the healing of a simulated world everything must be where it should be."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from account_processors.ccxt_base import ARRIVAL_MARGIN_SECONDS
from account_processors.ccxt_client import CallSettings
from account_processors.registry import find_dialect
from core.model.identity import AccountId, Symbol
from simulation.gaps import Gap

WITHIN_SECONDS = 30.0
"""For every pending reduction, and for everything once the last not-found window has closed."""

FULL_CHECK_SECONDS = 60.0
"""That a market trades again is found out at the next full check."""

PACED_SECONDS = 130.0
"""The longest wait of an increase after refusals, and after orders without an answer, which is 120 s; it may begin ten
seconds after the healing, when what was under way has failed. A reduction never waits so."""

ACTING_SECONDS = 10.0
"""What a reduction may need itself once its window has closed, to be done within its time all the same."""

Place = tuple[AccountId, Symbol]


def window_seconds(exchange: str) -> float:
    """How long after its send an order may still turn up on an exchange: as its adapter says."""
    received = find_dialect(exchange).profile.receive_window_seconds
    return received + CallSettings().longest_wait_before_write_seconds + ARRIVAL_MARGIN_SECONDS


@dataclass(slots=True)
class Deadlines:
    """Follows the gaps of a world from its healing on, each from when it was first seen.

    Attributes:
        reopened: By exchange: symbols that trade again since the healing.
        slowest: By exchange: seconds from the healing until the last gap was seen.
    """

    reopened: Collection[tuple[str, Symbol]]
    slowest: dict[str, float] = field(default_factory=dict)
    _since: dict[Place, float] = field(default_factory=dict)
    _free_since: dict[Place, float] = field(default_factory=dict)
    _larger_since: dict[Place, float] = field(default_factory=dict)
    _looked_at: float = 0.0

    def look(self, gaps: Sequence[Gap], elapsed_seconds: float) -> list[Gap]:
        """The gaps that are open for too long; what is open at the first look is open since the healing.

        Args:
            gaps: All that are open now.
            elapsed_seconds: Since the healing.
        """
        before, self._looked_at = self._looked_at, elapsed_seconds
        self._since = {_place(gap): self._since.get(_place(gap), before) for gap in gaps}
        self._free_since = {
            _place(gap): elapsed_seconds if gap.is_paced else self._free_since.get(_place(gap), before) for gap in gaps
        }
        self._larger_since = {
            _place(gap): self._larger_since.get(_place(gap), before) if not _may_wait(gap) else elapsed_seconds
            for gap in gaps
            if gap.is_reduction
        }
        for gap in gaps:
            self.slowest[gap.account.exchange] = elapsed_seconds
        return [gap for gap in gaps if self._is_overdue(gap, elapsed_seconds)]

    def _is_overdue(self, gap: Gap, now: float) -> bool:
        place, exchange = _place(gap), gap.account.exchange
        extra = FULL_CHECK_SECONDS if (exchange, gap.symbol) in self.reopened else 0.0
        allowed = window_seconds(exchange) + WITHIN_SECONDS + extra
        if now - self._free_since[place] >= allowed or now - self._since[place] >= max(allowed, PACED_SECONDS):
            return True
        return gap.is_reduction and now - self._larger_since[place] >= WITHIN_SECONDS + extra


def _place(gap: Gap) -> Place:
    return gap.account, gap.symbol


def _may_wait(gap: Gap) -> bool:
    """Whether a lost reduction of a part waits for a window that alone takes all the time there is."""
    return gap.waits_for_window and window_seconds(gap.account.exchange) > WITHIN_SECONDS - ACTING_SECONDS
