"""Which signal sources a dialog asks about, in the order it asks."""

from collections.abc import Iterable
from importlib.metadata import entry_points

from config.home import Home
from core.model.failures import InvalidInput
from core.model.identity import SourceName, parse_source

SHIPPED_SOURCES = (SourceName("tradingview"), SourceName("bittensor"))
ENTRY_POINT_GROUP = "trade_engine.sources"
"""Where a package that brings a source names it, as the key of an entry point."""


def signal_sources(home: Home, written: Iterable[str] = ()) -> tuple[SourceName, ...]:
    """The shipped sources, then the installed ones, those the files name, and those that have published a frame.

    Args:
        home: Where frames lie.
        written: Sources that the operator's files name already.
    """
    installed = sorted(point.name for point in entry_points(group=ENTRY_POINT_GROUP))
    publishing = sorted(frame.parent.name for frame in home.path.glob("raw_signals/*/depths.json"))
    names = [*SHIPPED_SOURCES, *installed, *written, *publishing]
    return tuple(SourceName(name) for name in dict.fromkeys(names) if _is_source_name(name))


def _is_source_name(name: str) -> bool:
    try:
        parse_source(name)
    except InvalidInput:
        return False
    return True
