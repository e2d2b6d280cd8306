import asyncio
import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from paper.sn8 import Sn8Request, Sn8Response, Sn8Server
from paper.sn8_faults import Fault
from paper.sn8_session import serve_sn8
from paper.sn8_world import Sn8World

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEYS = {"full": 100, "some": 30}


class StepClock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def clock() -> StepClock:
    return StepClock()


@pytest.fixture
def server(clock: StepClock) -> Sn8Server:
    return Sn8Server(Sn8World(3, NOW, 12, timedelta(days=20)), clock, KEYS)


def ask(server: Sn8Server, path: str = "/miner-positions", key: str = "full", **query: str) -> Sn8Response:
    return server.answer(Sn8Request("GET", path, query, {"authorization": f"Bearer {key}"}))


def miners(response: Sn8Response) -> dict[str, Any]:
    assert response.status == 200
    content = json.loads(gzip.decompress(response.body))
    assert isinstance(content, dict)
    return content


def positions(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for miner in content.values():
        yield from miner["positions"]


def test_two_worlds_of_one_seed_say_the_same_at_every_time_whatever_was_asked_before() -> None:
    first, second = (Sn8World(3, NOW, 5, timedelta(days=20)) for _ in range(2))
    later = (NOW + timedelta(days=2)).timestamp() * 1000
    first.positions(NOW.timestamp() * 1000)

    assert first.positions(later) == second.positions(later)
    assert first.positions(later) != Sn8World(4, NOW, 5, timedelta(days=20)).positions(later)


@pytest.mark.parametrize("key", ["full", "some"])
def test_the_answer_is_the_text_of_all_miners_also_when_most_of_it_was_made_before(clock: StepClock, key: str) -> None:
    server = Sn8Server(Sn8World(3, NOW, 12, timedelta(days=20)), clock, KEYS)
    fresh = Sn8World(3, NOW, 12, timedelta(days=20))

    for _ in range(3):
        answer = ask(server, key=key, tier=str(KEYS[key]))
        expected = json.dumps(fresh.positions(clock.at.timestamp() * 1000, KEYS[key]))
        assert gzip.decompress(answer.body).decode() == expected
        clock.at += timedelta(hours=7)


def test_the_answer_has_the_shape_of_todays_validators(server: Sn8Server) -> None:
    content = miners(ask(server))

    returns = [miner["thirty_day_returns"] for miner in content.values()]
    assert returns == sorted(returns, reverse=True)
    for miner in content.values():
        states = [position["is_closed_position"] for position in miner["positions"]]
        assert states == sorted(states, reverse=True)
    for position in positions(content):
        total = sum(order["leverage"] for order in position["orders"])
        assert total == pytest.approx(position["net_leverage"], abs=1e-9)
        assert position["is_closed_position"] is (position["close_ms"] > 0)
        assert position["orders"][-1]["order_type"] == ("FLAT" if position["is_closed_position"] else "LONG") or (
            position["net_leverage"] < 0
        )
    pairs = [(key, p["trade_pair"][0]) for key, m in content.items() for p in m["positions"] if p["close_ms"] == 0]
    assert len(pairs) == len(set(pairs))


def test_only_a_bearer_key_is_taken_unless_the_old_form_is_allowed(server: Sn8Server, clock: StepClock) -> None:
    assert ask(server, key="wrong").status == 401
    assert server.answer(Sn8Request("GET", "/miner-positions")).status == 401
    in_body = Sn8Request("GET", "/miner-positions", body=b'{"api_key": "full"}')
    assert server.answer(in_body).status == 401
    old = Sn8Server(Sn8World(3, NOW, 12), clock, KEYS, accepts_json_key=True)
    assert old.answer(in_body).status == 200


def test_tiers_are_kept(server: Sn8Server) -> None:
    assert ask(server, key="some", tier="100").status == 403
    assert ask(server, tier="7").status == 400
    delayed = miners(ask(server, tier="30"))
    assert {miner["tier"] for miner in delayed.values()} == {30}
    day_ago = (NOW - timedelta(days=1)).timestamp() * 1000
    for position in positions(delayed):
        share = int(hashlib.sha256(position["position_uuid"].encode()).hexdigest(), 16) % 100
        newest = max(order["processed_ms"] for order in position["orders"])
        assert share < 30 or newest <= day_ago


def test_the_data_is_rebuilt_every_minute(server: Sn8Server, clock: StepClock) -> None:
    first = ask(server).body
    clock.at += timedelta(seconds=59)
    assert ask(server).body == first
    clock.at += timedelta(seconds=1)
    assert ask(server).body != first


def test_other_answers(server: Sn8Server) -> None:
    assert len(json.loads(ask(server, "/miner-hotkeys").body)) == 12
    eliminated = json.loads(ask(server, "/eliminations").body)["eliminations"]
    assert [entry["hotkey"] for entry in eliminated] == list(server.eliminated)
    assert {entry["challengeperiod"]["status"] for entry in json.loads(ask(server, "/statistics").body)["data"]} == {
        "success",
        "plagiarism",
    }
    assert ask(server, "/nothing").status == 404
    assert server.answer(Sn8Request("PUT", "/miner-positions", {}, {"authorization": "Bearer full"})).status == 500


def test_a_fault_lasts_for_the_planned_answers_and_spares_the_other_paths(server: Sn8Server) -> None:
    server.faults.plan(Fault.SERVER_ERROR, 2)

    assert ask(server, "/statistics").status == 200
    assert [ask(server).status for _ in range(3)] == [500, 500, 200]


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_does_what_its_name_says(server: Sn8Server, fault: Fault) -> None:
    good = ask(server)
    server.faults.plan(fault)
    response = ask(server)

    if fault is Fault.STUCK:
        assert response.body == good.body
    else:
        assert response != good


def test_it_is_served_on_loopback_with_faults_planned_from_outside(server: Sn8Server) -> None:
    async def talk() -> None:
        runner, port = await serve_sn8(server, 0)
        url = f"http://127.0.0.1:{port}"
        headers = {"Authorization": "Bearer full"}
        try:
            async with aiohttp.ClientSession(headers=headers) as session:
                async with session.get(f"{url}/miner-positions") as response:
                    assert len(await response.json()) == 12
                async with session.get(f"{url}/made/fault", params={"name": "no_such"}) as response:
                    assert (response.status, set((await response.json())["faults"])) == (400, set(Fault))
                async with session.get(f"{url}/made/fault", params={"name": "cut_connection"}) as response:
                    assert response.status == 200
                with pytest.raises(aiohttp.ClientPayloadError):
                    async with session.get(f"{url}/miner-positions") as response:
                        await response.read()
        finally:
            await runner.cleanup()

    asyncio.run(talk())
