"""The endpoint on a disk that does not sync: nothing is acknowledged, and a restart goes on from the record."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from operations.wall_clock import WallClock
from signal_processors.day_files import day_file

pytestmark = pytest.mark.process

MakeEndpoint = Callable[..., Awaitable[Any]]
LONG = {"symbol": "ETHUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": "5.8/100"}


async def post(url: str, message: dict[str, str]) -> tuple[int, dict[str, str]]:
    async with aiohttp.ClientSession() as session, session.post(url, data=json.dumps(message)) as answer:
        return answer.status, await answer.json()


async def test_after_a_failed_sync_nothing_is_acknowledged_until_a_restart_and_the_resend_then_acts(
    run_endpoint: MakeEndpoint,
) -> None:
    endpoint = await run_endpoint()
    folder = endpoint.home.raw_signals("tradingview")
    today = WallClock().now().date()
    pipes = [day_file(folder, day) for day in (today, today + timedelta(days=1))]  # a day may end meanwhile
    for pipe in pipes:
        os.mkfifo(pipe)  # a pipe takes writes and refuses to be synced

    status, content = await post(endpoint.url, LONG)
    assert (status, content["status"]) == (503, "not stored")
    for pipe in pipes:
        pipe.unlink()
    with suppress(aiohttp.ClientConnectionError):  # it may be ending already
        status, content = await post(endpoint.url, LONG)
        assert (status, content["status"]) == (503, "not stored"), "a disk that failed once is not believed again"
    async with asyncio.timeout(30):
        await endpoint.process.wait()

    await endpoint.read_output()
    assert endpoint.process.returncode == 1, "the process manager is to start it again"
    assert b"a sync failed" in endpoint.output
    assert endpoint.records() == []
    again = await run_endpoint()
    assert again.frame().signals == ()
    assert await post(again.url, LONG) == (200, {"status": "ok", "result": "applied", "record_id": "1"})
