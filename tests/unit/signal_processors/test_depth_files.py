from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.home import Home
from core.model.failures import InvalidInput
from core.model.identity import SourceName
from core.model.reading import Absent, Known, Unknown
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from signal_processors.depth_files import DepthFiles, format_frame, parse_frame, publish_frame

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRADINGVIEW = SourceName("tradingview")
SIGNAL = SourceSignal(TRADINGVIEW, "ETHUSDT", Decimal("0.058"), NOW, Decimal(3), Decimal("3328.25"), "12")
FRAME = SourceFrame(TRADINGVIEW, 7, NOW, NOW, None, SourceStatus.OK, "", True, (SIGNAL,))


class FixedClock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def files(home: Home) -> DepthFiles:
    return DepthFiles(home, FixedClock())


def test_a_published_frame_is_read_back_whole(home: Home, files: DepthFiles) -> None:
    publish_frame(home, FRAME)

    assert files.read_frame(TRADINGVIEW) == Known(FRAME, NOW)


decimals = st.decimals(-1, 1, allow_nan=False, places=9)
times = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
positive = st.decimals("0.000001", 1000, places=6)
signals = st.builds(
    SourceSignal,
    st.just(TRADINGVIEW),
    st.text(min_size=1, max_size=10),
    decimals,
    times,
    st.none() | positive,
    st.none() | positive,
    st.text(max_size=10),
)


@given(st.lists(signals, unique_by=lambda signal: signal.source_symbol, max_size=4), st.integers(0, 2**60), times)
def test_any_frame_survives_the_file_to_the_digit(
    words: list[SourceSignal], sequence: int, fetched_at: datetime
) -> None:
    frame = replace(FRAME, signals=tuple(words), sequence=sequence, fetched_at=fetched_at)

    assert parse_frame(format_frame(frame), Path("depths.json")) == frame


def test_a_source_that_never_spoke_is_absent_not_flat(files: DepthFiles) -> None:
    assert isinstance(files.read_frame(TRADINGVIEW), Absent)


@pytest.mark.parametrize("length", range(0, len(format_frame(FRAME)) - 1, 7))
def test_a_torn_frame_is_unknown_at_every_length(home: Home, files: DepthFiles, length: int) -> None:
    home.raw_signals(TRADINGVIEW).mkdir(parents=True)
    home.depths(TRADINGVIEW).write_bytes(format_frame(FRAME)[:length])

    reading = files.read_frame(TRADINGVIEW)

    assert isinstance(reading, Unknown)
    assert not isinstance(reading, Absent)
    assert "depths.json" in reading.reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"0.058"', '"1.01"'),
        ('"0.058"', '"NaN"'),
        ('"0.058"', "0.058"),
        ('"0.058"', '"much"'),
        ('"version": 1', '"version": 2'),
        ('"version": 1', '"version": true'),
        ("12:00:00Z", "12:00:00"),
        ('"status": "ok"', '"status": "fine"'),
        ('"source": "tradingview"', '"source": "bittensor"'),
        ('"sequence": 7', '"sequence": 7, "sequence": 8'),
        ('"sequence": 7', '"sequence": "7"'),
        ('"leverage": "3"', '"leverage": "0"'),
        ('"reason": ""', '"note": ""'),
    ],
)
def test_an_invalid_frame_is_unknown(home: Home, files: DepthFiles, old: str, new: str) -> None:
    content = format_frame(FRAME).decode()
    assert old in content
    home.raw_signals(TRADINGVIEW).mkdir(parents=True)
    home.depths(TRADINGVIEW).write_text(content.replace(old, new))

    assert isinstance(files.read_frame(TRADINGVIEW), Unknown)


def test_an_unreadable_frame_is_unknown(home: Home, files: DepthFiles) -> None:
    home.depths(TRADINGVIEW).mkdir(parents=True)

    assert isinstance(files.read_frame(TRADINGVIEW), Unknown)


def test_a_symbol_given_twice_is_never_published(home: Home) -> None:
    with pytest.raises(InvalidInput, match="twice"):
        publish_frame(home, replace(FRAME, signals=(SIGNAL, SIGNAL)))


def test_marks_change_with_every_rewrite_even_of_the_same_content(home: Home, files: DepthFiles) -> None:
    before = files.frame_marks([TRADINGVIEW])
    publish_frame(home, FRAME)
    first = files.frame_marks([TRADINGVIEW])
    unchanged = files.frame_marks([TRADINGVIEW])
    publish_frame(home, FRAME)
    second = files.frame_marks([TRADINGVIEW])

    assert first == unchanged
    assert len({before, first, second}) == 3
