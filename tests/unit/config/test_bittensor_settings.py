import io
import json
from pathlib import Path

import pytest

from config.applied_versions import AppliedVersions
from config.bittensor_dialog import SECTIONS, configure_bittensor
from config.bittensor_settings import BittensorSettings, BittensorSettingsFile
from config.dialog import Console
from config.history import BY_HAND, ConfigHistory
from config.home import Home
from config.operator_files import operator_file
from config.undo import apply_undo, plan_undo
from core.model.failures import InvalidConfig, InvalidInput

ORIGINAL = {
    "min_trades": 12,
    "max_drawdown_threshold": -0.4,
    "min_profitable_rate": 0.55,
    "min_total_return": 0.0,
    "drawdown_exponent": 6,
    "sharpe_exponent": 2,
    "profitable_rate_exponent": 5,
    "position_count_divisor": 5,
    "min_trades_per_asset": 0,
    "max_trade_age_days": 14,
    "leverage_limit_crypto": 0.5,
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def write(home: Home, content: object) -> None:
    home.bittensor_settings.write_text(content if isinstance(content, str) else json.dumps(content))


def test_the_originals_file_is_read_as_it_is(home: Home) -> None:
    write(home, ORIGINAL)

    settings = BittensorSettingsFile(home).load()

    assert {field: getattr(settings, field) for field in ORIGINAL} == ORIGINAL
    assert settings.mode == "corrected"


def test_without_a_file_the_documented_defaults_hold(home: Home) -> None:
    settings = BittensorSettingsFile(home).load()

    assert (settings.min_trades, settings.max_drawdown_threshold, settings.interval_seconds) == (10, -0.5, 30.0)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"min_trades": "10"}, "min_trades"),
        ({"min_trades": True}, "min_trades"),
        ({"min_trades": 1.5}, "min_trades"),
        ({"min_profitable_rate": 1.01}, "min_profitable_rate"),
        ({"max_drawdown_threshold": 0.5}, "max_drawdown_threshold"),
        ({"interval_seconds": 9}, "interval_seconds"),
        ({"tier": 40}, "tier"),
        ({"mode": "fast"}, "mode"),
        ({"min_trade": 5}, "min_trade"),
        ({"decay_after_hours": 5, "zero_after_hours": 5}, "zero_after_hours"),
        ('{"min_trades": NaN}', "finite"),
        ('{"min_trades": 5, "min_trades": 6}', "twice"),
        ("[]", "bittensor_processor_config.json"),
        ("{", "bittensor_processor_config.json"),
    ],
)
def test_anything_else_is_refused_by_name(home: Home, content: object, named: str) -> None:
    write(home, content)

    with pytest.raises(InvalidConfig, match=named):
        BittensorSettingsFile(home).load()


def test_notes_are_skipped(home: Home) -> None:
    write(home, {"_why": "because", "min_trades": 7})

    assert BittensorSettingsFile(home).load().min_trades == 7


def test_an_edit_applies_at_the_next_look_and_an_invalid_or_vanished_one_never(home: Home) -> None:
    file = BittensorSettingsFile(home)
    write(home, {"min_trades": 7})
    assert file.load().min_trades == 7
    write(home, {"min_trades": 8})
    assert file.load().min_trades == 8
    write(home, {"min_trades": -8})
    assert file.load().min_trades == 8
    assert "min_trades" in file.problem()
    home.bittensor_settings.unlink()
    assert file.load().min_trades == 8
    assert "vanished" in file.problem()
    write(home, {"min_trades": 9})
    assert file.load().min_trades == 9
    assert file.problem() == ""


def test_edits_by_hand_that_come_into_force_are_kept_and_can_be_undone(home: Home) -> None:
    file = BittensorSettingsFile(home, AppliedVersions(home).bittensor)
    assert file.load().min_trades == BittensorSettings().min_trades
    for number in (7, -8, 9):
        write(home, {"min_trades": number})
        file.load()

    versions = ConfigHistory(home).versions(home.bittensor_settings.name)
    assert [(json.loads(version.content)["min_trades"], version.author) for version in versions] == [
        (7, BY_HAND),
        (9, BY_HAND),
    ]
    apply_undo(home, plan_undo(home, operator_file("bittensor")))
    assert file.load().min_trades == 7


def ask(home: Home, answers: str, *settings: str, is_asked: bool = True) -> str:
    console = Console(io.StringIO(answers), io.StringIO(), io.StringIO())
    configure_bittensor(console, home, settings, None, is_asked=is_asked)
    shown = console.writer
    assert isinstance(shown, io.StringIO)
    return shown.getvalue()


def test_the_dialog_asks_in_the_documented_order_and_enter_keeps(home: Home) -> None:
    write(home, {"_note": "mine", "min_trades": 7})

    shown = ask(home, "\n-0.4\n" + "\n" * 20)

    asked = [line.partition("Enter ")[2].partition(" (")[0] for line in shown.replace(": ", "\n").splitlines()]
    assert [field for field in asked if field] == [field for fields in SECTIONS.values() for field in fields]
    saved = json.loads(home.bittensor_settings.read_text())
    assert saved["_note"] == "mine"
    assert (saved["min_trades"], saved["max_drawdown_threshold"], saved["min_profitable_rate"]) == (7, -0.4, 0.6)
    assert BittensorSettingsFile(home).load() == BittensorSettings(min_trades=7, max_drawdown_threshold=-0.4)


def test_a_wrong_answer_is_asked_again(home: Home) -> None:
    shown = ask(home, "many\n-1\n25\n" + "\n" * 20)

    assert shown.count("Enter min_trades (") == 3
    assert BittensorSettingsFile(home).load().min_trades == 25


def test_answers_that_end_early_write_nothing(home: Home) -> None:
    with pytest.raises(EOFError):
        ask(home, "25\n")

    assert not home.bittensor_settings.exists()


def test_fields_are_set_without_questions(home: Home) -> None:
    ask(home, "", "min_trades=30", "mode=compatible", "on_outage=decay", is_asked=False)

    settings = BittensorSettingsFile(home).load()
    assert (settings.min_trades, settings.mode, settings.on_outage) == (30, "compatible", "decay")
    with pytest.raises(InvalidInput, match="min_trades"):
        ask(home, "", "min_trades=few", is_asked=False)
