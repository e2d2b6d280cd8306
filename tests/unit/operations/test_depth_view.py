import json
from decimal import Decimal
from pathlib import Path

from core.model.identity import AccountId, Symbol
from operations.depth_view import DepthViewFile


def test_the_view_replaces_the_whole_file_even_a_corrupt_one(tmp_path: Path) -> None:
    path = tmp_path / "account_asset_depths.json"
    path.write_text('{"bybit": ')

    DepthViewFile(path).publish(
        {AccountId("mexc"): {Symbol("BTCUSDT"): Decimal("-0.0058")}, AccountId("bybit", "main"): {}}
    )

    assert json.loads(path.read_text()) == {"bybit::main": {}, "mexc": {"BTCUSDT": -0.0058}}
    assert list(tmp_path.iterdir()) == [path]
