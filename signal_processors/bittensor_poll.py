"""What one poll came to, and how long to wait after it."""

import math
import random
from dataclasses import dataclass

from signal_processors.bittensor_client import NoAnswer, Trouble
from signal_processors.bittensor_payload import LIVE_TIER, Payload

LONGEST_WAIT_SECONDS = 300.0
SHORTEST_WAIT_WHEN_LIMITED_SECONDS = 60.0
_LARGEST_DOUBLING = 10


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll came to.

    Attributes:
        is_good: Whether the answer was whole and believed.
        reason: What is unusual, empty when nothing is.
        trouble: Why there was no answer, None when there was one.
        retry_after_seconds: What the server asked for.
    """

    is_good: bool
    reason: str = ""
    trouble: Trouble | None = None
    retry_after_seconds: float | None = None


def next_wait(poll: Poll, failures: int, interval_seconds: float, jitter: random.Random) -> float:
    """Seconds from one poll's start to the next: the interval, or longer after troubles, with jitter.

    Args:
        poll: The last one.
        failures: How many polls in a row were not good.
        interval_seconds: The usual time.
        jitter: Chance, so that many pollers do not ask together.
    """
    if poll.trouble is None or poll.trouble is Trouble.NO_DATA:
        return interval_seconds
    longest = max(LONGEST_WAIT_SECONDS, interval_seconds)
    wait = min(math.ldexp(interval_seconds, min(failures, _LARGEST_DOUBLING) - 1), longest)
    if poll.trouble is Trouble.LIMITED:
        wait = max(wait, SHORTEST_WAIT_WHEN_LIMITED_SECONDS)
    if poll.trouble is Trouble.KEY_REFUSED:
        wait = longest
    asked = min(poll.retry_after_seconds or 0.0, LONGEST_WAIT_SECONDS)
    return max(asked, wait * jitter.uniform(0.8, 1.0), interval_seconds)


def without_answer(answer: NoAnswer) -> Poll:
    """A poll that got none."""
    return Poll(
        is_good=False, reason=answer.reason, trouble=answer.trouble, retry_after_seconds=answer.retry_after_seconds
    )


def with_notes(reason: str, payload: Payload, *others: str) -> str:
    """The reason and what else an operator should know of an answer."""
    notes = [reason, *others]
    if payload.tier < LIVE_TIER:
        notes.append(f"tier {payload.tier}: positions are up to 24 h old")
    if payload.dropped:
        notes.append(f"malformed miners left out: {len(payload.dropped)}")
    return "; ".join(filter(None, notes))
