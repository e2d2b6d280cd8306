import asyncio
from pathlib import Path
from typing import Any

import pytest

from config.home import Home
from signal_endpoints.in_process import request
from signal_endpoints.receipt import BODY_BYTES, BODY_SECONDS
from simulation.virtual_time import VirtualClock, VirtualLoop
from simulation.webhook_world import WebhookWorld, webhook_world

HOST = (b"host", b"127.0.0.1:8000")


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/", "headers": [HOST, *headers], "client": ("127.0.0.1", 1)}


async def answer_of(endpoint: WebhookWorld, messages: list[dict[str, Any]], *headers: tuple[bytes, bytes]) -> list[Any]:
    """The application's answer to a caller who sends these messages and then nothing more."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
        sent.append(message)

    await endpoint.app(scope(*headers), receive, send)
    return sent


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_message_that_is_announced_too_large_is_refused_before_it_is_read(endpoint: WebhookWorld) -> None:
    for length in (b"16385", b"104857600", b"9" * 400):
        sent = await answer_of(endpoint, [], (b"content-length", length))
        assert sent[0]["status"] == 413
        assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_message_that_turns_out_too_large_is_refused_as_soon_as_it_is(endpoint: WebhookWorld) -> None:
    messages = [part(b"x" * 8000) for _ in range(100)]

    sent = await answer_of(endpoint, messages)

    assert (sent[0]["status"], len(messages)) == (413, 97)


async def test_a_message_of_exactly_the_limit_is_read(endpoint: WebhookWorld) -> None:
    body = b'{"symbol": "ETHUSDT", "direction": "flat"}'.ljust(BODY_BYTES)

    assert (await request(endpoint.app, body, headers=(HOST,))).status == 200
    assert (await request(endpoint.app, body + b" ", headers=(HOST,))).status == 413


def test_a_message_that_does_not_end_is_given_up_after_5_s(tmp_path: Path) -> None:
    async def story() -> tuple[int, float, int]:
        loop = asyncio.get_running_loop()
        async with webhook_world(Home(tmp_path), VirtualClock(loop)) as endpoint:
            started = loop.time()
            sent = await answer_of(endpoint, [part(b"{")])
            return sent[0]["status"], loop.time() - started, len(endpoint.records())

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        status, seconds, records = runner.run(story())

    assert (status, records) == (408, 0)
    assert seconds == pytest.approx(BODY_SECONDS, abs=0.1)


async def test_a_caller_who_hangs_up_gets_no_answer_and_leaves_no_record(endpoint: WebhookWorld) -> None:
    assert await answer_of(endpoint, [part(b"{"), {"type": "http.disconnect"}]) == []
    assert endpoint.records() == []


async def test_other_protocols_are_closed(endpoint: WebhookWorld) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    await endpoint.app({"type": "websocket", "path": "/", "headers": []}, receive, send)

    assert sent == [{"type": "websocket.close"}]
