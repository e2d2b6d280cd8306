import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web

from config.bittensor_settings import BittensorSettings
from paper.sn8 import Sn8Server
from paper.sn8_session import Sn8Session
from paper.sn8_world import Sn8World
from signal_processors.bittensor_client import Answer, NoAnswer, Sn8Access, Trouble, fetch

KEY = "made-sn8-key"
SETTINGS = BittensorSettings()


class FixedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)


def answer_of(handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **settings: object) -> Answer | NoAnswer:
    """What the client makes of a real server's answer over a real socket."""

    async def talk() -> Answer | NoAnswer:
        app = web.Application()
        app.router.add_get("/{path:.*}", handler)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        access = Sn8Access(f"http://127.0.0.1:{runner.addresses[0][1]}", KEY)
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as session:
                return await fetch(session, access, SETTINGS.model_copy(update=settings))
        finally:
            await runner.cleanup()

    return asyncio.run(talk())


def test_the_request_is_the_one_that_servers_of_today_want() -> None:
    seen: list[tuple[str, Mapping[str, str], Mapping[str, str], bytes]] = []

    async def note(request: web.Request) -> web.Response:
        seen.append((request.path, dict(request.query), dict(request.headers), await request.read()))
        return web.Response(body=b"{}")

    assert answer_of(note) == Answer(b"{}")
    assert answer_of(note, auth="json_body", tier=30) == Answer(b"{}")
    (path, query, headers, body), (_, old_query, old_headers, old_body) = seen
    assert (path, query, body) == ("/miner-positions", {"tier": "100"}, b"")
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Accept-Encoding"] == "gzip"
    assert "Authorization" not in old_headers
    assert (old_query, old_body) == ({"tier": "30"}, b'{"api_key": "made-sn8-key"}')


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        (400, Trouble.REQUEST_REFUSED),
        (401, Trouble.KEY_REFUSED),
        (403, Trouble.LIMITED),
        (404, Trouble.NO_DATA),
        (429, Trouble.LIMITED),
        (500, Trouble.SERVER),
        (503, Trouble.SERVER),
        (302, Trouble.REQUEST_REFUSED),
    ],
)
def test_each_status_means_what_it_means(status: int, trouble: Trouble) -> None:
    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Retry-After": "17", "Location": "/other"})

    answer = answer_of(refuse)

    assert isinstance(answer, NoAnswer)
    assert (answer.trouble, answer.retry_after_seconds) == (trouble, 17.0)
    assert str(status) in answer.reason


def test_a_silent_server_costs_no_more_than_the_total_time() -> None:
    async def hang(_request: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response()

    answer = answer_of(hang, total_timeout_seconds=0.05)

    assert isinstance(answer, NoAnswer)
    assert (answer.trouble, answer.reason) == (Trouble.NETWORK, "no whole answer within 0.05 s")


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal_processors.bittensor_client.BODY_LIMIT_BYTES", 1 << 20)

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(1 << 16))

    answer = answer_of(flood)

    assert isinstance(answer, NoAnswer)
    assert answer.trouble is Trouble.ANSWER


async def test_a_server_that_is_not_there_is_network_trouble_and_the_key_is_not_told() -> None:
    access = Sn8Access("http://127.0.0.1:9", KEY)
    async with aiohttp.ClientSession() as session:
        answer = await fetch(session, access, SETTINGS)

    assert isinstance(answer, NoAnswer)
    assert answer.trouble is Trouble.NETWORK
    assert KEY not in answer.reason
    assert KEY not in repr(access)


@pytest.mark.parametrize(
    "url",
    ["http://sn8.made", "http://sn8.made/", "http://sn8.made/miner-positions", "http://sn8.made/miner-positions/"],
)
def test_the_endpoint_may_name_the_path_or_not(url: str) -> None:
    access = Sn8Access(url, KEY)

    assert access.at("/miner-positions") == "http://sn8.made/miner-positions"
    assert access.at("/statistics") == "http://sn8.made/statistics"


async def test_the_made_server_in_process_answers_as_over_the_wire() -> None:
    clock = FixedClock()
    server = Sn8Server(Sn8World(3, clock.now(), 4, timedelta(days=5)), clock, {KEY: 100})

    assert isinstance(await fetch(Sn8Session(server), Sn8Access("http://x", KEY), SETTINGS), Answer)
    refused = await fetch(Sn8Session(server), Sn8Access("http://x", "wrong"), SETTINGS)
    assert isinstance(refused, NoAnswer)
    assert refused.trouble is Trouble.KEY_REFUSED
