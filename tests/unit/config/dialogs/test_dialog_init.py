"""The first set-up without a terminal: what it writes, keeps and refuses."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from commands.init_alert import alert_message
from commands.init_session import Wishes, set_up
from config.accounts import AccountMode, load_accounts
from config.credentials_file import read_credentials
from config.dialog import CONFIGURATION, DONE, FAILED, USAGE, Console
from config.findings import Severity, find_in_files
from config.home import Home
from config.key_providers.provider import Surroundings
from config.trading_files import TradingFiles
from config.webhook_keys import load_keys, match_key
from signal_processors.tradingview_alert import Alert, AlertBounds, Side, parse_message

Talking = Callable[..., Any]
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALL_ENTER_QUESTIONS = 9


class StillClock:
    """core.ports.clock.Clock that stands still."""

    def now(self) -> datetime:
        return NOW


@pytest.fixture
def home(tmp_path: Path) -> Home:
    folder = tmp_path / "home"
    folder.mkdir()
    return Home(folder)


def around(home: Home) -> Surroundings:
    return Surroundings(home, {"XDG_CONFIG_HOME": str(home.path.parent / "xdg")})


def session(home: Home, **wishes: Any) -> Callable[[Console], None]:  # noqa: ANN401 - as Wishes takes them
    return lambda console: set_up(console, home, around(home), StillClock(), Wishes(**wishes))


def contents(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.path.iterdir() if path.is_file()}


def test_enter_at_every_question_makes_a_paper_set_up_that_the_engine_loads(talk: Talking, home: Home) -> None:
    done = talk(session(home))
    assert (done.code, done.questions) == (DONE, ALL_ENTER_QUESTIONS)
    config = TradingFiles(home).load()
    assert [(str(pair.symbol), int(pair.leverage)) for pair in config.weights] == [("BTCUSDT", 1), ("ETHUSDT", 1)]
    assert {account.mode for account in load_accounts(home)} == {AccountMode.PAPER}
    assert not [one for one in find_in_files(home, around(home)) if one.severity is Severity.ERROR]
    key = json.loads(done.shown[done.shown.index("{\n") : done.shown.index("}\n\n") + 1])["key"]
    assert match_key(load_keys(home) or (), [key.encode()])


def test_giving_up_or_saying_no_at_the_end_writes_nothing(talk: Talking, home: Home, ending: Callable[[], str]) -> None:
    for number in range(ALL_ENTER_QUESTIONS):
        assert talk(session(home), cut_at=number, end=ending).code == FAILED
        assert contents(home) == {}
    assert talk(session(home), [""] * (ALL_ENTER_QUESTIONS - 1) + ["n"]).code == FAILED
    assert contents(home) == {}


def test_a_second_run_with_enter_alone_changes_no_file(talk: Talking, home: Home) -> None:
    assert talk(session(home, weights=("tradingview=0.3", "bittensor=0.2"), is_asked=False)).code == DONE
    before = contents(home)
    assert talk(session(home)).code == DONE
    assert contents(home) == before


def test_live_accounts_are_entered_unarmed_and_encrypted(
    talk: Talking, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.path.parent / "xdg"))
    answers = ["y", "mexc bybit", "y", "n", "btcusdt, taousdt", "3", "0.5", "n", "canary-k", "canary-s", "", ""]
    done = talk(session(home), answers)
    assert done.code == DONE
    assert "MEXC is left out: it has no key.\n" in done.shown
    document = read_credentials(home, around(home))
    assert [str(account) for account, _section in document.configured()] == ["bybit"]
    assert b"canary" not in home.credentials.read_bytes()
    assert json.loads(home.signal_weights.read_bytes()) == [
        {"symbol": pair, "leverage": 3, "sources": [{"source": "tradingview", "weight": 0.5}]}
        for pair in ("BTCUSDT", "TAOUSDT")
    ]
    assert load_keys(home) is None
    assert [(str(one.account), one.mode, one.is_armed) for one in load_accounts(home)] == [
        ("bybit", AccountMode.LIVE, False)
    ]


def test_live_without_a_key_and_without_anybody_to_ask_is_refused(talk: Talking, home: Home) -> None:
    refused = talk(session(home, is_live=True, is_asked=False))
    assert refused.code == USAGE
    assert "live accounts need keys" in refused.complaint
    assert contents(home) == {}


def test_paper_on_some_exchanges_leaves_the_others_out(talk: Talking, home: Home) -> None:
    assert talk(session(home, exchanges=("kucoin", "bybit"), is_asked=False)).code == DONE
    document = read_credentials(home, around(home))
    modes = [(str(account), section.mode) for account, section in document.configured()]
    assert modes == [("bybit", AccountMode.PAPER), ("kucoin", AccountMode.PAPER)]


def test_the_files_of_the_original_are_taken_over(talk: Talking, home: Home) -> None:
    home.credentials.write_text('{"bybit": {"api_key": "canary-k", "api_secret": "canary-s", "leverage_override": 0}}')
    home.asset_mapping.write_text('{"bittensor": {"XBTUSD": "BTCUSDT", "BTCUSD": "BTCUSDT"}}')
    weights = [{"symbol": "BTCUSDT", "leverage": 5, "sources": [{"source": "bittensor", "weight": 0.4}]}]
    home.signal_weights.write_text(json.dumps(weights))
    before = home.signal_weights.read_bytes()

    done = talk(session(home))

    assert done.code == DONE
    assert "Removed XBTUSD -> BTCUSDT" in done.shown
    assert json.loads(home.asset_mapping.read_bytes()) == {"bittensor": {"BTCUSD": "BTCUSDT"}}
    assert home.signal_weights.read_bytes() == before
    assert b"canary" not in home.credentials.read_bytes()
    assert home.credentials.stat().st_mode & 0o777 == 0o600
    assert read_credentials(home, around(home)).bybit.api_key.get_secret_value() == "canary-k"


ORIGINALS_WEIGHTS = [
    {"symbol": "ETHUSDT", "leverage": 4, "sources": [{"source": "tradingview", "weight": 0.2}]},
    {"symbol": "BTCUSDT", "leverage": 50, "sources": [{"source": "tradingview", "weight": 0.4}], "_note": "mine"},
]
"""The original's dialog takes a leverage of 50."""


def test_weights_out_of_bounds_are_asked_for_anew_and_the_others_kept(talk: Talking, home: Home) -> None:
    home.asset_mapping.write_text('{"tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"}}')
    home.signal_weights.write_text(json.dumps(ORIGINALS_WEIGHTS))
    before_weights = [""] * 6

    done = talk(session(home), [*before_weights, "21", "5", "", ""])

    assert done.code == DONE, done.complaint
    assert "What is not allowed in it is asked for anew.\n" in done.shown
    assert done.shown.count("Enter leverage for BTCUSDT: ") == 2
    assert "press Enter for current value: 0.40): " in done.shown
    expected = [ORIGINALS_WEIGHTS[0], {**ORIGINALS_WEIGHTS[1], "leverage": 5}]
    assert json.loads(home.signal_weights.read_bytes()) == expected
    (copy,) = home.path.glob("signal_weight_config.json.broken-*")
    assert json.loads(copy.read_bytes()) == ORIGINALS_WEIGHTS


def test_weights_whose_sum_was_too_large_are_written_also_when_none_is_given_anew(talk: Talking, home: Home) -> None:
    home.asset_mapping.write_text('{"tradingview": {"BTCUSDT": "BTCUSDT"}}')
    home.signal_weights.write_text(
        '[{"symbol": "BTCUSDT", "leverage": 5, "sources": [{"source": "tradingview", "weight": 1.5}]}]'
    )
    assert talk(session(home)).code == DONE
    assert json.loads(home.signal_weights.read_bytes()) == [{"symbol": "BTCUSDT", "leverage": 5, "sources": []}]


def test_nobody_is_there_to_ask_so_weights_out_of_bounds_stop_it(talk: Talking, home: Home) -> None:
    home.signal_weights.write_text(json.dumps(ORIGINALS_WEIGHTS))
    refused = talk(session(home, is_asked=False))
    assert refused.code == CONFIGURATION
    assert "config/signal_weights.py asks anew" in refused.complaint
    assert json.loads(home.signal_weights.read_bytes()) == ORIGINALS_WEIGHTS


def test_the_result_is_looked_at_before_the_last_words_which_come_in_any_case(talk: Talking, home: Home) -> None:
    def look() -> None:
        assert home.signal_weights.exists()
        raise KeyboardInterrupt

    done = talk(lambda console: set_up(console, home, around(home), StillClock(), Wishes(is_asked=False), look))
    assert done.code == DONE
    assert '"key": "tek_' in done.shown


def test_ctrl_c_between_two_files_comes_too_late(talk: Talking, home: Home) -> None:
    class InterruptingClock(StillClock):
        def now(self) -> datetime:
            os.kill(os.getpid(), signal.SIGINT)
            return NOW

    wishes = Wishes(is_asked=False)
    done = talk(lambda console: set_up(console, home, around(home), InterruptingClock(), wishes))
    assert done.code == DONE
    assert load_keys(home)
    assert '"key": "tek_' in done.shown


def test_a_file_that_changed_meanwhile_stops_the_writing_of_all(talk: Talking, home: Home) -> None:
    def answers() -> Iterator[str]:
        yield from [""] * (ALL_ENTER_QUESTIONS - 1)
        home.signal_weights.write_text("[]")
        yield ""

    stopped = talk(session(home), answers())
    assert stopped.code == FAILED
    assert "was changed by someone else meanwhile" in stopped.complaint
    assert contents(home) == {"signal_weight_config.json": b"[]"}


def test_keys_are_never_dropped_for_paper(talk: Talking, home: Home) -> None:
    home.credentials.write_text('{"bybit": {"api_key": "k", "api_secret": "s"}}')
    done = talk(session(home, is_live=False, is_asked=False))
    assert "The keys of bybit stay, and those accounts are not paper." in done.shown
    assert read_credentials(home, around(home)).bybit.api_key.get_secret_value() == "k"


def test_a_broken_file_stops_it_before_the_first_question(talk: Talking, home: Home) -> None:
    home.signal_weights.write_text("[")
    refused = talk(session(home))
    assert (refused.code, refused.questions) == (CONFIGURATION, 0)
    assert home.signal_weights.read_text() == "["
    assert not home.asset_mapping.exists()


@pytest.mark.parametrize(
    "wishes",
    [
        {"weights": ("tradingview",)},
        {"weights": ("tradingview=0.6", "bittensor=0.5")},
        {"leverage": "21"},
        {"pairs": ("BTC-USDT",)},
        {"exchanges": ("atlantis",)},
    ],
)
def test_options_that_break_a_rule_write_nothing(talk: Talking, home: Home, wishes: dict[str, Any]) -> None:
    refused = talk(session(home, is_asked=False, **wishes))
    assert refused.code == USAGE
    assert refused.complaint
    assert contents(home) == {}


@pytest.mark.parametrize(
    ("side", "contracts", "before", "action", "depth"),
    [
        ("long", "5.8", "flat", "buy", "0.058"),
        ("short", "100", "flat", "sell", "-1"),
        ("flat", "0", "long", "sell", "0"),
        ("flat", "0", "short", "buy", "0"),
        ("long", "50", "short", "buy", "0.5"),
    ],
)
def test_the_endpoint_understands_the_message_to_paste(
    side: str, contracts: str, before: str, action: str, depth: str
) -> None:
    placeholders = {
        "ticker": "BTCUSDT",
        "strategy.order.action": action,
        "strategy.market_position": side,
        "strategy.market_position_size": contracts,
        "strategy.prev_market_position": before,
        "strategy.prev_market_position_size": "0" if before == "flat" else "100",
        "strategy.order.price": "65000.5",
        "strategy.order.id": "Long",
        "timenow": "2026-01-02T03:04:05Z",
    }
    text = alert_message("tek_x")
    for name, value in placeholders.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    assert "{{" not in text
    alert = parse_message(text.encode(), AlertBounds(), NOW)
    assert isinstance(alert, Alert)
    assert (alert.symbol, alert.side, str(alert.depth)) == ("BTCUSDT", Side(side), depth)
