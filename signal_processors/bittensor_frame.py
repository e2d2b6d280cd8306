"""The frame of the SN8 source: what is accepted, how old it is, and a heartbeat."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from config.bittensor_settings import BittensorSettings
from config.home import Home
from core.model.money import ZERO
from core.model.reading import Known
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.ports.clock import Clock
from signal_processors.bittensor_evaluation import outage_share
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.bittensor_state import PollerState, read_state
from signal_processors.depth_files import DepthFiles, publish_frame
from signal_processors.first_words import write_first_words

_SCALED_STEP = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Condition:
    """What the source says about itself, and why."""

    status: SourceStatus = SourceStatus.OK
    reason: str = ""


class FrameKeeper:
    """Keeps the frame file.

    Nothing is written before a first answer was believed: an empty frame would read as flat, where an engine that
    remembers an older one must hold.

    Args:
        home: Whose file.
        clock: UTC time.
    """

    def __init__(self, home: Home, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        reading = DepthFiles(home, clock).read_frame(SOURCE)
        self._frame = reading.value if isinstance(reading, Known) else None

    @property
    def frame(self) -> SourceFrame | None:
        """The frame as it was last written."""
        return self._frame

    def restore(self) -> PollerState:
        """What is remembered from before a restart; where only the frame is left, its depths."""
        state = read_state(self._home.source_state(SOURCE))
        shown_at = self._frame.fetched_at if self._frame else None
        if state is not None:
            return replace(state, fetched_at=max(filter(None, (state.fetched_at, shown_at)), default=None))
        if self._frame is None:
            return PollerState()
        signals = {signal.source_symbol: signal for signal in self._frame.signals}
        return PollerState(signals=signals, fetched_at=self._frame.fetched_at)

    def publish(self, state: PollerState, condition: Condition, settings: BittensorSettings) -> None:
        """Write the frame as it is now, or why there is none; the sequence grows only with depths or status.

        Raises:
            StorageFailure: If it cannot be written; the old frame is then still in place.
        """
        now = self._clock.now()
        if state.fetched_at is None:
            at = f"{now:%Y-%m-%d %H:%M:%S} UTC"
            write_first_words(self._home, SOURCE, at, condition.status, condition.reason)
            return
        share = outage_share(now - state.fetched_at, settings)
        signals = _scaled(state.signals, share, self._frame, now)
        reason = "; ".join(
            filter(None, (condition.reason, f"depths scaled to {share:.0%} by age" if share < 1 else ""))
        )
        before = self._frame
        is_same = before is not None and (before.signals, before.status) == (signals, condition.status)
        self._frame = SourceFrame(
            source=SOURCE,
            sequence=(before.sequence if is_same else before.sequence + 1) if before else 1,
            written_at=before.written_at if before and is_same else now,
            heartbeat_at=now,
            fetched_at=state.fetched_at,
            status=condition.status,
            reason=reason,
            authenticated=True,
            signals=signals,
        )
        publish_frame(self._home, self._frame)


def _scaled(
    accepted: Mapping[str, SourceSignal], share: float, before: SourceFrame | None, now: datetime
) -> tuple[SourceSignal, ...]:
    """The accepted signals, or their depths times the share with the time of that change."""
    if share == 1:
        return tuple(accepted.values())
    shown = {signal.source_symbol: signal for signal in before.signals} if before else {}
    scaled = []
    for pair, signal in accepted.items():
        depth = (signal.depth * Decimal(repr(share))).quantize(_SCALED_STEP, ROUND_HALF_EVEN) + ZERO
        last = shown.get(pair)
        scaled.append(replace(signal, depth=depth, at=last.at if last and last.depth == depth else now))
    return tuple(scaled)
