"""The SN8 source at work: poll, judge, rank, record, publish; every wait on the loop's time."""

import asyncio
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from config.applied_versions import AppliedVersions
from config.bittensor_settings import BittensorSettings, BittensorSettingsFile
from config.home import Home
from core.model.failures import InvalidInput, StorageFailure
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry
from signal_processors.bittensor_client import Answer, Session, Sn8Access, Trouble, fetch
from signal_processors.bittensor_corrected import Standings
from signal_processors.bittensor_evaluation import Evaluation, evaluate
from signal_processors.bittensor_frame import Condition, FrameKeeper
from signal_processors.bittensor_mapping import SOURCE, BittensorMapping
from signal_processors.bittensor_payload import Payload, content_mark, decode_payload, inflate
from signal_processors.bittensor_poll import Poll, next_wait, with_notes, without_answer
from signal_processors.bittensor_record import describe
from signal_processors.bittensor_standings import (
    REFRESH_SECONDS,
    StandingsReader,
    exclude_unregistered,
    read_registered,
)
from signal_processors.bittensor_state import PollerState, write_state
from signal_processors.bittensor_stream import KEPT, Pushed, lay_over
from signal_processors.day_files import archive_old_days
from signal_processors.records import RecordLog

HEARTBEAT_SECONDS = 10.0
FAILURES_UNTIL_FAILED = 3
EARLIEST_SECONDS = 10.0
"""How soon after a poll pushed positions may cause the next one."""

ARCHIVE_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What the last evaluation stood on; with the same basis there is nothing new to evaluate."""

    mark: bytes
    settings: BittensorSettings
    symbols: Mapping[str, str]
    standings: Standings
    registered: frozenset[str]
    note: str
    pushed: tuple[tuple[str, int], ...]


class BittensorPoller:
    """One SN8 source of one home.

    Args:
        home: Where its files lie.
        access: Server and key.
        session: aiohttp's, or the made server's in process.
        clock: UTC time.
        telemetry: Is told what happens.
        record: The source's record, open.
        jitter: Chance for waiting after failures.
    """

    def __init__(
        self,
        home: Home,
        access: Sn8Access,
        session: Session,
        clock: Clock,
        telemetry: Telemetry,
        record: RecordLog,
        jitter: random.Random,
    ) -> None:
        self._home = home
        self._access = access
        self._session = session
        self._clock = clock
        self._telemetry = telemetry
        self._record = record
        self._jitter = jitter
        self._settings_file = BittensorSettingsFile(home, AppliedVersions(home).bittensor)
        self._mapping = BittensorMapping(home)
        self._publisher = FrameKeeper(home, clock)
        self._state = self._publisher.restore()
        self._condition = Condition(SourceStatus.DEGRADED, "no poll yet since the start")
        self._basis: _Basis | None = None
        self._mark = b""
        self._changed_at = clock.now()
        self._notes = ""
        self._failures = 0
        self._archived_at: datetime | None = None
        self._standings = StandingsReader(session, access, home.source_standings(SOURCE))
        self._standings_told: list[str] = []
        self._has_standings = False
        self._pushed: dict[str, Pushed] = {}
        self._is_news = asyncio.Event()

    @property
    def condition(self) -> Condition:
        """What the source says about itself now."""
        return self._condition

    @property
    def frame(self) -> SourceFrame | None:
        """The frame as it was last written, None before the first."""
        return self._publisher.frame

    def take_pushed(self, pushed: list[Pushed]) -> None:
        """Lay these positions over the next answer, and ask for it soon; none at all means that some were missed."""
        now = self._clock.now()
        self._pushed = {uuid: item for uuid, item in self._pushed.items() if now - item.received_at <= KEPT}
        self._pushed.update((item.position.position_uuid, item) for item in pushed)
        self._is_news.set()

    async def run(self) -> None:
        """Poll and keep the heartbeat until cancelled.

        Raises:
            StorageFailure: In a group, when the record can take nothing more before a restart.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            tasks.create_task(self._poll_for_ever())
            tasks.create_task(self._refresh_for_ever())

    async def poll_once(self) -> Poll:
        """Ask once and publish what came of it.

        Raises:
            core.model.failures.InvalidConfig: If the settings or the mapping have never been valid.
            StorageFailure: If the record, the state or the frame cannot be written.
        """
        settings, symbols = self._settings_file.load(), self._mapping.load()
        if settings.use_standings and not self._has_standings:
            await self._refresh_standings(settings)
        answer = await fetch(self._session, self._access, settings)
        poll = await self._take(answer, settings, symbols) if isinstance(answer, Answer) else without_answer(answer)
        await self._conclude(poll, settings)
        return poll

    async def _take(self, answer: Answer, settings: BittensorSettings, symbols: Mapping[str, str]) -> Poll:
        """Judge a body, unless it stayed the same.

        A server that lives re-marks open positions every minute, so bytes that stay for long are no fresh data.
        """
        now = self._clock.now()
        standings, registered, note = self._known_standings(settings, now)
        mark = content_mark(answer.body)
        pushed = tuple((uuid, len(item.position.orders)) for uuid, item in self._pushed.items())
        basis = _Basis(mark, settings, symbols, standings, registered, note, pushed)
        if mark == self._mark and now - self._changed_at > timedelta(minutes=settings.unchanged_minutes):
            reason = f"the data has not changed since {self._changed_at:%H:%M} UTC; the server seems stuck"
            return Poll(is_good=False, reason=reason)
        if basis == self._basis:
            self._state = replace(self._state, fetched_at=now)
            return Poll(is_good=True, reason=self._notes)
        is_reconfigured = self._basis is not None and (self._basis.settings, self._basis.symbols) != (settings, symbols)
        try:
            payload = await decode_payload(await inflate(answer.body), frozenset(symbols))
            if mark != self._mark:
                self._mark, self._changed_at = mark, now
            miners, self._pushed = lay_over(payload.miners, self._pushed.values(), frozenset(symbols), now)
            payload = replace(payload, miners=miners)
            standings = exclude_unregistered(standings, frozenset(payload.miners), registered)
            evaluation = evaluate(
                payload, symbols, settings, standings, self._state, now, is_reconfigured=is_reconfigured
            )
        except InvalidInput as error:
            return Poll(is_good=False, reason=str(error), trouble=Trouble.ANSWER)
        await self._keep(evaluation, payload, now)
        self._basis = basis if evaluation.is_believed and self._state.nobody_since is None else None
        self._notes = with_notes(evaluation.reason, payload, note)
        return Poll(evaluation.is_believed, self._notes)

    async def _keep(self, evaluation: Evaluation, payload: Payload, now: datetime) -> None:
        """Record what changed, remember, in this order; the frame follows."""
        state, before = evaluation.state, self._state
        changed = {pair: s for pair, s in state.signals.items() if s != before.signals.get(pair)}
        if changed or state.signals.keys() != before.signals.keys():
            (record,) = await self._record.append(now, describe(evaluation, payload, self._access.url))
            state = _with_record(state, changed, str(record.sequence))
        write_state(self._home.source_state(SOURCE), state)
        self._state = state

    async def _conclude(self, poll: Poll, settings: BittensorSettings) -> None:
        self._failures = 0 if poll.is_good else self._failures + 1
        condition = self._judge(poll)
        if condition != self._condition:
            self._telemetry.tell("bittensor condition", status=condition.status, why=condition.reason)
        self._condition = condition
        self._telemetry.tell(
            "bittensor polled", good=poll.is_good, trouble=poll.trouble or "none", status=condition.status
        )
        self._publisher.publish(self._state, condition, settings)
        self._archive()

    def _judge(self, poll: Poll) -> Condition:
        problems = [poll.reason, self._settings_file.problem(), self._mapping.problem()]
        if not poll.is_good:
            last = self._state.fetched_at
            held = f"no good fetch since {last:%Y-%m-%d %H:%M:%S} UTC; the last depths are held" if last else ""
            problems.insert(1, held or "no good fetch yet")
        reason = "; ".join(filter(None, problems))
        is_failed = poll.trouble is Trouble.KEY_REFUSED or self._failures >= FAILURES_UNTIL_FAILED
        if not poll.is_good and poll.trouble and is_failed:
            return Condition(SourceStatus.FAILED, reason)
        return Condition(SourceStatus.DEGRADED if reason else SourceStatus.OK, reason)

    def _archive(self) -> None:
        now = self._clock.now()
        if self._archived_at and timedelta() <= now - self._archived_at < ARCHIVE_EVERY:
            return
        self._archived_at = now
        try:
            archive_old_days(self._home.raw_signals(SOURCE), now.date())
        except StorageFailure as error:
            self._telemetry.tell("record not archived", source=SOURCE, why=str(error))

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                self._publisher.publish(self._state, self._condition, self._settings_file.load())
            except StorageFailure as error:
                self._telemetry.tell("frame not written", source=SOURCE, why=str(error))

    async def _wait(self, started: float, earliest: float, latest: float) -> None:
        """Wait until the latest time after the start of the last poll; with news, only until the earliest."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, started + earliest - loop.time()))
        with suppress(TimeoutError):
            async with asyncio.timeout_at(started + latest):
                await self._is_news.wait()
        self._is_news.clear()

    async def _refresh_for_ever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            settings = self._settings_file.load()
            if settings.use_standings:
                await self._refresh_standings(settings)

    async def _refresh_standings(self, settings: BittensorSettings) -> None:
        self._has_standings = True
        problems = await self._standings.refresh(settings, self._clock.now())
        if problems != self._standings_told:
            self._telemetry.tell("bittensor standings", problems=problems)
            self._standings_told = problems

    def _known_standings(self, settings: BittensorSettings, now: datetime) -> tuple[Standings, frozenset[str], str]:
        standings, note = Standings(), ""
        if settings.use_standings:
            standings, note = self._standings.standings(now), self._standings.note(now)
        if not settings.use_chain:
            return standings, frozenset(), note
        registered, chain_note = read_registered(self._home.registered_hotkeys(SOURCE), now)
        return standings, registered, "; ".join(filter(None, (note, chain_note)))

    async def _poll_for_ever(self) -> None:
        while True:
            started = asyncio.get_running_loop().time()
            try:
                poll = await self.poll_once()
            except StorageFailure as error:
                self._telemetry.tell("poll not stored", source=SOURCE, why=str(error))
                if self._record.failure:
                    raise
                poll = Poll(is_good=False, reason=str(error))
                self._condition = Condition(SourceStatus.FAILED, str(error))
            wait = next_wait(poll, self._failures, self._settings_file.load().interval_seconds, self._jitter)
            await self._wait(started, wait if poll.trouble else min(wait, EARLIEST_SECONDS), wait)


def _with_record(state: PollerState, changed: Mapping[str, SourceSignal], record_id: str) -> PollerState:
    """The state whose changed signals name the record that explains them."""
    named = {pair: replace(signal, record_id=record_id) for pair, signal in changed.items()}
    return replace(state, signals={**state.signals, **named})
