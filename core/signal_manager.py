"""Reads all sources, merges them by weight, says whether anything changed, and keeps the view of what was confirmed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from core.decisions.heed_source import frame_to_judge, heed_operator
from core.decisions.judge_source import JudgedSource, SourceUse, StalenessPolicy, judge_source
from core.decisions.merge_signals import merge_signals
from core.model.failures import StorageFailure
from core.model.identity import AccountId, SourceName, Symbol
from core.model.money import ZERO
from core.model.reading import Known, Reading, Unknown
from core.model.signal import MergedTarget, SourceFrame
from core.model.target import Targets, TradingConfig
from core.ports.clock import Clock
from core.ports.journal import Journal
from core.ports.settings import DefaultSettings, LiveSettings
from core.ports.signal_source import SignalSource
from core.ports.telemetry import Telemetry
from core.ports.views import DepthView

REMEMBER_FETCH_SECONDS = 60.0
"""How much older than it was a source's newest good fetch may look after a restart."""


class SignalManager:
    """The one place where sources become targets.

    Attributes:
        previous_signals: The newest good frame of each source, also from before a restart.
    """

    def __init__(
        self,
        signal_source: SignalSource,
        journal: Journal,
        depth_view: DepthView,
        policies: Mapping[SourceName, StalenessPolicy],
        clock: Clock,
        telemetry: Telemetry,
        settings: LiveSettings | None = None,
    ) -> None:
        self._signal_source = signal_source
        self._journal = journal
        self._depth_view = depth_view
        self._policies = policies
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings or DefaultSettings()
        self._demands_authentication = False
        self._frame_marks: tuple[object, ...] = ()
        self._frames: dict[SourceName, Reading[SourceFrame]] = {}
        self._judged: dict[SourceName, JudgedSource] = {}
        self._merged: tuple[TradingConfig, Mapping[SourceName, JudgedSource]] | None = None
        self._targets: Targets | None = None
        self._view: dict[AccountId, dict[Symbol, Decimal]] = {}
        self.previous_signals: dict[SourceName, SourceFrame] = dict(journal.last_frames())

    def demand_authentication(self) -> None:
        """From now on take no new word from a source that anyone could have written to."""
        self._demands_authentication = True

    async def check_for_updates(self, config: TradingConfig) -> Targets | None:
        """Read every source that has a positive weight, merge, and compare with the last look.

        Args:
            config: Weights and mappings; all accounts work on this one version.

        Returns:
            The new targets, None when depth, leverage, signal time and readiness of every symbol are as before.
        """
        sources = _active_sources(config)
        now = self._clock.now()
        self._read_frames(sources)
        judged = self._judged = {source: await self._look_at(source, now) for source in sources}
        if self._merged is not None and config is self._merged[0] and judged == self._merged[1]:
            return None
        merge = merge_signals(config, judged)
        self._merged = (config, judged)
        previous = self._targets
        if previous and _same(previous, config, merge.targets, merge.unready):
            return None
        version = previous.version + 1 if previous else 1
        self._targets = Targets(version, config.version, merge.targets, merge.unready)
        return self._targets

    def judged_sources(self) -> Mapping[SourceName, JudgedSource]:
        """What the last look made of each source, for people."""
        return self._judged

    async def confirm_execution(self, account: AccountId, confirmed: Mapping[Symbol, Decimal]) -> None:
        """Take into the view what the exchange proved for one account; once per account and pass.

        Args:
            account: Whose.
            confirmed: The depth of every symbol whose decision a fresh read agreed with.
        """
        view = self._view.get(account, {})
        updated = view | {symbol: depth for symbol, depth in confirmed.items() if depth != ZERO or symbol in view}
        if account in self._view and updated == view:
            return
        self._view[account] = updated
        try:
            self._depth_view.publish(self._view)
        except StorageFailure as error:
            self._telemetry.tell("depth view not written", why=str(error))

    def _read_frames(self, sources: Sequence[SourceName]) -> None:
        """Read every frame anew, unless nothing was rewritten since the last look."""
        marks = (tuple(sources), self._signal_source.frame_marks(sources))
        if marks != self._frame_marks:
            self._frames = {source: self._admit(self._signal_source.read_frame(source)) for source in sources}
            self._frame_marks = marks

    def _admit(self, reading: Reading[SourceFrame]) -> Reading[SourceFrame]:
        if isinstance(reading, Known) and self._demands_authentication and not reading.value.authenticated:
            return Unknown("anyone could have written to it, and a live account is enabled; make a webhook key")
        return reading

    async def _look_at(self, source: SourceName, now: datetime) -> JudgedSource:
        reading = self._frames[source]
        last_good = self.previous_signals.get(source)
        operator = self._journal.standings().for_source(source)
        if isinstance(reading, Known):
            frame = frame_to_judge(self._settings.min_depth_change(source), operator, last_good, reading.value)
            reading = Known(frame, reading.read_at)
            self.previous_signals[source] = frame
            if _is_news(self._journal.last_frames().get(source), frame):
                await self._journal.remember_frame(frame)
        policy = self._policies.get(source, StalenessPolicy())
        judged = heed_operator(judge_source(source, reading, last_good, policy, now), operator)
        before = self._judged.get(source)
        if before is None or (before.use, before.reason) != (judged.use, judged.reason):
            is_quiet = before is None and judged.use is SourceUse.FOLLOW
            if not is_quiet:
                self._telemetry.tell("source judged", source=source, use=judged.use, why=judged.reason)
        return judged


def _is_news(remembered: SourceFrame | None, frame: SourceFrame) -> bool:
    """Whether a frame must be remembered across restarts: for its words, or since it is still true so much later."""
    if remembered is None or (frame.sequence, frame.signals) != (remembered.sequence, remembered.signals):
        return True
    if frame.fetched_at is None:
        return False
    before = remembered.fetched_at
    return before is None or (frame.fetched_at - before).total_seconds() >= REMEMBER_FETCH_SECONDS


def _active_sources(config: TradingConfig) -> list[SourceName]:
    """Sources with a positive weight somewhere, in file order."""
    active = (share.source for weights in config.weights for share in weights.sources if share.weight > ZERO)
    return list(dict.fromkeys(active))


def _same(
    previous: Targets, config: TradingConfig, targets: Mapping[Symbol, MergedTarget], unready: Mapping[Symbol, str]
) -> bool:
    return (
        previous.config_version == config.version
        and dict(previous.by_symbol) == dict(targets)
        and dict(previous.unready) == dict(unready)
    )
