import asyncio
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.failures import InvalidInput
from signal_processors.bittensor_payload import Payload, decode_payload, inflate

PAIRS = frozenset({"BTCUSD", "kPEPEUSDC"})
POSITION: dict[str, Any] = {
    "position_uuid": "u1",
    "miner_hotkey": "5abc",
    "open_ms": 1,
    "trade_pair": ["BTCUSD", "BTC/USD", 0.003, 0.01, 0.5],
    "orders": [{"order_type": "LONG", "leverage": 0.1, "price": 100000, "processed_ms": 1, "bid": None}],
    "is_closed_position": False,
    "net_leverage": 0.1,
    "current_return": 1,
    "return_at_close": 1.01,
    "something_new": {"a": [1]},
}


def miner(**changes: object) -> dict[str, Any]:
    return {"thirty_day_returns": 1.1, "all_time_returns": 1.2, "positions": [{**POSITION, **changes}]}


def read(content: object) -> Payload:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return asyncio.run(decode_payload(body, PAIRS))


@pytest.mark.parametrize("close", [{}, {"close_ms": 0}, {"close_ms": None}, {"close_ms": 17}])
def test_a_close_may_be_zero_null_or_missing(close: dict[str, object]) -> None:
    assert len(read({"5abc": miner(**close)}).miners["5abc"].positions) == 1


def test_synthetic_hotkeys_mixed_case_ids_and_unknown_fields_are_normal() -> None:
    payload = read({"5abc_12": miner(trade_pair=["kPEPEUSDC", "kPEPE/USDC", 0.0, 0.01, 1.0])})

    (position,) = payload.miners["5abc_12"].positions
    assert (position.pair, position.pair_maximum) == ("kPEPEUSDC", 1.0)


def test_positions_in_unmapped_pairs_are_left_out_and_open_ones_named() -> None:
    payload = read({"5abc": miner(trade_pair=["EURUSD", "EUR/USD", 0.0, 0.1, 5.0])})

    assert payload.miners["5abc"].positions == []
    assert payload.unmapped == {"EURUSD": 1}


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        {},
        {"thirty_day_returns": 1.1, "all_time_returns": 1.2},
        {"thirty_day_returns": "1.1", "all_time_returns": 1.2, "positions": []},
        {"thirty_day_returns": -0.1, "all_time_returns": 1.2, "positions": []},
        miner(trade_pair=[]),
        miner(trade_pair=[None]),
        miner(trade_pair=["BTCUSD", "BTC/USD", 0.003, 0.01]),
        miner(trade_pair=["BTCUSD", "BTC/USD", 0.003, 0.01, 0]),
        miner(trade_pair=["BTCUSD", "BTC/USD", 0.003, 0.01, "0.5"]),
        miner(net_leverage=None),
        miner(net_leverage=1e9),
        miner(net_leverage=True),
        miner(orders=[{"order_type": "LONG"}]),
        miner(is_closed_position="no"),
        miner(current_return=float("nan")),
        miner(current_return=float("inf")),
        miner(orders=[{"order_type": "LONG", "leverage": float("-inf"), "price": 1, "processed_ms": 1}]),
    ],
)
def test_a_bad_miner_is_left_out_and_hides_no_other(bad: object) -> None:
    payload = read({"first": miner(), "bad": bad, "last": miner()})

    assert list(payload.miners) == ["first", "last"]
    assert list(payload.dropped) == ["bad"]


def test_a_number_that_is_not_finite_in_a_field_that_nobody_needs_harms_nobody() -> None:
    assert read({"5abc": miner(unrealized_pnl=float("nan"))}).dropped == {}


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"{", b'{"a": {}', b"\xff", b'{"a": NaN', b"<html>"])
def test_what_is_not_a_whole_object_of_miners_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read(body)


def test_every_cut_of_a_body_is_refused() -> None:
    body = json.dumps({"a": miner(), "b": miner()}).encode()

    for end in range(len(body)):
        with pytest.raises(InvalidInput):
            read(body[:end])


def test_the_lowest_tier_that_a_miner_states_is_the_answers_tier() -> None:
    assert read({"a": miner() | {"tier": 30}, "b": miner() | {"tier": 50}}).tier == 30
    assert read({"a": miner()}).tier == 100


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(body: bytes) -> None:
    try:
        read(asyncio.run(inflate(body)))
    except InvalidInput:
        return


def test_gzip_is_told_by_its_first_bytes() -> None:
    body = b'{"a": 1}' * 1000
    assert asyncio.run(inflate(gzip.compress(body))) == body
    assert asyncio.run(inflate(body)) == body


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) - 258, (2 << 20) + 300])
def test_no_byte_is_lost_where_slices_end(size: int) -> None:
    body = bytes(size)

    assert asyncio.run(inflate(gzip.compress(body))) == body
    for cut in (1, 8, 9):
        with pytest.raises(InvalidInput):
            asyncio.run(inflate(gzip.compress(body)[:-cut]))


@pytest.mark.parametrize("damage", [lambda packed: packed[:-5], lambda packed: packed[:9] + b"\x99\x88" + packed[11:]])
def test_damaged_gzip_is_refused(damage: Any) -> None:  # noqa: ANN401 - a function of bytes
    with pytest.raises(InvalidInput, match="gzip"):
        asyncio.run(inflate(damage(gzip.compress(b"abcdefgh" * 5000))))


def test_a_gzip_bomb_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signal_processors.bittensor_payload.BODY_LIMIT_BYTES", 1 << 20)
    with pytest.raises(InvalidInput, match="more than"):
        asyncio.run(inflate(gzip.compress(bytes(8 << 20))))


def test_the_loop_stays_responsive_while_a_large_answer_is_decoded() -> None:
    body = json.dumps({f"m{number}": miner(note="x" * 20_000) for number in range(200)}).encode()

    async def count_turns() -> int:
        turns = 0
        task = asyncio.create_task(decode_payload(body, PAIRS))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert asyncio.run(count_turns()) >= 4
