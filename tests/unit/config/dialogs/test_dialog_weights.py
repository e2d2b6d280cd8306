"""Properties of any conversation about weights, and its options."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.asset_mapping import configure_mappings
from config.dialog import CONFIGURATION, DONE, FAILED, USAGE, Console
from config.dialog_set_up import BITTENSOR, TRADINGVIEW
from config.home import Home
from config.schemas.weights import parse_weights
from config.signal_weights import configure_weights
from config.trading_files import TradingFiles
from core.model.identity import Symbol
from core.model.target import SourceWeight, SymbolWeights

Talking = Callable[..., Any]

MAPPINGS = {"tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"}, "bittensor": {"BTCUSD": "BTCUSDT"}}
STORED = [
    {
        "symbol": "BTCUSDT",
        "leverage": 3,
        "sources": [{"source": "tradingview", "weight": 0.1}, {"source": "bittensor", "weight": 0.15}],
    },
    {"symbol": "ETHUSDT", "leverage": 2, "sources": [{"source": "tradingview", "weight": 0.3}]},
]


def store(folder: Path | str, document: object, indent: int | None = 4) -> Path:
    home = Home(Path(folder))
    home.asset_mapping.write_text(json.dumps(MAPPINGS))
    home.signal_weights.write_text(json.dumps(document, indent=indent))
    return home.signal_weights


def asking(folder: Path | str) -> Callable[[Console], None]:
    home = Home(Path(folder))
    return lambda console: configure_weights(console, home, [], None, is_asked=True)


def told(folder: Path, options: Sequence[str], from_file: Path | None = None) -> Callable[[Console], None]:
    return lambda console: configure_weights(console, Home(folder), options, from_file, is_asked=False)


leverages = st.integers(1, 20)
hundredths = st.integers(0, 100)


@st.composite
def documents(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Valid files over the mapped pairs, in any order, with some sources left out."""
    first = draw(hundredths)
    shares = [("tradingview", first), ("bittensor", draw(st.integers(0, 100 - first)))]
    kept = draw(st.lists(st.sampled_from(shares), unique=True))
    bitcoin = {
        "symbol": "BTCUSDT",
        "leverage": draw(leverages),
        "sources": [{"source": source, "weight": weight / 100} for source, weight in kept],
    }
    ether = {
        "symbol": "ETHUSDT",
        "leverage": draw(leverages),
        "sources": [{"source": "tradingview", "weight": draw(hundredths) / 100}],
    }
    return draw(st.permutations([bitcoin, ether]))


@settings(max_examples=25)
@given(stored=documents(), indent=st.sampled_from([None, 0, 4]))
def test_enter_at_every_question_leaves_the_file_byte_for_byte(
    talk: Talking, stored: list[dict[str, Any]], indent: int | None
) -> None:
    with TemporaryDirectory() as folder:
        path = store(folder, stored, indent)
        before = path.read_bytes()
        assert talk(asking(folder)).code == DONE
        assert path.read_bytes() == before


@settings(max_examples=25)
@given(
    stored=documents(),
    answers=st.lists(
        st.one_of(
            st.sampled_from(["", "?", "0", "21", "-1", "1.01", "nan", "Infinity", "1e-3", "0.1", "0.2", "0.7", "1"]),
            hundredths.map(lambda number: f"0.{number:02}"),
        ),
        max_size=20,
    ),
)
def test_the_weights_of_a_pair_never_exceed_one_whatever_is_answered(
    talk: Talking, stored: list[dict[str, Any]], answers: list[str]
) -> None:
    """Zeros follow the answers, since a kept weight that no longer fits is asked for until it fits."""
    with TemporaryDirectory() as folder:
        path = store(folder, stored)
        done = talk(asking(folder), [*answers, *(["0", "1"] * 20)])
        assert done.code == DONE
        for pair in parse_weights(path.read_bytes(), path):
            assert sum(share.weight for share in pair.sources) <= 1
            assert 1 <= pair.leverage <= 20


@settings(max_examples=25)
@given(weights=st.lists(st.decimals(0, 1, places=3), min_size=2, max_size=2))
def test_the_remaining_weight_is_counted_exactly(talk: Talking, weights: list[Decimal]) -> None:
    first, second = weights
    with TemporaryDirectory() as folder:
        path = store(folder, STORED)
        shown = talk(asking(folder), ["", str(first), str(second), "0"]).shown
        rest = 1 - first
        assert f"from bittensor (remaining weight: {rest if rest % Decimal('0.01') else round(rest, 2)}," in shown
        fits = first + second <= 1
        assert (f"Only {rest if rest % Decimal('0.01') else round(rest, 2)} remains for BTCUSDT." in shown) is not fits
        bittensor = parse_weights(path.read_bytes(), path)[0].sources[1].weight
        assert bittensor == (second if fits else 0)


def test_giving_up_at_any_question_leaves_the_file_as_it_was(
    talk: Talking, tmp_path: Path, ending: Callable[[], str]
) -> None:
    answers = ["9", "0.2", "0.9", "0.3", "21", "5", "0.4"]
    path = store(tmp_path, STORED)
    before = path.read_bytes()
    for number in range(len(answers)):
        assert talk(asking(tmp_path), answers, cut_at=number, end=ending).code == FAILED
        assert path.read_bytes() == before
    whole = talk(asking(tmp_path), answers)
    assert (whole.code, whole.questions) == (DONE, len(answers))
    assert path.read_bytes() != before


def test_a_stored_order_and_the_operators_notes_survive_a_change(talk: Talking, tmp_path: Path) -> None:
    ether, bitcoin = {**STORED[1], "_why": "less than before"}, STORED[0]
    path = store(tmp_path, [ether, bitcoin])
    assert talk(asking(tmp_path), ["", "", "0.5"]).code == DONE
    shares = [{"source": "tradingview", "weight": 0.1}, {"source": "bittensor", "weight": 0.5}]
    assert json.loads(path.read_bytes()) == [ether, {**bitcoin, "sources": shares}]


def test_options_change_a_file_without_a_question(talk: Talking, tmp_path: Path) -> None:
    path = store(tmp_path, STORED)
    options = ["BTCUSDT.bittensor=", "btcusdt.tradingview=.5", "BTCUSDT.leverage=20", "ETHUSDT="]
    done = talk(told(tmp_path, options))
    assert (done.code, done.questions) == (DONE, 0)
    assert json.loads(path.read_bytes()) == [
        {"symbol": "BTCUSDT", "leverage": 20, "sources": [{"source": "tradingview", "weight": 0.5}]}
    ]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("BTCUSDT.leverage=21", "whole number from 1 to 20"),
        ("BTCUSDT.leverage=", "whole number from 1 to 20"),
        ("BTCUSDT.bittensor=0.95", "the weights of BTCUSDT sum to 1.05, more than 1.00"),
        ("BTCUSDT.bittensor=-1", "a number from 0 to 1"),
        ("ETHUSDT.bittensor=0.1", "bittensor maps nothing to ETHUSDT"),
        ("TAOUSDT.leverage", "write FIELD=VALUE"),
        ("TAOUSDT=", "write SYMBOL.leverage=3"),
        ("BTCUSDT=3", "write SYMBOL.leverage=3"),
        ("BTC-USDT.leverage=3", "symbol"),
        ("TAOUSDT.bittensor=", "TAOUSDT has no leverage yet"),
    ],
)
def test_an_option_that_breaks_a_rule_changes_nothing(talk: Talking, tmp_path: Path, setting: str, reason: str) -> None:
    path = store(tmp_path, STORED)
    before = path.read_bytes()
    refused = talk(told(tmp_path, ["ETHUSDT.leverage=4", setting]))
    assert refused.code == USAGE
    assert reason in refused.complaint
    assert path.read_bytes() == before


def test_a_file_replaces_the_whole_content_and_a_wrong_one_nothing(talk: Talking, tmp_path: Path) -> None:
    path, given_file = store(tmp_path, STORED), tmp_path / "given.json"
    given_file.write_text(json.dumps(STORED[1:]))
    assert talk(told(tmp_path, [], given_file)).code == DONE
    assert json.loads(path.read_bytes()) == STORED[1:]

    wrongs: list[object] = [
        [{**STORED[1], "leverage": 50}],
        [*STORED, STORED[0]],
        [{**STORED[1], "leverage": True}],
        {},
    ]
    for wrong in wrongs:
        given_file.write_text(json.dumps(wrong))
        assert talk(told(tmp_path, [], given_file)).code == CONFIGURATION
        assert json.loads(path.read_bytes()) == STORED[1:]


def test_an_empty_mapping_file_never_empties_the_weights(talk: Talking, tmp_path: Path) -> None:
    path = store(tmp_path, STORED)
    Home(tmp_path).asset_mapping.write_text('{"tradingview": {}}')
    refused = talk(asking(tmp_path))
    assert refused.code == CONFIGURATION
    assert "maps no symbol yet. Map the sources' symbols first" in refused.complaint
    assert json.loads(path.read_bytes()) == STORED


def test_values_that_the_original_accepts_and_we_do_not_are_asked_for_anew(talk: Talking, tmp_path: Path) -> None:
    bitcoin = {**STORED[0], "leverage": 50, "_why": "mine"}
    too_much = [{"source": "tradingview", "weight": 0.9}, {"source": "bittensor", "weight": 0.3}]
    path = store(tmp_path, [bitcoin, {**STORED[1], "sources": [*too_much]}])
    done = talk(asking(tmp_path), ["", "7", "", "", "", "0.4"])
    assert done.code == DONE
    assert "What is not allowed in it is asked for anew.\n" in done.shown
    assert "Enter leverage for BTCUSDT: " in done.shown
    assert json.loads(path.read_bytes()) == [
        {**bitcoin, "leverage": 7},
        {**STORED[1], "sources": [{"source": "tradingview", "weight": 0.4}]},
    ]
    (copy,) = tmp_path.glob("*.broken-*")
    assert json.loads(copy.read_bytes())[0]["leverage"] == 50


def test_a_mended_file_is_written_also_when_nothing_is_given_anew(talk: Talking, tmp_path: Path) -> None:
    path = store(tmp_path, [STORED[0], {**STORED[1], "sources": [{"source": "tradingview", "weight": 1.5}]}])
    assert talk(asking(tmp_path)).code == DONE
    assert json.loads(path.read_bytes()) == [STORED[0], {**STORED[1], "sources": []}]


@pytest.mark.parametrize("wrong", ['[{"symbol": "BTC-USDT", "leverage": 3, "sources": []}]', "{}", "[1]", "[", "[[]]"])
def test_a_file_with_more_than_values_out_of_bounds_is_left_to_its_owner(
    talk: Talking, tmp_path: Path, wrong: str
) -> None:
    path = store(tmp_path, [])
    path.write_text(wrong)
    refused = talk(asking(tmp_path))
    assert (refused.code, refused.questions) == (CONFIGURATION, 0)
    assert path.read_text() == wrong


def test_the_walk_through_reaches_a_reader_of_the_files_without_a_restart(talk: Talking, tmp_path: Path) -> None:
    store(tmp_path, STORED)
    files = TradingFiles(Home(tmp_path))
    before = files.load()
    adding = ["k", "TAOUSDT", "TAOUSDT", "", "k", "TAOUSD", "TAOUSDT", ""]
    mapping = lambda console: configure_mappings(console, Home(tmp_path), [], None, is_asked=True)  # noqa: E731
    assert talk(mapping, adding).code == DONE
    assert files.load().weights == before.weights
    assert talk(asking(tmp_path), [*[""] * 5, "3", "0.10", "0.15"]).code == DONE

    after = files.load()

    assert after.version != before.version
    assert after.weights[: len(before.weights)] == before.weights
    assert after.weights[-1] == SymbolWeights(
        Symbol("TAOUSDT"),
        Decimal(3),
        (SourceWeight(TRADINGVIEW, Decimal("0.1")), SourceWeight(BITTENSOR, Decimal("0.15"))),
    )
    assert after.mappings[BITTENSOR]["TAOUSD"] == Symbol("TAOUSDT")
    assert files.problem() == ""
