"""What the numbers are made of: one process's memory, the same three exchanges twice, applications that parse."""

import asyncio
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.account_memory import measure_apart
from benchmarks.desk import COINS, EXCHANGES, Scale, open_desk
from benchmarks.exchange_process import ROOT, serve_exchanges
from benchmarks.latency import HEALTHY, TROUBLED
from benchmarks.webhook_rate import BARE, compare, serve

HELD_BY_THE_PARENT, HELD_BY_THE_CHILD = 300, 60
SLOW_SECONDS = 1.5
_CHILD = f"""
from benchmarks.resident import peak_mb, resident_mb
held = b"x" * {HELD_BY_THE_CHILD}_000_000
del held
print(resident_mb(), peak_mb())
"""


@pytest.fixture
def ballast() -> bytes:
    """What this process holds, for nothing."""
    return b"x" * (HELD_BY_THE_PARENT * 1_000_000)


@pytest.mark.process
def test_the_memory_of_a_process_is_its_own_and_not_the_peak_of_the_one_that_started_it(ballast: bytes) -> None:
    command = (sys.executable, "-c", _CHILD)
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 - of this test
    resident, peak = map(float, done.stdout.split())

    assert resident < HELD_BY_THE_CHILD < peak < len(ballast) / 1e6


@pytest.mark.process
def test_a_further_account_takes_memory_whatever_this_process_holds(ballast: bytes) -> None:
    measured = measure_apart(accounts=12, rounds=1)

    assert measured.accounts == 12
    assert 0.1 < measured.megabytes_per_account < 5
    assert measured.peak_megabytes < len(ballast) / 1e6


@pytest.mark.process
async def test_the_healthy_three_are_timed_alone_while_all_four_are_waited_for() -> None:
    async with (
        serve_exchanges(COINS, is_limited=False) as exchanges,
        open_desk(exchanges, Scale(4, 1), "timed", keeps_budgets=False) as desk,
    ):
        await desk.act(Decimal("0.5"), 1)
        await exchanges.delay({TROUBLED: SLOW_SECONDS})
        began = asyncio.get_running_loop().time()

        seconds = await desk.act_on(Decimal(0), HEALTHY, EXCHANGES)

        ended = {one.exchange: one.ended - began for one in desk.tap.orders}
        await exchanges.delay({})
    assert sorted(ended) == sorted(EXCHANGES)
    assert seconds < ended[TROUBLED] - SLOW_SECONDS / 2


@pytest.mark.process
@pytest.mark.parametrize("name", BARE)
async def test_the_bare_applications_parse_what_is_sent(name: str, tmp_path: Path) -> None:
    async def status(port: int, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        first = await reader.readline()
        writer.close()
        return first.split()[1]

    async with serve(name, tmp_path) as port:
        assert await status(port, b'{"symbol": "BTCUSDT"}') == b"200"
        assert await status(port, b"no JSON") in (b"422", b"500")


def test_the_webhook_is_compared_with_both_applications_under_the_same_load_in_every_number() -> None:
    loads = ("1 connection", "64 connections", "50 per second")
    results = {
        f"{name}, {load}": {
            "per_second": rate / number,
            "median_milliseconds": 8 / rate,
            "p99_milliseconds": number / rate,
        }
        for name, rate in (("bare uvicorn", 400.0), ("bare FastAPI", 200.0), ("webhook", 100.0))
        for number, load in enumerate(loads, start=1)
    }

    assert compare(results) == {
        f"webhook / {other}, {load}": {
            "per_second": 1 / times, "median_milliseconds": times, "p99_milliseconds": times,
        }
        for load in loads
        for other, times in (("bare uvicorn", 4.0), ("bare FastAPI", 2.0))
    }  # fmt: skip
