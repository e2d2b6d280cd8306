import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from config.home import Home
from paper.sn8 import Sn8Server
from paper.sn8_session import serve_sn8
from paper.sn8_world import Sn8World
from signal_processors.bittensor_client import Sn8Access
from signal_processors.bittensor_payload import Miner
from signal_processors.bittensor_stream import PositionStream, Pushed, lay_over, read_pushed
from simulation.sn8_bench import Sn8Bench, Told, play_sn8
from simulation.sn8_miners import Held, make_closed, make_miner, make_open

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAIRS = frozenset({"BTCUSD"})


def wire(uuid: str = "u1", **changes: object) -> dict[str, Any]:
    position = msgspec.to_builtins(make_open(Held(0.2), uuid)) | {"miner_hotkey": "5a", "close_ms": None, **changes}
    return {"sequence": 1, "timestamp": 1, "data": {"position": position, "miner_repo_version": "8"}}


def pushed(uuid: str, leverage: float = 0.3, hotkey: str = "5a", seconds_ago: float = 1.0) -> Pushed:
    return Pushed(hotkey, make_open(Held(leverage), uuid), NOW - timedelta(seconds=seconds_ago))


def test_single_and_batched_positions_are_read_and_everything_else_is_not() -> None:
    single = read_pushed(json.dumps(wire()), NOW)
    assert [(item.hotkey, item.position.position_uuid, item.received_at) for item in single] == [("5a", "u1", NOW)]
    batch = {"type": "batch", "messages": [wire("u2"), {"data": {"position": {}}}, wire("u3")], "count": 3}
    assert [item.position.position_uuid for item in read_pushed(json.dumps(batch), NOW)] == ["u2", "u3"]
    for text in (
        "",
        "[]",
        "{",
        '{"type": "pong"}',
        json.dumps(wire(net_leverage=None)),
        json.dumps(wire(trade_pair=[])),
    ):
        assert read_pushed(text, NOW) == []


def test_a_new_position_is_added_and_a_newer_state_replaces_the_older_one() -> None:
    miners = {"5a": make_miner(held=[Held(0.1, uuid="old")])}
    opened = pushed("new")
    closed = Pushed("5a", make_closed(1.1, 1e12, uuid="old"), NOW)

    laid, pending = lay_over(miners, [opened, closed], PAIRS, NOW)

    by_uuid = {position.position_uuid: position for position in laid["5a"].positions}
    assert (by_uuid["new"].net_leverage, by_uuid["old"].is_closed_position) == (0.3, True)
    assert set(pending) == {"new", "old"}
    assert len(miners["5a"].positions) == len(laid["5a"].positions) - 1


@pytest.mark.parametrize(
    "item",
    [
        pushed("old"),
        pushed("new", hotkey="unknown"),
        pushed("new", seconds_ago=181),
        pushed("new", seconds_ago=-1),
        Pushed("5a", make_open(Held(0.3, "EURUSD"), "new"), NOW),
    ],
)
def test_what_rest_shows_already_or_what_is_unknown_old_or_unmapped_is_dropped(item: Pushed) -> None:
    miners: dict[str, Miner] = {"5a": make_miner(held=[Held(0.1, uuid="old")])}

    assert lay_over(miners, [item], PAIRS, NOW) == (miners, {})


def test_a_pushed_position_moves_the_depth_within_ten_seconds_without_new_rest_data(tmp_path: Path) -> None:
    async def story(bench: Sn8Bench) -> None:
        running = asyncio.create_task(bench.poller.run())
        await asyncio.sleep(1)
        before, polls = bench.depths(), bench.server.requests
        best = json.loads(bench.home.source_state("bittensor").read_bytes())["order"][0]
        position = make_open(Held(0.5, "SOLUSD"), "pushed")
        bench.poller.take_pushed([Pushed(best, position, bench.clock.now())])
        await asyncio.sleep(9.5)
        assert bench.server.requests == polls + 1
        assert bench.depths()["SOLUSD"] > before["SOLUSD"]
        await asyncio.sleep(15)
        assert bench.server.requests == polls + 1
        running.cancel()
        await asyncio.wait([running])

    play_sn8(Home(tmp_path), story)


class MovingClock:
    """Every look is half an hour later."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        self.at += timedelta(minutes=30)
        return self.at


def test_the_stream_of_a_made_server_is_followed_over_a_socket() -> None:
    async def talk(key: str) -> tuple[list[list[Pushed]], list[str]]:
        server = Sn8Server(Sn8World(3, NOW, 12, timedelta(days=5)), MovingClock(), {"full": 100, "some": 30})
        runner, port = await serve_sn8(server, 0)
        taken: list[list[Pushed]] = []
        enough = asyncio.Event()

        def take(items: list[Pushed]) -> None:
            taken.append(items)
            if len(taken) > 1:
                enough.set()

        told = Told()
        try:
            async with aiohttp.ClientSession() as session:
                access = Sn8Access("http://sn8.made", key)
                stream = PositionStream(session, access, MovingClock(), told, take)
                following = asyncio.create_task(stream.follow(f"ws://127.0.0.1:{port}/stream"))
                waiting = asyncio.create_task(enough.wait())
                await asyncio.wait([waiting], timeout=20 if key == "full" else 0.5)
                waiting.cancel()
                following.cancel()
                await asyncio.wait([following, waiting])
        finally:
            await runner.cleanup()
        return taken, [event for event, _ in told.events]

    taken, events = asyncio.run(talk("full"))
    assert taken[0] == []
    assert taken[1]
    assert "bittensor stream connected" in events
    assert asyncio.run(talk("some")) == ([], ["bittensor stream ended"])
