"""`python3 config/signal_weights.py` at a terminal, byte for byte as the README shows it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

Play = Callable[..., int]

MAPPINGS = {
    "tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"},
    "bittensor": {"BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT"},
}

README_EXAMPLE = """\
[
    {
        "symbol": "BTCUSDT",
        "leverage": 3,
        "sources": [
            {
                "source": "tradingview",
                "weight": 0.1
            },
            {
                "source": "bittensor",
                "weight": 0.15
            }
        ]
    },
    {
        "symbol": "ETHUSDT",
        "leverage": 3,
        "sources": [
            {
                "source": "tradingview",
                "weight": 0.1
            },
            {
                "source": "bittensor",
                "weight": 0.15
            }
        ]
    }
]
"""

README_SUMMARY = """\

Signal weights:
+---------+----------+---------------+--------+--------------+
| Symbol  | Leverage | Signal source | Weight | Total weight |
+---------+----------+---------------+--------+--------------+
| BTCUSDT | 3        | tradingview   | 0.10   | 0.25         |
|         |          | bittensor     | 0.15   |              |
| ETHUSDT | 3        | tradingview   | 0.10   | 0.25         |
|         |          | bittensor     | 0.15   |              |
+---------+----------+---------------+--------+--------------+
All symbols together: 0.50 (for information; the limit of 1.00 is per symbol)

"""

KEPT = """\
Configuring BTCUSDT
Enter leverage for BTCUSDT (press Enter for current value: 3): ⟦⟧
Assign weight for BTCUSDT from tradingview (remaining weight: 1.00, press Enter for current value: 0.10): ⟦⟧
Assign weight for BTCUSDT from bittensor (remaining weight: 0.90, press Enter for current value: 0.15): ⟦⟧

Configuring ETHUSDT
Enter leverage for ETHUSDT (press Enter for current value: 3): ⟦⟧
Assign weight for ETHUSDT from tradingview (remaining weight: 1.00, press Enter for current value: 0.10): ⟦⟧
Assign weight for ETHUSDT from bittensor (remaining weight: 0.90, press Enter for current value: 0.15): ⟦⟧
"""


@pytest.fixture(autouse=True)
def mappings(home: Path) -> Path:
    path = home / "asset_mapping_config.json"
    path.write_text(json.dumps(MAPPINGS))
    return path


def weights(home: Path) -> Path:
    return home / "signal_weight_config.json"


def test_the_first_run_writes_the_file_of_the_readme(play: Play, home: Path) -> None:
    transcript = f"""\
Configuring BTCUSDT
Enter leverage for BTCUSDT: ⟦⟧
Leverage must be a whole number from 1 to 20.
Enter leverage for BTCUSDT: ⟦3⟧
Assign weight for BTCUSDT from tradingview (remaining weight: 1.00): ⟦0.10⟧
Assign weight for BTCUSDT from bittensor (remaining weight: 0.90): ⟦0.15⟧

Configuring ETHUSDT
Enter leverage for ETHUSDT: ⟦3⟧
Assign weight for ETHUSDT from tradingview (remaining weight: 1.00): ⟦.1⟧
Assign weight for ETHUSDT from bittensor (remaining weight: 0.90): ⟦0.91⟧
Only 0.90 remains for ETHUSDT.
Assign weight for ETHUSDT from bittensor (remaining weight: 0.90): ⟦0.150⟧
{README_SUMMARY}Configuration saved to HOME/signal_weight_config.json
"""
    assert play("config/signal_weights.py", transcript) == 0
    assert weights(home).read_text() == README_EXAMPLE


def test_enter_at_every_question_leaves_the_file_byte_for_byte(play: Play, home: Path) -> None:
    by_hand = README_EXAMPLE.replace("    ", "  ").replace('"leverage": 3,', '"_why": "mine", "leverage": 3,', 1)
    weights(home).write_text(by_hand)
    transcript = f"{KEPT}{README_SUMMARY}Nothing changed in HOME/signal_weight_config.json\n"
    assert play("config/signal_weights.py", transcript) == 0
    assert weights(home).read_text() == by_hand


def test_the_walk_through_finds_the_new_pair_and_asks_for_it(play: Play, home: Path, mappings: Path) -> None:
    weights(home).write_text(README_EXAMPLE)
    mappings.write_text(
        json.dumps(
            {
                source: {**pairs, f"TAOUSD{'T' * (source != 'bittensor')}": "TAOUSDT"}
                for source, pairs in MAPPINGS.items()
            }
        )
    )
    transcript = f"""\
{KEPT}
Configuring TAOUSDT
Enter leverage for TAOUSDT: ⟦3⟧
Assign weight for TAOUSDT from tradingview (remaining weight: 1.00): ⟦0.10⟧
Assign weight for TAOUSDT from bittensor (remaining weight: 0.90): ⟦0.15⟧

Signal weights:
+---------+----------+---------------+--------+--------------+
| Symbol  | Leverage | Signal source | Weight | Total weight |
+---------+----------+---------------+--------+--------------+
| BTCUSDT | 3        | tradingview   | 0.10   | 0.25         |
|         |          | bittensor     | 0.15   |              |
| ETHUSDT | 3        | tradingview   | 0.10   | 0.25         |
|         |          | bittensor     | 0.15   |              |
| TAOUSDT | 3        | tradingview   | 0.10   | 0.25         |
|         |          | bittensor     | 0.15   |              |
+---------+----------+---------------+--------+--------------+
All symbols together: 0.75 (for information; the limit of 1.00 is per symbol)

Configuration saved to HOME/signal_weight_config.json
"""
    assert play("config/signal_weights.py", transcript) == 0
    tao = {
        "symbol": "TAOUSDT",
        "leverage": 3,
        "sources": [{"source": "tradingview", "weight": 0.1}, {"source": "bittensor", "weight": 0.15}],
    }
    assert json.loads(weights(home).read_text()) == [*json.loads(README_EXAMPLE), tao]


def test_leverage_and_weights_that_break_a_rule_are_asked_again(play: Play, home: Path, mappings: Path) -> None:
    mappings.write_text('{"tradingview": {"BTCUSDT": "BTCUSDT"}}')
    weights(home).write_text(
        '[{"symbol": "BTCUSDT", "leverage": 5, "sources": [{"source": "tradingview", "weight": 0.125}]}]'
    )
    refused = "\n".join(
        f"Enter leverage for BTCUSDT (press Enter for current value: 5): ⟦{answer}⟧\n"
        "Leverage must be a whole number from 1 to 20."
        for answer in ("0", "21", "-5", "2.5", "three", "50")
    )
    asked = (
        "Assign weight for BTCUSDT from tradingview (remaining weight: 1.00, press Enter for current value: 0.125): "
    )
    refused_weights = "\n".join(
        f"{asked}⟦{answer}⟧\nA weight is a number from 0 to 1, such as 0.15, with at most 8 decimals."
        for answer in ("1.01", "-0.1", "NaN", "10%", "0,5", "0.123456789")
    )
    transcript = f"""\
Configuring BTCUSDT
{refused}
Enter leverage for BTCUSDT (press Enter for current value: 5): ⟦20⟧
{refused_weights}
{asked}⟦0⟧

Signal weights:
+---------+----------+---------------+--------+--------------+
| Symbol  | Leverage | Signal source | Weight | Total weight |
+---------+----------+---------------+--------+--------------+
| BTCUSDT | 20       | tradingview   | 0.00   | 0.00         |
+---------+----------+---------------+--------+--------------+
All symbols together: 0.00 (for information; the limit of 1.00 is per symbol)

Configuration saved to HOME/signal_weight_config.json
"""
    assert play("config/signal_weights.py", transcript) == 0
    assert json.loads(weights(home).read_text()) == [
        {"symbol": "BTCUSDT", "leverage": 20, "sources": [{"source": "tradingview", "weight": 0}]}
    ]


def test_a_kept_weight_that_no_longer_fits_is_asked_again(play: Play, home: Path, mappings: Path) -> None:
    mappings.write_text('{"tradingview": {"BTCUSDT": "BTCUSDT"}, "bittensor": {"BTCUSD": "BTCUSDT"}}')
    weights(home).write_text(json.dumps(json.loads(README_EXAMPLE)[:1]))
    transcript = """\
Configuring BTCUSDT
Enter leverage for BTCUSDT (press Enter for current value: 3): ⟦⟧
Assign weight for BTCUSDT from tradingview (remaining weight: 1.00, press Enter for current value: 0.10): ⟦0.9⟧
Assign weight for BTCUSDT from bittensor (remaining weight: 0.10, press Enter for current value: 0.15): ⟦⟧
The current value no longer fits. Only 0.10 remains for BTCUSDT.
Assign weight for BTCUSDT from bittensor (remaining weight: 0.10, press Enter for current value: 0.15): ⟦0.1⟧

Signal weights:
+---------+----------+---------------+--------+--------------+
| Symbol  | Leverage | Signal source | Weight | Total weight |
+---------+----------+---------------+--------+--------------+
| BTCUSDT | 3        | tradingview   | 0.90   | 1.00         |
|         |          | bittensor     | 0.10   |              |
+---------+----------+---------------+--------+--------------+
All symbols together: 1.00 (for information; the limit of 1.00 is per symbol)

Configuration saved to HOME/signal_weight_config.json
"""
    assert play("config/signal_weights.py", transcript) == 0


def test_tenths_leave_exactly_nothing_and_a_skipped_source_stays_out(play: Play, home: Path, mappings: Path) -> None:
    mappings.write_text(
        json.dumps({source: {"BTC": "BTCUSDT"} for source in ("tradingview", "bittensor", "one", "two")})
    )
    transcript = """\
Configuring BTCUSDT
Enter leverage for BTCUSDT: ⟦1⟧
Assign weight for BTCUSDT from tradingview (remaining weight: 1.00): ⟦0.1⟧
Assign weight for BTCUSDT from bittensor (remaining weight: 0.90): ⟦0.2⟧
Assign weight for BTCUSDT from one (remaining weight: 0.70): ⟦0.7⟧
Assign weight for BTCUSDT from two (remaining weight: 0.00): ⟦⟧

Signal weights:
+---------+----------+---------------+--------+--------------+
| Symbol  | Leverage | Signal source | Weight | Total weight |
+---------+----------+---------------+--------+--------------+
| BTCUSDT | 1        | tradingview   | 0.10   | 1.00         |
|         |          | bittensor     | 0.20   |              |
|         |          | one           | 0.70   |              |
+---------+----------+---------------+--------+--------------+
All symbols together: 1.00 (for information; the limit of 1.00 is per symbol)

Configuration saved to HOME/signal_weight_config.json
"""
    assert play("config/signal_weights.py", transcript) == 0
    (pair,) = json.loads(weights(home).read_text())
    assert [share["source"] for share in pair["sources"]] == ["tradingview", "bittensor", "one"]


def test_what_no_source_maps_any_more_is_reported_as_removed(play: Play, home: Path, mappings: Path) -> None:
    mappings.write_text('{"tradingview": {"BTCUSDT": "BTCUSDT"}}')
    weights(home).write_text(README_EXAMPLE)
    transcript = """\
Removed the weight 0.15 of bittensor for BTCUSDT: it maps nothing to it.
Removed ETHUSDT: no source maps to it any more. The engine closes what it holds of it.
Configuring BTCUSDT
Enter leverage for BTCUSDT (press Enter for current value: 3): ⟦⟧
Assign weight for BTCUSDT from tradingview (remaining weight: 1.00, press Enter for current value: 0.10): ⟦⟧

Signal weights:
+---------+----------+---------------+--------+--------------+
| Symbol  | Leverage | Signal source | Weight | Total weight |
+---------+----------+---------------+--------+--------------+
| BTCUSDT | 3        | tradingview   | 0.10   | 0.10         |
+---------+----------+---------------+--------+--------------+
All symbols together: 0.10 (for information; the limit of 1.00 is per symbol)

Configuration saved to HOME/signal_weight_config.json
"""
    assert play("config/signal_weights.py", transcript) == 0
    assert [pair["symbol"] for pair in json.loads(weights(home).read_text())] == ["BTCUSDT"]


@pytest.mark.parametrize("key", ["^C", "^D"])
def test_giving_up_half_way_leaves_the_file_as_it_was(play: Play, home: Path, key: str) -> None:
    weights(home).write_text(README_EXAMPLE)
    transcript = f"""\
Configuring BTCUSDT
Enter leverage for BTCUSDT (press Enter for current value: 3): ⟦9⟧
Assign weight for BTCUSDT from tradingview (remaining weight: 1.00, press Enter for current value: 0.10): ⟦{key}⟧
Given up. Nothing was written.
"""
    assert play("config/signal_weights.py", transcript) == 1
    assert weights(home).read_text() == README_EXAMPLE


def test_without_mappings_it_says_which_script_comes_first(play: Play, home: Path, mappings: Path) -> None:
    mappings.unlink()
    transcript = (
        "HOME/asset_mapping_config.json: the file does not exist. "
        "Map the sources' symbols first: python3 config/asset_mapping.py\n"
    )
    assert play("config/signal_weights.py", transcript) == 78
    assert not weights(home).exists()
