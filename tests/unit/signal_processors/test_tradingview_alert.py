import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_processors.tradingview_alert import Alert, AlertBounds, Beat, Side, Stand, parse_message
from signal_processors.tradingview_fields import AlertRefused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BOUNDS = AlertBounds()
LONG = {"symbol": "ETHUSDT", "direction": "long", "action": "buy", "leverage": "3", "size": "5.8/100"}
EXIT = {"symbol": "ETHUSDT", "direction": "flat", "action": "sell", "size": "Exit @ 3263.55"}
STATE = {"symbol": "ETHUSDT.P", "market_position": "long", "size": "50/100", "prev_market_position": "flat"}


def read(message: dict[str, Any] | bytes, bounds: AlertBounds = BOUNDS) -> Alert:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    alert = parse_message(body, bounds, NOW)
    assert isinstance(alert, Alert)
    return alert


def refusal(message: dict[str, Any] | bytes, bounds: AlertBounds = BOUNDS) -> str:
    with pytest.raises(AlertRefused) as refused:
        read(message, bounds)
    return str(refused.value)


@pytest.mark.parametrize(
    ("changes", "depth"),
    [
        ({}, "0.058"),
        ({"size": "-5.8/100", "direction": "short", "action": "sell"}, "-0.058"),
        ({"size": "5.8/100", "direction": "short", "action": "sell"}, "-0.058"),
        ({"size": "0/100", "direction": "flat", "action": "sell"}, "0"),
        ({"size": "Exit @ 3263.55", "direction": "flat", "action": ""}, "0"),
        ({"size": "exit@3", "direction": "FLAT", "action": None}, "0"),
        ({"size": "", "direction": "flat", "action": ""}, "0"),
        ({"size": "100/100"}, "1"),
        ({"size": "1/3"}, "0.333333333333"),
        ({"size": " 5.8 / 100 ", "direction": " Long "}, "0.058"),
        ({"size": "1e1/1e2"}, "0.1"),
    ],
)
def test_the_size_is_a_share_whose_sign_is_the_direction(changes: dict[str, Any], depth: str) -> None:
    assert read(LONG | changes).depth == Decimal(depth)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbol": None}, "symbol is missing"),
        ({"symbol": "ETH USDT"}, "symbol is not"),
        ({"symbol": "E" * 41}, "symbol is not"),
        ({"direction": None}, "direction (or market_position) is missing"),
        ({"direction": "up"}, "direction is not"),
        ({"action": "hold"}, "action is not"),
        ({"action": "sell"}, "direction and action contradict"),
        ({"size": None}, "size is missing"),
        ({"size": "5.8"}, "size is not a share"),
        ({"size": 5.8}, "size is not a share"),
        ({"size": "5/0"}, "whole that is not greater than zero"),
        ({"size": "5/-100"}, "whole that is not greater than zero"),
        ({"size": "nan/100"}, "size is not a share"),
        ({"size": "inf/100"}, "size is not a share"),
        ({"size": "5/inf"}, "size is not a share"),
        ({"size": "1e9/1"}, "cap on depth"),
        ({"size": "5000/100"}, "cap on depth"),
        ({"size": "1e-99/100"}, "too small"),
        ({"size": "-5.8/100"}, "direction and size contradict"),
        ({"size": "0/100"}, "direction and size contradict"),
        ({"size": "Exit @ 1"}, "an exit is flat"),
        ({"size": "5.8/100", "direction": "flat", "action": ""}, "direction and size contradict"),
        ({"leverage": "1000"}, "leverage is below 1 or above its cap"),
        ({"leverage": "0"}, "leverage is below 1"),
        ({"leverage": "-3"}, "leverage is below 1"),
        ({"leverage": "inf"}, "leverage is not a number"),
        ({"leverage": "١٢"}, "leverage is not a number"),
        ({"leverage": True}, "leverage is not a number"),
        ({"leverage": {"x": 1}}, "object or a list"),
        ({"price": "{{close}}"}, "price is not a number"),
        ({"price": "-1"}, "price is negative"),
        ({"trailstop": "-0.1"}, "trailstop is negative"),
        ({"timenow": "2026-03-01T12:01:01Z"}, "timenow lies in the future"),
        ({"time": "2026-03-01T12:01:01Z"}, "time lies in the future"),
        ({"timenow": "2026-03-01T11:54:59Z"}, "timenow is too old for an entry"),
        ({"time": "2026-01-01T00:00:00Z"}, "time is too old for an entry"),
        ({"timenow": "yesterday"}, "timenow is not a time"),
        ({"timenow": "99999999999999"}, "timenow is not a time"),
        ({"signal_seq": "-1"}, "signal_seq is not"),
        ({"signal_seq": "1" * 19}, "signal_seq is not"),
        ({"event_id": "x" * 129}, "event_id is not"),
        ({"event_id": "a\u0000b"}, "event_id is not"),
        ({"market_position": "short"}, "direction and market_position contradict"),
        ({"market_position": "sideways"}, "market_position is not"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(LONG | changes)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not valid JSON"),
        (b"5", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"Exit @ 3263.55", "not valid JSON"),
        (b'{"symbol": "A', "not valid JSON"),
        (b'{"symbol": NaN}', "not finite"),
        (b'{"price": -Infinity}', "not finite"),
        (b'{"symbol": "A1", "symbol": "B2"}', "given twice"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"symbol": "ETHUSDT", "direction": "long", "size": "1/2", "price": ' + b"1" * 9000 + b"}", "price is not"),
    ],
)
def test_bytes_that_are_no_message_are_refused(body: bytes, reason: str) -> None:
    assert reason in refusal(body)


def test_brackets_without_end_are_refused_in_the_words_of_this_python() -> None:
    """Up to 3.13 the reader stops at a depth; later ones go on to the end and miss the other half."""
    assert refusal(b"[" * 16_000) in {"the message is nested too deeply", "the message is not valid JSON"}


def test_a_reason_repeats_nothing_of_the_message() -> None:
    marker = "zq7zq7"
    fields = (*LONG, "price", "timenow", "time", "signal_seq", "market_position", "prev_market_position", marker)
    for field in fields:
        for value in (f"{marker} {marker}", {marker: marker}):
            try:
                read(LONG | {field: value})
            except AlertRefused as error:
                assert marker not in str(error)  # noqa: PT017 - extra fields are taken, and then there is no reason


def test_nothing_about_price_leverage_or_age_can_stop_an_exit() -> None:
    odd = {"leverage": "1000", "price": "{{close}}", "trailstop": "-1", "timenow": "2026-01-01T00:00:00Z"}

    exit_alert = read(EXIT | odd)

    assert (exit_alert.depth, exit_alert.leverage, exit_alert.price) == (Decimal(0), None, None)
    assert "future" in refusal(EXIT | {"timenow": "2027-01-01T00:00:00Z"})


def test_the_configured_caps_hold() -> None:
    bounds = AlertBounds(max_depth=Decimal("0.1"), max_leverage=Decimal(2), max_age_seconds=10)

    assert "cap on depth" in refusal(LONG | {"size": "11/100"}, bounds)
    assert "above its cap" in refusal(LONG | {"leverage": 3}, bounds)
    assert "too old" in refusal(LONG | {"leverage": 2, "timenow": (NOW - timedelta(seconds=11)).isoformat()}, bounds)
    assert read(LONG | {"leverage": 2, "size": "10/100"}, bounds).depth == Decimal("0.1")


def test_the_state_form_tells_the_position_before_and_after() -> None:
    alert = read(
        STATE
        | {
            "market_position_size": 2,
            "prev_market_position_size": "0",
            "action": "buy",
            "order_id": "Long",
            "time": "2026-03-01T11:00:00Z",
            "timenow": 1772366399,
            "price": 3328.25,
        }
    )

    assert (alert.symbol, alert.depth, alert.order_id) == ("ETHUSDT.P", Decimal("0.5"), "Long")
    assert (alert.before, alert.after) == (Stand(Side.FLAT, Decimal(0)), Stand(Side.LONG, Decimal(2)))
    assert alert.fired_at == datetime(2026, 3, 1, 11, 59, 59, tzinfo=UTC)
    assert alert.bar_at == datetime(2026, 3, 1, 11, tzinfo=UTC)


def test_in_the_state_form_a_sell_may_reduce_a_long_but_not_open_one() -> None:
    reduction = STATE | {"prev_market_position": "long", "action": "sell"}

    assert read(reduction).depth == Decimal("0.5")
    assert "contradict" in refusal(STATE | {"action": "sell"})
    assert "contradict" in refusal(
        {"symbol": "A1", "market_position": "flat", "prev_market_position": "long", "action": "buy"}
    )


def test_an_exit_tells_which_side_it_closes() -> None:
    assert read(EXIT).closes is Side.LONG
    assert read(EXIT | {"action": "buy"}).closes is Side.SHORT
    assert read(EXIT | {"action": ""}).closes is None
    assert read(EXIT | {"action": "", "prev_market_position": "short"}).closes is Side.SHORT


def test_a_heartbeat_is_no_alert() -> None:
    assert parse_message(b'{"heartbeat": true}', BOUNDS, NOW) == Beat()


@given(
    part=st.decimals("0.0001", "100", places=4),
    whole=st.decimals("100", "100000", places=2),
    side=st.sampled_from(["long", "short"]),
)
def test_a_depth_never_exceeds_what_the_message_says(part: Decimal, whole: Decimal, side: str) -> None:
    alert = read({"symbol": "BTCUSDT", "direction": side, "size": f"{part}/{whole}"})

    assert abs(alert.depth) <= part / whole + Decimal("1e-27")
    assert abs(alert.depth) > part / whole - Decimal("1e-12")
    assert alert.side == side


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parse_message(body, BOUNDS, NOW)
    except AlertRefused:
        return
