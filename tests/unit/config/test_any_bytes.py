"""Whatever bytes a file of the operator holds: they are valid, or refused by name; nothing else happens."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.credentials_file import parse_credentials, parse_outline
from config.home import Home
from config.key_providers.provider import Surroundings
from config.operator_files import OperatorFile, operator_files
from config.trading_files import TradingContents, parse_trading
from core.model.failures import InvalidConfig

HOME = Home(Path("/home-of-nobody"))
AROUND = Surroundings(HOME, {})
PATH = Path("/home-of-nobody/credentials.json")

WORDS = """
    symbol leverage sources source weight tradingview BTCUSDT encryption version provider key_id parameters bybit
    accounts exchange label api_key api_secret mode urls ccxt ccxt_list exchange_name bingx bittensor_sn8 risk resize
    poll_seconds _note $schema
"""
NAMES = st.sampled_from(["", *WORDS.split()])
TEXTS = NAMES | st.sampled_from(["enc:v1:", "enc:v1:AAAA", "okx", "paper", "live", "key_file", "\ud800", "a" * 100])
NUMBERS = st.integers(-(10**30), 10**30) | st.floats() | st.sampled_from([0.1, 1, 3, 20])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
CONTENTS = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refusal(read: Callable[[], object]) -> InvalidConfig | None:
    try:
        read()
    except InvalidConfig as error:
        return error
    return None


@pytest.mark.parametrize("file", operator_files(), ids=lambda file: file.name)
@QUICK
@given(content=CONTENTS)
def test_a_file_is_valid_or_refused_by_name(file: OperatorFile, content: bytes) -> None:
    refused = refusal(lambda: file.check(content, PATH))

    assert refused is None or (refused.path == str(PATH) and refused.problem and refused.remedy)


@QUICK
@given(content=CONTENTS)
def test_credentials_open_or_are_refused(content: bytes) -> None:
    refusals = (
        refusal(lambda: parse_credentials(content, PATH, AROUND)),
        refusal(lambda: parse_outline(content, PATH)),
    )

    assert all(refused is None or refused.remedy for refused in refusals)


@QUICK
@given(mapping=CONTENTS, weights=CONTENTS)
def test_what_is_traded_obeys_its_rules_or_is_refused(mapping: bytes, weights: bytes) -> None:
    try:
        config = parse_trading(HOME, TradingContents(mapping, weights))
    except InvalidConfig:
        return
    assert len({entry.symbol for entry in config.weights}) == len(config.weights)
    assert all(sum(share.weight for share in entry.sources) <= 1 for entry in config.weights)
