import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from config.accounts import (
    AccountMode,
    AccountSettings,
    describe_accounts,
    load_accounts,
    outline_accounts,
    unconfigured_exchanges,
)
from config.consents import record_consent, withdraw_consent
from config.home import Home
from config.key_providers.key_file import key_file_path
from config.key_providers.provider import Surroundings
from config.secrets_upkeep import rotate_key
from core.model.failures import InvalidConfig
from core.model.identity import AccountId
from core.model.policy import OnForeignChange

KEYS = {"api_key": "CANARY-key-1", "api_secret": "CANARY-secret-1"}


def write(home: Home, **document: object) -> None:
    home.credentials.write_text(json.dumps(document))
    home.credentials.chmod(0o600)


def by_name(home: Home) -> dict[str, AccountSettings]:
    return {str(settings.account): settings for settings in load_accounts(home)}


def test_without_any_key_there_are_four_armed_paper_accounts(home: Home) -> None:
    for document in (None, {}, {"bittensor_sn8": {"api_key": "k", "endpoint": "https://sn8"}, "bybit": None}):
        if document is not None:
            write(home, **document)
        accounts = load_accounts(home)
        assert [str(settings.account) for settings in accounts] == ["bybit", "blofin", "kucoin", "mexc"]
        assert {(settings.mode, settings.is_armed) for settings in accounts} == {(AccountMode.PAPER, True)}
        assert {settings.paper_balance_usdt for settings in accounts} == {Decimal(10_000)}


def test_only_accounts_with_keys_exist_once_there_is_one(home: Home) -> None:
    write(home, bybit=KEYS, mexc={"api_key": "", "api_secret": ""})

    assert list(by_name(home)) == ["bybit"]
    assert unconfigured_exchanges(home) == ("blofin", "kucoin", "mexc")


def test_keys_make_a_live_account_that_is_not_armed(home: Home) -> None:
    write(home, bybit=KEYS)

    (settings,) = load_accounts(home)

    assert settings.mode is AccountMode.LIVE
    assert not settings.is_armed


def test_consent_arms_one_account_with_one_key(home: Home) -> None:
    write(home, bybit=KEYS, mexc={**KEYS, "api_key": "CANARY-key-2"})
    account = AccountId("bybit")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    record_consent(home.consents, account, by_name(home)["bybit"].key_fingerprint, at, "anna", {"value": "12"})
    assert {name: settings.is_armed for name, settings in by_name(home).items()} == {"bybit": True, "mexc": False}

    write(home, bybit={**KEYS, "api_key": "CANARY-key-3"})
    assert not by_name(home)["bybit"].is_armed

    write(home, bybit=KEYS)
    assert by_name(home)["bybit"].is_armed
    assert withdraw_consent(home.consents, account)
    assert not by_name(home)["bybit"].is_armed


def test_a_damaged_consent_file_is_refused_instead_of_guessed(home: Home) -> None:
    write(home, bybit=KEYS)
    home.state.mkdir()
    home.consents.write_text("{")

    with pytest.raises(InvalidConfig, match=r"consents\.json"):
        load_accounts(home)


@pytest.mark.parametrize(("url", "is_armed"), [("http://127.0.0.1:9", True), ("https://testnet.example", False)])
def test_a_sandbox_needs_consent_unless_it_is_this_machine(home: Home, url: str, is_armed: bool) -> None:
    write(home, bybit={**KEYS, "mode": "sandbox", "urls": {"public": url}})

    (settings,) = load_accounts(home)

    assert (settings.mode, settings.is_armed) == (AccountMode.SANDBOX, is_armed)


def test_further_accounts_carry_labels_and_wishes(home: Home) -> None:
    further = {
        "exchange": "okx",
        "label": "main",
        **KEYS,
        "enabled": False,
        "leverage_override": 5,
        "min_order_notional_usd": 12.5,
        "max_concurrent_symbols": 3,
        "on_foreign_change": "restore",
        "account_value": "margin",
    }
    write(home, bybit={**KEYS, "api_key": "CANARY-key-4"}, accounts=[further, {"exchange": "mexc", "mode": "paper"}])

    accounts = by_name(home)
    assert list(accounts) == ["bybit", "okx::main", "mexc"]
    policy = accounts["okx::main"].policy
    assert (policy.is_enabled, policy.leverage_cap, policy.max_concurrent_symbols) == (False, Decimal(5), 3)
    assert policy.on_foreign_change is OnForeignChange.RESTORE
    assert accounts["okx::main"].min_order_notional_usd == Decimal("12.5")
    assert accounts["mexc"].is_armed


@pytest.mark.parametrize(
    ("document", "field", "problem"),
    [
        ({"bybit": {"api_key": "CANARY"}}, "bybit", "together"),
        ({"blofin": KEYS}, "", "passphrase"),
        ({"bybit": {**KEYS, "mode": "paper"}}, "bybit", "paper account holds no keys"),
        ({"bybit": {**KEYS, "urls": {"api": "https://x"}}}, "bybit", "sandbox"),
        ({"bybit": {**KEYS, "mode": "sandbox"}}, "bybit", "urls"),
        ({"bybit": {**KEYS, "mode": "test"}}, "bybit.mode", "paper, live, sandbox"),
        ({"bybit": {**KEYS, "api_key": "CANARY "}}, "bybit.api_key", "space"),
        ({"bybit": {**KEYS, "max_concurrent_symbols": 0}}, "bybit.max_concurrent_symbols", "1"),
        ({"bybit": {**KEYS, "max_concurrent_symbols": True}}, "bybit.max_concurrent_symbols", "integer"),
        ({"bybit": {**KEYS, "leverage_override": 21}}, "bybit.leverage_override", "20"),
        ({"bybit": {**KEYS, "leverage_override": False}}, "bybit.leverage_override", "number"),
        ({"bybit": {**KEYS, "api_kee": "CANARY"}}, "bybit.api_kee", "not known"),
        ({"blofin": {**KEYS, "copy_trading": True}}, "blofin", "copy trading"),
        ({"accounts": [{"exchange": "OKX", **KEYS}]}, "accounts[0]", "exchange"),
        ({"bybit": KEYS, "accounts": [{"exchange": "bybit", "label": "b", **KEYS}]}, "", "same api_key"),
        ({"ccxt": 5}, "ccxt", "not known"),
        ({"ccxt": {"ccxt_list": 5}}, "accounts[0]", "dictionary"),
        ({"ccxt": {"ccxt_list": [{"exchange_name": [], **KEYS}]}}, "accounts[0].exchange", "string"),
        ({"bybit": 5, "ccxt": {"exchange_name": "bybit", **KEYS}}, "bybit", "dictionary"),
        ({"accounts": [{"exchange": "okx", "mode": "paper"}] * 2}, "", "okx is given twice"),
    ],
)
def test_credentials_are_refused_by_name_and_never_by_value(
    home: Home, document: dict[str, Any], field: str, problem: str
) -> None:
    write(home, **document)

    with pytest.raises(InvalidConfig) as caught:
        load_accounts(home)

    assert caught.value.field == field
    assert problem in caught.value.problem
    assert "CANARY" not in str(caught.value) + repr(caught.value) + repr(caught.value.__context__)


def test_the_originals_file_is_understood(home: Home) -> None:
    write(
        home,
        bittensor_sn8={"api_key": "", "endpoint": ""},
        bybit={**KEYS, "leverage_override": 0},
        blofin={**KEYS, "api_passphrase": "CANARY-pass", "leverage_override": 5, "copy_trading": False},
        kucoin={"api_key": "", "api_secret": "", "api_passphrase": "", "leverage_override": 0},
        bingx={**KEYS, "leverage_override": 0},
        ccxt={"ccxt_list": [{"exchange_name": "okx", **KEYS, "api_passphrase": "p", "enabled": False}]},
    )

    accounts = by_name(home)
    assert list(accounts) == ["bybit", "blofin", "bingx", "okx"]
    assert accounts["bybit"].leverage_override is None
    assert accounts["blofin"].leverage_override == Decimal(5)
    assert not accounts["okx"].enabled


def test_no_representation_shows_a_secret(home: Home) -> None:
    write(home, blofin={**KEYS, "api_passphrase": "CANARY-pass"})

    (settings,) = load_accounts(home)

    assert set(settings.secrets) == {"CANARY-key-1", "CANARY-secret-1", "CANARY-pass"}
    assert "CANARY" not in repr(settings) + str(settings) + settings.key_fingerprint


def test_accounts_are_described_without_their_key(
    home: Home, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", around.environment["XDG_CONFIG_HOME"])
    write(home, bybit={**KEYS, "enabled": False}, mexc={**KEYS, "api_key": "CANARY-key-2"})
    rotate_key(home, around)
    account = AccountId("bybit")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    record_consent(home.consents, account, by_name(home)["bybit"].key_fingerprint, at, "anna", {})
    assert describe_accounts(home) == load_accounts(home)

    key_file_path(around).unlink()

    described = {str(one.account): (one.enabled, one.is_armed, one.secrets) for one in describe_accounts(home)}
    assert described == {"bybit": (False, True, ()), "mexc": (True, False, ())}
    assert outline_accounts(home) == {account: AccountMode.LIVE, AccountId("mexc"): AccountMode.LIVE}
    with pytest.raises(InvalidConfig):
        load_accounts(home)


def test_an_invalid_file_is_not_described(home: Home) -> None:
    write(home, bybit={**KEYS, "api_kee": "x"})

    with pytest.raises(InvalidConfig, match="api_kee"):
        describe_accounts(home)
