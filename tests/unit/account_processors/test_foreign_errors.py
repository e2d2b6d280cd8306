"""ccxt's exceptions in our words: the code decides, secrets and addresses stay out."""

import aiohttp
import ccxt
import pytest

from account_processors.bybit import Bybit
from account_processors.foreign_errors import read_error
from account_processors.replies import MalformedReply, Row

ADDRESS = "https://api.bybit.com/v5/order/create?api_key=KEY&sign=SIGNATURE"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ccxt.InvalidOrder('bybit {"retCode":110072,"retMsg":"duplicate"}'), ("duplicate", "110072")),
        (ccxt.ExchangeError('bybit words {"retCode":1,"retMsg":"x"}; and more'), ("x", "1")),
        (ccxt.ExchangeNotAvailable(f"bybit POST {ADDRESS} 502 Bad Gateway <html>"), ("no readable answer", "HTTP 502")),
        (ccxt.ExchangeError('bybit {"unexpected": true}'), ("unreadable answer", "")),
        (ccxt.ExchangeError('bybit {"retCode":1100'), ('no answer (ExchangeError: bybit {"retCode":1100)', "")),
        (ccxt.ExchangeError(f"bybit went to {ADDRESS}"), ("no answer (ExchangeError)", "")),
        (ccxt.ExchangeError(f"{ADDRESS} " + '{"a":' * 9000), ("no answer (ExchangeError)", "")),
        (KeyError("side"), ("no answer (KeyError: 'side')", "")),
    ],
)
def test_message_and_code(error: Exception, expected: tuple[str, str]) -> None:
    assert read_error(error, Bybit.envelope) == expected


@pytest.mark.parametrize("text", ["\u00b2", "9" * 5000, "9" * 30])
def test_a_time_that_is_none_is_malformed(text: str) -> None:
    with pytest.raises(MalformedReply, match="no time"):
        Row({"ts": text}, "answer").time("ts")


def test_a_number_beyond_all_bounds_is_malformed() -> None:
    with pytest.raises(MalformedReply, match="out of range"):
        Row({"price": "1e400000000"}, "answer").decimal("price")


def test_a_cut_connection_is_no_answer_even_when_its_text_looks_like_a_status() -> None:
    error = ccxt.ExchangeNotAvailable("bybit POST http://x 502")
    error.__cause__ = aiohttp.ServerDisconnectedError()
    assert read_error(error, Bybit.envelope) == ("no answer (ServerDisconnectedError)", "")
