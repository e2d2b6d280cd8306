"""Sources that appear, vanish, tear and go stale, edits that are valid or not, restarts: the merge against a plain sum.

The real frame files, the real configuration files, the real journal; time is the test's.
"""

import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from config.home import Home
from config.trading_files import TradingFiles
from core.decisions.judge_source import OnStale, SourceUse, StalenessPolicy
from core.model.identity import SourceName, Symbol
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.signal_manager import SignalManager
from operations.journal_file import open_journal
from signal_processors.depth_files import DepthFiles, publish_frame
from simulation.bare_world import EPOCH, PublishedDepths, ToldFacts
from simulation.virtual_time import VirtualClock, VirtualLoop

D = Decimal
PUSHED, POLLED, SLOW = SourceName("tradingview"), SourceName("bittensor"), SourceName("moon")
SOURCES = (PUSHED, POLLED, SLOW)
POLICIES = {
    PUSHED: StalenessPolicy(),
    POLLED: StalenessPolicy(60.0, 600.0, 86_400.0, OnStale.FLATTEN),
    SLOW: StalenessPolicy(60.0, None, 7_200.0, OnStale.HOLD),
}
COINS = ("BTC", "ETH", "SOL")
BROKEN = (b"", b"[{", b'[{"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "moon", "weight": 1.1}]}]')
LATE_SECONDS = 60.0
"""How much older than it was the newest good frame may look after a restart."""

Weights = dict[str, dict[SourceName, str]]
DEPTHS = st.dictionaries(st.sampled_from(COINS), st.sampled_from(["-1", "-0.5", "0", "0.3", "1"]), max_size=3)
WEIGHTS = st.dictionaries(
    st.sampled_from(COINS),
    st.dictionaries(st.sampled_from(SOURCES), st.sampled_from(["0.1", "0.25", "0"]), min_size=1),
    max_size=3,
)


@dataclass
class Word:
    """What the model knows of a source's file, or of the newest good one that was looked at."""

    depths: dict[str, str]
    said_at: datetime
    heartbeat_at: datetime
    fetched_at: datetime
    changes: int


@dataclass
class Speaker:
    """One source as the model sees it."""

    written: Word | None = None
    is_torn: bool = False
    is_gone: bool = True
    seen: Word | None = None
    is_remembered: bool = False

    @property
    def readable(self) -> Word | None:
        """What a look finds."""
        return None if self.is_torn or self.is_gone else self.written


@dataclass(frozen=True)
class Asked:
    """What the model expects of one look."""

    depths: dict[str, Decimal | None] = field(default_factory=dict)
    unready: frozenset[str] = frozenset()


class LifeOfSignals(RuleBasedStateMachine):
    """One engine's view of three sources, through anything."""

    @initialize(weights=WEIGHTS, words=st.lists(DEPTHS, min_size=3, max_size=3))
    def begin(self, weights: Weights, words: list[dict[str, str]]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="signals-"))
        self.home = Home(self.folder)
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.speakers = {source: Speaker() for source in SOURCES}
        self.ticks = self.unseen_steps = 0
        self.asked: Asked | None = None
        self.is_broken = False
        self.edit(weights=weights)
        self.start()
        for source, depths in zip(SOURCES, words, strict=True):
            if depths:
                self.say(source, depths)

    def teardown(self) -> None:
        if hasattr(self, "manager"):
            self.journal.close()
            self.loop.close()
            shutil.rmtree(self.folder)

    def start(self) -> None:
        self.journal = open_journal(self.home.journal, EPOCH, survives_power_loss=False)
        self.config = TradingFiles(self.home)
        frames = DepthFiles(self.home, self.clock)
        self.manager = SignalManager(frames, self.journal, PublishedDepths(), POLICIES, self.clock, ToldFacts())

    # -- what happens ------------------------------------------------------------------------------------------

    @rule(source=st.sampled_from(SOURCES), depths=DEPTHS)
    def say(self, source: SourceName, depths: dict[str, str]) -> None:
        now, before = self.clock.now(), self.speakers[source].written
        self._write(source, Word(depths, now, now, now, before.changes + 1 if before else 1))

    @rule(source=st.sampled_from(SOURCES), fetches=st.sampled_from([True, True, False]))
    def beat(self, source: SourceName, *, fetches: bool) -> None:
        """The same words once more, as a living source writes them; a torn or lost file is whole again."""
        word, now = self.speakers[source].written, self.clock.now()
        if word:
            self._write(source, replace(word, heartbeat_at=now, fetched_at=now if fetches else word.fetched_at))

    @rule(seconds=st.sampled_from([50, 7_000, 86_000]))
    def live_on(self, seconds: int) -> None:
        """All sources live, and say nothing new."""
        self.wait(seconds)
        for source in SOURCES:
            self.beat(source, fetches=True)

    @rule(source=st.sampled_from(SOURCES))
    def tear(self, source: SourceName) -> None:
        path, speaker = self.home.depths(source), self.speakers[source]
        if speaker.readable:
            path.write_bytes(path.read_bytes()[:-9])
            self._touch(path)
            speaker.is_torn = True

    @rule(source=st.sampled_from(SOURCES))
    def vanish(self, source: SourceName) -> None:
        self.home.depths(source).unlink(missing_ok=True)
        self.speakers[source].is_gone = True

    @rule(weights=WEIGHTS)
    def edit(self, weights: Weights) -> None:
        entries = [
            {"symbol": f"{coin}USDT", "leverage": 3, "sources": [{"source": s, "weight": D(w)} for s, w in by.items()]}
            for coin, by in weights.items()
        ]
        self.weights, self.is_broken = weights, False
        mapping = {source: {f"{coin}USD": f"{coin}USDT" for coin in COINS} for source in SOURCES}
        self._put(self.home.asset_mapping, json.dumps(mapping).encode())
        self._put(self.home.signal_weights, json.dumps(entries, default=float).encode())

    @rule(content=st.sampled_from(BROKEN), which=st.booleans())
    def spoil(self, content: bytes, *, which: bool) -> None:
        self.look()
        self._put(self.home.signal_weights if which else self.home.asset_mapping, content)
        self.is_broken = True

    @rule(seconds=st.sampled_from([1, 50, 61, 700, 7_300, 86_000]))
    def wait(self, seconds: int) -> None:
        self.clock.step(seconds)

    @precondition(lambda self: not self.is_broken)
    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.start()
        self.asked = None
        for speaker in self.speakers.values():
            speaker.is_remembered = True

    @rule(steps=st.integers(1, 3))
    def look_away(self, steps: int) -> None:
        """So much happens between this look and the next."""
        self.unseen_steps = steps + 1

    # -- what must be true -------------------------------------------------------------------------------------

    @invariant()
    def look_unless_away(self) -> None:
        self.unseen_steps = max(self.unseen_steps - 1, 0)
        if not self.unseen_steps:
            self.look()

    def look(self) -> None:
        """One look brings the sum of weight times depth, and a second one at the same moment nothing."""
        if not self.is_broken:
            self.in_force = self.weights
        now = self.clock.now()
        for source in self._active():
            speaker = self.speakers[source]
            if speaker.readable:
                speaker.seen, speaker.is_remembered = speaker.readable, False
        config = self.config.load()
        targets = self.loop.run_until_complete(self.manager.check_for_updates(config))
        assert bool(self.config.problem()) == self.is_broken
        possible = [self._expected(now, 0.0), self._expected(now, LATE_SECONDS)]
        if targets is None:
            assert self.asked in possible
            return
        found = Asked(
            {coin: target.depth for coin in COINS if (target := targets.by_symbol.get(Symbol(f"{coin}USDT")))},
            frozenset(symbol.removesuffix("USDT") for symbol in targets.unready),
        )
        assert found in possible
        self.asked = found
        assert self.loop.run_until_complete(self.manager.check_for_updates(self.config.load())) is None

    def _active(self) -> list[SourceName]:
        return [one for one in SOURCES if any(D(by.get(one, "0")) > 0 for by in self.in_force.values())]

    def _expected(self, now: datetime, late_seconds: float) -> Asked:
        depths: dict[str, Decimal | None] = {}
        unready = set()
        for coin, shares in self.in_force.items():
            uses = {source: self._use(source, now, late_seconds) for source, weight in shares.items() if D(weight) > 0}
            if any(use in (SourceUse.HOLD, SourceUse.UNREADABLE) for use in uses.values()):
                unready.add(coin)
            if SourceUse.UNREADABLE not in uses.values():
                depths[coin] = sum(
                    (self._share(coin, source, D(shares[source]), uses[source]) for source in uses), D(0)
                )
        return Asked(depths, frozenset(unready))

    def _share(self, coin: str, source: SourceName, weight: Decimal, use: SourceUse) -> Decimal:
        word = self.speakers[source].seen
        if word is None or use in (SourceUse.FLATTEN, SourceUse.SILENT):
            return D(0)
        return weight * D(word.depths.get(coin, "0"))

    def _use(self, source: SourceName, now: datetime, late_seconds: float) -> SourceUse:
        """Followed while it lives; held while it cannot be read; flat only when its words are older than its policy."""
        speaker, policy = self.speakers[source], POLICIES[source]
        word = speaker.seen
        if word is None:
            return SourceUse.UNREADABLE if speaker.is_torn and not speaker.is_gone else SourceUse.SILENT
        late = timedelta(seconds=late_seconds if speaker.is_remembered else 0.0)
        age_seconds = (now - (word.said_at if source is not POLLED else word.fetched_at) + late).total_seconds()
        if policy.max_age_seconds is not None and age_seconds > policy.max_age_seconds:
            return SourceUse.FLATTEN if policy.on_stale is OnStale.FLATTEN else SourceUse.HOLD
        is_alive = (now - word.heartbeat_at).total_seconds() <= policy.heartbeat_seconds
        is_fed = policy.fetch_seconds is None or age_seconds <= policy.fetch_seconds
        return SourceUse.FOLLOW if speaker.readable and is_alive and is_fed else SourceUse.HOLD

    # -- files -------------------------------------------------------------------------------------------------

    def _write(self, source: SourceName, word: Word) -> None:
        signals = tuple(
            SourceSignal(source, f"{coin}USD", D(depth), word.said_at) for coin, depth in word.depths.items()
        )
        fetched_at = word.fetched_at if source is POLLED else None
        frame = SourceFrame(
            source, word.changes, word.said_at, word.heartbeat_at, fetched_at, SourceStatus.OK, "", authenticated=True,
            signals=signals,
        )  # fmt: skip
        publish_frame(self.home, frame)
        self._touch(self.home.depths(source))
        speaker = self.speakers[source]
        speaker.written, speaker.is_torn, speaker.is_gone = word, False, False

    def _put(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        self._touch(path)

    def _touch(self, path: Path) -> None:
        """Give every write a time of its own; real ones are further apart than a tick of the file system's clock."""
        self.ticks += 1
        os.utime(path, ns=(self.ticks, self.ticks))


LifeOfSignals.TestCase.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None, database=None, derandomize=True
)
TestLifeOfSignals = pytest.mark.timeout(600)(LifeOfSignals.TestCase)


class LongLifeOfSignals(LifeOfSignals):
    """The same, longer, and other lives every time."""


LongLifeOfSignals.TestCase.settings = settings(max_examples=1_000, stateful_step_count=60, deadline=None, database=None)
TestLongLifeOfSignals = pytest.mark.full(pytest.mark.timeout(1_800)(LongLifeOfSignals.TestCase))
