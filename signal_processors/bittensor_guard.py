"""Whether an answer may be believed: the set of miners against the day's usual one, and sudden falls of exposure.

Nothing locks for ever: what stays suspicious for enough polls in agreement is accepted as the new state of the world.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from config.bittensor_settings import BittensorSettings

SAMPLE_EVERY = timedelta(minutes=30)
REMEMBERED = timedelta(hours=24)

_AGREEMENT = 0.95
"""Jaccard similarity from which on two suspicious sets count as the same."""

_EXPLAINED_SHARE = 0.8
_NOTEWORTHY_EXPOSURE = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """The miners of one accepted answer."""

    at: datetime
    hotkeys: frozenset[str]


@dataclass(frozen=True, slots=True)
class GuardMemory:
    """What the guard remembers between polls and across restarts.

    Attributes:
        samples: Accepted sets of the last day, one every half hour, oldest first.
        candidate: The suspicious set that is being confirmed.
        candidate_polls: How many polls in a row agreed with it.
        fall_polls: How many polls in a row showed the same unexplained fall.
    """

    samples: Sequence[Sample] = ()
    candidate: frozenset[str] = frozenset()
    candidate_polls: int = 0
    fall_polls: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether to believe; the reason is empty when nothing was suspicious."""

    is_accepted: bool
    reason: str
    memory: GuardMemory


def judge_hotkeys(
    memory: GuardMemory,
    hotkeys: frozenset[str],
    exposure: Mapping[str, float],
    now: datetime,
    settings: BittensorSettings,
) -> Verdict:
    """Compare the miners of an answer with the day's usual ones.

    Args:
        memory: What is remembered.
        hotkeys: Miners with a valid record in this answer.
        exposure: What each miner adds to the published depths, unsigned.
        now: UTC time.
        settings: Limits and the number of confirming polls.
    """
    problem = _set_problem(memory, hotkeys, exposure, now, settings)
    if not problem:
        return Verdict(is_accepted=True, reason="", memory=_remember(memory, hotkeys, now))
    polls = memory.candidate_polls + 1 if _agree(memory.candidate, hotkeys) else 1
    if polls >= settings.guard_confirm_polls:
        reason = f"{problem}; accepted after {polls} polls"
        return Verdict(is_accepted=True, reason=reason, memory=GuardMemory((Sample(now, hotkeys),)))
    waiting = replace(memory, candidate=hotkeys, candidate_polls=polls)
    return Verdict(
        is_accepted=False, reason=f"{problem}; poll {polls} of {settings.guard_confirm_polls}", memory=waiting
    )


def judge_fall(
    memory: GuardMemory,
    published: Mapping[str, float],
    candidate: Mapping[str, float],
    lost: Mapping[str, float],
    closed: frozenset[str],
    settings: BittensorSettings,
) -> Verdict:
    """Decide whether a sudden fall of the depths is believed at once.

    A fall is explained when the positions that made the exposure are still in the answer, as closed ones. Positions
    that vanished, or miners that no longer qualify all at once, need confirming polls.

    Args:
        memory: What is remembered.
        published: The depths in the frame, by source id.
        candidate: The depths of this answer.
        lost: What each position that no longer counts added to the published depths, signed, by uuid.
        closed: Those of them that this answer shows as closed.
        settings: `fall_share` and `fall_confirm_polls`.
    """
    before = math.fsum(abs(depth) for depth in published.values())
    kept = math.fsum(
        min(abs(depth), abs(candidate.get(pair, 0.0)))
        for pair, depth in published.items()
        if depth * candidate.get(pair, 0.0) > 0
    )
    share = (before - kept) / before if before >= _NOTEWORTHY_EXPOSURE else 0.0
    gone = math.fsum(abs(part) for part in lost.values())
    explained = math.fsum(abs(part) for uuid, part in lost.items() if uuid in closed)
    if share < settings.fall_share or (gone > 0 and explained / gone >= _EXPLAINED_SHARE):
        return Verdict(is_accepted=True, reason="", memory=replace(memory, fall_polls=0))
    polls = memory.fall_polls + 1
    problem = f"exposure fell by {share:.0%} in one poll, of which closed positions explain little"
    if polls >= settings.fall_confirm_polls:
        reason = f"{problem}; accepted after {polls} polls"
        return Verdict(is_accepted=True, reason=reason, memory=replace(memory, fall_polls=0))
    reason = f"{problem}; poll {polls} of {settings.fall_confirm_polls}"
    return Verdict(is_accepted=False, reason=reason, memory=replace(memory, fall_polls=polls))


def usual_hotkeys(samples: Sequence[Sample], now: datetime) -> frozenset[str]:
    """Miners present in at least half of the day's samples."""
    recent = [sample for sample in samples if now - sample.at <= REMEMBERED] or list(samples[-1:])
    counts: dict[str, int] = {}
    for sample in recent:
        for hotkey in sample.hotkeys:
            counts[hotkey] = counts.get(hotkey, 0) + 1
    return frozenset(hotkey for hotkey, count in counts.items() if count * 2 >= len(recent))


def _set_problem(
    memory: GuardMemory,
    hotkeys: frozenset[str],
    exposure: Mapping[str, float],
    now: datetime,
    settings: BittensorSettings,
) -> str:
    if not memory.samples:
        few = len(hotkeys) < settings.guard_min_miners
        return f"only {len(hotkeys)} miners in the first answer" if few else ""
    usual = usual_hotkeys(memory.samples, now)
    count = max(len(usual), round(median(len(sample.hotkeys) for sample in memory.samples)), 1)
    missing = usual - hotkeys
    if len(missing) > settings.guard_max_missing_share * count:
        return f"{len(missing)} of {count} usual miners are missing"
    known = usual.union(memory.samples[-1].hotkeys)
    if len(hotkeys - known) > settings.guard_max_added_share * count:
        return f"{len(hotkeys - known)} unknown miners beside {count} usual ones"
    total = math.fsum(exposure.values())
    absent = math.fsum(share for hotkey, share in exposure.items() if hotkey not in hotkeys)
    if total > 0 and absent / total > settings.guard_max_missing_exposure:
        return f"the miners of {absent / total:.0%} of the exposure are missing"
    return ""


def _remember(memory: GuardMemory, hotkeys: frozenset[str], now: datetime) -> GuardMemory:
    samples = [sample for sample in memory.samples if now - sample.at <= REMEMBERED]
    if not samples or not timedelta() <= now - samples[-1].at < SAMPLE_EVERY:
        samples = [sample for sample in samples if sample.at <= now] + [Sample(now, hotkeys)]
    return GuardMemory(tuple(samples), fall_polls=memory.fall_polls)


def _agree(first: frozenset[str], second: frozenset[str]) -> bool:
    union = len(first | second)
    return union > 0 and len(first & second) / union >= _AGREEMENT
