"""`python3 config/asset_mapping.py` at a terminal, byte for byte as the README shows it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

Play = Callable[..., int]

TWO_PAIRS = """\
{
    "tradingview": {
        "BTCUSDT": "BTCUSDT",
        "ETHUSDT": "ETHUSDT"
    },
    "bittensor": {
        "BTCUSD": "BTCUSDT",
        "ETHUSD": "ETHUSDT"
    }
}
"""

MENU = """\

What would you like to do with existing mappings?
  k - keep all existing mappings
  m - modify existing mappings one by one
  n - start fresh with no mappings
Choose (k/m/n): """

CURRENT_TRADINGVIEW = """\
Current mappings for tradingview:
  BTCUSDT -> BTCUSDT
  ETHUSDT -> ETHUSDT
"""

CURRENT_BITTENSOR = """\

Current mappings for bittensor:
  BTCUSD -> BTCUSDT
  ETHUSD -> ETHUSDT
"""

ASK = "Enter source asset symbol (e.g., ETHUSD) or press Enter to finish: "

KEEP_TRADINGVIEW = f"""\
{CURRENT_TRADINGVIEW}{MENU}⟦k⟧

Configuring mappings for tradingview
{ASK}⟦⟧
"""

SUMMARY_OF_TWO_PAIRS = """\

Asset mappings:
+---------------+---------------+----------------+
| Signal source | Source symbol | Unified symbol |
+---------------+---------------+----------------+
| tradingview   | BTCUSDT       | BTCUSDT        |
|               | ETHUSDT       | ETHUSDT        |
| bittensor     | BTCUSD        | BTCUSDT        |
|               | ETHUSD        | ETHUSDT        |
+---------------+---------------+----------------+

"""


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in home.iterdir()}


def test_a_fresh_checkout_asks_for_the_mappings_and_nothing_else(play: Play, checkout: Path) -> None:
    transcript = f"""\
Configuring mappings for tradingview
{ASK}⟦BTCUSDT⟧
Enter translated asset symbol for BTCUSDT: ⟦BTCUSDT⟧
{ASK}⟦ethusdt⟧
Enter translated asset symbol for ETHUSDT: ⟦ethusdt⟧
{ASK}⟦⟧

Configuring mappings for bittensor
{ASK}⟦BTCUSD⟧
Enter translated asset symbol for BTCUSD: ⟦BTCUSDT⟧
{ASK}⟦ETHUSD⟧
Enter translated asset symbol for ETHUSD: ⟦ETHUSDT⟧
{ASK}⟦⟧
{SUMMARY_OF_TWO_PAIRS}Configuration saved to HOME/asset_mapping_config.json
"""
    assert play("config/asset_mapping.py", transcript, root=checkout) == 0
    assert (checkout / "asset_mapping_config.json").read_text() == TWO_PAIRS


def test_the_walk_through_adds_a_pair_to_both_sources(play: Play, home: Path) -> None:
    (home / "asset_mapping_config.json").write_text(TWO_PAIRS)
    transcript = f"""\
{CURRENT_TRADINGVIEW}{MENU}⟦k⟧

Configuring mappings for tradingview
{ASK}⟦TAOUSDT⟧
Enter translated asset symbol for TAOUSDT: ⟦TAOUSDT⟧
{ASK}⟦⟧
{CURRENT_BITTENSOR}{MENU}⟦k⟧

Configuring mappings for bittensor
{ASK}⟦TAOUSD⟧
Enter translated asset symbol for TAOUSD: ⟦TAOUSDT⟧
{ASK}⟦⟧

Asset mappings:
+---------------+---------------+----------------+
| Signal source | Source symbol | Unified symbol |
+---------------+---------------+----------------+
| tradingview   | BTCUSDT       | BTCUSDT        |
|               | ETHUSDT       | ETHUSDT        |
|               | TAOUSDT       | TAOUSDT        |
| bittensor     | BTCUSD        | BTCUSDT        |
|               | ETHUSD        | ETHUSDT        |
|               | TAOUSD        | TAOUSDT        |
+---------------+---------------+----------------+

Configuration saved to HOME/asset_mapping_config.json
"""
    assert play("config/asset_mapping.py", transcript) == 0
    assert json.loads((home / "asset_mapping_config.json").read_text()) == {
        "tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT", "TAOUSDT": "TAOUSDT"},
        "bittensor": {"BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT", "TAOUSD": "TAOUSDT"},
    }


def test_keeping_everything_leaves_the_file_byte_for_byte(play: Play, home: Path) -> None:
    by_hand = TWO_PAIRS.replace("    ", "\t").replace("{\n", '{\n\t"_why": "mine",\n', 1)
    (home / "asset_mapping_config.json").write_text(by_hand)
    transcript = f"""\
{CURRENT_TRADINGVIEW}{MENU}⟦x⟧
Please answer k, m or n.
Choose (k/m/n): ⟦K⟧

Configuring mappings for tradingview
{ASK}⟦⟧
{CURRENT_BITTENSOR}{MENU}⟦⟧

Configuring mappings for bittensor
{ASK}⟦⟧
{SUMMARY_OF_TWO_PAIRS}Nothing changed in HOME/asset_mapping_config.json
"""
    before = (home / "asset_mapping_config.json").stat()
    assert play("config/asset_mapping.py", transcript) == 0
    assert (home / "asset_mapping_config.json").read_text() == by_hand
    assert (home / "asset_mapping_config.json").stat().st_ino == before.st_ino


def test_modifying_one_by_one_keeps_places_and_removes_only_what_was_named(play: Play, home: Path) -> None:
    (home / "asset_mapping_config.json").write_text(TWO_PAIRS)
    transcript = f"""\
{CURRENT_TRADINGVIEW}{MENU}⟦m⟧

Current mapping: BTCUSDT -> BTCUSDT
Keep/Modify/Remove (k/m/r)? ⟦m⟧
Enter translated asset symbol for BTCUSDT (press Enter for current value: BTCUSDT): ⟦⟧

Current mapping: ETHUSDT -> ETHUSDT
Keep/Modify/Remove (k/m/r)? ⟦q⟧
Please answer k, m or r.
Keep/Modify/Remove (k/m/r)? ⟦k⟧

Configuring mappings for tradingview
{ASK}⟦⟧
{CURRENT_BITTENSOR}{MENU}⟦m⟧

Current mapping: BTCUSD -> BTCUSDT
Keep/Modify/Remove (k/m/r)? ⟦m⟧
Enter translated asset symbol for BTCUSD (press Enter for current value: BTCUSDT): ⟦BTC-USDT⟧
'BTC-USDT' is no unified symbol: write 2 to 30 letters and digits, such as ETHUSDT
Enter translated asset symbol for BTCUSD (press Enter for current value: BTCUSDT): ⟦SOLUSDT⟧

Current mapping: ETHUSD -> ETHUSDT
Keep/Modify/Remove (k/m/r)? ⟦r⟧

Configuring mappings for bittensor
{ASK}⟦BTCUSD⟧
BTCUSD is already mapped to SOLUSDT. Do you want to update it (y/n)? ⟦n⟧
{ASK}⟦BTCUSD⟧
BTCUSD is already mapped to SOLUSDT. Do you want to update it (y/n)? ⟦y⟧
Enter translated asset symbol for BTCUSD (press Enter for current value: SOLUSDT): ⟦XRPUSDT⟧
{ASK}⟦DOGE USD⟧
'DOGE USD' is no symbol: write 1 to 40 letters, digits or . _ : / ! -
{ASK}⟦DOGEUSD⟧
Enter translated asset symbol for DOGEUSD: ⟦⟧
{ASK}⟦XRPUSD⟧
Enter translated asset symbol for XRPUSD: ⟦XRPUSDT⟧
Removed BTCUSD -> XRPUSDT: XRPUSDT is now the target of XRPUSD.
{ASK}⟦⟧

Asset mappings:
+---------------+---------------+----------------+
| Signal source | Source symbol | Unified symbol |
+---------------+---------------+----------------+
| tradingview   | BTCUSDT       | BTCUSDT        |
|               | ETHUSDT       | ETHUSDT        |
| bittensor     | XRPUSD        | XRPUSDT        |
+---------------+---------------+----------------+

Configuration saved to HOME/asset_mapping_config.json
"""
    assert play("config/asset_mapping.py", transcript) == 0
    assert json.loads((home / "asset_mapping_config.json").read_text())["bittensor"] == {"XRPUSD": "XRPUSDT"}


def test_starting_fresh_says_what_it_drops_and_touches_no_other_source(play: Play, home: Path) -> None:
    (home / "asset_mapping_config.json").write_text(TWO_PAIRS)
    transcript = f"""\
{KEEP_TRADINGVIEW}{CURRENT_BITTENSOR}{MENU}⟦n⟧
Dropping the 2 mappings of bittensor.

Configuring mappings for bittensor
{ASK}⟦⟧

Asset mappings:
+---------------+---------------+----------------+
| Signal source | Source symbol | Unified symbol |
+---------------+---------------+----------------+
| tradingview   | BTCUSDT       | BTCUSDT        |
|               | ETHUSDT       | ETHUSDT        |
| bittensor     | no mappings   |                |
+---------------+---------------+----------------+

Configuration saved to HOME/asset_mapping_config.json
"""
    assert play("config/asset_mapping.py", transcript) == 0
    assert json.loads((home / "asset_mapping_config.json").read_text()) == {
        "tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"},
        "bittensor": {},
    }


def test_a_duplicate_made_by_hand_is_resolved_and_announced(play: Play, home: Path) -> None:
    (home / "asset_mapping_config.json").write_text('{"bittensor": {"XBTUSD": "BTCUSDT", "BTCUSD": "BTCUSDT"}}')
    transcript = f"""\
Removed XBTUSD -> BTCUSDT: BTCUSDT is now the target of BTCUSD.
Configuring mappings for tradingview
{ASK}⟦⟧

Current mappings for bittensor:
  BTCUSD -> BTCUSDT
{MENU}⟦k⟧

Configuring mappings for bittensor
{ASK}⟦⟧

Asset mappings:
+---------------+---------------+----------------+
| Signal source | Source symbol | Unified symbol |
+---------------+---------------+----------------+
| tradingview   | no mappings   |                |
| bittensor     | BTCUSD        | BTCUSDT        |
+---------------+---------------+----------------+

Configuration saved to HOME/asset_mapping_config.json
"""
    assert play("config/asset_mapping.py", transcript) == 0
    assert json.loads((home / "asset_mapping_config.json").read_text()) == {"bittensor": {"BTCUSD": "BTCUSDT"}}


def test_a_source_that_publishes_frames_is_asked_about_after_the_shipped_ones(play: Play, home: Path) -> None:
    frame = home / "raw_signals" / "momentum" / "depths.json"
    frame.parent.mkdir(parents=True)
    frame.write_text("{}")
    transcript = f"""\
Configuring mappings for tradingview
{ASK}⟦⟧

Configuring mappings for bittensor
{ASK}⟦⟧

Configuring mappings for momentum
{ASK}⟦BTC⟧
Enter translated asset symbol for BTC: ⟦BTCUSDT⟧
{ASK}⟦⟧

Asset mappings:
+---------------+---------------+----------------+
| Signal source | Source symbol | Unified symbol |
+---------------+---------------+----------------+
| tradingview   | no mappings   |                |
| bittensor     | no mappings   |                |
| momentum      | BTC           | BTCUSDT        |
+---------------+---------------+----------------+

Configuration saved to HOME/asset_mapping_config.json
"""
    assert play("config/asset_mapping.py", transcript) == 0
    assert json.loads((home / "asset_mapping_config.json").read_text()) == {"momentum": {"BTC": "BTCUSDT"}}


@pytest.mark.parametrize("key", ["^C", "^D"])
def test_giving_up_half_way_leaves_the_file_as_it_was(play: Play, home: Path, key: str) -> None:
    (home / "asset_mapping_config.json").write_text(TWO_PAIRS)
    before = contents(home)
    transcript = f"""\
{CURRENT_TRADINGVIEW}{MENU}⟦n⟧
Dropping the 2 mappings of tradingview.

Configuring mappings for tradingview
{ASK}⟦{key}⟧
Given up. Nothing was written.
"""
    assert play("config/asset_mapping.py", transcript) == 1
    assert contents(home) == before


def test_a_half_written_file_is_copied_and_never_overwritten(play: Play, home: Path) -> None:
    torn = TWO_PAIRS[:60]
    (home / "asset_mapping_config.json").write_text(torn)
    transcript = (
        "HOME/asset_mapping_config.json: not valid JSON at line 4 column 8: Expecting property name enclosed in double "
        "quotes. Mend the file. It was left as it is; a copy is in asset_mapping_config.json.broken-b24001bd.\n"
    )
    assert play("config/asset_mapping.py", transcript) == 78
    assert (home / "asset_mapping_config.json").read_text() == torn
    assert (home / "asset_mapping_config.json.broken-b24001bd").read_text() == torn


def test_several_pairs_are_entered_in_one_session(play: Play, home: Path) -> None:
    def entered(source: str, ending: str) -> str:
        pairs = "".join(
            f"{ASK}⟦{coin}{ending}⟧\nEnter translated asset symbol for {coin}{ending}: ⟦{coin}USDT⟧\n"
            for coin in ("TAO", "SOL", "XRP")
        )
        return f"Configuring mappings for {source}\n{pairs}{ASK}⟦⟧\n\n"

    transcript = f"""\
{entered("tradingview", "USDT")}{entered("bittensor", "USD")}Asset mappings:
+---------------+---------------+----------------+
| Signal source | Source symbol | Unified symbol |
+---------------+---------------+----------------+
| tradingview   | TAOUSDT       | TAOUSDT        |
|               | SOLUSDT       | SOLUSDT        |
|               | XRPUSDT       | XRPUSDT        |
| bittensor     | TAOUSD        | TAOUSDT        |
|               | SOLUSD        | SOLUSDT        |
|               | XRPUSD        | XRPUSDT        |
+---------------+---------------+----------------+

Configuration saved to HOME/asset_mapping_config.json
"""
    assert play("config/asset_mapping.py", transcript) == 0
    assert json.loads((home / "asset_mapping_config.json").read_text())["bittensor"] == {
        "TAOUSD": "TAOUSDT",
        "SOLUSD": "SOLUSDT",
        "XRPUSD": "XRPUSDT",
    }
