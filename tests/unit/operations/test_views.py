import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from core.model.identity import AccountId, Symbol
from core.model.outcome import PassReport, SymbolOutcome
from core.model.position import AccountSnapshot, MarginMode, Position
from core.model.reading import Known, Unknown
from operations.views import DepthViewFile, PassFiles, read_passes


def test_the_view_replaces_the_whole_file_even_a_corrupt_one(tmp_path: Path) -> None:
    path = tmp_path / "account_asset_depths.json"
    path.write_text('{"bybit": ')

    DepthViewFile(path).publish(
        {AccountId("mexc"): {Symbol("BTCUSDT"): Decimal("-0.0058")}, AccountId("bybit", "main"): {}}
    )

    assert json.loads(path.read_text()) == {"bybit::main": {}, "mexc": {"BTCUSDT": -0.0058}}
    assert list(tmp_path.iterdir()) == [path]


def test_a_pass_reads_back_as_published_known_and_unknown_apart(tmp_path: Path) -> None:
    now, symbol = datetime(2026, 1, 1, tzinfo=UTC), Symbol("BTCUSDT")
    position = Position(symbol, Decimal("0.06"), MarginMode.ISOLATED)
    account = AccountId("bybit", "main")
    snapshot = AccountSnapshot(account, Unknown("timeout"), Known({symbol: position}, now))
    outcome = SymbolOutcome(symbol, Known(Decimal("0.06"), now), is_confirmed=True)
    report = PassReport(account, now, 7, snapshot, {symbol: outcome})

    PassFiles(tmp_path / "passes").publish(report)
    (tmp_path / "passes" / "torn.json").write_text("{")

    assert read_passes(tmp_path / "passes") == {account: report}
