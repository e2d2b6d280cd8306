import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from config.home import Home
from core.model.signal import SourceFrame
from signal_processors.day_files import Record, read_records
from signal_processors.depth_files import parse_frame

SCRIPT = Path(__file__).resolve().parents[3] / "signal_endpoints" / "tradingview_endpoint.py"
START_SECONDS = 30.0


@dataclass
class EndpointProcess:
    """The endpoint as an operator runs it, in a home of its own, from another folder."""

    home: Home
    port: int = 0
    process: asyncio.subprocess.Process | None = None
    output: bytes = b""
    arguments: tuple[str, ...] = field(default_factory=tuple)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        if not self.port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(SCRIPT),
            "--port",
            str(self.port),
            *self.arguments,
            cwd="/",
            env={**os.environ, "TRADE_ENGINE_HOME": str(self.home.path), "TRADE_ENGINE_SET_WEBHOOK__METRICS_PORT": "0"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
            while self.process.returncode is None:
                try:
                    async with session.get(self.url + "health") as answer:
                        assert answer.status == 200
                        return
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)
        await self.read_output()

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        assert self.process
        if self.process.returncode is None:
            self.process.send_signal(number)
        await self.read_output()
        return await self.process.wait()

    async def read_output(self) -> None:
        assert self.process
        assert self.process.stdout
        async with asyncio.timeout(START_SECONDS):
            self.output += await self.process.stdout.read()
            await self.process.wait()

    def frame(self) -> SourceFrame:
        path = self.home.depths("tradingview")
        return parse_frame(path.read_bytes(), path)

    def records(self) -> list[Record]:
        return [item for item in read_records(self.home.raw_signals("tradingview")) if isinstance(item, Record)]

    def resident_kilobytes(self) -> int:
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert match
        return int(match.group(1))


MakeEndpoint = Callable[..., Awaitable[EndpointProcess]]


@pytest.fixture
async def run_endpoint(tmp_path: Path) -> AsyncIterator[MakeEndpoint]:
    started: list[EndpointProcess] = []

    async def run(*arguments: str, settings: dict[str, Any] | None = None, port: int = 0) -> EndpointProcess:
        endpoint = EndpointProcess(Home(tmp_path), port, arguments=arguments)
        if settings is not None:
            endpoint.home.engine_settings.write_text(json.dumps({"webhook": settings}))
        started.append(endpoint)
        await endpoint.start()
        return endpoint

    yield run
    for endpoint in started:
        if endpoint.process and endpoint.process.returncode is None:
            await endpoint.stop(signal.SIGKILL)
