"""`python3 config/credentials.py` at a terminal, byte for byte as the README shows it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from config.credentials_file import read_credentials
from config.home import Home
from config.key_providers.provider import Surroundings

pytestmark = pytest.mark.process

Play = Callable[..., int]

SECRETS = (
    "canary-sn8-key-0001",
    "canary-bybit-key-0002",
    "canary-bybit-secret-0003",
    "canary-blofin-key-0004",
    "canary-blofin-secret-0005",
    "canary blofin phrase 6",
    "canary-kucoin-key-0007",
    "canary-kucoin-secret-0008",
    "canary kucoin phrase 9",
    "canary-mexc-key-0010",
    "canary-mexc-secret-0011",
)

FIRST_RUN = """\
Enter your API key for Bittensor SN8: ⟪canary-sn8-key-0001⟫
Enter the Bittensor endpoint URL: ⟦sn8.example⟧
The endpoint is an address that begins with https:// or http://.
Enter the Bittensor endpoint URL: ⟦https://sn8.example/miner-positions⟧
Enter your Bybit API key: ⟪canary-bybit-key-0002⟫
Enter your Bybit API secret: ⟪⟫
It is needed beside the key.
Enter your Bybit API secret: ⟪canary-bybit-secret-0003⟫
Enter your BloFin API key: ⟪canary-blofin-key-0004⟫
Enter your BloFin API secret: ⟪canary-blofin-secret-0005⟫
Enter your BloFin API passphrase: ⟪canary blofin phrase 6⟫
Enter your KuCoin API key: ⟪canary-kucoin-key-0007⟫
Enter your KuCoin API secret: ⟪canary-kucoin-secret-0008⟫
Enter your KuCoin API passphrase: ⟪canary kucoin phrase 9⟫
Enter your MEXC API key: ⟪canary-mexc-key-0010⟫
Enter your MEXC API secret: ⟪canary-mexc-secret-0011⟫

Credentials:
+---------------+---------+--------------+------------+----------------+
| Account       | Mode    | API key      | API secret | API passphrase |
+---------------+---------+--------------+------------+----------------+
| Bittensor SN8 | signals | ********0001 |            |                |
| Bybit         | live    | ********0002 | set        |                |
| BloFin        | live    | ********0004 | set        | set            |
| KuCoin        | live    | ********0007 | set        | set            |
| MEXC          | live    | ********0010 | set        |                |
+---------------+---------+--------------+------------+----------------+

"""

NOTICE = """\
The secrets in HOME/credentials.json are encrypted with the key in
KEY/trade-engine/key, made now for them.
This protects copies and backups of the project's folder, and a glance at the file. It does not protect against
someone who can read this user's files or is root on this machine: for that, use a passphrase or another provider
(`./engine secrets rotate --help`). Keep a copy of the key elsewhere: without it the secrets cannot be read.

"""

SAVED = """\
Configuration saved to HOME/credentials.json
Restart the services that use it; a running engine keeps the keys it started with.
Live accounts are not armed by this: the engine shows what it would send until ./engine arm.
"""

ALL_ENTER = """\
Enter your API key for Bittensor SN8 (press Enter for current value: ********0001): ⟪⟫
Enter the Bittensor endpoint URL (press Enter for current value: https://sn8.example/miner-positions): ⟦⟧
Enter your Bybit API key (press Enter for current value: ********0002): ⟪⟫
Enter your Bybit API secret (press Enter for current value: ********): ⟪⟫
Enter your BloFin API key (press Enter for current value: ********0004): ⟪⟫
Enter your BloFin API secret (press Enter for current value: ********): ⟪⟫
Enter your BloFin API passphrase (press Enter for current value: ********): ⟪⟫
Enter your KuCoin API key (press Enter for current value: ********0007): ⟪⟫
Enter your KuCoin API secret (press Enter for current value: ********): ⟪⟫
Enter your KuCoin API passphrase (press Enter for current value: ********): ⟪⟫
Enter your MEXC API key (press Enter for current value: ********0010): ⟪⟫
Enter your MEXC API secret (press Enter for current value: ********): ⟪⟫
"""

SUMMARY = FIRST_RUN[FIRST_RUN.index("\nCredentials:") :]


def first_run(play: Play, home: Path) -> None:
    notice = NOTICE.replace("KEY", str(home.parent / "xdg"))
    assert play("config/credentials.py", FIRST_RUN + notice + SAVED) == 0


def texts_on_disk(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


def test_the_documented_dialog_stores_every_key_encrypted_and_private(play: Play, home: Path) -> None:
    first_run(play, home)
    path = home / "credentials.json"
    assert path.stat().st_mode & 0o777 == 0o600
    for secret in SECRETS:
        assert secret not in texts_on_disk(home.parent)
    around = Surroundings(Home(home), {"XDG_CONFIG_HOME": str(home.parent / "xdg")})
    document = read_credentials(Home(home), around)
    sections = (document.bittensor_sn8, document.bybit, document.blofin, document.kucoin, document.mexc)
    stored = [
        getattr(section, name, None) for section in sections for name in ("api_key", "api_secret", "api_passphrase")
    ]
    assert tuple(secret.get_secret_value() for secret in stored if secret and secret.get_secret_value()) == SECRETS


def test_enter_at_every_question_leaves_the_file_byte_for_byte(play: Play, home: Path) -> None:
    first_run(play, home)
    before = (home / "credentials.json").read_bytes()
    assert play("config/credentials.py", f"{ALL_ENTER}{SUMMARY}Nothing changed in HOME/credentials.json\n") == 0
    assert (home / "credentials.json").read_bytes() == before


def test_one_changed_key_changes_that_field_alone(play: Play, home: Path) -> None:
    first_run(play, home)
    before = json.loads((home / "credentials.json").read_bytes())
    changed = ALL_ENTER.replace("********0010): ⟪⟫", "********0010): ⟪canary-mexc-key-0012⟫")
    assert play("config/credentials.py", changed + SUMMARY.replace("0010", "0012") + SAVED) == 0
    after = json.loads((home / "credentials.json").read_bytes())
    assert after["mexc"].pop("api_key") != before["mexc"].pop("api_key")
    assert after == before


def test_a_passphrase_is_asked_for_once_in_a_run(play: Play, home: Path) -> None:
    new = "New passphrase of the credentials: ⟪canary heart of it⟫\nThe same once more: ⟪canary heart of it⟫\n"
    assert play("config/credentials.py --passphrase", FIRST_RUN + new + SAVED) == 0
    asked = "Passphrase of the credentials: ⟪canary heart of it⟫\n"
    changed = ALL_ENTER.replace("********0010): ⟪⟫", "********0010): ⟪canary-mexc-key-0012⟫")
    assert play("config/credentials.py", asked + changed + SUMMARY.replace("0010", "0012") + SAVED) == 0
    assert "canary" not in texts_on_disk(home.parent)


def test_only_one_exchange_can_be_configured(play: Play, home: Path) -> None:
    transcript = """\
Enter your API key for Bittensor SN8: ⟪⟫
Enter your Bybit API key: ⟪canary-bybit-key-0002⟫
Enter your Bybit API secret: ⟪canary-bybit-secret-0003⟫
Enter your BloFin API key: ⟪⟫
Enter your KuCoin API key: ⟪⟫
Enter your MEXC API key: ⟪⟫

Credentials:
+---------------+----------------+--------------+------------+----------------+
| Account       | Mode           | API key      | API secret | API passphrase |
+---------------+----------------+--------------+------------+----------------+
| Bittensor SN8 | not configured |              |            |                |
| Bybit         | live           | ********0002 | set        |                |
| BloFin        | not configured |              |            |                |
| KuCoin        | not configured |              |            |                |
| MEXC          | not configured |              |            |                |
+---------------+----------------+--------------+------------+----------------+

"""
    notice = NOTICE.replace("KEY", str(home.parent / "xdg"))
    assert play("config/credentials.py", transcript + notice + SAVED) == 0


@pytest.mark.parametrize("key", ["^C", "^D"])
def test_giving_up_half_way_leaves_the_file_as_it_was(play: Play, home: Path, key: str) -> None:
    (home / "credentials.json").write_text('{"bybit": {"api_key": "canary-bybit-key-0002", "api_secret": "s"}}')
    (home / "credentials.json").chmod(0o600)
    before = (home / "credentials.json").read_bytes()
    asked = "Enter your Bybit API key (press Enter for current value: ********0002): "
    transcript = f"""\
Enter your API key for Bittensor SN8: ⟪other⟫
Enter the Bittensor endpoint URL: ⟦http://127.0.0.1:1⟧
{asked}⟪{key}⟫
Given up. Nothing was written.
"""
    assert play("config/credentials.py", transcript) == 1
    assert (home / "credentials.json").read_bytes() == before
    assert [path.name for path in home.iterdir()] == ["credentials.json"]


def test_the_plain_file_of_the_original_is_offered_to_be_encrypted(play: Play, home: Path) -> None:
    original = {
        "bittensor_sn8": {"api_key": "", "endpoint": ""},
        "bybit": {"api_key": "canary-bybit-key-0002", "api_secret": "canary-secret", "leverage_override": 0},
        "blofin": {
            "api_key": "",
            "api_secret": "",
            "api_passphrase": "",
            "leverage_override": 0,
            "copy_trading": False,
        },
        "kucoin": {"api_key": "", "api_secret": "", "api_passphrase": "", "leverage_override": 0},
        "mexc": {"api_key": "", "api_secret": "", "leverage_override": 0},
        "bingx": {"api_key": "", "api_secret": "", "leverage_override": 0},
        "ccxt": None,
    }
    path = home / "credentials.json"
    path.write_text(json.dumps(original, indent=4))
    transcript = """\
Enter your API key for Bittensor SN8: ⟪⟫
Enter your Bybit API key (press Enter for current value: ********0002): ⟪⟫
Enter your Bybit API secret (press Enter for current value: ********): ⟪⟫
Enter your BloFin API key: ⟪⟫
Enter your KuCoin API key: ⟪⟫
Enter your MEXC API key: ⟪⟫

Credentials:
+---------------+----------------+--------------+------------+----------------+
| Account       | Mode           | API key      | API secret | API passphrase |
+---------------+----------------+--------------+------------+----------------+
| Bittensor SN8 | not configured |              |            |                |
| Bybit         | live           | ********0002 | set        |                |
| BloFin        | not configured |              |            |                |
| KuCoin        | not configured |              |            |                |
| MEXC          | not configured |              |            |                |
+---------------+----------------+--------------+------------+----------------+

2 secrets in it are plain text. Encrypt them now (y/n)? """
    kept = "⟦⟧\nNothing changed in HOME/credentials.json\n"
    assert play("config/credentials.py", transcript + kept) == 0
    assert json.loads(path.read_bytes()) == original
    assert path.stat().st_mode & 0o777 == 0o600

    notice = NOTICE.replace("KEY", str(home.parent / "xdg"))
    assert play("config/credentials.py", f"{transcript}⟦y⟧\n{notice}{SAVED}") == 0
    assert "canary" not in path.read_text()


def test_further_accounts_are_asked_for_on_request(play: Play, home: Path) -> None:
    nothing = "".join(
        f"Enter your {name}: ⟪⟫\n"
        for name in ("API key for Bittensor SN8", "Bybit API key", "BloFin API key", "KuCoin API key", "MEXC API key")
    )
    ask = "Add or change an account (such as okx or bybit::second), or press Enter to finish: "
    transcript = f"""\
{nothing}
{ask}⟦atlantis⟧
atlantis is no exchange that ccxt knows.
{ask}⟦okx⟧
Live or paper (l/p)? ⟦p⟧
There are paper accounts of bybit, blofin, kucoin, mexc.
Live or paper (l/p)? ⟦⟧
Enter your okx API key: ⟪canary-okx-key-00020⟫
Enter your okx API secret: ⟪canary-okx-secret-0021⟫
Enter your okx API passphrase if it has one: ⟪⟫
{ask}⟦bybit::second⟧
Live or paper (l/p)? ⟦p⟧
{ask}⟦⟧

Credentials:
+---------------+----------------+--------------+------------+----------------+
| Account       | Mode           | API key      | API secret | API passphrase |
+---------------+----------------+--------------+------------+----------------+
| Bittensor SN8 | not configured |              |            |                |
| Bybit         | not configured |              |            |                |
| BloFin        | not configured |              |            |                |
| KuCoin        | not configured |              |            |                |
| MEXC          | not configured |              |            |                |
| okx           | live           | ********0020 | set        |                |
| bybit::second | paper          |              |            |                |
+---------------+----------------+--------------+------------+----------------+

"""
    notice = NOTICE.replace("KEY", str(home.parent / "xdg"))
    assert play("config/credentials.py --more", transcript + notice + SAVED) == 0
