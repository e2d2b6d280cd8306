from pathlib import Path

from config.home import Home
from operations.credentials_notes import tell_about_credentials
from simulation.bare_world import ToldFacts

PLAIN = '{"bybit": {"api_key": "CANARY-key", "api_secret": "CANARY-secret"}}'


def test_exchanges_without_keys_and_plain_secrets_are_named_once_and_never_shown(tmp_path: Path) -> None:
    home, told = Home(tmp_path), ToldFacts()
    home.credentials.write_text(PLAIN)
    home.credentials.chmod(0o600)

    tell_about_credentials(home, told)

    assert told.names() == ["exchanges not configured", "credentials not encrypted"]
    assert told.events[0][1]["exchanges"] == ["blofin", "kucoin", "mexc"]
    assert told.events[1][1]["fields"] == ["bybit.api_key", "bybit.api_secret"]
    assert "CANARY" not in repr(told.events)


def test_a_fresh_install_has_nothing_to_be_told(tmp_path: Path) -> None:
    told = ToldFacts()

    tell_about_credentials(Home(tmp_path), told)

    assert told.names() == []
