"""The endpoint as a process: its exit codes, its bounds on a socket, and what a kill leaves."""

import asyncio
import json
import os
import re
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from config.files import write_atomically
from config.home import Home
from config.webhook_keys import add_key, save_keys
from operations.engine_lock import EngineLock
from operations.sign_of_life import Vitals
from operations.wall_clock import WallClock

pytestmark = pytest.mark.process

MakeEndpoint = Callable[..., Awaitable[Any]]
LONG = {"symbol": "ETHUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": "5.8/100"}


async def post(session: aiohttp.ClientSession, url: str, message: Any) -> tuple[int, bytes]:  # noqa: ANN401 - JSON
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    async with session.post(url, data=body, headers={"Content-Type": "text/plain"}) as answer:
        return answer.status, await answer.read()


async def test_it_runs_by_its_path_from_anywhere_and_stops_when_told(run_endpoint: MakeEndpoint) -> None:
    endpoint = await run_endpoint()
    async with aiohttp.ClientSession() as session:
        assert (await post(session, endpoint.url, LONG))[0] == 200
        second = type(endpoint)(endpoint.home)
        await second.start()
        assert second.process.returncode == 78
        assert b"another process writes this record" in second.output

    assert await endpoint.stop() == 0
    assert endpoint.frame().signals[0].source_symbol == "ETHUSDT"
    logged = (endpoint.home.logs / "tradingview-endpoint.jsonl").read_text()
    assert '"verdict": "applied"' in logged


async def test_with_a_live_account_it_does_not_start_without_a_key(run_endpoint: MakeEndpoint, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.json"
    credentials.write_text(json.dumps({"bybit": {"api_key": "k" * 20, "api_secret": "s" * 20}}))
    credentials.chmod(0o600)

    endpoint = await run_endpoint()

    assert endpoint.process.returncode == 78
    assert b"./engine webhook keys add" in endpoint.output
    assert b"ssssssss" not in endpoint.output
    keys, key = add_key((), "trend", WallClock().now())
    save_keys(endpoint.home, keys)
    again = await run_endpoint()
    async with aiohttp.ClientSession() as session:
        assert (await post(session, again.url, LONG))[0] == 401
        assert (await post(session, again.url + key, LONG | {"key": key}))[0] == 200
    assert await again.stop(signal.SIGINT) == 0
    said = again.output + (again.home.logs / "tradingview-endpoint.jsonl").read_bytes()
    assert key.encode() not in said


async def test_a_live_account_that_appears_while_there_is_no_key_stops_it_with_78(
    run_endpoint: MakeEndpoint, tmp_path: Path
) -> None:
    endpoint = await run_endpoint()
    credentials = tmp_path / "credentials.json"
    credentials.write_text(json.dumps({"bybit": {"api_key": "k" * 20, "api_secret": "s" * 20}}))
    credentials.chmod(0o600)

    await endpoint.read_output()

    assert endpoint.process.returncode == 78
    assert b"./engine webhook keys add" in endpoint.output


async def test_invalid_settings_stop_the_start_with_78_and_a_wrong_name_with_2(run_endpoint: MakeEndpoint) -> None:
    assert (await run_endpoint(settings={"prot": 1})).process.returncode == 78
    assert (await run_endpoint("not a domain")).process.returncode == 2


async def test_with_a_domain_it_writes_the_files_and_runs(run_endpoint: MakeEndpoint) -> None:
    endpoint = await run_endpoint("tv.example.com")
    headers = {"Host": "tv.example.com", "X-Forwarded-For": "52.89.214.238"}
    async with aiohttp.ClientSession() as session:
        async with session.post(endpoint.url, data=json.dumps(LONG), headers=headers) as answer:
            assert answer.status == 200
        async with session.post(endpoint.url, data=json.dumps(LONG), headers=headers | {"Host": "evil.com"}) as answer:
            assert answer.status == 403

    assert await endpoint.stop() == 0
    assert b"sudo certbot certonly --config" in endpoint.output
    assert (endpoint.home.path / "webhook_domain" / "webhook-https.conf").exists()


async def test_300_half_sent_requests_are_cut_and_a_message_passes_meanwhile(run_endpoint: MakeEndpoint) -> None:
    endpoint = await run_endpoint()
    beginnings = (
        b"",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
    )
    slow = [await asyncio.open_connection("127.0.0.1", endpoint.port) for _ in range(300)]
    for number, (_, writer) in enumerate(slow):
        writer.write(beginnings[number % len(beginnings)])
    async with aiohttp.ClientSession() as session:
        assert (await post(session, endpoint.url, LONG))[0] == 200

        async with asyncio.timeout(30):
            for number, (reader, writer) in enumerate(slow):
                try:
                    said = await reader.read()
                except ConnectionResetError:
                    said = b""
                assert (b" 408 " in said or b" 429 " in said) == (number % len(beginnings) == 2), said
                writer.close()
        assert (await post(session, endpoint.url, LONG))[0] == 200
    assert len(endpoint.records()) == 2


async def test_an_idle_connection_is_not_closed_while_its_user_may_send_the_next_message(
    run_endpoint: MakeEndpoint,
) -> None:
    endpoint = await run_endpoint()
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    body = json.dumps(LONG).encode()
    for idle_seconds in (0, 6):
        await asyncio.sleep(idle_seconds)
        writer.write(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert b"200 OK" in head
            assert length
            await reader.readexactly(int(length[1]))
    writer.close()


async def test_a_second_request_on_a_connection_must_not_trickle_either(run_endpoint: MakeEndpoint) -> None:
    endpoint = await run_endpoint()
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    body = json.dumps(LONG).encode()
    writer.write(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"POST / HTTP/1.1\r\n")

    async def trickle() -> None:
        while True:
            await asyncio.sleep(0.5)
            writer.write(b"X-Slow: 1\r\n")

    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(30):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(1_000_000)
    trickling.cancel()
    writer.close()


async def test_an_endless_head_and_100_megabytes_are_cut_without_being_kept(run_endpoint: MakeEndpoint) -> None:
    endpoint = await run_endpoint()
    before = endpoint.resident_kilobytes()

    async def send(head: bytes, part: bytes, times: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
        writer.write(head)
        try:
            for _ in range(times):
                writer.write(part)
                await writer.drain()
            return await reader.read()
        except ConnectionError:
            try:
                return await reader.read()
            except ConnectionError:
                return b""
        finally:
            writer.close()

    host = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    megabyte = b"x" * 1_000_000
    async with asyncio.timeout(60):
        announced = await send(host + b"Content-Length: 100000000\r\n\r\n", megabyte, 100)
        chunked = await send(host + b"Transfer-Encoding: chunked\r\n\r\n", b"f4240\r\n" + megabyte + b"\r\n", 100)
        head = await send(host, b"X-Long: " + megabyte + b"\r\n", 100)

    assert b" 413 " in announced or announced == b""
    assert b" 413 " in chunked or chunked == b""
    assert head == b""
    assert endpoint.records() == []
    assert endpoint.resident_kilobytes() - before < 20_000
    async with aiohttp.ClientSession() as session:
        assert (await post(session, endpoint.url, LONG))[0] == 200


async def test_a_browsers_cross_site_post_does_not_trade(run_endpoint: MakeEndpoint) -> None:
    endpoint = await run_endpoint()
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site"}
    async with aiohttp.ClientSession() as session:
        async with session.post(endpoint.url, data=json.dumps(LONG), headers=headers) as answer:
            assert answer.status == 403
        async with session.options(endpoint.url, headers=headers) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
    assert endpoint.records() == []


async def kill_during_posts(run_endpoint: MakeEndpoint, posts: int, kills: int) -> None:
    """Post numbered messages, kill the endpoint again and again, and demand each answered one exactly once."""
    endpoint = await run_endpoint()
    accepted: list[int] = []
    numbers = iter(range(posts))
    enough = asyncio.Event()

    async def send(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            message = LONG | {"size": f"{number % 90 + 1}/100", "signal_seq": number, "event_id": f"e{number}"}
            for _ in range(1200):
                try:
                    status, _ = await post(session, endpoint.url, message)
                except (aiohttp.ClientError, OSError):
                    await asyncio.sleep(0.05)
                    continue
                if status == 200:
                    accepted.append(number)
                    if len(accepted) % (posts // (kills + 1)) == 0:
                        enough.set()
                    break
                assert status == 503

    async with aiohttp.ClientSession() as session:
        sending = [asyncio.create_task(send(session)) for _ in range(4)]
        for _ in range(kills):
            await enough.wait()
            enough.clear()
            await endpoint.stop(signal.SIGKILL)
            await endpoint.start()
        await asyncio.gather(*sending)

    stored = Counter(
        record.content["alert"]["event_id"]
        for record in endpoint.records()
        if record.content["verdict"] in {"applied", "older"}
    )
    assert sorted(accepted) == list(range(posts))
    assert set(stored.values()) == {1}
    assert set(stored) == {f"e{number}" for number in range(posts)}
    last = (posts - 1) % 90 + 1
    assert await endpoint.stop() == 0
    assert endpoint.frame().signals[0].depth == Decimal(last) / 100


async def test_a_kill_loses_nothing_that_was_answered(run_endpoint: MakeEndpoint) -> None:
    await kill_during_posts(run_endpoint, posts=120, kills=2)


@pytest.mark.full
async def test_kills_during_1000_posts_lose_nothing_that_was_answered(run_endpoint: MakeEndpoint) -> None:
    await kill_during_posts(run_endpoint, posts=1000, kills=12)


async def test_its_health_tells_the_disk_and_the_clock_as_the_running_engine_saw_it(
    tmp_path: Path, run_endpoint: MakeEndpoint
) -> None:
    home = Home(tmp_path)
    with EngineLock(home.engine_lock):
        vitals = Vitals(os.getpid(), WallClock().now(), 0.0, {"bybit": 0.9}, {})
        write_atomically(home.vitals, msgspec.json.encode(vitals))
        endpoint = await run_endpoint()
        async with aiohttp.ClientSession() as session, asyncio.timeout(30):
            told: dict[str, Any] = {"disk": {"is_writable": None}}
            while told["disk"]["is_writable"] is None:
                async with session.get(f"{endpoint.url}health") as answer:
                    told = await answer.json()

    assert told["disk"]["is_writable"] is True
    assert told["disk"]["free_bytes"] > 0
    assert told["clock"] == {"difference_seconds": 0.9, "is_off": True}
    assert told["status"] == "degraded"
