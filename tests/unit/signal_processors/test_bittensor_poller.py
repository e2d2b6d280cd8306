import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from config.home import Home
from core.model.reading import Absent, Known
from core.model.signal import SourceStatus
from paper.sn8_faults import Fault
from paper.sn8_world import Sn8World
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.day_files import Record, read_records
from signal_processors.depth_files import DepthFiles
from simulation.sn8_bench import KEY_OF_TIER_30, Sn8Bench, play_sn8


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
        assert record.content["disagreeing"] == 0
        assert sum(weight for _hotkey, _score, weight in record.content["ranked"]) == pytest.approx(1)

    play_sn8(home, story)


def test_the_interval_is_honoured_and_the_heartbeat_beats_every_ten_seconds(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(interval_seconds=20)
        running = asyncio.create_task(bench.poller.run())
        beats = set()
        for _ in range(59 // 2):
            await asyncio.sleep(5)
            beats.add(bench.frame.heartbeat_at)
        running.cancel()
        await asyncio.wait([running])

        assert bench.server.requests == 8
        assert len(beats) >= 14

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


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.CUT_BODY, "not one whole JSON object"),
        (Fault.CUT_CONNECTION, "ClientPayloadError"),
        (Fault.EMPTY_OBJECT, "no miner at all"),
        (Fault.LIST, "not one whole JSON object"),
        (Fault.MISSING_MINERS, "usual miners are missing"),
        (Fault.MISSING_POSITIONS, "no miner qualifies"),
        (Fault.SLOW, "no whole answer within 30 s"),
        (Fault.SERVER_ERROR, "500"),
        (Fault.KEY_REFUSED, "401"),
        (Fault.RATE_LIMITED, "403"),
        (Fault.NO_DATA, "404"),
    ],
)
def test_no_fault_of_the_server_moves_a_depth_and_the_frame_says_what_is_wrong(
    home: Home, fault: Fault, said: str
) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poll_minutes(1)
        before = bench.frame
        bench.server.faults.plan(fault)
        await bench.poller.poll_once()

        assert bench.frame.signals == before.signals
        assert bench.frame.status is not SourceStatus.OK
        assert said in bench.frame.reason

        bench.server.faults.plan(None)
        await bench.poll_minutes(1)
        assert (bench.frame.status, bench.frame.reason) == (SourceStatus.OK, "")

    play_sn8(home, story)


@pytest.mark.parametrize("fault", [Fault.NAN, Fault.BAD_MINER])
def test_malformed_miners_are_left_out_and_counted(home: Home, fault: Fault) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poll_minutes(1)
        bench.server.faults.plan(fault)
        poll = await bench.poller.poll_once()

        assert poll.is_good or "exposure" in poll.reason
        assert "malformed miners left out: " in poll.reason

    play_sn8(home, story)


@pytest.mark.parametrize("fault", [Fault.NULL_CLOSE, Fault.NO_ENCODING_HEADER, Fault.NOT_PACKED])
def test_other_forms_of_a_good_answer_are_good(home: Home, fault: Fault) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.server.faults.plan(fault)
        poll = await bench.poller.poll_once()

        assert (poll.is_good, poll.reason) == (True, "")

    play_sn8(home, story)


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.EMPTY_OBJECT, Fault.KEY_REFUSED])
def test_no_frame_is_written_before_the_first_believed_answer(home: Home, fault: Fault) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.server.faults.plan(fault)
        assert "start the source's service" in said(bench)
        await bench.poll_minutes(3)

        assert not home.depths(SOURCE).exists()
        assert bench.poller.condition.reason
        assert f"it said: {bench.poller.condition.status}, {bench.poller.condition.reason}" in said(bench)
        home.source_condition(SOURCE).write_text("torn {")
        assert "start the source's service" in said(bench)

    def said(bench: Sn8Bench) -> str:
        reading = DepthFiles(home, bench.clock).read_frame(SOURCE)
        assert isinstance(reading, Absent)
        return reading.reason

    play_sn8(home, story)


def test_nobody_qualifying_holds_for_the_grace_period_and_then_goes_to_zero(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(nobody_grace_minutes=5)
        await bench.poll_minutes(1)
        before = bench.depths()
        assert any(before.values())
        bench.server.faults.plan(Fault.MISSING_POSITIONS)
        await bench.poll_minutes(5)
        assert bench.depths() == before
        await bench.poll_minutes(1)
        assert not any(bench.depths().values())
        assert "no miner qualifies since" in bench.frame.reason
        moved = {signal.source_symbol for signal in bench.frame.signals if signal.at > bench.frame.signals[0].at}
        assert not moved

    play_sn8(home, story)


def test_a_lasting_change_of_the_miners_is_accepted_after_the_confirming_polls(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(guard_confirm_polls=4, guard_min_miners=10)
        await bench.poll_minutes(1)
        fetched_at = bench.frame.fetched_at
        bench.server.faults.plan(Fault.MISSING_MINERS)
        await bench.poll_minutes(3)
        assert bench.frame.fetched_at == fetched_at
        await bench.poll_minutes(2)
        assert bench.frame.fetched_at != fetched_at
        assert bench.frame.status is SourceStatus.OK

    play_sn8(home, story)


def test_new_settings_rank_anew_at_the_next_poll_even_of_the_same_bytes(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poller.poll_once()
        before = bench.depths()
        bench.write_settings(leverage_limit_crypto=0.05)
        await bench.poller.poll_once()
        assert bench.depths() != before
        assert max(abs(depth) for depth in bench.depths().values()) < max(abs(depth) for depth in before.values())

    play_sn8(home, story)


def test_an_invalid_edit_changes_nothing_and_is_said(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poller.poll_once()
        before = bench.depths()
        bench.write_settings(min_trades=-3)
        home.asset_mapping.write_text('{"bittensor": {')
        await bench.poller.poll_once()

        assert bench.depths() == before
        assert "min_trades" in bench.frame.reason
        assert "asset_mapping_config.json" in bench.frame.reason
        assert bench.frame.status is SourceStatus.DEGRADED

    play_sn8(home, story)


def test_a_restart_alone_changes_neither_depths_nor_sequence(home: Home) -> None:
    seen: list[object] = []

    async def story(bench: Sn8Bench) -> None:
        await bench.poller.poll_once()
        seen.append((bench.depths(), bench.frame.sequence, [signal.at for signal in bench.frame.signals]))

    play_sn8(home, story)
    play_sn8(home, story)

    assert seen[0] == seen[1]


def test_a_restart_during_an_outage_holds_what_was_published(home: Home) -> None:
    seen: list[object] = []

    async def story(bench: Sn8Bench) -> None:
        if seen:
            bench.server.faults.plan(Fault.SERVER_ERROR)
        await bench.poller.poll_once()
        seen.append((bench.depths(), bench.frame.fetched_at))

    play_sn8(home, story)
    home.source_state(SOURCE).write_text("torn {")
    play_sn8(home, story)

    assert seen[0] == seen[1]


@pytest.mark.parametrize("stuck", [Fault.STUCK, Fault.STUCK_REPACKED])
def test_data_that_stays_the_same_for_long_no_longer_counts_as_fetched(home: Home, stuck: Fault) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poller.poll_once()
        bench.server.faults.plan(stuck)
        await bench.poll_minutes(10)
        fresh = bench.frame
        await bench.poll_minutes(10)

        assert (fresh.status, bench.frame.status) == (SourceStatus.OK, SourceStatus.DEGRADED)
        assert "the server seems stuck" in bench.frame.reason
        assert fresh.fetched_at
        assert bench.frame.fetched_at
        assert bench.frame.fetched_at - fresh.fetched_at < timedelta(minutes=7)

    play_sn8(home, story)


def test_damaged_answers_between_do_not_make_stuck_data_fresh(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bench: Sn8Bench) -> None:
        miners = bench.server._world.positions(int(bench.clock.now().timestamp() * 1000), 100)
        monkeypatch.setattr(Sn8World, "positions", lambda *_: miners)
        for _ in range(4):
            for fault in (None, Fault.CUT_BODY, None, Fault.LIST):
                bench.server.faults.plan(fault)
                await bench.poll_minutes(1)
        bench.server.faults.plan(None)
        await bench.poll_minutes(1)

        assert "the server seems stuck" in bench.frame.reason

    play_sn8(home, story)


def test_changing_statistics_do_not_make_stuck_data_fresh(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(interval_seconds=150)
        await bench.poller.poll_once()
        started = bench.frame.fetched_at
        bench.server.faults.plan(Fault.STUCK)
        running = asyncio.create_task(bench.poller.run())
        await asyncio.sleep(2700)
        running.cancel()
        await asyncio.wait([running])

        assert started
        assert bench.frame.fetched_at
        assert timedelta(minutes=12) < bench.frame.fetched_at - started < timedelta(minutes=16)

    play_sn8(home, story)


def test_a_tier_below_100_is_labelled(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(tier=30)
        await bench.poller.poll_once()

        assert bench.frame.status is SourceStatus.DEGRADED
        assert "tier 30: positions are up to 24 h old" in bench.frame.reason

    play_sn8(home, story, key=KEY_OF_TIER_30)


def test_with_decay_an_outage_scales_the_depths_down_to_zero_and_the_frame_says_so(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(on_outage="decay", decay_after_hours=1, zero_after_hours=2, nobody_grace_minutes=0)
        await bench.poller.poll_once()
        full = bench.depths()
        bench.server.faults.plan(Fault.SERVER_ERROR)
        await _poll_after(bench, hours=0.99)
        assert bench.depths() == full
        await _poll_after(bench, hours=0.51)
        half = {pair: pytest.approx(depth / 2, abs=abs(depth) / 9) for pair, depth in full.items()}
        assert bench.depths() == half
        assert "depths scaled to 50% by age" in bench.frame.reason
        await _poll_after(bench, hours=0.51)
        assert not any(bench.depths().values())

    play_sn8(home, story)


async def _poll_after(bench: Sn8Bench, hours: float) -> None:
    await asyncio.sleep(hours * 3600)
    await bench.poller.poll_once()


def test_by_default_an_outage_leaves_the_depths_to_the_engines_policy_by_age(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poller.poll_once()
        before = bench.frame
        bench.server.faults.plan(Fault.SERVER_ERROR)
        await asyncio.sleep(48 * 3600)
        await bench.poller.poll_once()

        assert bench.frame.signals == before.signals
        assert bench.frame.fetched_at == before.fetched_at

    play_sn8(home, story)


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        (Fault.NO_DATA, (40, 40)),
        (Fault.SERVER_ERROR, (7, 12)),
        (Fault.RATE_LIMITED, (7, 12)),
        (Fault.KEY_REFUSED, (4, 6)),
    ],
)
def test_troubles_are_met_with_longer_waits(home: Home, fault: Fault, requests: tuple[int, int]) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.server.faults.plan(fault)
        running = asyncio.create_task(bench.poller.run())
        await asyncio.sleep(1199)
        running.cancel()
        await asyncio.wait([running])

        fewest, most = requests
        assert fewest <= bench.server.requests <= most

    play_sn8(home, story)


def test_old_day_files_are_zipped_and_never_deleted(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(guard_confirm_polls=1, fall_confirm_polls=1)
        for _ in range(6):
            await bench.poller.poll_once()
            await asyncio.sleep(86_400)

    play_sn8(home, story)

    names = sorted(path.name for path in home.raw_signals(SOURCE).glob("2026-*"))
    assert names[:2] == ["2026-01-01.jsonl.zip", "2026-01-02.jsonl.zip"]
    assert names[-1] == "2026-01-06.jsonl"
    days = {item.received_at.day for item in read_records(home.raw_signals(SOURCE)) if isinstance(item, Record)}
    assert len(days) >= 5


def test_a_state_that_cannot_be_stored_changes_no_depth_until_it_can(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poller.poll_once()
        before = bench.frame
        bench.write_settings(leverage_limit_crypto=0.05)
        state = home.source_state(SOURCE)
        state.unlink()
        state.mkdir()
        running = asyncio.create_task(bench.poller.run())
        await asyncio.sleep(29)
        assert bench.frame.signals == before.signals
        assert bench.frame.status is not before.status
        assert "poller_state.json" in bench.frame.reason
        state.rmdir()
        await asyncio.sleep(60)
        running.cancel()
        await asyncio.wait([running])
        assert bench.frame.signals != before.signals

    play_sn8(home, story)
