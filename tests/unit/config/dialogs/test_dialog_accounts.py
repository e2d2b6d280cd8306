"""Conversations about keys without a terminal, and their options."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from config.credentials import configure_credentials
from config.credentials_file import read_credentials
from config.dialog import CONFIGURATION, DONE, FAILED, USAGE, Console
from config.home import Home
from config.key_providers.provider import Surroundings
from config.schemas.credentials import AccountMode, CredentialsDocument

Talking = Callable[..., Any]

FIRST_RUN = [
    "sn8",
    "https://sn8.example",
    "bybit-key",
    "bybit-secret",
    "blo",
    "",
    "fin",
    "phrase",
    "",
    "mexc",
    "mexc-s",
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    return Home(folder)


def around(home: Home, **variables: str) -> Surroundings:
    return Surroundings(home, {"XDG_CONFIG_HOME": str(home.path.parent / "xdg"), **variables})


def asking(home: Home, **wishes: Any) -> Callable[[Console], None]:  # noqa: ANN401 - as the dialog takes them
    wishes.setdefault("around", around(home))
    return lambda console: configure_credentials(console, home, **wishes)


def told(home: Home, *settings: str, from_file: Path | None = None) -> Callable[[Console], None]:
    return asking(home, settings=settings, from_file=from_file, is_asked=False)


def stored(home: Home) -> CredentialsDocument:
    return read_credentials(home, around(home))


def test_giving_up_at_any_question_leaves_the_file_as_it_was(
    talk: Talking, home: Home, ending: Callable[[], str]
) -> None:
    assert talk(asking(home), ["old", "http://old"]).code == DONE
    before = home.credentials.read_bytes()
    for number in range(len(FIRST_RUN)):
        assert talk(asking(home), FIRST_RUN, cut_at=number, end=ending).code == FAILED
        assert home.credentials.read_bytes() == before
        assert list(home.path.iterdir()) == [home.credentials]
    assert talk(asking(home), FIRST_RUN).questions == len(FIRST_RUN)
    assert stored(home).blofin.api_passphrase.get_secret_value() == "phrase"


def test_an_account_entered_twice_is_asked_for_again(talk: Talking, home: Home) -> None:
    again = ["okx", "", "key", "secret", "", "okx::second", "", "key", "secret", "", "", "other", "secret", ""]
    done = talk(asking(home, asks_more=True), ["", "", "", "", "", *again])
    assert "two accounts of one exchange have the same api_key: every order would be doubled" in done.shown
    assert [str(account) for account, _section in stored(home).configured()] == ["okx", "okx::second"]


def test_a_paper_account_becomes_live_by_its_key_and_paper_again_without(talk: Talking, home: Home) -> None:
    assert talk(told(home, "bybit.mode=paper", "bybit.balance_usdt=500")).code == DONE
    assert stored(home).bybit.mode is AccountMode.PAPER
    assert talk(asking(home), ["", "key", "secret"]).code == DONE
    assert stored(home).bybit.mode is AccountMode.LIVE
    assert talk(asking(home, asks_more=True), ["", "", "", "", "", "", "bybit", "p"]).code == DONE
    assert stored(home).bybit.mode is AccountMode.PAPER
    assert "bybit-secret" not in home.credentials.read_text()


@pytest.mark.parametrize("pasted", ["tab\there", "escape\x1b[A", "\N{REPLACEMENT CHARACTER}", "enc:v1:AAAA"])
def test_what_cannot_be_a_key_is_asked_again_and_not_shown(talk: Talking, home: Home, pasted: str) -> None:
    done = talk(asking(home), ["", pasted, "key", "secret"])
    assert done.code == DONE
    assert pasted not in done.shown
    assert stored(home).bybit.api_key.get_secret_value() == "key"


def test_options_enter_keys_from_files_and_variables_unseen(
    talk: Talking, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = home.path.parent / "secret.txt"
    secret.write_text("from-file\n")
    monkeypatch.setenv("OKX_KEY", "from-variable")
    settings = ["okx::second.api_key=env:OKX_KEY", f"okx::second.api_secret=@{secret}", "okx::second.enabled=false"]
    done = talk(told(home, *settings, "bittensor_sn8.endpoint=http://127.0.0.1:9"))
    assert (done.code, done.complaint, done.questions) == (DONE, "", 0)
    (account,) = stored(home).accounts
    assert (str(account.account), account.enabled) == ("okx::second", False)
    assert account.api_key.get_secret_value() == "from-variable"
    assert account.api_secret.get_secret_value() == "from-file"
    assert talk(told(home, "okx::second=")).code == DONE
    assert stored(home).accounts == []


def test_a_secret_on_the_command_line_is_taken_and_complained_of(talk: Talking, home: Home) -> None:
    done = talk(told(home, "mexc.api_key=visible", "mexc.api_secret=visible-too"))
    assert done.code == DONE
    assert "api_secret was given on the command line" in done.complaint
    assert "visible-too" not in done.complaint


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["bybit.api_key=@/nonexistent"], "the file cannot be read"),
        (["bybit.api_key=env:NOT_SET_ANYWHERE"], "the variable is not set"),
        (["bybit.api_key=only"], "api_key and api_secret must be given together"),
        (["blofin.api_key=a", "blofin.api_secret=b"], "blofin needs an api_passphrase"),
        (["bybit.leverage_override=21"], "bybit.leverage_override"),
        (["bybit.enabled=perhaps"], "bybit.enabled"),
        (["bybit.colour=blue"], "there are api_key, api_secret"),
        (["atlantis.mode=paper"], "no exchange that ccxt knows"),
        (["bittensor_sn8.endpoint=ftp://x"], "bittensor_sn8.endpoint"),
        (["bybit"], "write FIELD=VALUE"),
        (["bybit=live"], "write ACCOUNT.FIELD=VALUE"),
        (["bybit="], "there is no such account"),
        (["bybit."], "write FIELD=VALUE"),
    ],
)
def test_options_that_break_a_rule_change_nothing(
    talk: Talking, home: Home, settings: Sequence[str], reason: str
) -> None:
    refused = talk(told(home, *settings))
    assert refused.code == USAGE
    assert reason in refused.complaint
    assert not home.credentials.exists()


def test_a_plain_file_from_elsewhere_is_taken_over_encrypted(talk: Talking, home: Home) -> None:
    given = home.path.parent / "plain.json"
    given.write_text('{"kucoin": {"api_key": "canary-1", "api_secret": "canary-2", "api_passphrase": "canary-3"}}')
    assert talk(told(home, from_file=given)).code == DONE
    assert stored(home).kucoin.api_passphrase.get_secret_value() == "canary-3"
    assert "canary" not in home.credentials.read_text()


def test_plain_secrets_are_told_of_and_encrypted_on_request_alone(talk: Talking, home: Home) -> None:
    home.credentials.write_text('{"mexc": {"api_key": "canary-1", "api_secret": "canary-2"}}')
    before = home.credentials.read_bytes()
    assert "2 secrets in it are plain text; --encrypt encrypts them.\n" in talk(told(home)).shown
    assert home.credentials.read_bytes() == before
    assert home.credentials.stat().st_mode & 0o777 == 0o600
    assert talk(asking(home, is_asked=False, encrypts=True)).code == DONE
    assert "canary" not in home.credentials.read_text()


def test_a_broken_file_is_copied_privately_and_left_alone(talk: Talking, home: Home) -> None:
    home.credentials.write_text('{"mexc": {"api_key": "canary-1"')
    refused = talk(asking(home))
    assert (refused.code, refused.questions) == (CONFIGURATION, 0)
    assert "canary" not in refused.complaint
    (copy,) = home.path.glob("*.broken-*")
    assert copy.read_bytes() == home.credentials.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_lost_key_is_told_before_the_first_question_and_no_copy_is_made(talk: Talking, home: Home) -> None:
    assert talk(asking(home), FIRST_RUN).code == DONE
    elsewhere = around(home, XDG_CONFIG_HOME=str(home.path.parent / "other"))
    refused = talk(asking(home, around=elsewhere))
    assert (refused.code, refused.questions) == (CONFIGURATION, 0)
    assert list(home.path.iterdir()) == [home.credentials]


def test_a_passphrase_can_keep_the_key_of_a_new_file_and_of_no_other(talk: Talking, home: Home) -> None:
    given = around(home, TRADE_ENGINE_PASSPHRASE="several words that nobody guesses")
    assert talk(asking(home, provider="passphrase", around=given), FIRST_RUN).code == DONE
    assert json.loads(home.credentials.read_bytes())["encryption"]["provider"] == "passphrase"
    assert read_credentials(home, given).mexc.api_key.get_secret_value() == "mexc"
    refused = talk(asking(home, provider="key_file", around=given))
    assert refused.code == USAGE
    assert "./engine secrets rotate" in refused.complaint
