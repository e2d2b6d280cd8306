"""Sources by name: those shipped here, and those of other packages by entry point, group `trade_engine.sources`.

    [project.entry-points."trade_engine.sources"]
    moon = "moon_source:make_source"

A source says what it sees by publishing whole frames. It never places an order, and nothing here could.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from config.home import Home
from core.model.failures import InvalidInput
from core.model.identity import SourceName, parse_source
from core.model.signal import SourceFrame
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry
from signal_processors.depth_files import publish_frame

ENTRY_POINT_GROUP = "trade_engine.sources"
SHIPPED = {
    "tradingview": "signal_endpoints/tradingview_endpoint.py",
    "bittensor": "signal_processors/bittensor_processor.py",
}
"""The sources with an entry script of their own."""


class Source(Protocol):
    """A source of signals, running until it is cancelled."""

    async def run(self) -> None:
        """Publish a frame with every change, and the same frame with a new heartbeat at least every 10 s."""
        ...


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source is given.

    Attributes:
        name: Its own name; a frame under another one is refused.
        home: Where it may keep its raw record: `home.raw_signals(name)`.
        clock: The wall clock; waiting belongs to the event loop.
        telemetry: For what a person should find in the log.
    """

    name: SourceName
    home: Home
    clock: Clock
    telemetry: Telemetry

    def publish(self, frame: SourceFrame) -> None:
        """Replace the source's frame.

        Raises:
            InvalidInput: If the frame is another source's, or names a symbol twice.
            StorageFailure: If it cannot be written; the old frame is then still in place.
        """
        if frame.source != self.name:
            raise InvalidInput(f"{self.name}: a frame of {frame.source} is not this source's to publish")
        publish_frame(self.home, frame)


MakeSource = Callable[[SourceContext], Source]


def source_names() -> tuple[SourceName, ...]:
    """Every known source: the shipped ones first, then the others by name.

    Raises:
        InvalidInput: If another package claims a name that is taken or is no name.
    """
    return (*(SourceName(name) for name in SHIPPED), *sorted(_brought()))


def make_source(context: SourceContext) -> Source:
    """The source of another package, ready to run.

    Raises:
        InvalidInput: If there is none of that name, or it cannot be imported.
    """
    point = _brought().get(context.name)
    if point is None:
        script = SHIPPED.get(context.name)
        remedy = f"run python3 {script}" if script else f"install the package that brings it ({ENTRY_POINT_GROUP})"
        raise InvalidInput(f"source: {context.name!r} is not a source of another package; {remedy}")
    try:
        make: MakeSource = point.load()
    except (ImportError, AttributeError) as error:
        raise InvalidInput(f"source {context.name}: {point.value} cannot be imported: {error}") from error
    return make(context)


def _brought() -> Mapping[SourceName, EntryPoint]:
    found: dict[SourceName, EntryPoint] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        name = parse_source(point.name)
        if name in SHIPPED or (name in found and found[name].value != point.value):
            raise InvalidInput(f"source {name}: {point.value} claims a name that is taken")
        found[name] = point
    return found
