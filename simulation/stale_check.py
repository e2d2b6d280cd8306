"""Judges sources by the frames on the disk and not by the engine: rules 5 and 16.

A source that speaks is followed in what it says now; one that went silent follows its declared policy.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from config.engine_settings_file import EngineSettingsFile
from core.decisions.judge_source import JudgedSource, OnStale, SourceUse, StalenessPolicy
from core.model.identity import SourceName
from core.model.money import ZERO
from core.model.reading import Known
from core.model.signal import SourceContribution, SourceFrame, SourceSignal
from signal_processors.depth_files import DepthFiles
from simulation.whole_world import WholeWorld

FOLLOWED_WITHIN = timedelta(seconds=5)
"""How long the engine may take to see what the disk and the clock say; the clock is stepped by less."""

SOURCES = (SourceName("tradingview"), SourceName("bittensor"))


class StaleCheck:
    """Compares what the engine makes of each source with the source's frame, and looks at every increase."""

    def __init__(self, world: WholeWorld) -> None:
        self._world = world
        self._frames = DepthFiles(world.home, world.clock)
        self._settings = EngineSettingsFile(world.home)
        self._first_seen: dict[SourceName, datetime] = {}
        world.watcher.orders.why_held_back = self.why_held_back

    def look(self) -> None:
        """What the engine makes of every source is what its frame and its policy ask for."""
        world = self._world
        loop_seconds, since = world.clock.seconds(), world.watcher.scene.engine_since
        if world.engine is None or loop_seconds - since < FOLLOWED_WITHIN.total_seconds():
            return
        judged, now = world.engine.manager.judged_sources(), world.clock.now()
        for source in SOURCES:
            frame, policy = self._read(source)
            if frame is None or source not in judged:
                continue
            self._compare_words(judged[source], frame, policy, now)
            use, told = judged[source].use, f"{source} is used to {judged[source].use}"
            demanded = _demanded(frame, policy, now - FOLLOWED_WITHIN)
            if demanded is not SourceUse.FOLLOW:
                world.watcher.seen[f"source to {demanded}"] += 1
            if demanded is SourceUse.FLATTEN and use is not SourceUse.FLATTEN:
                world.watcher.fail(16, f"{told}, its content is of {frame.fetched_at or frame.written_at}")
            elif demanded is SourceUse.HOLD and use is SourceUse.FOLLOW:
                world.watcher.fail(16, f"{told}, its heartbeat is of {frame.heartbeat_at}")
            earliest = _demanded(frame, policy, now + FOLLOWED_WITHIN)
            is_first = now - self._first_seen.setdefault(source, now) < FOLLOWED_WITHIN
            is_news = now - (frame.fetched_at or frame.written_at) < FOLLOWED_WITHIN
            is_denied = use is SourceUse.SILENT and not is_first
            if is_denied or (use is SourceUse.FLATTEN and earliest is not SourceUse.FLATTEN and not is_news):
                world.watcher.fail(16, f"{told}, and it has spoken at {frame.heartbeat_at}")

    def _compare_words(self, judged: JudgedSource, frame: SourceFrame, policy: StalenessPolicy, now: datetime) -> None:
        """5: what a source that may be followed says on the disk is what the engine goes by."""
        is_news = now - max(frame.written_at, frame.fetched_at or frame.written_at) < FOLLOWED_WITHIN
        if is_news or _demanded(frame, policy, now - FOLLOWED_WITHIN) is not SourceUse.FOLLOW:
            return
        self._world.watcher.seen["source's words"] += 1
        ratio = self._settings.load().source(judged.source).min_depth_change_ratio
        followed = {one.source_symbol: one for one in judged.frame.signals} if judged.frame else {}
        said = {one.source_symbol: one for one in frame.signals}
        other = [name for name in {**followed, **said} if not _is_same(followed.get(name), said.get(name), ratio)]
        for name in other:
            told = f"the engine goes by {followed.get(name)}, the disk says {said.get(name)} since {frame.written_at}"
            self._world.watcher.fail(5, f"{judged.source}: {told}")

    def why_held_back(self, contribution: SourceContribution, at: datetime) -> str:
        """Why nothing may be built up on what a source says at a time, empty when it may.

        One that is flattened adds nothing any more, and what it had added nothing to goes on without it.
        """
        source = contribution.source
        frame, policy = self._read(source)
        if frame is None or _demanded(frame, policy, at - FOLLOWED_WITHIN) is SourceUse.FOLLOW:
            return ""
        is_gone = _demanded(frame, policy, at + FOLLOWED_WITHIN) is SourceUse.FLATTEN
        if is_gone and contribution.weighted_depth == ZERO:
            return ""
        return f"{source} had been silent since {frame.heartbeat_at}"

    def _read(self, source: SourceName) -> tuple[SourceFrame | None, StalenessPolicy]:
        reading = self._frames.read_frame(source)
        return reading.value if isinstance(reading, Known) else None, self._settings.staleness_policies()[source]


def _is_same(followed: SourceSignal | None, said: SourceSignal | None, ratio: Decimal) -> bool:
    """Whether a word is followed; one that differs by less than the declared share of the depth may wait."""
    if followed == said or followed is None or said is None:
        return followed == said
    is_small = abs(said.depth - followed.depth) < abs(followed.depth) * ratio
    return is_small and followed.depth * said.depth > ZERO and followed.leverage == said.leverage


def _demanded(frame: SourceFrame, policy: StalenessPolicy, now: datetime) -> SourceUse:
    content_age = (now - (frame.fetched_at or frame.written_at)).total_seconds()
    if policy.max_age_seconds is not None and content_age > policy.max_age_seconds:
        return SourceUse.FLATTEN if policy.on_stale is OnStale.FLATTEN else SourceUse.HOLD
    is_silent = (now - frame.heartbeat_at).total_seconds() > policy.heartbeat_seconds
    is_unfed = policy.fetch_seconds is not None and content_age > policy.fetch_seconds
    return SourceUse.HOLD if is_silent or is_unfed else SourceUse.FOLLOW
