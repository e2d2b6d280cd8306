"""Which SN8 ids are traded: the `bittensor` part of asset_mapping_config.json; the last valid version stays."""

from collections.abc import Mapping

from config.home import Home
from config.last_good import LastGood
from config.schemas.mappings import parse_mappings
from config.schemas.reading import read_bytes
from config.trading_files import MAPPING_REMEDY
from core.model.failures import InvalidConfig
from core.model.identity import SourceName, Symbol

SOURCE = SourceName("bittensor")


class BittensorMapping:
    """Unified symbol by SN8 id, as the operator maps them now.

    Args:
        home: Whose file.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.asset_mapping
        self._last_good: LastGood[bytes, Mapping[str, Symbol]] = LastGood(self._read, self._parse)

    def load(self) -> Mapping[str, Symbol]:
        """The newest valid mapping.

        Raises:
            core.model.failures.InvalidConfig: Only when this process has never seen a valid one.
        """
        return self._last_good.load()

    def problem(self) -> str:
        """What is wrong with the file as it stands, empty when it is the version in force."""
        return self._last_good.problem()

    def _read(self) -> bytes:
        return read_bytes(self._path, MAPPING_REMEDY)

    def _parse(self, content: bytes) -> Mapping[str, Symbol]:
        mapping = parse_mappings(content, self._path).get(SOURCE, {})
        if not mapping:
            raise InvalidConfig(str(self._path), SOURCE, "", "no symbol is mapped", MAPPING_REMEDY)
        return mapping
