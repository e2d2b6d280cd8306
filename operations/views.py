"""Views for people: confirmed depths, and where every account stood after its last pass; the engine reads neither."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from config.files import write_atomically
from core.model.identity import AccountId, Symbol
from core.model.money import plain
from core.model.outcome import PassReport

_REPORT = TypeAdapter(PassReport)


class DepthViewFile:
    """core.ports.views.DepthView as account_asset_depths.json, replaced atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, depths: Mapping[AccountId, Mapping[Symbol, Decimal]]) -> None:
        """Replace the file. A file that could not be read is replaced as well: it is never read back."""
        lines = []
        for account, by_symbol in sorted(depths.items()):
            entries = ", ".join(f'"{symbol}": {plain(depth)}' for symbol, depth in sorted(by_symbol.items()))
            lines.append(f'    "{account}": {{{entries}}}')
        write_atomically(self._path, ("{\n" + ",\n".join(lines) + "\n}\n").encode(), survives_power_loss=False)


class PassFiles:
    """core.ports.views.PassView as one JSON file an account."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, report: PassReport) -> None:
        """Replace the account's file."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(
            self._folder / _file_name(report.account), _REPORT.dump_json(report), survives_power_loss=False
        )


def read_passes(folder: Path) -> dict[AccountId, PassReport]:
    """The last pass of every account; a file that cannot be read is left out."""
    reports = {}
    for path in sorted(folder.glob("*.json")):
        try:
            report = _REPORT.validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        reports[report.account] = report
    return reports


def _file_name(account: AccountId) -> str:
    return f"{account.exchange}__{account.label}.json" if account.label else f"{account.exchange}.json"
