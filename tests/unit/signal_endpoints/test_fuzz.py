"""Bodies that nobody would send: none crashes, none is answered 5xx, and what trades is what the message says."""

import json
import random
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from config.home import Home
from config.webhook_keys import add_key, save_keys
from signal_endpoints.in_process import request
from signal_endpoints.tradingview_app import make_app
from simulation.webhook_world import NOON, SetClock, WebhookWorld, webhook_world

LONG = {
    "symbol": "ETHUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": "5.8/100", "priority": "high",
    "takeprofit": "0.0", "trailstop": "0.0", "price": "3328.25",
}  # fmt: skip
EXIT = {"symbol": "ETHUSDT", "direction": "flat", "action": "sell", "leverage": "", "size": "Exit @ 3263.55"}
STATE = {
    "symbol": "BINANCE:ETHUSDT.P", "market_position": "short", "market_position_size": 2.5, "size": "-50/100",
    "prev_market_position": "flat", "order_id": "S", "time": "2026-03-01T11:00:00Z", "timenow": "2026-03-01T11:59:59Z",
}  # fmt: skip
SEEDS = [json.dumps(message).encode() for message in (LONG, EXIT, STATE, {"heartbeat": True})]
TOKENS = [
    b"NaN", b"Infinity", b"-1e999999999", b"1e-999999999", b"9" * 5000, b'"', b"\\", b"\\ud800", b"\x00", b"\xff",
    b"[" * 500, b"{" * 500, b"null", b"true", b"5/0", b"0/0", b"1e9/1", b"\xef\xbb\xbf", b'"size"', b"1/1", b"flat",
    "٣".encode(), b"-", b".", b"e", b"tek_" + b"A" * 43, b'","symbol":"BTCUSDT', b"\r\n", b"-0", b"Exit @ ",
]  # fmt: skip
ANSWERS = {200, 409, 413, 422}


def mutated(chance: random.Random) -> bytes:
    """A seed with a few bytes changed, removed, doubled or replaced by something nasty."""
    body = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randint(1, 5)):
        at, length = chance.randrange(len(body) + 1), chance.randint(0, 8)
        kind = chance.randrange(5)
        if kind == 0 and at < len(body):
            body[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del body[at : at + length]
        elif kind == 2:
            body[at:at] = body[at : at + 40]
        elif kind == 3:
            body[at : at + length] = chance.choice(TOKENS)
        else:
            body[at : at + length] = chance.randbytes(length)
    return bytes(body)


def said_side(body: bytes) -> str:
    message = json.loads(body.decode("utf-8-sig"))
    return str(message.get("direction") or message.get("market_position")).strip().lower()


async def check_answer(endpoint: WebhookWorld, body: bytes) -> str:
    """Send a body; its verdict."""
    answer = await endpoint.post(body)
    assert answer.status in ANSWERS, (answer, body)
    content = json.loads(answer.body)
    if answer.status == 413:
        return "too large"
    record = endpoint.service.processor.book.sequence
    assert content["record_id"] == str(record)
    depths = endpoint.depths()
    assert all(depth.is_finite() and abs(depth) <= 1 for depth in depths.values())
    if content["result"] == "applied":
        signal = max(endpoint.service.processor.frame().signals, key=lambda signal: int(signal.record_id))
        side = said_side(body)
        assert (signal.depth > 0, signal.depth < 0) == (side == "long", side == "short")
        assert signal.leverage is None or 1 <= signal.leverage <= 20
    return str(content["result"])


async def fuzz(home: Home, bodies: Iterator[bytes]) -> Counter[str]:
    clock = SetClock()
    async with webhook_world(home, clock) as endpoint:
        return Counter([await check_answer(endpoint, body) for body in bodies])


@pytest.mark.parametrize("count", [250, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
async def test_mutated_bodies_are_used_or_refused(tmp_path: Path, count: int) -> None:
    chance = random.Random(20260301)  # noqa: S311 - seeded

    verdicts = await fuzz(Home(tmp_path), (mutated(chance) for _ in range(count)))

    assert verdicts.total() == count
    assert verdicts["refused"] > count // 3
    assert verdicts["applied"] + verdicts["duplicate"] + verdicts["ambiguous resend"] > count // 100


async def test_mutated_bodies_without_a_valid_key_never_trade(tmp_path: Path) -> None:
    home, chance = Home(tmp_path), random.Random(7)  # noqa: S311 - seeded
    save_keys(home, add_key((), "trend", NOON)[0])
    async with webhook_world(home, SetClock()) as endpoint:
        for _ in range(200):
            assert (await endpoint.post(mutated(chance))).status in {401, 413, 429}
        assert (endpoint.records(), endpoint.depths()) == ([], {})


@pytest.mark.parametrize("count", [60, pytest.param(600, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
async def test_bodies_made_from_the_schema_and_against_it_reach_the_parser(tmp_path: Path, count: int) -> None:
    bodies = await schema_bodies(tmp_path / "schema", count)
    assert len(bodies) >= count

    verdicts = await fuzz(Home(tmp_path), iter(bodies))

    reached = verdicts.total() - verdicts["too large"]
    assert reached >= count * 0.9 if count < 600 else reached >= 500
    assert verdicts["refused"]
    assert verdicts["applied"] + verdicts["heartbeat"]


async def schema_bodies(folder: Path, count: int) -> list[bytes]:
    """Bodies that schemathesis makes from the application's own schema, half of them against it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import schemathesis  # noqa: PLC0415 - it warns while it is imported

        async with webhook_world(Home(folder), SetClock()) as endpoint:
            app = make_app(endpoint.service, owns_service=False, with_schema=True)
            schema = json.loads((await request(app, method="GET", path="/openapi.json")).body)
        operation = schemathesis.openapi.from_dict(schema)["/"]["POST"]
        bodies: list[bytes] = []
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            collect(bodies, operation.as_strategy(generation_mode=mode), count // 2 + 1)
    return bodies


def collect(bodies: list[bytes], cases: st.SearchStrategy[Any], count: int) -> None:
    @settings(
        max_examples=count, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases)
    def take(case: Any) -> None:  # noqa: ANN401 - schemathesis' case
        body = case.body
        bodies.append(body if isinstance(body, bytes) else json.dumps(body, default=str).encode())

    take()
