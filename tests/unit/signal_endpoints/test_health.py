"""What GET /health says of the disk and the clock, and what it never does."""

import asyncio
import builtins
import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from operations.disk_room import LITTLE_FREE_BYTES, DiskRoom
from operations.engine_lock import EngineLock
from operations.sign_of_life import Vitals
from signal_endpoints import surroundings
from signal_endpoints.in_process import request
from signal_endpoints.surroundings import LOOK_SECONDS, OUTDATED_SECONDS
from signal_endpoints.tradingview_app import make_app
from simulation.webhook_world import SetClock, WebhookWorld

UNKNOWN_DISK = {"free_bytes": None, "is_low": None, "is_writable": None}
UNKNOWN_CLOCK = {"difference_seconds": None, "is_off": None}


async def health(endpoint: WebhookWorld) -> Any:  # noqa: ANN401 - JSON
    answer = await request(endpoint.app, method="GET", path="/health")
    assert answer.status == 200
    return json.loads(answer.body)


@pytest.mark.parametrize(
    ("room", "status", "is_low", "is_writable"),
    [
        (DiskRoom(LITTLE_FREE_BYTES, is_writable=True), "ok", False, True),
        (DiskRoom(LITTLE_FREE_BYTES - 1, is_writable=True), "degraded", True, True),
        (DiskRoom(1, is_writable=True), "degraded", True, True),
        (DiskRoom(0, is_writable=True), "failed", True, False),
        (DiskRoom(LITTLE_FREE_BYTES, is_writable=False), "failed", False, False),
    ],
)
async def test_the_disk_is_told_and_counts(
    endpoint: WebhookWorld,
    monkeypatch: pytest.MonkeyPatch,
    room: DiskRoom,
    status: str,
    is_low: bool,
    is_writable: bool,
) -> None:
    monkeypatch.setattr(surroundings, "look_at_disk", lambda _: room)
    await endpoint.service.surroundings.look()

    told = await health(endpoint)
    assert told["status"] == status
    assert told["disk"] == {"free_bytes": room.free_bytes, "is_low": is_low, "is_writable": is_writable}


async def test_a_real_disk_is_looked_at_and_one_that_answers_with_an_error_cannot_be_written(
    endpoint: WebhookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise OSError(5, "Input/output error")

    await endpoint.service.surroundings.look()
    told = (await health(endpoint))["disk"]
    assert told["is_writable"] is True
    assert told["free_bytes"] > 0
    monkeypatch.setattr(shutil, "disk_usage", fail)
    await endpoint.service.surroundings.look()
    told = await health(endpoint)
    assert (told["status"], told["disk"]) == ("failed", UNKNOWN_DISK | {"is_writable": False})


async def test_the_clock_is_the_engines_while_one_runs_and_unknown_otherwise(
    endpoint: WebhookWorld, clock: SetClock
) -> None:
    def say(**differences: float) -> None:
        vitals = Vitals(os.getpid(), clock.now(), 0.0, differences, {})
        endpoint.home.vitals.write_bytes(msgspec.json.encode(vitals))

    with EngineLock(endpoint.home.engine_lock):
        say(bybit=0.1, mexc=-0.2)
        await endpoint.service.surroundings.look()
        good = await health(endpoint)
        say(bybit=0.1, mexc=-0.7)
        await endpoint.service.surroundings.look()
        bad = await health(endpoint)
    await endpoint.service.surroundings.look()
    none = await health(endpoint)

    assert (good["status"], good["clock"]) == ("ok", {"difference_seconds": -0.2, "is_off": False})
    assert (bad["status"], bad["clock"]) == ("degraded", {"difference_seconds": -0.7, "is_off": True})
    assert (none["status"], none["clock"]) == ("ok", UNKNOWN_CLOCK)


async def test_what_a_disk_that_answers_no_more_once_said_is_not_believed_for_ever(
    endpoint: WebhookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await endpoint.service.surroundings.look()
    assert (await health(endpoint))["disk"] != UNKNOWN_DISK
    endpoint.service.surroundings._looked_at -= OUTDATED_SECONDS + 1
    assert (await health(endpoint))["disk"] == UNKNOWN_DISK
    monkeypatch.setattr(surroundings, "LOOK_SECONDS", 0.01)
    watching = asyncio.create_task(endpoint.service.surroundings.watch())
    await asyncio.sleep(0.1)
    watching.cancel()
    assert (await health(endpoint))["disk"] != UNKNOWN_DISK
    assert LOOK_SECONDS < OUTDATED_SECONDS


async def test_a_request_for_it_touches_neither_disk_nor_network_and_names_nothing(
    endpoint: WebhookWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    await endpoint.service.surroundings.look()
    await health(endpoint)  # the operator's files have been looked at; that is done once a second

    def touched(*what: object, **_: object) -> None:
        raise AssertionError(what)

    with monkeypatch.context() as patched:
        for module, name in (
            (builtins, "open"), (os, "open"), (os, "statvfs"), (os, "access"), (shutil, "disk_usage"),
            (Path, "read_bytes"), (Path, "read_text"), (socket, "socket"),
        ):  # fmt: skip
            patched.setattr(module, name, touched)
        told = endpoint.service.health()

    said = json.dumps(told)
    assert [part for part in (str(endpoint.home.path), "bybit", "mexc", "/") if part in said] == []


async def test_the_answer_is_what_the_schema_describes(endpoint: WebhookWorld) -> None:
    app = make_app(endpoint.service, owns_service=False, with_schema=True)
    schema = json.loads((await request(app, method="GET", path="/openapi.json")).body)
    described = schema["paths"]["/health"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    await endpoint.service.surroundings.look()
    told = await health(endpoint)

    model = described | {"components": schema["components"]}
    jsonschema.validate(told, model)
    assert set(schema["components"]["schemas"]["Health"]["required"]) == set(told)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told | {"disk": {"is_low": "perhaps"}}, model)
