"""Properties of any conversation about mappings, and its options."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.asset_mapping import configure_mappings
from config.dialog import CONFIGURATION, DONE, FAILED, USAGE, Console
from config.home import Home
from config.schemas.mappings import parse_mappings

Talking = Callable[..., Any]

NAMES = ("BTCUSD", "ETHUSD", "SOLUSD", "XBTUSD")
TARGETS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
STORED = {"tradingview": {"BTCUSDT": "BTCUSDT"}, "bittensor": {"BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT"}}

names = st.sampled_from(NAMES)
targets = st.sampled_from(TARGETS)
entries = st.lists(st.tuples(names, targets), max_size=3, unique_by=(lambda pair: pair[0], lambda pair: pair[1])).map(
    dict
)
documents = st.fixed_dictionaries({"tradingview": entries, "bittensor": entries})
duplicated = st.fixed_dictionaries({"tradingview": st.dictionaries(names, targets), "bittensor": entries})
any_answer = st.one_of(names, targets, st.sampled_from(["k", "m", "n", "r", "y", "", "?", "btcusd"]))


def store(folder: Path | str, document: object, indent: int | None = 4) -> Path:
    path = Home(Path(folder)).asset_mapping
    path.write_text(json.dumps(document, indent=indent))
    return path


def asking(folder: Path | str) -> Callable[[Console], None]:
    home = Home(Path(folder))
    return lambda console: configure_mappings(console, home, [], None, is_asked=True)


def told(folder: Path, options: Sequence[str], from_file: Path | None = None) -> Callable[[Console], None]:
    return lambda console: configure_mappings(console, Home(folder), options, from_file, is_asked=False)


@settings(max_examples=25)
@given(stored=duplicated, answers=st.lists(any_answer, max_size=25))
def test_no_two_entries_of_one_source_share_a_target_whatever_is_answered(
    talk: Talking, stored: dict[str, dict[str, str]], answers: list[str]
) -> None:
    with TemporaryDirectory() as folder:
        path = store(folder, stored)
        assert talk(asking(folder), answers).code == DONE
        for mapped in json.loads(path.read_bytes()).values():
            assert len(set(mapped.values())) == len(mapped)
        parse_mappings(path.read_bytes(), path)


def put(mapped: list[tuple[str, str]], name: str, target: str) -> list[tuple[str, str]]:
    """The README's rules, once more and as simply as they can be said."""
    rest = [(other, its) for other, its in mapped if its != target or other == name]
    if name in dict(rest):
        return [(other, target if other == name else its) for other, its in rest]
    return [*rest, (name, target)]


@settings(max_examples=25)
@given(stored=documents, entered=st.lists(st.tuples(names, targets), max_size=6), decision=st.sampled_from("kn"))
def test_kept_mappings_come_first_and_new_ones_in_the_order_of_entry(
    talk: Talking, stored: dict[str, dict[str, str]], entered: list[tuple[str, str]], decision: str
) -> None:
    expected = list(stored["bittensor"].items()) if decision == "k" else []
    answers = ["k"] * bool(stored["tradingview"]) + [""] + [decision] * bool(stored["bittensor"])
    for name, target in entered:
        answers += [name, *(["y"] if name in dict(expected) else []), target]
        expected = put(expected, name, target)
    with TemporaryDirectory() as folder:
        path = store(folder, stored)
        assert talk(asking(folder), answers).code == DONE
        written = json.loads(path.read_bytes())
        assert list(written["bittensor"].items()) == expected
        assert list(written["tradingview"].items()) == list(stored["tradingview"].items())


@settings(max_examples=25)
@given(stored=documents, indent=st.sampled_from([None, 0, 1, 4]))
def test_enter_at_every_question_leaves_the_file_byte_for_byte(
    talk: Talking, stored: dict[str, dict[str, str]], indent: int | None
) -> None:
    with TemporaryDirectory() as folder:
        path = store(folder, stored, indent)
        before = path.read_bytes()
        assert talk(asking(folder)).code == DONE
        assert path.read_bytes() == before


def test_giving_up_at_any_question_leaves_the_file_as_it_was(
    talk: Talking, tmp_path: Path, ending: Callable[[], str]
) -> None:
    answers = ["k", "TAOUSDT", "TAOUSDT", "", "m", "r", "m", "SOLUSDT", "TAOUSD", "TAOUSDT", ""]
    path = store(tmp_path, STORED)
    before = path.read_bytes()
    for number in range(len(answers)):
        assert talk(asking(tmp_path), answers, cut_at=number, end=ending).code == FAILED
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]
    whole = talk(asking(tmp_path), answers)
    assert (whole.code, whole.questions) == (DONE, len(answers))
    assert path.read_bytes() != before


def test_a_list_of_ids_of_one_asset_is_shown_and_kept(talk: Talking, tmp_path: Path) -> None:
    mapped = {"_note": "renamed in May", "BTCUSDT": ["BTCUSD", "BTCUSDC"], "ETHUSD": "ETHUSDT"}
    path = store(tmp_path, {"bittensor": mapped})
    assert "  BTCUSD, BTCUSDC -> BTCUSDT\n" in talk(asking(tmp_path), ["", "k", "TAOUSD", "TAOUSDT"]).shown
    assert json.loads(path.read_bytes()) == {"bittensor": {**mapped, "TAOUSD": "TAOUSDT"}}


def test_one_id_can_leave_a_list_and_a_list_can_be_retargeted(talk: Talking, tmp_path: Path) -> None:
    path = store(tmp_path, {"bittensor": {"BTCUSDT": ["BTCUSD", "BTCUSDC", "XBTUSD"]}})
    assert talk(asking(tmp_path), ["", "m", "m", "WBTCUSDT", "BTCUSDC", "y", "BTCUSDT"]).code == DONE
    assert json.loads(path.read_bytes()) == {"bittensor": {"WBTCUSDT": ["BTCUSD", "XBTUSD"], "BTCUSDC": "BTCUSDT"}}


def test_what_the_file_cannot_hold_beside_a_list_is_refused_in_words(talk: Talking, tmp_path: Path) -> None:
    path = store(tmp_path, {"bittensor": {"BTCUSDT": ["BTCUSD", "BTCUSDC"]}})
    before = path.read_bytes()
    shown = talk(asking(tmp_path), ["", "k", "BTCUSDT", "ETHUSDT"]).shown
    assert "BTCUSDT is the key of another entry of the file; remove that one first\n" in shown
    assert path.read_bytes() == before


def test_a_file_whose_rules_are_broken_is_refused_before_the_first_question(talk: Talking, tmp_path: Path) -> None:
    path = store(tmp_path, {"bittensor": {"BTCUSDT": ["BTCUSD"], "BTCUSD": "ETHUSDT"}})
    refused = talk(asking(tmp_path))
    assert (refused.code, refused.questions) == (CONFIGURATION, 0)
    assert "bittensor: BTCUSD is mapped twice" in refused.complaint
    assert json.loads(path.read_bytes())["bittensor"]["BTCUSD"] == "ETHUSDT"


def test_options_change_a_file_without_a_question(talk: Talking, tmp_path: Path) -> None:
    path = store(tmp_path, STORED)
    done = talk(told(tmp_path, ["bittensor.TAOUSD=TAOUSDT", "bittensor.ETHUSD=", "momentum.BTCUSDT.P=btcusdt"]))
    assert (done.code, done.questions) == (DONE, 0)
    assert json.loads(path.read_bytes()) == {
        "tradingview": {"BTCUSDT": "BTCUSDT"},
        "bittensor": {"BTCUSD": "BTCUSDT", "TAOUSD": "TAOUSDT"},
        "momentum": {"BTCUSDT.P": "BTCUSDT"},
    }


@pytest.mark.parametrize(
    "setting",
    ["bittensor", "=BTCUSDT", "bittensor=BTCUSDT", "Bit tensor.A=BTCUSDT", "bittensor.A=BTC-USDT", "bittensor.Q="],
)
def test_an_option_that_says_nothing_sensible_changes_nothing(talk: Talking, tmp_path: Path, setting: str) -> None:
    path = store(tmp_path, STORED)
    before = path.read_bytes()
    refused = talk(told(tmp_path, ["bittensor.TAOUSD=TAOUSDT", setting]))
    assert refused.code == USAGE
    assert refused.complaint
    assert path.read_bytes() == before


def test_a_file_replaces_the_whole_content_and_a_wrong_one_nothing(talk: Talking, tmp_path: Path) -> None:
    path, given_file = store(tmp_path, STORED), tmp_path / "given.json"
    from_file = partial(told, tmp_path, [], given_file)
    given_file.write_text('{"bittensor": {"TAOUSD": "TAOUSDT"}}')
    assert talk(from_file()).code == DONE
    assert json.loads(path.read_bytes()) == {"bittensor": {"TAOUSD": "TAOUSDT"}}

    for wrong in ('{"bittensor": {"TAOUSD": true}}', '{"bittensor": ["TAOUSD"]}', '["TAOUSD"]', '{"a": {}, "a": {}}'):
        given_file.write_text(wrong)
        assert talk(from_file()).code == CONFIGURATION
        assert json.loads(path.read_bytes()) == {"bittensor": {"TAOUSD": "TAOUSDT"}}
