"""What a source's newest frame may change while the operator holds the source back."""

from dataclasses import replace
from decimal import Decimal

from core.model.money import ZERO
from core.model.signal import SourceFrame, SourceSignal
from core.model.standing import Standing


def limit_source(standing: Standing, previous: SourceFrame | None, current: SourceFrame) -> SourceFrame:
    """The frame to merge under a source's standing.

    REDUCE_ONLY: every depth may only shrink; a change of sign is a zero. HALTED: the previous depths stay,
    the heartbeat goes on. ACTIVE and FLAT leave the frame alone (FLAT takes its share to zero in the merge).

    Args:
        standing: The source's standing.
        previous: What was merged last, None when nothing was.
        current: What the source says now.
    """
    if standing is Standing.HALTED:
        held = previous.signals if previous else ()
        return replace(current, signals=held)
    if standing is Standing.REDUCE_ONLY:
        depths = {signal.source_symbol: signal.depth for signal in previous.signals} if previous else {}
        limited = tuple(_shrink(signal, depths.get(signal.source_symbol, ZERO)) for signal in current.signals)
        return replace(current, signals=limited)
    return current


def _shrink(signal: SourceSignal, before: Decimal) -> SourceSignal:
    if signal.depth * before <= ZERO:
        return replace(signal, depth=ZERO)
    return signal if abs(signal.depth) <= abs(before) else replace(signal, depth=before)
