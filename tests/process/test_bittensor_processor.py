"""The SN8 service as a process, run by its path from elsewhere, against a made server on loopback."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.home import HOME_VARIABLE, Home
from operations.wall_clock import WallClock
from paper.sn8 import Sn8Server
from paper.sn8_faults import Fault
from paper.sn8_session import serve_sn8
from paper.sn8_world import Sn8World
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.depth_files import parse_frame

pytestmark = pytest.mark.process

SCRIPT = Path(__file__).resolve().parents[2] / "signal_processors" / "bittensor_processor.py"
KEY = "made-sn8-key-of-the-process-test"
DEADLINE_SECONDS = 60


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.path.mkdir()
    mapping = {"bittensor": {"BTCUSDT": ["BTCUSD", "BTCUSDC"], "ETHUSD": "ETHUSDT"}}
    home.asset_mapping.write_text(json.dumps(mapping))
    return home


def give_access(home: Home, url: str) -> None:
    home.credentials.write_text(json.dumps({"bittensor_sn8": {"api_key": KEY, "endpoint": url}}))
    home.credentials.chmod(0o600)


async def start(home: Home, *arguments: str) -> Process:
    environment = {**os.environ, HOME_VARIABLE: str(home.path)}
    environment.pop("PYTHONPATH", None)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        *arguments,
        cwd="/",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


@contextmanager
def made_server() -> Iterator[tuple[asyncio.Runner, Sn8Server, str]]:
    clock = WallClock()
    server = Sn8Server(Sn8World(5, clock.now(), 24), clock, {KEY: 100})
    with asyncio.Runner() as runner:
        web, port = runner.run(serve_sn8(server, 0))
        try:
            yield runner, server, f"http://127.0.0.1:{port}/miner-positions"
        finally:
            runner.run(web.cleanup())


async def finish(process: Process) -> tuple[int, str]:
    """The exit code and everything said."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def run_once(home: Home, *arguments: str) -> tuple[int, str]:
    return await finish(await start(home, *arguments))


def test_a_single_poll_ends_with_the_truth_and_the_key_is_nowhere(home: Home) -> None:
    with made_server() as (runner, server, url):
        give_access(home, url)
        code, said = runner.run(run_once(home, "--once"))
        assert code == 0, said
        assert "The answer was good." in said
        frame = parse_frame(home.depths(SOURCE).read_bytes(), home.depths(SOURCE))
        assert {signal.source_symbol for signal in frame.signals} == {"BTCUSD", "BTCUSDC", "ETHUSD"}

        server.faults.plan(Fault.KEY_REFUSED)
        code, said = runner.run(run_once(home, "--once"))
        assert code == 1
        assert "401" in said
    written = b"".join(
        path.read_bytes() for path in home.path.rglob("*") if path.is_file() and path != home.credentials
    )
    assert KEY.encode() not in written
    assert KEY not in said


def test_without_access_or_mapping_it_ends_as_a_configuration_problem(home: Home) -> None:
    with asyncio.Runner() as runner:
        code, said = runner.run(run_once(home, "--once"))
        assert code == 78
        assert "python3 config/credentials.py" in said
        give_access(home, "http://127.0.0.1:9")
        home.asset_mapping.unlink()
        code, said = runner.run(run_once(home))
        assert code == 78
        assert "python3 config/asset_mapping.py" in said


def test_it_polls_until_it_is_stopped_taking_settings_up_live_and_sharing_its_record_with_nobody(home: Home) -> None:
    with made_server() as (runner, _server, url):
        give_access(home, url)
        home.bittensor_settings.write_text('{"interval_seconds": 10}')
        runner.run(follow_and_stop(home))


async def follow_and_stop(home: Home) -> None:
    process = await start(home, "--metrics-port", "0")
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not home.depths(SOURCE).exists():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
            code, said = await run_once(home, "--once")
            assert code == 78, said
            assert "another process writes this record" in said
            code, said = await run_once(home, "--config", "--set", "min_trades=1000")
            assert code == 0, said
            while b"no miner qualifies" not in home.depths(SOURCE).read_bytes():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
            assert process.returncode is None
            process.send_signal(signal.SIGTERM)
        code, said = await finish(process)
        assert code == 0, said
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
