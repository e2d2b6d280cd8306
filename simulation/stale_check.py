"""16: a source that went silent follows its declared policy; judged by the frames on the disk, not by the engine."""

from datetime import datetime, timedelta

from config.engine_settings_file import EngineSettingsFile
from core.decisions.judge_source import OnStale, SourceUse, StalenessPolicy
from core.model.identity import SourceName
from core.model.money import ZERO
from core.model.reading import Known
from core.model.signal import SourceContribution, SourceFrame
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


def _demanded(frame: SourceFrame, policy: StalenessPolicy, now: datetime) -> SourceUse:
    content_age = (now - (frame.fetched_at or frame.written_at)).total_seconds()
    if policy.max_age_seconds is not None and content_age > policy.max_age_seconds:
        return SourceUse.FLATTEN if policy.on_stale is OnStale.FLATTEN else SourceUse.HOLD
    is_silent = (now - frame.heartbeat_at).total_seconds() > policy.heartbeat_seconds
    is_unfed = policy.fetch_seconds is not None and content_age > policy.fetch_seconds
    return SourceUse.HOLD if is_silent or is_unfed else SourceUse.FOLLOW
