"""Turns TradingView's messages into a durable record and the current depths; a service, or part of a simulation."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Self

import msgspec

from config.home import Home
from core.model.failures import StorageFailure
from core.model.money import ZERO
from core.model.signal import SourceFrame, SourceStatus
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry
from signal_processors.day_files import Record, archive_old_days
from signal_processors.frame_publisher import FramePublisher
from signal_processors.records import Committer, RecordLog, commit_inline
from signal_processors.tradingview_alert import Alert, AlertBounds, Beat, parse_message
from signal_processors.tradingview_book import TRADINGVIEW, UNAUTHENTICATED, Book, Draft, Entry, write_entry
from signal_processors.tradingview_fields import AlertRefused
from signal_processors.tradingview_lane import Basis, Verdict
from signal_processors.tradingview_rhythm import Rhythm, overdue
from signal_processors.tradingview_snapshot import format_book, load_book, save_book

MOST_LANES = 1000
"""Strategies times symbols while there is no mapping, so that what is published keeps a bound."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message, durably.

    Attributes:
        verdict: What was done with it.
        record_id: The raw record it is kept in.
        note: Why, for people; it repeats nothing of the message.
    """

    verdict: Verdict
    record_id: str
    note: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator wants of messages, as of now.

    Attributes:
        bounds: What is refused although it can be read.
        symbols: Mapped source symbols, by their lower-case form; None while there is no mapping yet.
        authenticated: Whether keys are required.
        rhythms: How often a strategy should be heard, where it declared that.
    """

    bounds: AlertBounds
    symbols: Mapping[str, str] | None
    authenticated: bool
    rhythms: Mapping[str, Rhythm]


class TradingViewProcessor:
    """The one writer of TradingView's record and frame in one home.

    Args:
        home: Where the record and the frame live.
        clock: The wall clock.
        telemetry: Is told what was done.
        rules: Asked at every message and heartbeat.
        committer: Where the record is written and synced.
        housekeeper: Where frames, snapshots and archives are written.

    Raises:
        signal_processors.records.RecordInUse: If another process writes there.
        StorageFailure: If the folder cannot be used.
    """

    def __init__(
        self,
        home: Home,
        clock: Clock,
        telemetry: Telemetry,
        rules: Callable[[], Rules],
        committer: Committer = commit_inline,
        housekeeper: Committer = commit_inline,
    ) -> None:
        self._clock = clock
        self._telemetry = telemetry
        self._rules = rules
        self._committer = committer
        self._housekeeper = housekeeper
        self._folder = home.raw_signals(TRADINGVIEW)
        self._publisher = FramePublisher(home, telemetry, self.frame, housekeeper)
        self._book = Book()
        self._log: RecordLog | None = None
        self._draft: Draft | None = None
        self._completed: list[Record] = []
        self._run = 0
        self._saved_sequence = 0
        self._archived_on = date.min
        self.counts: Counter[str] = Counter()

    @property
    def book(self) -> Book:
        """What all strategies say now; read only."""
        return self._book

    @property
    def failure(self) -> str:
        """Why the service must be started again, empty while it works."""
        return (self._log.failure if self._log else "not started") or self._publisher.failure

    @property
    def unpublished(self) -> str:
        """Why the engine does not see the present depths, empty while it does."""
        return self._publisher.unwritten

    async def __aenter__(self) -> Self:
        """Read what was kept, publish it, and begin to beat."""
        self._log = RecordLog(self._folder, self._committer, scribe=self)
        try:
            self._book, problems = load_book(self._folder)
        except BaseException:
            await self._log.close()
            raise
        self._log.continue_after(self._book.sequence)
        self._run, self._saved_sequence = self._log.sequence, self._book.sequence
        for problem in problems:
            self._telemetry.tell("record damaged", source=TRADINGVIEW, why=problem)
        await self._publisher.start(self._keep_house)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what is being written."""
        if self._log:
            await self._log.close()
        await self._publisher.stop()
        await self._save()

    async def take(self, strategy: str, body: bytes) -> Outcome:
        """Keep one message durably and let it act.

        Args:
            strategy: Whose key the message bore.
            body: The message without its key.

        Raises:
            StorageFailure: If it was not stored; nothing then came of it.
        """
        entry = self._read(strategy, body)
        record = await self._append(entry, body.decode("utf-8", "backslashreplace"))
        return Outcome(Verdict(record.content["verdict"]), str(record.sequence), record.content.get("note", ""))

    def complete(self, record: Record) -> Record:
        """signal_processors.records.Scribe: judge the alert in the order of the record."""
        self._draft = self._draft or Draft(self._book)
        content = write_entry(self._draft.complete(record)) | {"body": record.content["body"]}
        self._completed.append(Record(record.sequence, record.received_at, content))
        return self._completed[-1]

    def settle(self, *, stored: bool) -> None:
        """signal_processors.records.Scribe: let what is durable act, forget what is not."""
        completed, self._completed, self._draft = self._completed, [], None
        changes = self._book.changes
        for record in completed if stored else ():
            self._book.fold(record)
            self._tell(record)
        if self._book.changes != changes:
            self._publisher.publish_soon()

    def frame(self) -> SourceFrame:
        """Everything TradingView says now."""
        now, reasons = self._clock.now(), self.reasons()
        return SourceFrame(
            source=TRADINGVIEW,
            sequence=self._book.changes,
            written_at=self._book.changed_at or now,
            heartbeat_at=now,
            fetched_at=None,
            status=SourceStatus.DEGRADED if reasons else SourceStatus.OK,
            reason="; ".join(reasons),
            authenticated=self._rules().authenticated and not self._book.is_open(UNAUTHENTICATED),
            signals=self._book.signals(),
        )

    def reasons(self) -> list[str]:
        """What a person should know about the depths as they stand."""
        late = overdue(self._rules().rhythms, self._book.spoken, self._clock.now())
        return self._book.held() + [
            f"{strategy} should have spoken {minutes:.0f} minutes ago" for strategy, minutes in late.items()
        ]

    def overdue_minutes(self) -> Mapping[str, float]:
        """How long ago each strategy with a rhythm should have spoken; 0 while it is in time."""
        rhythms = self._rules().rhythms
        return dict.fromkeys(rhythms, 0.0) | overdue(rhythms, self._book.spoken, self._clock.now())

    def _read(self, strategy: str, body: bytes) -> Entry:
        rules = self._rules()
        blank = Entry(strategy, Verdict.REFUSED, self._run, round(asyncio.get_running_loop().time(), 3))
        try:
            message = parse_message(body, rules.bounds, self._clock.now())
            if isinstance(message, Beat):
                return msgspec.structs.replace(blank, verdict=Verdict.HEARTBEAT)
            alert = self._spell_symbol(strategy, message, rules.symbols)
        except AlertRefused as error:
            return msgspec.structs.replace(blank, note=str(error))
        digest = hashlib.sha256(body).hexdigest()[:32]
        return msgspec.structs.replace(blank, verdict=Verdict.APPLIED, alert=alert, digest=digest)

    async def _append(self, entry: Entry, body: str) -> Record:
        if self._log is None:
            raise StorageFailure("the service has not started")
        (record,) = await self._log.append(self._clock.now(), write_entry(entry) | {"body": body})
        return record

    def _spell_symbol(self, strategy: str, alert: Alert, symbols: Mapping[str, str] | None) -> Alert:
        """The alert with its symbol as the mapping spells it.

        An entry for a symbol that is not mapped would never be used; the exit of a position that it opened is taken.
        """
        if symbols is None:
            alert = replace(alert, symbol=alert.symbol.upper())
            if len(self._book.lanes) >= MOST_LANES and (strategy, alert.symbol) not in self._book.lanes:
                raise AlertRefused("too many symbols; map those that are meant with python3 config/asset_mapping.py")
            return alert
        spelled = symbols.get(alert.symbol.lower())
        if spelled:
            return replace(alert, symbol=spelled)
        for symbol in (alert.symbol, alert.symbol.upper()):
            if alert.depth == ZERO and (strategy, symbol) in self._book.lanes:
                return replace(alert, symbol=symbol)
        raise AlertRefused("symbol is not mapped for tradingview; add it with python3 config/asset_mapping.py")

    def _tell(self, record: Record) -> None:
        content = record.content
        alert = content.get("alert") or {}
        self.counts[str(content["verdict"])] += 1
        self._telemetry.tell(
            "message taken",
            source=TRADINGVIEW,
            record_id=record.sequence,
            strategy=content["strategy"],
            symbol=alert.get("symbol", ""),
            depth=alert.get("depth", ""),
            verdict=str(content["verdict"]),
            basis=str(content.get("basis", Basis.ARRIVAL)),
            note=content.get("note", ""),
        )

    async def _keep_house(self) -> None:
        await self._retire_unauthenticated()
        await self._save()
        today = self._clock.now().date()
        if today == self._archived_on:
            return
        self._archived_on = today
        try:
            await self._housekeeper(lambda: _archive(self._folder, today))
        except StorageFailure as error:
            self._telemetry.tell("day not archived", source=TRADINGVIEW, why=str(error))

    async def _retire_unauthenticated(self) -> None:
        """Once keys are required, what was said without one is taken back, durably."""
        if not self._rules().authenticated or not self._book.is_open(UNAUTHENTICATED):
            return
        seconds = round(asyncio.get_running_loop().time(), 3)
        entry = Entry(UNAUTHENTICATED, Verdict.RETIRED, self._run, seconds, note="keys are required now")
        try:
            await self._append(entry, "")
        except StorageFailure as error:
            self._telemetry.tell("message not stored", source=TRADINGVIEW, why=str(error))

    async def _save(self) -> None:
        if self._book.sequence == self._saved_sequence:
            return
        sequence, content = self._book.sequence, format_book(self._book)
        try:
            await self._housekeeper(lambda: save_book(content, self._folder))
            self._saved_sequence = sequence
        except StorageFailure as error:
            self._telemetry.tell("snapshot not written", source=TRADINGVIEW, why=str(error))


def _archive(folder: Path, today: date) -> None:
    archive_old_days(folder, today)
