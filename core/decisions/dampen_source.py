"""Which of a source's changes are too small to act on."""

from dataclasses import replace
from decimal import Decimal

from core.model.money import ZERO
from core.model.signal import SourceFrame, SourceSignal


def dampen_source(min_change_ratio: Decimal, previous: SourceFrame | None, current: SourceFrame) -> SourceFrame:
    """The frame to merge: a depth that moved less than the ratio of itself stays as it was followed last.

    A change to zero or of sign always counts, and so does what small changes add up to.

    Args:
        min_change_ratio: Share of the followed depth, 0..1; zero lets every change through.
        previous: What was followed last, None when nothing was.
        current: What the source says now.
    """
    if previous is None or min_change_ratio == ZERO:
        return current
    followed = {signal.source_symbol: signal for signal in previous.signals}
    signals = tuple(_follow(min_change_ratio, followed.get(now.source_symbol), now) for now in current.signals)
    return replace(current, signals=signals)


def _follow(min_change_ratio: Decimal, before: SourceSignal | None, now: SourceSignal) -> SourceSignal:
    if before is None or before.depth * now.depth <= ZERO or before.leverage != now.leverage:
        return now
    is_small = abs(now.depth - before.depth) < abs(before.depth) * min_change_ratio
    return before if is_small else now
