import json
from pathlib import Path

import jsonschema
import pytest

from config.credentials_file import write_credentials
from config.findings import Finding, Severity, find_in_files
from config.home import Home
from config.key_providers.provider import Surroundings
from config.operator_files import operator_file, operator_files
from config.overrides import Overrides
from config.schemas.credentials import CredentialsDocument
from core.model.failures import InvalidConfig, InvalidInput

SILENT = Overrides({}, {})


def find(home: Home, around: Surroundings) -> list[Finding]:
    return find_in_files(home, around, SILENT)


def errors(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is Severity.ERROR]


def test_files_that_fit_together_have_no_error(trading_home: Home, around: Surroundings) -> None:
    (finding,) = find(trading_home, around)

    assert (finding.severity, finding.text) == (
        Severity.WARNING,
        "ETHUSDT is mapped but has no weights; it is not traded",
    )


def test_a_fresh_home_is_told_what_to_run(home: Home, around: Surroundings) -> None:
    (finding,) = errors(find(home, around))

    assert "asset_mapping.py" in finding.remedy


def test_every_broken_file_is_named_once(trading_home: Home, around: Surroundings) -> None:
    trading_home.signal_weights.write_text('[{"symbol": "BTCUSDT", "leverage": true, "sources": []}]')
    trading_home.engine_settings.write_text('{"poll_second": 1}')
    trading_home.credentials.write_text("{}")
    trading_home.credentials.chmod(0o644)

    places = [finding.place for finding in errors(find(trading_home, around))]

    assert sorted(places) == sorted(
        [
            f"{trading_home.signal_weights}: [0].leverage",
            f"{trading_home.engine_settings}: poll_second",
            str(trading_home.credentials),
        ]
    )


def test_weights_and_mappings_that_do_not_fit_are_doubtful(trading_home: Home, around: Surroundings) -> None:
    trading_home.asset_mapping.write_text('{"tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"}}')
    trading_home.signal_weights.write_text(
        '[{"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "bittensor", "weight": 0.1}]},'
        ' {"symbol": "ETHUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": 0}]}]'
    )

    findings = find(trading_home, around)

    assert not errors(findings)
    assert [finding.text.split(";")[0] for finding in findings] == [
        "bittensor has a weight but maps no symbol of its own to BTCUSDT",
        "no source has a weight",
    ]


def test_plain_secrets_and_unarmed_accounts_are_doubtful_and_never_shown(
    trading_home: Home, around: Surroundings
) -> None:
    trading_home.credentials.write_text('{"bybit": {"api_key": "CANARY-1", "api_secret": "CANARY-2"}}')
    trading_home.credentials.chmod(0o600)

    findings = find(trading_home, around)

    assert [finding.text for finding in findings][:2] == ["is not encrypted"] * 2
    assert any("not armed" in finding.text for finding in findings)
    assert "CANARY" not in repr(findings)


def test_a_file_that_others_may_change_is_doubtful(trading_home: Home, around: Surroundings) -> None:
    trading_home.signal_weights.chmod(0o664)

    assert any("chmod go-w" in finding.remedy for finding in find(trading_home, around))


def test_a_name_is_enough_of_its_beginning() -> None:
    assert operator_file("signal_w").name == "signal_weight_config.json"
    for ambiguous in ("", "x"):
        with pytest.raises(InvalidInput):
            operator_file(ambiguous)


VALID = {
    "bittensor_processor_config.json": ['{"min_trades": 5, "_n": "x"}'],
    "credentials.json": ['{"encryption": {}, "bybit": {"api_key": "", "_note": 1}, "accounts": []}'],
    "asset_mapping_config.json": ['{"$schema": "x", "s": {"A": "BTCUSDT", "_n": 5, "ETHUSDT": ["B", "C"]}}'],
    "signal_weight_config.json": [
        '[{"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "s", "weight": 0.1}], "_n": "x"}]'
    ],
    "engine_config.json": ['{"$schema": "x", "risk": {"max_order_notional_usd": 5.5, "_n": "x"}}', "{}"],
}
INVALID = {
    "bittensor_processor_config.json": ['{"min_trades": "5"}', '{"min_trade": 5}'],
    "credentials.json": ['{"bybit": {"key": ""}}', '{"bybit": {"mode": "test"}}'],
    "asset_mapping_config.json": ['{"s": {"A": 5}}', "[]"],
    "signal_weight_config.json": [
        '[{"symbol": "BTCUSDT", "leverage": 21, "sources": []}]',
        '[{"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "s", "weight": "0.1"}]}]',
        '[{"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "s", "weight": true}]}]',
        "{}",
    ],
    "engine_config.json": ['{"poll_seconds": "1"}', '{"risk": {"max_order_notional_usd": 0}}', '{"poll": 1}'],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in VALID.items() for text in texts])
def test_the_schema_for_editors_accepts_what_the_engine_accepts(name: str, text: str) -> None:
    jsonschema.Draft202012Validator(operator_file(name).json_schema()).validate(json.loads(text))
    if name != "credentials.json":
        operator_file(name).check(text.encode(), Path(name))


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in INVALID.items() for text in texts])
def test_the_schema_for_editors_marks_what_the_engine_refuses(name: str, text: str) -> None:
    assert not jsonschema.Draft202012Validator(operator_file(name).json_schema()).is_valid(json.loads(text))
    with pytest.raises(InvalidConfig):
        operator_file(name).check(text.encode(), Path(name))


def test_every_schema_is_one(home: Home, around: Surroundings) -> None:
    for file in operator_files():
        jsonschema.Draft202012Validator.check_schema(file.json_schema())
    write_credentials(home, CredentialsDocument(), around)
    jsonschema.validate(json.loads(home.credentials.read_text()), operator_file("credentials").json_schema())
