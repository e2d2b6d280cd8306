import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from commands.app import app
from config.home import HOME_VARIABLE, Home

MAPPING = {"tradingview": {"BTCUSDT": "BTCUSDT"}}
WEIGHTS = [{"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "tradingview", "weight": 0.1}]}]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("TRADE_ENGINE_SET_POLL_SECONDS", raising=False)
    home = Home(folder)
    home.asset_mapping.write_text(json.dumps(MAPPING))
    home.signal_weights.write_text(json.dumps(WEIGHTS))
    return home


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def as_json(*arguments: str) -> Any:  # noqa: ANN401 - JSON
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_check_tells_valid_from_invalid_by_exit_code(home: Home) -> None:
    assert as_json("config", "check")["findings"] == []

    home.signal_weights.write_text("[{")
    broken = run("config", "check")

    assert broken.exit_code == 78
    assert str(home.signal_weights) in broken.stdout


def test_explain_says_which_layer_won(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    won = [as_json("config", "explain", "poll_seconds")]
    home.engine_settings.write_text('{"poll_seconds": 2}')
    won.append(as_json("config", "explain", "poll_seconds"))
    monkeypatch.setenv("TRADE_ENGINE_SET_POLL_SECONDS", "3")
    won.append(as_json("config", "explain", "poll_seconds"))
    won.append(as_json("config", "explain", "poll_seconds", "--set", "poll_seconds=4"))

    assert [entry["poll_seconds"] for entry in won] == [
        {"value": 0.5, "origin": "default"},
        {"value": 2.0, "origin": str(home.engine_settings)},
        {"value": 3.0, "origin": "environment"},
        {"value": 4.0, "origin": "--set"},
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("explain", "polling"), 2),
        (("show", "--set", "poll_seconds"), 2),
        (("show", "--set", "poll_seconds=0"), 78),
        (("schema", "nothing"), 2),
        (("undo", "credentials"), 2),
        (("undo",), 2),
    ],
)
def test_wrong_usage_and_wrong_values_have_their_own_codes(home: Home, arguments: tuple[str, ...], code: int) -> None:
    result = run("config", *arguments)

    assert result.exit_code == code
    assert result.stderr
    assert home.signal_weights.exists()


def test_schemas_are_written_beside_the_files(home: Home) -> None:
    assert run("config", "schema", "--write").exit_code == 0

    names = {path.name for path in (home.path / "schemas").iterdir()}
    assert names == {
        "asset_mapping_config.schema.json",
        "bittensor_processor_config.schema.json",
        "credentials.schema.json",
        "engine_config.schema.json",
        "signal_weight_config.schema.json",
    }
    assert json.loads(run("config", "schema", "engine_config").stdout)["title"] == "engine_config.json"


def test_undo_shows_first_and_then_brings_back(home: Home) -> None:
    before = home.signal_weights.read_text()
    assert run("config", "undo", "signal_weight").exit_code == 2
    home.signal_weights.write_text(before.replace("3", "5"))

    shown = run("config", "undo", "--dry-run")
    assert '"leverage": 3' in shown.stdout
    assert '"leverage": 5' in home.signal_weights.read_text()

    assert run("config", "undo").exit_code == 0
    assert home.signal_weights.read_text() == before
    assert [entry["author"] for entry in as_json("config", "history")] == ["hand", "hand", "config undo"]


def test_secrets_are_checked_and_rotated(home: Home) -> None:
    home.credentials.write_text('{"bybit": {"api_key": "CANARY-key", "api_secret": "CANARY-secret"}}')
    home.credentials.chmod(0o600)
    assert run("secrets", "check").exit_code == 1

    rotated = run("secrets", "rotate")
    assert rotated.exit_code == 0
    assert "does not protect" in rotated.stdout
    first = as_json("secrets", "check")
    run("secrets", "rotate", "--forget-old-keys")
    second = as_json("secrets", "check")

    assert first["encrypted"] == second["encrypted"] == ["bybit.api_key", "bybit.api_secret"]
    assert first["key_id"] != second["key_id"]
    assert "CANARY" not in home.credentials.read_text() + rotated.output


def test_secrets_move_to_a_passphrase_and_a_wrong_one_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.credentials.write_text('{"bybit": {"api_key": "CANARY-key", "api_secret": "CANARY-secret"}}')
    home.credentials.chmod(0o600)
    monkeypatch.setenv("TRADE_ENGINE_PASSPHRASE", "CANARY four words of it")
    assert run("secrets", "rotate", "--passphrase").exit_code == 0
    assert as_json("secrets", "check")["provider"] == "passphrase"

    monkeypatch.setenv("TRADE_ENGINE_PASSPHRASE", "CANARY other words")
    refused = run("secrets", "check")

    assert refused.exit_code == 78
    assert "CANARY" not in refused.output


def test_without_credentials_there_is_nothing_to_check(home: Home) -> None:
    result = run("secrets", "check")

    assert result.exit_code == 78
    assert "credentials.py" in result.stderr
    assert not home.credentials.exists()
