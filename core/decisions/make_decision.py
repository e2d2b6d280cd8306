"""When a merged target asks for a new decision, and what that decision is."""

from datetime import datetime
from decimal import Decimal

from core.decisions.size_position import Sizing
from core.model.decision import Decision
from core.model.money import ZERO
from core.model.signal import MergedTarget

DEPTH_TOLERANCE = Decimal("0.0001")
DEPTH_TOLERANCE_RATIO = Decimal("0.001")


def depth_changed(previous: Decimal, current: Decimal) -> bool:
    """Whether a depth moved by more than max(0.0001, 0.1 %), or to zero, from zero or through it."""
    if previous == current:
        return False
    if previous * current <= ZERO:
        return True
    return abs(current - previous) > max(DEPTH_TOLERANCE, abs(previous) * DEPTH_TOLERANCE_RATIO)


def asks_for_decision(previous: Decision | None, target: MergedTarget, leverage: Decimal) -> bool:
    """Whether the target differs from the decision in force.

    Args:
        previous: The decision in force, None before the first.
        target: What the sources ask now.
        leverage: The target's leverage under the account's own cap.
    """
    if previous is None:
        return not target.is_flat
    if depth_changed(previous.depth, target.depth):
        return True
    return not target.is_flat and previous.leverage != leverage


def decide_flat(number: int, leverage: Decimal, config_version: str, now: datetime) -> Decision:
    """The decision to hold nothing; it needs neither value nor price."""
    return Decision(number, ZERO, leverage, config_version, None, None, ZERO, "", now)


def decide_size(number: int, target: MergedTarget, sizing: Sizing, config_version: str, now: datetime) -> Decision:
    """The decision to hold what was sized."""
    return Decision(
        number=number,
        depth=target.depth,
        leverage=sizing.leverage,
        config_version=config_version,
        equity=sizing.equity,
        price=sizing.price,
        quantity=sizing.quantity,
        unreachable=sizing.unreachable,
        decided_at=now,
    )
