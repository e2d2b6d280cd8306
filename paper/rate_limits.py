"""The published request limits, counted in windows of the world's clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from paper.refusals import Reason


class LimitScope(StrEnum):
    """Whose requests a limit counts together."""

    ADDRESS = "address"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class RateRule:
    """At most `quota` of weight per window.

    Attributes:
        name: For messages and headers.
        quota: Sum of weights allowed in one window.
        window_ms: Windows begin at whole multiples of it.
        scope: Per client address or per account.
        endpoints: Which endpoints count, empty for all; each endpoint then has a quota of its own if `is_per_endpoint`.
        is_per_endpoint: Count every endpoint apart.
        reason: What the refusal is: a limit, or a ban of the address.
    """

    name: str
    quota: int
    window_ms: int
    scope: LimitScope
    endpoints: frozenset[str] = frozenset()
    is_per_endpoint: bool = False
    reason: Reason = Reason.RATE_LIMITED


@dataclass(frozen=True, slots=True)
class Overrun:
    """A limit that was passed, and when its window ends."""

    rule: RateRule
    retry_after_ms: int


class RateLimiter:
    """Counts for one exchange."""

    def __init__(self, rules: Sequence[RateRule]) -> None:
        self._rules = tuple(rules)
        self._used: dict[tuple[str, str, str], tuple[int, int]] = {}

    def spend(self, endpoint: str, weight: int, address: str, account: str, now_ms: int) -> Overrun | None:
        """Count one request; the rule that it breaks, if any. A refused request counts as well."""
        broken = None
        for rule in self._rules:
            if rule.endpoints and endpoint not in rule.endpoints:
                continue
            who = address if rule.scope is LimitScope.ADDRESS else account
            if not who:
                continue
            key = (rule.name, who, endpoint if rule.is_per_endpoint else "")
            window = now_ms // rule.window_ms
            since, used = self._used.get(key, (window, 0))
            used = weight if since != window else used + weight
            self._used[key] = (window, used)
            if used > rule.quota:
                broken = broken or Overrun(rule, (window + 1) * rule.window_ms - now_ms)
        return broken
