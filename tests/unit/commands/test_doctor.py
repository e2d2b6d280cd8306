"""`./engine doctor`: every account looked at, also beside one that cannot be reached; the exit code tells."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commands.doctor import app
from commands.doctor_accounts import apply_remedies, inspect_accounts
from config.home import Home
from core.model.position import MarginMode
from operations.wall_clock import WallClock
from paper.house import PaperHouse
from paper.interventions import trade_from_elsewhere


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRADE_ENGINE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def doctor(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_a_fresh_install_has_four_fit_paper_accounts_and_is_told_what_to_set_up(home: Path) -> None:
    code, output = doctor("--json")
    found = json.loads(output)
    assert code == 1
    assert list(found) == ["machine", "bybit", "blofin", "kucoin", "mexc"]
    assert all(passport["is_fit"] for name, passport in found.items() if name != "machine")
    on_paper = [one for name, passport in found.items() if name != "machine" for one in passport["findings"]]
    assert {one["severity"] for one in on_paper} == {"good"}
    (missing,) = [one for one in found["machine"]["findings"] if one["severity"] == "problem"]
    assert "python3 config/asset_mapping.py" in missing["remedy"]
    assert list(home.iterdir()) == []


def test_a_paper_account_is_shown_as_it_is_while_another_process_keeps_it(home: Path) -> None:
    keeper = PaperHouse(WallClock(), folder=Home(home).paper)
    keeper.open_account("bybit", balance=Decimal(777))

    code, output = doctor("--json", "--account", "bybit")

    (value,) = [one["what"] for one in json.loads(output)["bybit"]["findings"] if one["topic"] == "value"]
    assert (code, value) == (0, "777 USDT")


def test_an_account_that_is_not_there_is_a_wrong_use_and_the_right_names_are_told(home: Path) -> None:
    code, output = doctor("--account", "nosuch")
    assert code == 2
    assert "bybit, blofin, kucoin, mexc" in output
    assert list(home.iterdir()) == []


def test_one_bad_account_does_not_hide_the_others(home: Path) -> None:
    unreachable = {
        "mode": "sandbox",
        "api_key": "k" * 20,
        "api_secret": "s" * 20,
        "api_passphrase": "p" * 8,
        "urls": {"base": "http://127.0.0.1:9"},
    }
    credentials = {"bybit": {"mode": "paper"}, "blofin": unreachable}
    (home / "credentials.json").write_text(json.dumps(credentials))
    (home / "credentials.json").chmod(0o600)
    code, output = doctor("--json")
    found = json.loads(output)
    assert code == 1
    assert found["bybit"]["is_fit"]
    assert not found["blofin"]["is_fit"]
    assert "s" * 20 not in output
    code, output = doctor("--account", "bybit")
    assert code == 0
    assert "blofin" not in output


async def test_apply_changes_a_flat_account_and_leaves_one_with_positions_as_it_is(home: Path) -> None:
    house = PaperHouse(WallClock())
    served = await house.serve()
    sections = {}
    for label in ("flat", "holding"):
        keys = house.open_account("bybit", label, Decimal(10_000))
        section = {"exchange": "bybit", "label": label, "mode": "sandbox", "urls": {"base": served.base_url("bybit")}}
        sections[label] = section | {"api_key": keys.api_key, "api_secret": keys.secret}
    trade_from_elsewhere(house.exchanges["bybit"], house.account("bybit", "holding"), "BTCUSDT", Decimal("0.01"))
    (home / "credentials.json").write_text(json.dumps({"accounts": list(sections.values())}))
    (home / "credentials.json").chmod(0o600)
    before = await inspect_accounts(Home(home))
    assert [one.is_fit for one in before] == [False, False]
    flat, holding = await apply_remedies(Home(home), before)
    assert flat.is_fit
    assert not holding.is_fit
    assert "holds positions" in holding.findings[0].what
    assert house.account("bybit", "flat").margin_mode is MarginMode.ISOLATED
    assert house.account("bybit", "holding").margin_mode is MarginMode.CROSS
    await served.stop()
    await house.close()
