"""Everything TradingView's strategies say now: a fold of the durable records, kept apart from them.

Live messages and the replay after a restart are folded by the same code, and a verdict is written into its record and
never judged anew: a restart ends where it began, also under a later version's rules.
"""

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from core.model.failures import InvalidInput
from core.model.identity import SourceName
from core.model.money import ONE, ZERO
from core.model.signal import SourceSignal
from signal_processors.day_files import Record
from signal_processors.tradingview_alert import Alert
from signal_processors.tradingview_lane import (
    KEEP_IDS,
    Basis,
    Judgement,
    Lane,
    Moment,
    Verdict,
    Word,
    identity_of,
    judge,
    settle,
)

TRADINGVIEW = SourceName("tradingview")
UNAUTHENTICATED = "unauthenticated"
"""The strategy of whoever writes while there are no keys."""
MOST_IDENTITIES = 200_000
"""About 20 alerts a minute for a week; beyond that the oldest are forgotten early."""

LaneKey = tuple[str, str]
IdentityKey = tuple[str, str, str]

_IN_ORDER = {Verdict.APPLIED, Verdict.OLDER, Verdict.HELD}
_CHANGING = {Verdict.APPLIED, Verdict.RETIRED}


@dataclass(frozen=True, slots=True)
class Seen:
    """An identity met before: the depth that came under it, and when."""

    depth: str
    at: datetime


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of a record, as far as the book reads it.

    Attributes:
        strategy: Who says it.
        verdict: What became of it.
        run: Which run of the service received it.
        seconds: The loop's reading then.
        alert: What it says; None for a heartbeat, a retirement and what could not be read.
        digest: Of its bytes without the key.
        basis: What its place was told from.
        displaces: The alert in force before it is held.
        note: For people.
    """

    strategy: str
    verdict: Verdict
    run: int = 0
    seconds: float = 0.0
    alert: Alert | None = None
    digest: str = ""
    basis: Basis = Basis.ARRIVAL
    displaces: bool = False
    note: str = ""


@dataclass(slots=True)
class Book:
    """The state after all records up to `sequence`.

    Attributes:
        sequence: Of the newest record folded.
        changes: How often what is published has changed.
        changed_at: When it changed last.
        lanes: What each strategy says about each symbol.
        seen: Identities of the last 7 days, by strategy, symbol and identity.
        spoken: When each strategy was last heard.
    """

    sequence: int = 0
    changes: int = 0
    changed_at: datetime | None = None
    lanes: dict[LaneKey, Lane] = field(default_factory=dict)
    seen: dict[IdentityKey, Seen] = field(default_factory=dict)
    spoken: dict[str, datetime] = field(default_factory=dict)

    def fold(self, record: Record) -> None:
        """Take a durable record in; one that is already in changes nothing.

        Raises:
            InvalidInput: If the record does not hold what this version writes.
        """
        if record.sequence <= self.sequence:
            return
        entry = read_entry(record)
        self.sequence = record.sequence
        if entry.verdict is not Verdict.RETIRED:
            self.spoken[entry.strategy] = record.received_at
        if entry.verdict in _CHANGING:
            self.changes += 1
            self.changed_at = record.received_at
        if entry.verdict is Verdict.RETIRED:
            for key in [key for key in self.lanes if key[0] == entry.strategy]:
                self.lanes[key] = Lane(_flat_word(record, entry, key[1]))
        fold_entry(self.lanes, self.seen, record, entry)
        self._forget_old(record.received_at)

    def signals(self) -> tuple[SourceSignal, ...]:
        """The latest word per symbol: the sum over the strategies, at most 1, with the lowest leverage they ask for."""
        by_symbol: dict[str, list[Word]] = {}
        for (_, symbol), lane in self.lanes.items():
            if lane.latest:
                by_symbol.setdefault(symbol, []).append(lane.latest)
        return tuple(_sum_words(symbol, words) for symbol, words in sorted(by_symbol.items()))

    def held(self) -> list[str]:
        """The opens that wait beside a flat in force, because nobody can tell which of the two came last."""
        return [
            f"{strategy} {symbol}: the open of record {lane.held.record} is held beside a flat"
            for (strategy, symbol), lane in self.lanes.items()
            if lane.held and lane.latest and lane.held.record > lane.latest.record
        ]

    def is_open(self, strategy: str) -> bool:
        """Whether a strategy asks for any position."""
        return any(
            lane.latest is not None and lane.latest.alert.depth != ZERO
            for (name, _), lane in self.lanes.items()
            if name == strategy
        )

    def _forget_old(self, now: datetime) -> None:
        """Identities stand in order of arrival, so only the front can be old."""
        while self.seen:
            first = next(iter(self.seen))
            if now - self.seen[first].at <= KEEP_IDS and len(self.seen) <= MOST_IDENTITIES:
                return
            del self.seen[first]


class Draft:
    """The verdicts of one batch that is not durable yet, resting on the book and on each other."""

    def __init__(self, book: Book) -> None:
        self._lanes: ChainMap[LaneKey, Lane] = ChainMap({}, book.lanes)
        self._seen: ChainMap[IdentityKey, Seen] = ChainMap({}, book.seen)

    def complete(self, record: Record) -> Entry:
        """Judge the alert of a record, and remember it for the next one of the batch."""
        entry = read_entry(record)
        if entry.alert is None:
            return entry
        strategy, symbol = entry.strategy, entry.alert.symbol

        def look_up(identity: str) -> str | None:
            seen = self._seen.get((strategy, symbol, identity))
            return seen.depth if seen and record.received_at - seen.at <= KEEP_IDS else None

        judgement = judge(self._lanes.get((strategy, symbol), Lane()), _word(record, entry), look_up)
        completed = msgspec.structs.replace(
            entry,
            verdict=judgement.verdict,
            basis=judgement.basis,
            displaces=judgement.displaces,
            note=judgement.note,
        )
        fold_entry(self._lanes, self._seen, record, completed)
        return completed


def read_entry(record: Record) -> Entry:
    """The content of a record.

    Raises:
        InvalidInput: If it does not hold what this version writes.
    """
    try:
        return msgspec.convert(dict(record.content), Entry)
    except (msgspec.ValidationError, ValueError, ArithmeticError) as error:
        raise InvalidInput(f"record {record.sequence}: {error}") from error


def write_entry(entry: Entry) -> dict[str, Any]:
    """An entry as the content of a record, without what is empty."""
    content: dict[str, Any] = msgspec.to_builtins(entry)
    if entry.alert is not None:
        content["alert"] = {
            name: value for name, value in content["alert"].items() if value is not None and value != ""
        }
    return content


def fold_entry(
    lanes: MutableMapping[LaneKey, Lane], seen: MutableMapping[IdentityKey, Seen], record: Record, entry: Entry
) -> None:
    """Let one judged alert act on the lane and the identities of its strategy and symbol."""
    if entry.alert is None or entry.verdict not in _IN_ORDER:
        return
    word = _word(record, entry)
    key = (entry.strategy, entry.alert.symbol)
    lanes[key] = settle(lanes.get(key, Lane()), word, Judgement(entry.verdict, entry.basis, displaces=entry.displaces))
    identity = identity_of(entry.alert)
    if identity:
        seen[(*key, identity)] = Seen(str(entry.alert.depth), record.received_at)


def _word(record: Record, entry: Entry) -> Word:
    if entry.alert is None:
        raise InvalidInput(f"record {record.sequence}: it holds no alert")
    return Word(record.sequence, Moment(record.received_at, entry.run, entry.seconds), entry.alert, entry.digest)


def _flat_word(record: Record, entry: Entry, symbol: str) -> Word:
    moment = Moment(record.received_at, entry.run, entry.seconds)
    return Word(record.sequence, moment, Alert(symbol, ZERO), "")


def _sum_words(symbol: str, words: list[Word]) -> SourceSignal:
    newest = max(words, key=lambda word: word.record)
    total = sum((word.alert.depth for word in words), ZERO)
    leverages = [word.alert.leverage for word in words if word.alert.leverage is not None and word.alert.depth != ZERO]
    return SourceSignal(
        source=TRADINGVIEW,
        source_symbol=symbol,
        depth=max(-ONE, min(ONE, total)),
        at=newest.moment.at,
        leverage=min(leverages, default=None),
        price=newest.alert.price,
        record_id=str(newest.record),
    )
