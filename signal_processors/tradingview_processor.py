"""Turns TradingView's messages into a durable record and the current depths, one process or one simulated service."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

import msgspec

from config.home import Home
from core.model.failures import StorageFailure
from core.model.money import ZERO
from core.model.signal import SourceFrame, SourceStatus
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry
from signal_processors.day_files import Record, archive_old_days
from signal_processors.depth_files import publish_frame
from signal_processors.records import Committer, RecordLog, commit_inline
from signal_processors.tradingview_alert import Alert, AlertBounds, Beat, parse_message
from signal_processors.tradingview_book import (
    TRADINGVIEW,
    UNAUTHENTICATED,
    Book,
    Draft,
    Entry,
    read_entry,
    write_entry,
)
from signal_processors.tradingview_fields import AlertRefused
from signal_processors.tradingview_lane import Verdict
from signal_processors.tradingview_snapshot import format_book, load_book, save_book

HEARTBEAT_SECONDS = 10.0


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
        symbols: Source symbols that are mapped; None while there is no mapping yet.
        authenticated: Whether keys are required.
        rhythms_minutes: How often each strategy should be heard, where it declared that.
    """

    bounds: AlertBounds
    symbols: frozenset[str] | None
    authenticated: bool
    rhythms_minutes: tuple[tuple[str, float], ...] = ()


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
        self._home = home
        self._clock = clock
        self._telemetry = telemetry
        self._rules = rules
        self._committer = committer
        self._housekeeper = housekeeper
        self._folder = home.raw_signals(TRADINGVIEW)
        self._book = Book()
        self._draft: Draft | None = None
        self._completed: list[Record] = []
        self._log: RecordLog | None = None
        self._run = 0
        self._saved_sequence = 0
        self._is_stale = False
        self._publishing: asyncio.Task[None] | None = None
        self._heartbeat: asyncio.Task[None] | None = None
        self._archived_on = date.min
        self.counts: Counter[str] = Counter()

    @property
    def book(self) -> Book:
        """What all strategies say now; read only."""
        return self._book

    @property
    def failure(self) -> str:
        """Why nothing can be stored until a restart, empty while it can."""
        return self._log.failure if self._log else "not started"

    async def __aenter__(self) -> Self:
        """Read what was kept, publish it, and begin to beat."""
        self._book, problems = load_book(self._folder)
        self._log = RecordLog(self._folder, self._committer, self._book.sequence, scribe=self)
        self._run = self._log.sequence
        for problem in problems:
            self._telemetry.tell("record damaged", source=TRADINGVIEW, why=problem)
        if self._rules().authenticated:
            await self._retire(UNAUTHENTICATED)
        await self._beat()
        self._heartbeat = asyncio.get_running_loop().create_task(self._keep_beating())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Finish what is being written."""
        if self._heartbeat:
            self._heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await self._heartbeat
        if self._publishing:
            await asyncio.wait([self._publishing])
        if self._log:
            await self._log.close()
        await self._save()

    async def take(self, strategy: str, body: bytes) -> Outcome:
        """Keep one message durably and let it act.

        Args:
            strategy: Whose key the message bore.
            body: The message without its key.

        Raises:
            StorageFailure: If it was not stored; nothing then came of it.
        """
        now, rules = self._clock.now(), self._rules()
        draft: dict[str, Any] = {"run": self._run, "seconds": round(asyncio.get_running_loop().time(), 3)}
        try:
            message = parse_message(body, rules.bounds, now)
            if isinstance(message, Alert):
                self._check_symbol(strategy, message, rules)
        except AlertRefused as error:
            entry = Entry(strategy, Verdict.REFUSED, note=str(error), **draft)
        else:
            alert = None if isinstance(message, Beat) else message
            verdict = Verdict.HEARTBEAT if alert is None else Verdict.APPLIED
            entry = Entry(strategy, verdict, alert=alert, digest=hashlib.sha256(body).hexdigest()[:32], **draft)
        record = await self._append(entry, body.decode("utf-8", "backslashreplace"))
        stored = read_entry(record)
        return Outcome(stored.verdict, str(record.sequence), stored.note)

    def complete(self, record: Record) -> Record:
        """signal_processors.records.Scribe: judge the alert in the order of the record."""
        self._draft = self._draft or Draft(self._book)
        judgement = self._draft.judge(record)
        changes = {"verdict": judgement.verdict, "basis": judgement.basis, "displaces": judgement.displaces}
        completed = msgspec.structs.replace(read_entry(record), note=judgement.note, **changes)
        content = write_entry(completed) | {"body": record.content.get("body", "")}
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
            self._publish_soon()

    async def _append(self, entry: Entry, body: str) -> Record:
        if self._log is None:
            raise StorageFailure("the service has not started")
        (record,) = await self._log.append(self._clock.now(), write_entry(entry) | {"body": body})
        return record

    def _check_symbol(self, strategy: str, alert: Alert, rules: Rules) -> None:
        """An entry for a symbol that nobody mapped would never be used; an exit of one that was is always taken."""
        if rules.symbols is None or alert.symbol in rules.symbols:
            return
        if alert.depth != ZERO or (strategy, alert.symbol) not in self._book.lanes:
            raise AlertRefused("symbol is not mapped for tradingview; add it with python3 config/asset_mapping.py")

    async def _retire(self, strategy: str) -> None:
        """Set everything a strategy said to flat."""
        held = [lane for (name, _), lane in self._book.lanes.items() if name == strategy and lane.latest]
        if any(lane.latest and lane.latest.alert.depth != ZERO for lane in held):
            entry = Entry(strategy, Verdict.RETIRED, run=self._run, note="keys are required now")
            await self._append(entry, "")

    def _tell(self, record: Record) -> None:
        entry = read_entry(record)
        self.counts[entry.verdict] += 1
        self._telemetry.tell(
            "message taken",
            source=TRADINGVIEW,
            record_id=record.sequence,
            strategy=entry.strategy,
            symbol=entry.alert.symbol if entry.alert else "",
            depth=str(entry.alert.depth) if entry.alert else "",
            verdict=str(entry.verdict),
            basis=str(entry.basis),
            note=entry.note,
        )

    def _publish_soon(self) -> None:
        self._is_stale = True
        if self._publishing is None:
            self._publishing = asyncio.get_running_loop().create_task(self._publish())

    async def _publish(self) -> None:
        try:
            while self._is_stale:
                self._is_stale = False
                frame = self.frame()
                await self._housekeeper(lambda frame=frame: publish_frame(self._home, frame))  # type: ignore[misc]
        except StorageFailure as error:
            self._telemetry.tell("frame not written", source=TRADINGVIEW, why=str(error))
        finally:
            self._publishing = None

    def frame(self) -> SourceFrame:
        """Everything TradingView says now."""
        now = self._clock.now()
        reasons = self.reasons()
        return SourceFrame(
            source=TRADINGVIEW,
            sequence=self._book.changes,
            written_at=self._book.changed_at or now,
            heartbeat_at=now,
            fetched_at=None,
            status=SourceStatus.DEGRADED if reasons else SourceStatus.OK,
            reason="; ".join(reasons),
            authenticated=self._rules().authenticated,
            signals=self._book.signals(),
        )

    def reasons(self) -> list[str]:
        """What a person should know about the depths as they stand."""
        held = [
            f"{strategy} {symbol}: an open from record {lane.held.record} is held beside a flat"
            for (strategy, symbol), lane in self._book.lanes.items()
            if lane.held and lane.latest and lane.held.record > lane.latest.record
        ]
        now = self._clock.now()
        for strategy, minutes in self._rules().rhythms_minutes:
            spoken = self._book.spoken.get(strategy)
            late = (now - spoken).total_seconds() / 60 - minutes if spoken else None
            if late is not None and late > 0:
                held.append(f"{strategy} should have spoken {late:.0f} minutes ago")
        return held

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self._beat()

    async def _beat(self) -> None:
        self._publish_soon()
        if self._publishing:
            await asyncio.wait([self._publishing])
        await self._save()
        today = self._clock.now().date()
        if today != self._archived_on:
            self._archived_on = today
            try:
                await self._housekeeper(lambda: _archive(self._folder, today))
            except StorageFailure as error:
                self._telemetry.tell("day not archived", source=TRADINGVIEW, why=str(error))

    async def _save(self) -> None:
        if self._book.sequence == self._saved_sequence:
            return
        self._saved_sequence = self._book.sequence
        content = format_book(self._book)
        try:
            await self._housekeeper(lambda: save_book(content, self._folder))
        except StorageFailure as error:
            self._saved_sequence = 0
            self._telemetry.tell("snapshot not written", source=TRADINGVIEW, why=str(error))


def _archive(folder: Path, today: date) -> None:
    archive_old_days(folder, today)
