"""The control API answers this machine alone, by reads alone, and tells an engine that is down."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.model.failures import StorageFailure
from operations.control_api import make_control_api
from operations.status_model import EngineStatus
from signal_endpoints.in_process import request

DOWN = EngineStatus("/home", datetime(2026, 11, 25, tzinfo=UTC), None, (), (), (), ())
UP = replace(DOWN, process_id=42)


@pytest.mark.parametrize("host", [b"example.com", b"127.0.0.1.example.com:8010", b"0.0.0.0", b""])
async def test_a_request_for_another_host_name_is_refused(host: bytes) -> None:
    for path in ("/state", "/health", "/docs", "/openapi.json"):
        refused = await request(make_control_api(lambda: UP), method="GET", path=path, headers=[(b"host", host)])
        assert refused.status == 400
        assert b"process_id" not in refused.body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_nothing_can_be_written(method: str) -> None:
    app = make_control_api(lambda: UP)
    for path in ("/state", "/health"):
        assert (await request(app, b"{}", method=method, path=path)).status == 405
    schema = json.loads((await request(app, method="GET", path="/openapi.json")).body)
    assert {path: set(methods) for path, methods in schema["paths"].items()} == {"/state": {"get"}, "/health": {"get"}}


async def test_health_is_503_without_an_engine_and_says_whether_all_is_in_order() -> None:
    down = await request(make_control_api(lambda: DOWN), method="GET", path="/health")
    up = await request(make_control_api(lambda: UP), method="GET", path="/health")
    troubled = await request(make_control_api(lambda: replace(UP, problems=["x"])), method="GET", path="/health")

    assert (down.status, up.status, troubled.status) == (503, 200, 200)
    assert json.loads(up.body) == {"process_id": 42, "is_everything_in_order": True, "problems": []}
    assert json.loads(troubled.body)["is_everything_in_order"] is False


async def test_the_schema_names_the_states_parts_and_docs_are_served() -> None:
    app = make_control_api(lambda: UP)
    schema = json.loads((await request(app, method="GET", path="/openapi.json")).body)
    assert {"EngineStatus", "AccountState", "SymbolState", "SourceState"} <= set(schema["components"]["schemas"])
    docs = await request(app, method="GET", path="/docs")
    assert (docs.status, b"/openapi.json" in docs.body) == (200, True)


async def test_accounts_that_cannot_be_read_are_503_with_the_reason() -> None:
    def look() -> EngineStatus:
        raise StorageFailure("credentials.json: cannot be read")

    for path in ("/state", "/health"):
        answer = await request(make_control_api(look), method="GET", path=path)
        assert (answer.status, json.loads(answer.body)) == (503, {"error": "credentials.json: cannot be read"})
