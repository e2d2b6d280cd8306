"""Where the current frames of all sources are read."""

from collections.abc import Sequence
from typing import Protocol

from core.model.identity import SourceName
from core.model.reading import Reading
from core.model.signal import SourceFrame


class SignalSource(Protocol):
    """The latest frame of each source."""

    def read_frame(self, source: SourceName) -> Reading[SourceFrame]:
        """The source's current frame; a missing, torn or invalid one is Unknown."""
        ...

    def frame_marks(self, sources: Sequence[SourceName]) -> tuple[object, ...]:
        """A cheap fingerprint of the sources' frames: equal means that nothing was rewritten."""
        ...
