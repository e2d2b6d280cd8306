"""Every dialog's command line: without questions, with honest exit codes, explained by --help."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from commands import init
from config import asset_mapping, credentials, signal_weights
from config.history import ConfigHistory
from config.home import Home

MAPPINGS = {"bittensor": {"BTCUSD": "BTCUSDT"}}
WEIGHTS = [{"symbol": "BTCUSDT", "leverage": 3, "sources": [{"source": "bittensor", "weight": 0.15}]}]
SCRIPTS = {
    "asset_mapping": asset_mapping.app,
    "signal_weights": signal_weights.app,
    "credentials": credentials.app,
    "init": init.app,
}

Invoke = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    home = Home(folder)
    home.asset_mapping.write_text(json.dumps(MAPPINGS))
    home.signal_weights.write_text(json.dumps(WEIGHTS))
    return home


@pytest.fixture
def invoke(home: Home) -> Invoke:
    environment = {"TRADE_ENGINE_HOME": str(home.path), "XDG_CONFIG_HOME": str(home.path.parent / "xdg")}

    def run(script: str, *arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(SCRIPTS[script], arguments, input=typed, env=environment)

    return run


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_shows_examples_and_touches_nothing(invoke: Invoke, home: Home, script: str) -> None:
    before = {path.name for path in home.path.iterdir()}
    shown = invoke(script, "--help")
    assert shown.exit_code == 0
    assert "Examples:" in shown.output
    assert {path.name for path in home.path.iterdir()} == before


@pytest.mark.parametrize("script", ["asset_mapping", "signal_weights", "credentials"])
def test_non_interactive_alone_checks_and_shows(invoke: Invoke, script: str) -> None:
    shown = invoke(script, "--non-interactive")
    assert shown.exit_code == 0
    assert "Nothing changed in" in shown.output
    assert "Enter" not in shown.output


@pytest.mark.parametrize("script", ["asset_mapping", "signal_weights", "credentials"])
def test_the_end_of_input_gives_up_with_code_1(invoke: Invoke, home: Home, script: str) -> None:
    before = home.signal_weights.read_bytes(), home.asset_mapping.read_bytes()
    stopped = invoke(script)
    assert stopped.exit_code == 1
    assert "Nothing was written." in stopped.output
    assert (home.signal_weights.read_bytes(), home.asset_mapping.read_bytes()) == before


def test_settings_and_files_are_applied_and_their_author_is_kept(invoke: Invoke, home: Home, tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_text(json.dumps({"bittensor": {"BTCUSD": "BTCUSDT", "TAOUSD": "TAOUSDT"}}))
    assert invoke("asset_mapping", "--from", str(given)).exit_code == 0
    assert invoke("signal_weights", "--set", "TAOUSDT.leverage=2", "--set", "TAOUSDT.bittensor=0.1").exit_code == 0
    assert json.loads(home.signal_weights.read_bytes())[1]["sources"] == [{"source": "bittensor", "weight": 0.1}]
    assert invoke("credentials", "--set", "kucoin.mode=paper").exit_code == 0
    assert json.loads(home.credentials.read_bytes())["kucoin"]["mode"] == "paper"
    versions = ConfigHistory(home).versions("signal_weight_config.json")
    assert json.loads(versions[0].content) == WEIGHTS
    assert len(versions) == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("asset_mapping", "--set", "nonsense"), 2),
        (("asset_mapping", "--no-such-option"), 2),
        (("asset_mapping", "--from", "/nonexistent.json"), 78),
        (("signal_weights", "--set", "BTCUSDT.leverage=21"), 2),
        (("credentials", "--provider", "nobody"), 2),
        (("credentials", "--set", "bybit.api_key=@/nonexistent"), 2),
        (("init", "--non-interactive", "--leverage", "0"), 2),
    ],
)
def test_wrong_usage_and_wrong_files_have_their_own_exit_codes(
    invoke: Invoke, home: Home, arguments: tuple[str, ...], code: int
) -> None:
    before = {path: path.read_bytes() for path in home.path.iterdir()}
    assert invoke(*arguments).exit_code == code
    assert {path: path.read_bytes() for path in home.path.iterdir()} == before


def test_a_broken_file_is_code_78_for_every_script(invoke: Invoke, home: Home) -> None:
    for path in (home.asset_mapping, home.signal_weights, home.credentials):
        path.write_text("{")
    for script in SCRIPTS:
        assert invoke(script).exit_code == 78
    assert {path.read_text() for path in (home.asset_mapping, home.signal_weights, home.credentials)} == {"{"}
