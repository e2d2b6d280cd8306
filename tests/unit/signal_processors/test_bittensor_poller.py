import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from config.home import Home
from core.model.reading import Known
from core.model.signal import SourceStatus
from paper.sn8_faults import Fault
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.day_files import Record, read_records
from signal_processors.depth_files import DepthFiles
from simulation.sn8_bench import Sn8Bench, play_sn8


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_poll_publishes_a_depth_for_every_mapped_id_and_records_why(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        poll_time = bench.clock.now()
        poll = await bench.poller.poll_once()

        assert poll.is_good
        reading = DepthFiles(home, bench.clock).read_frame(SOURCE)
        assert isinstance(reading, Known)
        frame = reading.value
        assert frame.status is SourceStatus.OK
        assert frame.fetched_at
        assert timedelta() <= frame.fetched_at - poll_time < timedelta(seconds=1)
        assert {signal.source_symbol for signal in frame.signals} == {"BTCUSD", "BTCUSDC", "ETHUSD", "SOLUSD"}
        assert any(signal.depth != 0 for signal in frame.signals)
        (record,) = [item for item in read_records(home.raw_signals("bittensor")) if isinstance(item, Record)]
        assert {signal.record_id for signal in frame.signals} == {str(record.sequence)}
        assert record.content["miners"] == 24

    play_sn8(home, story)


def test_the_interval_is_honoured_and_the_heartbeat_beats_every_ten_seconds(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(interval_seconds=20)
        running = asyncio.create_task(bench.poller.run())
        beats = set()
        for _ in range(59):
            await asyncio.sleep(5)
            beats.add(bench.frame.heartbeat_at)
        running.cancel()
        await asyncio.wait([running])

        assert bench.server.requests == 15
        assert len(beats) >= 30

    play_sn8(home, story)


def test_a_server_that_fails_leaves_the_depths_and_shows_their_age(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poller.poll_once()
        before = bench.frame
        bench.server.faults.plan(Fault.SERVER_ERROR)
        await bench.poll_minutes(4)
        frame = bench.frame

        assert frame.signals == before.signals
        assert frame.fetched_at == before.fetched_at
        assert frame.heartbeat_at > before.heartbeat_at
        assert frame.status is SourceStatus.FAILED
        assert "500" in frame.reason
        assert "no good fetch since 2026-01-01 00:00:0" in frame.reason

        bench.server.faults.plan(None)
        await bench.poller.poll_once()
        assert bench.frame.status is SourceStatus.OK

    play_sn8(home, story)
