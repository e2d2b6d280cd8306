"""How often one address gets a reason before it is only told to wait; a valid key is never slowed by it.

TradingView's addresses are shared by all of its users, so a stranger's forged alerts must not shut out the owner's.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

ADDRESSES_KEPT = 4096


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Refusals:
    """A token bucket per address, on the loop's time, for at most 4,096 addresses.

    Args:
        time: The loop's reading in seconds.
    """

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def may_answer(self, address: str, per_minute: int) -> bool:
        """Count one refusal; False when the address had its share of reasons.

        Args:
            address: Whose request is refused.
            per_minute: Reasons per minute, also the size of a burst.
        """
        now = self._time()
        bucket = self._buckets.setdefault(address, _Bucket(float(per_minute), now))
        self._buckets.move_to_end(address)
        if len(self._buckets) > ADDRESSES_KEPT:
            self._buckets.popitem(last=False)
        bucket.tokens = min(float(per_minute), bucket.tokens + (now - bucket.filled_at) * per_minute / 60)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True
