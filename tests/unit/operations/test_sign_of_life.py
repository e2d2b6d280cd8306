"""What a running engine leaves behind of itself, and what is made of it."""

import asyncio
import os
import resource
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from config.home import Home
from core.model.identity import AccountId
from operations.engine_lock import EngineLock
from operations.sign_of_life import (
    LAG_BEATS,
    SILENT_AFTER_SECONDS,
    Pulse,
    WorstLag,
    give_signs_of_life,
    notify_systemd,
    read_vitals,
    sign_of_life_age_seconds,
)
from operations.wall_clock import WallClock

BYBIT, MEXC = AccountId("bybit"), AccountId("mexc")
LONG_AGO_SECONDS = 1000.0


NOW = WallClock()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    with EngineLock(home.engine_lock):
        yield home


def pulse(home: Home) -> Pulse:
    differences = {"bybit": 0.0123, "mexc": -0.9}
    return Pulse(home, NOW, WorstLag(list[float]().append), lambda: differences, lambda: {BYBIT: 0.0, MEXC: 200.0})


def age(home: Home) -> float:
    found = sign_of_life_age_seconds(home, NOW.now())
    assert found is not None
    return found


@contextmanager
def no_free_descriptor() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def backdate(home: Home) -> None:
    at = NOW.now().timestamp() - LONG_AGO_SECONDS
    os.utime(home.engine_lock, (at, at))


async def test_an_engine_gives_signs_of_life_again_and_again_and_its_lock_stays_as_it_is(home: Home) -> None:
    held = home.engine_lock.read_bytes()
    beating = asyncio.create_task(give_signs_of_life(pulse(home), beat_seconds=0.01))
    for _ in range(2):
        backdate(home)
        assert age(home) >= LONG_AGO_SECONDS
        await asyncio.sleep(0.1)
        assert age(home) < SILENT_AFTER_SECONDS
    beating.cancel()

    assert home.engine_lock.read_bytes() == held


def test_what_the_engine_says_of_itself_is_read_while_it_runs_and_speaks(home: Home) -> None:
    beaten = pulse(home)
    beaten.lag.observe(0.25)
    beaten.beat()

    vitals = read_vitals(home, NOW.now())
    assert vitals
    assert vitals.loop_lag_seconds == 0.25
    assert vitals.clock_differences_seconds == {"bybit": 0.012, "mexc": -0.9}
    assert vitals.overdue_seconds == {"mexc": 200.0}
    assert read_vitals(home, NOW.now() + timedelta(seconds=SILENT_AFTER_SECONDS + 1)) is None
    home.vitals.write_bytes(msgspec.json.encode(replace(vitals, process_id=1)))
    assert read_vitals(home, NOW.now()) is None
    home.vitals.write_bytes(b"{")
    assert read_vitals(home, NOW.now()) is None


def test_what_an_engine_said_before_it_ended_says_nothing_of_now(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with EngineLock(home.engine_lock):
        pulse(home).beat()
    assert read_vitals(home, NOW.now()) is None


def test_on_a_full_disk_there_is_a_sign_of_life_all_the_same(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    backdate(home)
    monkeypatch.setattr(os, "write", refuse)
    pulse(home).beat()

    assert age(home) < SILENT_AFTER_SECONDS
    assert list(home.state.glob(".vitals*")) == []


def test_the_lag_is_the_worst_of_the_last_minute_and_every_measurement_is_passed_on() -> None:
    passed_on: list[float] = []
    lag = WorstLag(passed_on.append)
    for measured in (0.1, 0.7, 0.2):
        lag.observe(measured)

    assert [lag.beat() for _ in range(LAG_BEATS + 1)] == [0.7] * LAG_BEATS + [0.0]
    assert passed_on == [0.1, 0.7, 0.2]


def test_systemds_watchdog_hears_of_it_where_there_is_one(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        notify_systemd("WATCHDOG=1", {"NOTIFY_SOCKET": path})
        assert manager.recv(100) == b"WATCHDOG=1"
    notify_systemd("WATCHDOG=1", {"NOTIFY_SOCKET": path})  # nobody listens any more
    notify_systemd("WATCHDOG=1", {})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{path}")
        notify_systemd("WATCHDOG=1", {"NOTIFY_SOCKET": f"@{path}"})
        assert manager.recv(100) == b"WATCHDOG=1"


async def test_systemd_hears_of_an_engine_again_that_had_no_free_file_descriptor(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.setblocking(False)
        backdate(home)
        with no_free_descriptor():
            beating = asyncio.create_task(give_signs_of_life(pulse(home), beat_seconds=0.01))
            await asyncio.sleep(0.05)
        assert not beating.done()
        assert age(home) < SILENT_AFTER_SECONDS
        with pytest.raises(BlockingIOError):
            manager.recv(100)
        heard = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(manager, 100), 5.0)
        beating.cancel()

    assert heard == b"WATCHDOG=1"


async def test_a_beat_that_the_system_refuses_is_not_the_last(home: Home) -> None:
    beats: list[int] = []

    def refuse() -> Mapping[str, float]:
        beats.append(1)
        raise OSError(5, "Input/output error")

    refused = replace(pulse(home), clock_differences=refuse)
    beating = asyncio.create_task(give_signs_of_life(refused, beat_seconds=0.01))
    await asyncio.sleep(0.1)

    assert len(beats) > 1
    assert not beating.done()
    beating.cancel()
