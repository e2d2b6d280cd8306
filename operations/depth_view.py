"""account_asset_depths.json: per account, the depths confirmed against the exchange. A view for people."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from config.files import write_atomically
from core.model.identity import AccountId, Symbol
from core.model.money import plain


class DepthViewFile:
    """core.ports.depth_view.DepthView as a JSON file, replaced atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, depths: Mapping[AccountId, Mapping[Symbol, Decimal]]) -> None:
        """Replace the file. A file that could not be read is replaced as well: it is never read back."""
        lines = []
        for account, by_symbol in sorted(depths.items()):
            entries = ", ".join(f'"{symbol}": {plain(depth)}' for symbol, depth in sorted(by_symbol.items()))
            lines.append(f'    "{account}": {{{entries}}}')
        write_atomically(self._path, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
