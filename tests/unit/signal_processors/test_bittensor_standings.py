import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.home import Home
from core.model.signal import SourceStatus
from paper.sn8_faults import Fault
from signal_processors.bittensor_corrected import Standings
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.bittensor_standings import exclude_unregistered, read_registered
from signal_processors.bittensor_state import read_state
from simulation.sn8_bench import Sn8Bench, play_sn8

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def ranked(bench: Sn8Bench) -> set[str]:
    state = read_state(bench.home.source_state(SOURCE))
    assert state
    return set(state.order)


def test_eliminated_and_plagiarising_miners_are_not_ranked_unless_the_settings_say_so(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(use_standings=False, min_profitable_rate=0, min_total_return=-1)
        await bench.poller.poll_once()
        with_them = ranked(bench)
        bench.write_settings(min_profitable_rate=0, min_total_return=-1)
        await bench.poller.poll_once()

        assert set(bench.server.eliminated) & with_them
        assert not set(bench.server.eliminated) & ranked(bench)

    play_sn8(home, story)


def test_what_cannot_be_read_is_done_without_and_said(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.server.faults.plan(Fault.KEY_REFUSED)
        await bench.poller.poll_once()
        bench.server.lose_statistics = True
        bench.server.faults.plan(None)
        running = asyncio.create_task(bench.poller.run())
        await asyncio.sleep(601)
        running.cancel()
        await asyncio.wait([running])

        assert bench.frame.status is SourceStatus.OK, "what was read less than an hour ago is still used"
        problems = [facts["problems"] for event, facts in bench.told.events if event == "bittensor standings"]
        assert problems == [["/statistics: 404: the server has no data yet, or the address is wrong"]]

    play_sn8(home, story)


def write_chain(home: Home, hotkeys: list[str], read_at: datetime = NOW) -> None:
    path = home.registered_hotkeys(SOURCE)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"version": 1, "netuid": 8, "read_at": read_at.isoformat(), "hotkeys": hotkeys}
    path.write_text(json.dumps(content))


def test_a_restart_while_only_positions_can_be_read_ranks_nobody_who_was_left_out(home: Home) -> None:
    seen: list[set[str]] = []

    async def story(bench: Sn8Bench) -> None:
        bench.write_settings(min_profitable_rate=0, min_total_return=-1)
        if seen:
            bench.server.lose_statistics = bench.server.lose_eliminations = True
        await bench.poller.poll_once()
        seen.append(ranked(bench))
        assert not set(bench.server.eliminated) & seen[-1]
        assert bench.frame.reason == ""
        if len(seen) > 1:
            await asyncio.sleep(3_600)
            await bench.poller.poll_once()
            assert bench.frame.reason == "ranked without what the server says under /eliminations and /statistics"
            assert set(bench.server.eliminated) & ranked(bench)

    play_sn8(home, story)
    play_sn8(home, story)
    assert seen[0] == seen[1]


def test_kept_standings_that_cannot_be_read_are_done_without(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        bench.server.lose_statistics = bench.server.lose_eliminations = True
        await bench.poller.poll_once()
        assert bench.frame.status is SourceStatus.DEGRADED
        assert ranked(bench)

    home.source_standings(SOURCE).parent.mkdir(parents=True)
    for content in ("torn {", '{"version": 2, "eliminated": {}, "plagiarising": {}, "drawdowns": {}, "read_at": {}}'):
        home.source_standings(SOURCE).write_text(content)
        play_sn8(home, story)


def test_miners_that_left_the_chain_are_left_out_and_synthetic_ones_go_with_their_entity() -> None:
    miners = frozenset({"5a", "5b", "5b_1", "5c_7"})

    left_out = exclude_unregistered(Standings({"5b": "plagiarism"}), miners, frozenset({"5a", "5b"})).excluded

    assert left_out == {"5b": "plagiarism", "5c_7": "not registered on the subnet"}


def test_a_list_that_would_leave_out_most_miners_is_not_believed() -> None:
    standings = Standings({"5b": "plagiarism"})

    assert exclude_unregistered(standings, frozenset({"5a", "5b", "5c"}), frozenset({"5a"})) == standings


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no chain data yet"),
        ("{", "unreadable"),
        ('{"version": 2, "netuid": 8, "read_at": "2026-01-01T00:00:00Z", "hotkeys": ["a"]}', "unusable"),
        ('{"version": 1, "netuid": 8, "read_at": "2026-01-01T00:00:00Z", "hotkeys": []}', "unusable"),
        ('{"version": 1, "netuid": 8, "read_at": "2025-12-31T22:59:00Z", "hotkeys": ["a"]}', "is not used"),
        ('{"version": 1, "netuid": 8, "read_at": "2026-01-01T00:05:00Z", "hotkeys": ["a"]}', "is not used"),
    ],
)
def test_chain_data_that_is_missing_torn_or_old_is_not_used(home: Home, content: str | None, why: str) -> None:
    path = home.registered_hotkeys(SOURCE)
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_text(content)

    hotkeys, reason = read_registered(path, NOW)

    assert hotkeys == frozenset()
    assert why in reason


def test_the_poller_uses_the_chains_list_when_told_to(home: Home) -> None:
    async def story(bench: Sn8Bench) -> None:
        await bench.poller.poll_once()
        everyone = ranked(bench)
        gone = min(everyone)
        write_chain(home, [hotkey for hotkey in bench.server.hotkeys if hotkey != gone], bench.clock.now())
        bench.write_settings(use_chain=True)
        await bench.poller.poll_once()
        assert everyone - ranked(bench) == {gone}
        write_chain(home, [], bench.clock.now())
        await bench.poller.poll_once()
        assert "chain data unusable" in bench.frame.reason
        assert bench.frame.fetched_at
        assert bench.clock.now() - bench.frame.fetched_at < timedelta(seconds=1)

    play_sn8(home, story)
