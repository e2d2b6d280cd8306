import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from config.credentials_file import (
    plain_secrets,
    read_bittensor_access,
    read_credentials,
    read_header,
    write_credentials,
)
from config.home import Home
from config.key_providers.key_file import KEY_FILE_VARIABLE, key_file_path
from config.key_providers.provider import Surroundings
from config.schemas.credentials import (
    AccountMode,
    BittensorSection,
    CredentialsDocument,
    ExchangeSection,
    FurtherAccount,
)
from core.model.failures import InvalidConfig


def keys(name: str, passphrase: str = "") -> dict[str, Any]:
    return {
        "api_key": SecretStr(f"CANARY-key-{name}"),
        "api_secret": SecretStr(f"CANARY-secret-{name}"),
        "api_passphrase": SecretStr(passphrase),
    }


DOCUMENT = CredentialsDocument(
    bittensor_sn8=BittensorSection(api_key=SecretStr("CANARY-sn8"), endpoint="https://sn8.example"),
    bybit=ExchangeSection(**keys("bybit"), enabled=False),
    kucoin=ExchangeSection(**keys("kucoin", "CANARY-pass")),
    accounts=[
        FurtherAccount(exchange="okx", label="main", **keys("okx", "CANARY-okx")),
        FurtherAccount(exchange="mexc", label="trial", mode=AccountMode.PAPER),
    ],
)


def content(home: Home) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(home.credentials.read_bytes())
    return parsed


def put(home: Home, document: dict[str, Any]) -> None:
    home.credentials.write_text(json.dumps(document))
    home.credentials.chmod(0o600)


def test_what_was_written_reads_back_and_no_secret_is_on_disk(home: Home, around: Surroundings) -> None:
    written = write_credentials(home, DOCUMENT, around)

    assert written.is_changed
    assert read_credentials(home, around) == DOCUMENT
    assert b"CANARY" not in home.credentials.read_bytes()
    assert plain_secrets(home.credentials.read_bytes(), home.credentials) == ()


def test_file_and_key_are_private_and_apart(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)

    key_file = key_file_path(around)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home.credentials, key_file)} == {0o600}
    assert stat.S_IMODE(key_file.parent.stat().st_mode) == 0o700
    assert not key_file.is_relative_to(home.path)


def test_making_the_key_is_announced_once_with_what_it_does_not_protect(home: Home, around: Surroundings) -> None:
    first = write_credentials(home, DOCUMENT, around)
    second = write_credentials(home, DOCUMENT.model_copy(update={"bybit": ExchangeSection()}), around)

    assert str(key_file_path(around)) in first.notice
    assert "does not protect" in first.notice
    assert (second.is_changed, second.notice) == (True, "")


def test_writing_the_same_again_leaves_the_file_byte_for_byte(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    before = (home.credentials.read_bytes(), home.credentials.stat().st_ino)

    assert not write_credentials(home, read_credentials(home, around), around).is_changed
    assert (home.credentials.read_bytes(), home.credentials.stat().st_ino) == before


def test_a_changed_secret_changes_its_own_field_alone(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    before = content(home)
    bybit = DOCUMENT.bybit.model_copy(update={"api_secret": SecretStr("CANARY-new")})

    write_credentials(home, DOCUMENT.model_copy(update={"bybit": bybit}), around)

    after = content(home)
    assert before["bybit"].pop("api_secret") != after["bybit"].pop("api_secret")
    assert after == before


def test_swapped_texts_are_refused_by_name(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    swapped = content(home)
    swapped["bybit"]["api_secret"] = swapped["kucoin"]["api_secret"]
    put(home, swapped)

    with pytest.raises(InvalidConfig) as caught:
        read_credentials(home, around)

    assert caught.value.field == "bybit.api_secret"
    assert "moved" in caught.value.problem


def test_accounts_may_change_places_in_the_list(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    moved = content(home)
    moved["accounts"].reverse()
    put(home, moved)

    assert read_credentials(home, around).accounts == list(reversed(DOCUMENT.accounts))


def test_another_installations_key_is_refused_with_both_ids(
    home: Home, around: Surroundings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_credentials(home, DOCUMENT, around)
    other = Surroundings(home, {"XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("other"))})
    elsewhere = Home(tmp_path_factory.mktemp("elsewhere"))
    write_credentials(elsewhere, DOCUMENT, other)

    with pytest.raises(InvalidConfig) as caught:
        read_credentials(home, other)

    for path in (home.credentials, elsewhere.credentials):
        header = read_header(path.read_bytes(), path)
        assert header is not None
        assert header.key_id in str(caught.value)


def test_without_the_key_file_nothing_is_read_or_written(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    before = home.credentials.read_bytes()
    key_file_path(around).unlink()

    with pytest.raises(InvalidConfig, match=str(key_file_path(around))):
        read_credentials(home, around)
    with pytest.raises(InvalidConfig, match=str(key_file_path(around))):
        write_credentials(home, CredentialsDocument(bybit=ExchangeSection(**keys("b"))), around)
    assert home.credentials.read_bytes() == before


def test_a_key_inside_the_project_is_not_made(home: Home) -> None:
    inside = Surroundings(home, {KEY_FILE_VARIABLE: str(home.path / "key")})

    with pytest.raises(InvalidConfig, match="inside the project"):
        write_credentials(home, DOCUMENT, inside)
    assert list(home.path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_others_may_use_is_refused(home: Home, around: Surroundings, mode: int) -> None:
    write_credentials(home, DOCUMENT, around)
    home.credentials.chmod(mode)

    with pytest.raises(InvalidConfig, match="chmod 600"):
        read_credentials(home, around)


def test_a_key_file_that_others_may_use_is_refused(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    key_file_path(around).chmod(0o644)

    with pytest.raises(InvalidConfig, match="chmod 600"):
        read_credentials(home, around)


def test_a_file_of_another_user_is_neither_read_nor_replaced(
    home: Home, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_credentials(home, DOCUMENT, around)
    before, owner = home.credentials.read_bytes(), os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 12345)

    with pytest.raises(InvalidConfig, match=f"with number {owner},"):
        read_credentials(home, around)
    with pytest.raises(InvalidConfig, match=f"with number {owner},"):
        write_credentials(home, CredentialsDocument(), around)
    assert home.credentials.read_bytes() == before


def test_a_read_only_file_is_not_replaced(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    home.credentials.chmod(0o400)
    before = home.credentials.read_bytes()

    with pytest.raises(InvalidConfig, match="read-only"):
        write_credentials(home, CredentialsDocument(), around)
    assert read_credentials(home, around) == DOCUMENT
    assert home.credentials.read_bytes() == before


def test_a_torn_file_is_refused_wherever_it_was_torn(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    whole = home.credentials.read_bytes()

    for length in range(0, len(whole.rstrip()), 7):
        home.credentials.write_bytes(whole[:length])
        with pytest.raises(InvalidConfig):
            read_credentials(home, around)


@pytest.mark.parametrize(
    ("encryption", "problem"),
    [
        (None, "missing"),
        ({"version": 2}, "version"),
        ({"provider": "keyring"}, "no such key provider"),
        ({"provider": 5}, "provider"),
        ({"keyid": "x"}, "not known"),
    ],
)
def test_a_damaged_header_is_refused(
    home: Home, around: Surroundings, encryption: dict[str, Any] | None, problem: str
) -> None:
    write_credentials(home, DOCUMENT, around)
    damaged = content(home)
    header = damaged.pop("encryption")
    if encryption is not None:
        damaged = {"encryption": {**header, **encryption}, **damaged}
    put(home, damaged)

    with pytest.raises(InvalidConfig, match=problem):
        read_credentials(home, around)


def test_a_plain_file_is_read_and_becomes_encrypted_with_the_next_write(home: Home, around: Surroundings) -> None:
    put(home, {"bybit": {"api_key": "CANARY-key", "api_secret": "CANARY-secret", "leverage_override": 0}})
    document = read_credentials(home, around)
    assert plain_secrets(home.credentials.read_bytes(), home.credentials) == ("bybit.api_key", "bybit.api_secret")

    assert write_credentials(home, document, around).is_changed

    assert b"CANARY" not in home.credentials.read_bytes()
    assert read_credentials(home, around) == document


def test_a_secret_added_by_hand_is_read_and_encrypted_with_the_next_write(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    edited = content(home)
    edited["mexc"] |= {"api_key": "CANARY-key", "api_secret": "CANARY-secret"}
    put(home, edited)

    write_credentials(home, read_credentials(home, around), around)

    assert b"CANARY" not in home.credentials.read_bytes()
    assert read_credentials(home, around).mexc.api_key.get_secret_value() == "CANARY-key"


def test_the_operators_notes_stay(home: Home, around: Surroundings) -> None:
    put(
        home, {"_why": "sub-accounts since May", "bybit": {"_note": "expires in June", "api_key": "", "api_secret": ""}}
    )

    write_credentials(home, DOCUMENT, around)

    assert content(home)["_why"] == "sub-accounts since May"
    assert content(home)["bybit"]["_note"] == "expires in June"


def test_without_secrets_no_key_is_made(home: Home, around: Surroundings) -> None:
    write_credentials(home, CredentialsDocument(), around)

    assert "encryption" not in content(home)
    assert not key_file_path(around).exists()
    assert list(content(home)) == ["bittensor_sn8", "bybit", "blofin", "kucoin", "mexc"]


def test_the_signal_poller_opens_no_exchanges_key(home: Home, around: Surroundings) -> None:
    write_credentials(home, DOCUMENT, around)
    damaged = content(home)
    damaged["bybit"]["api_secret"] = damaged["bybit"]["api_key"]
    put(home, damaged)

    access = read_bittensor_access(home, around)

    assert access.api_key.get_secret_value() == "CANARY-sn8"
    assert read_bittensor_access(Home(Path("/nonexistent")), around) == BittensorSection()


def test_no_failure_shows_a_secret(home: Home, around: Surroundings) -> None:
    put(home, {"bybit": {"api_key": "CANARY-1", "api_secret": "CANARY-2", "api_kee": "CANARY-3"}, "mexc": "CANARY-4"})

    with pytest.raises(InvalidConfig) as caught:
        read_credentials(home, around)

    failure: BaseException | None = caught.value
    while failure is not None:
        assert "CANARY" not in str(failure) + repr(failure)
        failure = failure.__context__
