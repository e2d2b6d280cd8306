from decimal import Decimal
from pathlib import Path

import pytest

from config.home import Home
from config.last_good import TRUSTED_LOOKS
from config.schemas.mappings import parse_mappings
from config.schemas.weights import parse_weights
from config.trading_files import TradingFiles
from core.model.failures import InvalidConfig
from core.model.identity import SourceName

PATH = Path("file.json")


def weights(*shares: str, leverage: str = "3", symbol: str = "BTCUSDT") -> bytes:
    sources = ", ".join(f'{{"source": "s{number}", "weight": {share}}}' for number, share in enumerate(shares))
    return f'[{{"symbol": "{symbol}", "leverage": {leverage}, "sources": [{sources}]}}]'.encode()


def test_both_files_are_one_version_in_file_order(trading_home: Home) -> None:
    config = TradingFiles(trading_home).load()

    assert [(share.source, share.weight) for share in config.weights[0].sources] == [
        ("tradingview", Decimal("0.1")),
        ("bittensor", Decimal("0.15")),
    ]
    assert list(config.mappings) == ["tradingview", "bittensor"]
    assert config.mappings[SourceName("bittensor")] == {"BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT"}


def test_an_edit_applies_at_the_next_look_with_a_version_of_its_own(trading_home: Home) -> None:
    files = TradingFiles(trading_home)
    before = files.load()

    trading_home.signal_weights.write_bytes(weights("0.25"))
    after = files.load()

    assert after.weights[0].sources[0].weight == Decimal("0.25")
    assert after.version != before.version
    assert files.load() is after


@pytest.mark.parametrize("file", ["signal_weights", "asset_mapping"])
def test_a_spot_market_is_not_tradable_and_the_file_says_why(trading_home: Home, file: str) -> None:
    files = TradingFiles(trading_home)
    before = files.load()
    text = weights("0.25", symbol="BTC/USDT") if file == "signal_weights" else b'{"s0": {"BTCUSD": "BTC/USDT"}}'
    getattr(trading_home, file).write_bytes(text)

    for _look in range(3):
        assert files.load() is before
    assert "'BTC/USDT' is a spot market, which can be held neither short nor with leverage" in files.problem()


@pytest.mark.parametrize("broken", [b"", b"[{", weights("0.7", "0.4"), weights("true"), b"\xff"])
def test_an_invalid_edit_changes_nothing_and_is_visible_until_mended(trading_home: Home, broken: bytes) -> None:
    files = TradingFiles(trading_home)
    before = files.load()
    trading_home.asset_mapping.write_bytes(b'{"tradingview": {"BTCUSDT": "BTCUSDT"}}')
    trading_home.signal_weights.write_bytes(broken)

    for _look in range(3):
        assert files.load() is before
        assert str(trading_home.signal_weights) in files.problem()

    trading_home.signal_weights.write_bytes(weights("0.7"))
    assert files.load().weights[0].sources[0].weight == Decimal("0.7")
    assert files.problem() == ""


def test_undoing_an_invalid_edit_by_hand_ends_the_problem(trading_home: Home) -> None:
    files = TradingFiles(trading_home)
    before, content = files.load(), trading_home.signal_weights.read_bytes()
    trading_home.signal_weights.write_bytes(b"[{")
    files.load()
    trading_home.signal_weights.write_bytes(content)

    assert files.load() is before
    assert files.problem() == ""


def test_a_file_that_vanishes_flattens_nothing(trading_home: Home) -> None:
    files = TradingFiles(trading_home)
    before = files.load()
    trading_home.signal_weights.unlink()

    assert files.load() is before
    assert "does not exist" in files.problem()


def test_without_a_valid_version_ever_the_failure_names_path_field_value_and_remedy(trading_home: Home) -> None:
    trading_home.signal_weights.write_bytes(weights("0.5", "true"))

    with pytest.raises(InvalidConfig) as caught:
        TradingFiles(trading_home).load()

    failure = caught.value
    assert failure.path == str(trading_home.signal_weights)
    assert (failure.field, failure.value) == ("[0].sources[1].weight", "true")
    assert failure.remedy


@pytest.mark.parametrize(
    ("content", "field", "problem"),
    [
        (weights("true"), "[0].sources[0].weight", "number"),
        (weights('"0.1"'), "[0].sources[0].weight", "number"),
        (weights("1.01"), "[0].sources[0].weight", "less than or equal to 1"),
        (weights("-0.1"), "[0].sources[0].weight", "greater than or equal to 0"),
        (weights("NaN"), "", "finite"),
        (weights("1e999"), "[0].sources[0].weight", "less than or equal to 1"),
        (weights("0.5", "0.51"), "[0]", "sum to 1.01"),
        (weights("0.5", leverage="21"), "[0].leverage", "20"),
        (weights("0.5", leverage="0"), "[0].leverage", "1"),
        (weights("0.5", leverage="2.5"), "[0].leverage", "whole"),
        (weights("0.5", symbol="btc/usdt"), "[0].symbol", "symbol"),
        (b'[{"symbol": "A1", "symbol": "A2"}]', "symbol", "twice"),
        (weights("0.1")[:-1] + b"," + weights("0.1")[1:], "", "BTCUSDT is given twice"),
        (weights("0.1").replace(b'"sources"', b'"weights"'), "[0].sources", "missing"),
        (b'{"BTCUSDT": 1}', "", "list"),
        (b"[" + b"9" * 5000 + b"]", "", "digits"),
    ],
)
def test_weights_are_read_strictly(content: bytes, field: str, problem: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_weights(content, PATH)

    assert caught.value.field == field
    assert problem in caught.value.problem


def test_tenths_sum_exactly_to_one() -> None:
    (entry,) = parse_weights(weights("0.1", "0.2", "0.7"), PATH)

    assert sum(share.weight for share in entry.sources) == 1


@pytest.mark.parametrize(
    ("content", "field", "problem"),
    [
        (b'{"s": {"BTCUSD": "BTCUSDT", "XBT": "BTCUSDT"}}', "s", "target of two entries"),
        (b'{"s": {"BTCUSD": "BTCUSDT", "BTCUSDT": ["BTCUSD"]}}', "s", "BTCUSD is mapped twice"),
        (b'{"s": {"BTCUSD": "BTCUSDT", "BTCUSD": "ETHUSDT"}}', "BTCUSD", "twice"),
        (b'{"s": {"BTCUSD": "btc"}}', "s.BTCUSD", "symbol"),
        (b'{"s": {"BTCUSD": ""}}', "s.BTCUSD", "symbol"),
        (b'{"s": {"": "BTCUSDT"}}', "s", "character"),
        (b'{"s": {"BTCUSDT": []}}', "s.BTCUSDT", ""),
        (b'{"s": []}', "s", "dictionary"),
        (b'{"S p": {}}', "S p", "source"),
        (b"[]", "", "dictionary"),
    ],
)
def test_mappings_are_read_strictly(content: bytes, field: str, problem: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        parse_mappings(content, PATH)

    assert caught.value.field == field
    assert problem in caught.value.problem


def test_a_source_that_renames_its_ids_lists_them_under_the_unified_symbol() -> None:
    content = b'{"bittensor": {"BTCUSDT": ["BTCUSD", "BTCUSDC"], "ETHUSD": "ETHUSDT", "_why": "renamed in May"}}'

    assert parse_mappings(content, PATH) == {
        "bittensor": {"BTCUSD": "BTCUSDT", "BTCUSDC": "BTCUSDT", "ETHUSD": "ETHUSDT"}
    }


def test_an_edit_in_place_of_the_same_length_is_seen(trading_home: Home) -> None:
    files = TradingFiles(trading_home)
    content = weights("0.25")
    for digit in b"123456789" * 5:
        with trading_home.signal_weights.open("r+b") as file:
            file.write(content.replace(b"0.25", b"0.2" + bytes([digit])))
            file.truncate()
        looks = 0
        while files.load().weights[0].sources[0].weight != Decimal(f"0.2{chr(digit)}"):
            looks += 1
            assert looks <= TRUSTED_LOOKS


def test_what_was_refused_twice_is_named_after_something_else_went_wrong_between(trading_home: Home) -> None:
    files = TradingFiles(trading_home)
    files.load()
    for _round in range(2):
        trading_home.signal_weights.write_bytes(weights("true"))
        files.load()
        assert "must be a finite number" in files.problem()
        trading_home.signal_weights.unlink()
        files.load()
        assert "does not exist" in files.problem()
