"""A source of another package: a class, an entry point, and no line of ours."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.home import Home
from core.model.failures import InvalidInput
from core.model.identity import SourceName
from core.model.reading import Known
from signal_processors.depth_files import DepthFiles
from signal_processors.registry import SHIPPED, SourceContext, make_source, source_names
from simulation.webhook_world import NOON, SetClock, Told

MOON = '''
"""Long while the moon waxes."""
import asyncio
from dataclasses import replace
from decimal import Decimal

from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from signal_processors.registry import SourceContext


class Moon:
    def __init__(self, context: SourceContext) -> None:
        self.context = context

    async def run(self) -> None:
        now = self.context.clock.now()
        depth = Decimal("0.25") if now.day % 28 < 14 else Decimal(0)
        frame = SourceFrame(
            source=self.context.name, sequence=1, written_at=now, heartbeat_at=now, fetched_at=None,
            status=SourceStatus.OK, reason="", authenticated=True,
            signals=(SourceSignal(self.context.name, "BTCMOON", depth, now),),
        )
        while True:
            self.context.publish(replace(frame, heartbeat_at=self.context.clock.now()))
            await asyncio.sleep(10)


def make_source(context: SourceContext) -> Moon:
    return Moon(context)
'''


def install(site: Path, entries: str) -> None:
    """What pip leaves behind of a package."""
    (site / "moon_source.py").write_text(MOON)
    info = site / "moon_source-1.0.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: moon-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[trade_engine.sources]\n{entries}\n")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("moon_source", None)


def context(tmp_path: Path, name: str) -> SourceContext:
    return SourceContext(SourceName(name), Home(tmp_path), SetClock(), Told())


async def test_a_package_adds_a_source_whose_frames_the_engine_reads(site: Path, tmp_path: Path) -> None:
    install(site, "moon = moon_source:make_source")
    assert source_names() == (*SHIPPED, "moon")

    running = asyncio.create_task(make_source(context(tmp_path, "moon")).run())
    await asyncio.sleep(0)
    running.cancel()

    reading = DepthFiles(Home(tmp_path), SetClock()).read_frame(SourceName("moon"))
    assert isinstance(reading, Known)
    (signal,) = reading.value.signals
    assert (signal.source_symbol, str(signal.depth), signal.at) == ("BTCMOON", "0.25", NOON)


async def test_a_source_cannot_speak_for_another(site: Path, tmp_path: Path) -> None:
    install(site, "moon = moon_source:make_source\nsun = moon_source:make_source")
    source = make_source(context(tmp_path, "moon"))
    source.context = context(tmp_path, "sun")  # type: ignore[attr-defined]
    moon_frame = context(tmp_path, "moon")
    running = asyncio.create_task(source.run())
    await asyncio.sleep(0)
    running.cancel()
    reading = DepthFiles(Home(tmp_path), SetClock()).read_frame(SourceName("sun"))
    assert isinstance(reading, Known)
    with pytest.raises(InvalidInput, match="not this source's to publish"):
        moon_frame.publish(reading.value)


@pytest.mark.parametrize(
    ("entries", "name", "reason"),
    [
        ("tradingview = moon_source:make_source", "tradingview", "claims a name that is taken"),
        ("Moon! = moon_source:make_source", "moon", "does not match"),
        ("moon = moon_source:nothing", "moon", "cannot be imported"),
        ("moon = no_such_module:make_source", "moon", "cannot be imported"),
        ("sun = moon_source:make_source", "moon", "install the package"),
        ("", "bittensor", "run python3 signal_processors/bittensor_processor.py"),
    ],
)
def test_what_cannot_be_run_is_said(site: Path, tmp_path: Path, entries: str, name: str, reason: str) -> None:
    install(site, entries)

    with pytest.raises(InvalidInput, match=reason):
        make_source(context(tmp_path, name))
