import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.failures import InvalidInput
from core.model.identity import AccountId, Symbol, derive_client_order_id, parse_symbol

BTC = Symbol("BTCUSDT")


def test_an_account_key_reads_back_as_written() -> None:
    assert str(AccountId.parse("bybit")) == "bybit"
    assert AccountId.parse("bybit::main") == AccountId("bybit", "main")
    assert str(AccountId("bybit", "main")) == "bybit::main"


@pytest.mark.parametrize("key", ["", "Bybit", "bybit::", "bybit::A b", "::main", "by/bit"])
def test_a_malformed_account_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        AccountId.parse(key)


@pytest.mark.parametrize("text", ["", "btcusdt", "BTC-USDT", "B"])
def test_a_malformed_symbol_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="symbol"):
        parse_symbol(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("BTC/USDT", "spot market, which can be held neither short nor with leverage.*write BTCUSDT"),
        ("eth/usdc", "spot market.*write ETHUSDT"),
        ("BTC/USDT:USDT", "ccxt's writing of a contract; write BTCUSDT"),
    ],
)
def test_a_spot_market_is_named_as_such_and_a_contract_is_told_how_to_be_written(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        parse_symbol(text)


@given(decision=st.integers(0, 10**9), step=st.integers(0, 10**9), epoch=st.text("0123456789abcdef", min_size=32))
def test_every_id_is_valid_on_all_exchanges_and_derived_again_the_same(decision: int, step: int, epoch: str) -> None:
    account = AccountId("kucoin", "sub-1")

    first = derive_client_order_id("tag123", epoch, account, BTC, decision, step)

    assert re.fullmatch("[a-z0-9]{32}", first)
    assert first.startswith("tag123")
    assert first == derive_client_order_id("tag123", epoch, account, BTC, decision, step)


def test_every_part_of_the_meaning_changes_the_id() -> None:
    account = AccountId("bybit")
    ids = {
        derive_client_order_id("tag123", "00", account, BTC, 1, 1),
        derive_client_order_id("tag124", "00", account, BTC, 1, 1),
        derive_client_order_id("tag123", "01", account, BTC, 1, 1),
        derive_client_order_id("tag123", "00", AccountId("bybit", "x"), BTC, 1, 1),
        derive_client_order_id("tag123", "00", account, Symbol("ETHUSDT"), 1, 1),
        derive_client_order_id("tag123", "00", account, BTC, 2, 1),
        derive_client_order_id("tag123", "00", account, BTC, 1, 2),
    }

    assert len({client_order_id[6:] for client_order_id in ids}) == 6
    assert len(ids) == 7
