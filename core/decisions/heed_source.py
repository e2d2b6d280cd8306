"""What a source's newest frame may say, before and after it is judged: its dampening, and what the operator set."""

from decimal import Decimal

from core.decisions.dampen_source import dampen_source
from core.decisions.judge_source import JudgedSource, SourceUse
from core.decisions.limit_source import limit_source
from core.model.signal import SourceFrame
from core.model.standing import SetStanding, Standing


def frame_to_judge(
    min_change_ratio: Decimal, operator: SetStanding | None, followed: SourceFrame | None, current: SourceFrame
) -> SourceFrame:
    """The newest frame without changes that are too small, and under what the operator set over the source.

    Args:
        min_change_ratio: Share of the followed depth below which a change is none, 0..1.
        operator: The source's standing, None when active.
        followed: What was followed last, None when nothing was.
        current: What the source says now.
    """
    frame = dampen_source(min_change_ratio, followed, current)
    return limit_source(operator.standing, followed, frame) if operator else frame


def heed_operator(judged: JudgedSource, operator: SetStanding | None) -> JudgedSource:
    """The judged source, with its share at zero where the operator asked for that."""
    if operator is None or operator.standing is not Standing.FLAT:
        return judged
    return JudgedSource(judged.source, SourceUse.FLATTEN, judged.frame, str(operator))
