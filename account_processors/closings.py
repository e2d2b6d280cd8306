"""Why a position became smaller, out of an exchange's own records of what was executed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from account_processors.replies import MalformedReply
from core.model.position import ClosingCause

LEEWAY = timedelta(seconds=5)
"""A liquidation may be that much older than the moment at which the position was last explained: reads trail behind."""

LONGEST_TELLING = 200
"""How many characters of an exchange's own words are passed on."""


@dataclass(frozen=True, slots=True)
class Closing:
    """One execution as an exchange records it, whoever caused it.

    Attributes:
        at: When, in UTC by our clock.
        word: What the exchange calls it.
        cause: What that means, None for a word that means none of the causes.
    """

    at: datetime
    word: str
    cause: ClosingCause | None


def cause_of(closings: Iterable[Closing], since: datetime) -> ClosingCause:
    """The gravest cause among what was executed after a moment.

    An ordinary trade only counts from that moment on, before which our own were made; and not beside a word that we do
    not know, which may be what took the position away.

    Raises:
        MalformedReply: If nothing is that new, or a word is not known and no known one is graver.
    """
    recent = [closing for closing in closings if closing.at >= since - LEEWAY]
    causes = {closing.cause for closing in recent if closing.cause is not ClosingCause.ORDINARY or closing.at > since}
    for cause in (ClosingCause.LIQUIDATION, ClosingCause.DELEVERAGING):
        if cause in causes:
            return cause
    if None in causes:
        words = sorted({closing.word for closing in recent if closing.cause is None})
        raise MalformedReply(f"it does not say why: {', '.join(words)}"[:LONGEST_TELLING])
    if not causes:
        raise MalformedReply("it does not say why: no execution is that new")
    return ClosingCause.ORDINARY
