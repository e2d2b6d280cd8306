"""What one strategy says about one symbol: which of its alerts is in force, decided without waiting. Pure.

Order between two alerts, by the first of these that can tell: their sequence numbers; the times they fired, or their
bars; and within 5 s the chain of previous to new position; the state before the pair; else the flat stays in force,
because going flat is safe, and the open beside it is held. A flat that came before an open while flat was in force
already tells nothing, so that open is held too and never dropped in silence. Anything else goes by arrival.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from signal_processors.tradingview_alert import Alert, Side

PAIR_SECONDS = 5.0
RESEND_SECONDS = 20.0
"""TradingView sends at most four times, 5 s apart."""
MOST_RECENT = 256
"""Alerts of one lane that a resend may equal; TradingView stops an alert that fires 15 times in 3 minutes."""
KEEP_IDS = timedelta(days=7)

Lookup = Callable[[str], str | None]


class Verdict(StrEnum):
    """What became of a message."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    AMBIGUOUS_RESEND = "ambiguous resend"
    CONFLICT = "conflict"
    OLDER = "older"
    HELD = "held"
    HEARTBEAT = "heartbeat"
    RETIRED = "retired"
    REFUSED = "refused"


class Basis(StrEnum):
    """What the order of two alerts was told from."""

    ARRIVAL = "arrival"
    SEQUENCE = "sequence"
    TIME = "time"
    CHAIN = "chain"
    PRIOR_STATE = "prior state"
    SAFETY = "flat is safe"


@dataclass(frozen=True, slots=True)
class Moment:
    """When a message came: durations come from the loop, so that a step of the wall clock changes none.

    Attributes:
        at: UTC time.
        run: Which run of the service; readings of the loop compare within one run only.
        seconds: The loop's reading.
    """

    at: datetime
    run: int
    seconds: float

    def until(self, later: "Moment") -> float:
        """Seconds between two moments, never negative."""
        if self.run == later.run:
            return max(later.seconds - self.seconds, 0.0)
        return max((later.at - self.at).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Word:
    """An accepted alert.

    Attributes:
        record: Sequence of its raw record.
        moment: When it came.
        alert: What it says.
        digest: Of its bytes without the key.
    """

    record: int
    moment: Moment
    alert: Alert
    digest: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One strategy's word on one symbol.

    Attributes:
        latest: The alert in force, the last one in order.
        before: The side in force before it.
        recent: Accepted alerts that a resend may still equal, in order of arrival.
        held: The open that waits beside a flat because nobody can tell which came last.
    """

    latest: Word | None = None
    before: Side = Side.FLAT
    recent: tuple[tuple[str, Moment], ...] = ()
    held: Word | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be done with an alert, and why.

    Attributes:
        verdict: What becomes of it.
        basis: What its place was told from.
        note: For people: what was done, also to the alert before it.
        displaces: The alert in force becomes the held one.
    """

    verdict: Verdict
    basis: Basis = Basis.ARRIVAL
    note: str = ""
    displaces: bool = False


def identity_of(alert: Alert) -> str:
    """What makes a resend recognisable: event id, else sequence, else bar, order and change of position, else empty."""
    if alert.event_id:
        return f"event {alert.event_id}"
    if alert.signal_seq is not None:
        return f"sequence {alert.signal_seq}"
    if alert.bar_at and alert.order_id and alert.before and alert.after:
        before, after = alert.before, alert.after
        change = f"{before.side} {before.size} {after.side} {after.size}"
        return f"order {alert.bar_at.isoformat()} {change} {alert.depth} {alert.order_id}"
    return ""


def judge(lane: Lane, word: Word, seen: Lookup) -> Judgement:
    """Decide what becomes of an alert that is in bounds.

    Args:
        lane: What its strategy said about its symbol so far.
        word: The alert.
        seen: The depth that came under an identity of this lane, None when it is new.
    """
    identity = identity_of(word.alert)
    known = _known(lane, identity, seen)
    if known is not None:
        if known != str(word.alert.depth):
            return Judgement(Verdict.CONFLICT, note="the same id came before with another depth")
        return Judgement(Verdict.DUPLICATE, note="the same id came before")
    if not identity:
        resend = _judge_resend(lane, word)
        if resend:
            return resend
    return _place(lane, word)


def _known(lane: Lane, identity: str, seen: Lookup) -> str | None:
    """The depth that came under an identity; the alert in force is known for as long as it is in force."""
    if not identity:
        return None
    if lane.latest and identity_of(lane.latest.alert) == identity:
        return str(lane.latest.alert.depth)
    return seen(identity)


def settle(lane: Lane, word: Word, judgement: Judgement) -> Lane:
    """The lane after an alert was judged and is durable."""
    if judgement.verdict not in {Verdict.APPLIED, Verdict.OLDER, Verdict.HELD}:
        return lane
    fresh = tuple(item for item in lane.recent if item[1].until(word.moment) <= RESEND_SECONDS)
    lane = replace(lane, recent=(*fresh[1 - MOST_RECENT :], (word.digest, word.moment)))
    if judgement.verdict is Verdict.HELD:
        return replace(lane, held=word)
    if judgement.verdict is Verdict.OLDER:
        is_pair = judgement.basis in {Basis.CHAIN, Basis.PRIOR_STATE}
        return replace(lane, before=word.alert.side) if is_pair else lane
    if judgement.displaces:
        return replace(lane, latest=word, held=lane.latest)
    before = lane.latest.alert.side if lane.latest else Side.FLAT
    return replace(lane, latest=word, before=before, held=None)


def _judge_resend(lane: Lane, word: Word) -> Judgement | None:
    """A message without any id is a resend when its bytes equal one accepted within the last 20 s."""
    fresh = [digest for digest, moment in lane.recent if moment.until(word.moment) <= RESEND_SECONDS]
    if word.digest not in fresh:
        return None
    if fresh[-1] == word.digest:
        return Judgement(Verdict.DUPLICATE, note="equal to the latest alert of its strategy and symbol")
    return Judgement(Verdict.AMBIGUOUS_RESEND, note="equal to an earlier alert with another in between; not traded")


def _place(lane: Lane, word: Word) -> Judgement:
    latest = lane.latest
    if latest is None:
        return Judgement(Verdict.APPLIED)
    by_marks = _place_by_marks(latest.alert, word.alert, latest.moment.until(word.moment))
    if by_marks:
        return by_marks
    if latest.moment.until(word.moment) > PAIR_SECONDS:
        return Judgement(Verdict.APPLIED, note=_broken_chain(latest.alert, word.alert))
    return _place_by_chain(lane.before, latest.alert, word.alert) or _place_pair(lane.before, latest.alert, word.alert)


def _place_by_marks(latest: Alert, new: Alert, gap_seconds: float) -> Judgement | None:
    """Sequence numbers and fire times tell for ever; bars only as long as a resend can be under way.

    Alerts of several time frames may share a strategy, and then a later alert may well name an earlier bar.
    """
    if latest.signal_seq is not None and new.signal_seq is not None and latest.signal_seq != new.signal_seq:
        return _by_mark(latest, new, Basis.SEQUENCE, is_older=new.signal_seq < latest.signal_seq)
    if latest.fired_at and new.fired_at and latest.fired_at != new.fired_at:
        return _by_mark(latest, new, Basis.TIME, is_older=new.fired_at < latest.fired_at)
    if gap_seconds <= RESEND_SECONDS and latest.bar_at and new.bar_at and latest.bar_at != new.bar_at:
        return _by_mark(latest, new, Basis.TIME, is_older=new.bar_at < latest.bar_at)
    return None


def _by_mark(latest: Alert, new: Alert, basis: Basis, *, is_older: bool) -> Judgement:
    if is_older:
        return Judgement(Verdict.OLDER, basis, f"older than the alert in force, by its {basis}")
    return Judgement(Verdict.APPLIED, basis, _missed(latest, new, basis))


def _missed(latest: Alert, new: Alert, basis: Basis) -> str:
    if basis is not Basis.SEQUENCE:
        return _broken_chain(latest, new)
    missing = (new.signal_seq or 0) - (latest.signal_seq or 0) - 1
    return f"{missing} alerts before it never came" if missing > 0 else ""


def _broken_chain(latest: Alert, new: Alert) -> str:
    if latest.after and new.before and not latest.after.agrees(new.before):
        return "an alert before it never came: its previous position is not the one in force"
    return ""


def _place_by_chain(before: Side, latest: Alert, new: Alert) -> Judgement | None:
    """The alert whose previous position is the other's new one came second."""
    if not (latest.before and latest.after and new.before and new.after):
        return None
    is_after, is_before = latest.after.agrees(new.before), new.after.agrees(latest.before)
    if is_after and is_before and latest.before.side is not new.before.side:
        is_after, is_before = latest.before.side is before, new.before.side is before
    if is_after == is_before:
        return None
    if is_after:
        return Judgement(Verdict.APPLIED, Basis.CHAIN)
    return Judgement(Verdict.OLDER, Basis.CHAIN, "its new position is the previous one of the alert in force")


def _place_pair(before: Side, latest: Alert, new: Alert) -> Judgement:
    """A flat and an open within 5 s: the order that the state before them allows, else the flat."""
    if (latest.side is Side.FLAT) == (new.side is Side.FLAT):
        return Judgement(Verdict.APPLIED)
    if latest.side is Side.FLAT and before is Side.FLAT:
        # Many alerts say flat before every entry, so this flat need not be the exit of the open behind it.
        note = "the flat beside it repeats what was in force, or is its exit and overtook it; held, flat stays in force"
        return Judgement(Verdict.HELD, Basis.SAFETY, note)
    in_order, reversed_order = _may_follow(before, latest, new), _may_follow(before, new, latest)
    if in_order and not reversed_order:
        return Judgement(
            Verdict.APPLIED, Basis.PRIOR_STATE, f"after the {latest.side} beside it: it was {before} before"
        )
    if reversed_order and not in_order:
        note = f"before the {latest.side} beside it: it was {before} before"
        return Judgement(Verdict.OLDER, Basis.PRIOR_STATE, note)
    if new.side is Side.FLAT:
        note = f"nobody can tell whether the {latest.side} beside it came last; flat stays in force"
        return Judgement(Verdict.APPLIED, Basis.SAFETY, note, displaces=True)
    note = "nobody can tell whether the flat beside it came last; held, flat stays in force"
    return Judgement(Verdict.HELD, Basis.SAFETY, note)


def _may_follow(before: Side, first: Alert, second: Alert) -> bool:
    """Whether both alerts make sense in this order, starting from a side."""
    return _makes_sense(before, first) and _makes_sense(first.side, second)


def _makes_sense(before: Side, alert: Alert) -> bool:
    if alert.side is Side.FLAT:
        return before is alert.closes if alert.closes else before is not Side.FLAT
    return alert.before is None or alert.before.side is before
