"""The hour that a machine's own zone repeats or leaves out is an hour like any other: everything is kept in UTC."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.home import Home
from core.model.signal import SourceFrame
from simulation.virtual_time import VirtualClock, run_virtually
from simulation.webhook_world import webhook_world

BEFORE_CLOCKS_GO_BACK = datetime(2026, 11, 1, 5, 40, tzinfo=UTC)
BEFORE_CLOCKS_GO_FORWARD = datetime(2026, 3, 8, 6, 40, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_zone_afterwards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()
    time.tzset()


def live_through(home: Home, start: datetime) -> tuple[dict[str, bytes], SourceFrame]:
    """Two hours with an alert every 10 minutes, in and out by turns, as the record and the frame then tell them."""

    async def story() -> tuple[dict[str, bytes], SourceFrame]:
        clock = VirtualClock(asyncio.get_running_loop(), start)
        async with webhook_world(home, clock) as endpoint:
            for number in range(12):
                state, size = (("long", "50/100"), ("flat", "0/100"))[number % 2]
                said_at = f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"
                alert = {
                    "symbol": "ETHUSDT",
                    "market_position": state,
                    "size": size,
                    "time": said_at,
                    "timenow": said_at,
                }
                assert b'"applied"' in (await endpoint.post(alert)).body
                await asyncio.sleep(30)
                clock.step(570)
            days = home.raw_signals("tradingview").glob("*.jsonl")
            return {path.name: path.read_bytes() for path in days}, endpoint.frame()

    return run_virtually(story())


@pytest.mark.parametrize("start", [BEFORE_CLOCKS_GO_BACK, BEFORE_CLOCKS_GO_FORWARD])
def test_a_change_of_summer_time_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: datetime
) -> None:
    lived = []
    for zone in ("UTC", "America/New_York", "Australia/Lord_Howe"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        lived.append(live_through(Home(tmp_path / zone), start))

    assert lived[0][0]
    assert lived[1] == lived[0]
    assert lived[2] == lived[0]
