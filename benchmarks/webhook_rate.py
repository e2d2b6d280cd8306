"""Durable alerts per second and their answer times, against a bare uvicorn application of the same run.

    python benchmarks/webhook_rate.py [--rounds 5] [--seconds 2]

Three servers, each a process of its own, are measured in turn, and the medians over the rounds are compared: a bare
ASGI application on uvicorn and one of FastAPI, which parse the body and store nothing, and the webhook, which answers
only when the alert is on the disk; each as fast as it answers and at 50 alerts/s.
"""

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 20.0
BARE = ("bare uvicorn", "bare FastAPI")
LOADS = {"1 connection": (1, 0.0), "64 connections": (64, 0.0), "50 per second": (4, 50.0)}
"""By name: how many connections, and alerts a second of all together, 0 for as many as are answered."""

FEWEST = 2
"""Answers that are waited for, however slow they are: percentiles need them."""

Numbers = Mapping[str, Mapping[str, float]]

_BARE = """
import json, uvicorn, sys
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body, is_more = b"", True
    while is_more:
        message = await receive()
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
    alert = json.loads(body)
    assert isinstance(alert, dict)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
"""
_FASTAPI = """
import uvicorn, sys, fastapi, typing
app = fastapi.FastAPI()
@app.post("/")
async def take(message: dict[str, typing.Any]) -> dict[str, str]:
    return {"status": "ok"}
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One server under one load.

    Attributes:
        per_second: Answers.
        median_milliseconds: Of the answer time.
        p99_milliseconds: Of the answer time.
    """

    per_second: float
    median_milliseconds: float
    p99_milliseconds: float


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=ROOT, help="on the disk that keeps the records")
    options = parser.parse_args()
    results, ratios = asyncio.run(measure(options.rounds, options.seconds, options.folder))
    Console(soft_wrap=True).print_json(data={**results, "ratios": ratios})


async def measure(rounds: int, seconds: float, folder: Path) -> tuple[Numbers, Numbers]:
    """The medians over the rounds by server and load, and the webhook's over those of the two others.

    Args:
        rounds: How often every server is measured, in turn.
        seconds: How long each time.
        folder: Where the webhook keeps its records.
    """
    samples: dict[str, list[Measured]] = {}
    for _ in range(rounds):
        for name in (*BARE, "webhook"):
            async with serve(name, folder) as port:
                for load, (connections, pace) in LOADS.items():
                    samples.setdefault(f"{name}, {load}", []).append(await press(port, connections, pace, seconds))
    results = {name: _medians(taken) for name, taken in samples.items()}
    return results, compare(results)


def compare(results: Numbers) -> Numbers:
    """The webhook's numbers over those of each bare application under the same load: 2 is twice as many, or as long.

    Args:
        results: By server and load.
    """
    return {
        f"webhook / {other}, {load}": {
            number: round(value / results[f"{other}, {load}"][number], 2)
            for number, value in results[f"webhook, {load}"].items()
        }
        for load in LOADS
        for other in BARE
    }


@asynccontextmanager
async def serve(name: str, folder: Path) -> AsyncIterator[int]:
    """Run one of the servers on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    scripts = {"bare uvicorn": ["-c", _BARE, str(port)], "bare FastAPI": ["-c", _FASTAPI, str(port)]}
    endpoint = [str(ROOT / "signal_endpoints" / "tradingview_endpoint.py"), "--port", str(port)]
    with tempfile.TemporaryDirectory(dir=folder) as home:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *scripts.get(name, endpoint),
            cwd=ROOT,
            env={"TRADE_ENGINE_HOME": home, "TRADE_ENGINE_SET_WEBHOOK__METRICS_PORT": "0"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await _wait_for(port)
            yield port
        finally:
            process.terminate()
            await process.wait()


async def press(port: int, connections: int, per_second: float, seconds: float) -> Measured:
    """Post different alerts over so many connections, as fast as they are answered or at a pace.

    Args:
        port: Of the server.
        connections: Kept open.
        per_second: Of all connections together; 0 for as fast as possible.
        seconds: How long.
    """
    loop = asyncio.get_running_loop()
    start = loop.time()
    times: list[float] = []

    async def post_on(connection: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while loop.time() - start < seconds or len(times) < FEWEST:
            if per_second:
                await asyncio.sleep(max(0.0, start + (count * connections + connection) / per_second - loop.time()))
            writer.write(_request(connection, count))
            sent = loop.time()
            await _read_answer(reader)
            times.append(loop.time() - sent)
            count += 1
        writer.close()

    await asyncio.gather(*(post_on(connection) for connection in range(connections)))
    elapsed = loop.time() - start
    return Measured(len(times) / elapsed, statistics.median(times) * 1e3, statistics.quantiles(times, n=100)[98] * 1e3)


def _request(connection: int, count: int) -> bytes:
    alert = {
        "symbol": f"SYM{connection}USDT",
        "direction": "long" if count % 2 else "short",
        "action": "buy" if count % 2 else "sell",
        "leverage": "3",
        "size": f"{count % 90 + 1}/100",
        "priority": "high",
        "takeprofit": "0.0",
        "trailstop": "0.0",
        "price": f"{3000 + count}",
    }
    body = json.dumps(alert).encode()
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


async def _read_answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head[:20]:
        raise RuntimeError(f"answered {head[:40]!r}")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))


async def _wait_for(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def _medians(taken: list[Measured]) -> Mapping[str, float]:
    return {
        name: round(statistics.median(getattr(sample, name) for sample in taken), 2)
        for name in ("per_second", "median_milliseconds", "p99_milliseconds")
    }


if __name__ == "__main__":
    main()
