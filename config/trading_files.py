"""The two files that say what is traded: read as one version, the last valid one stays in force."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from config.home import Home
from config.last_good import LastGood, file_mark
from config.schemas.mappings import parse_mappings
from config.schemas.reading import read_bytes
from config.schemas.weights import parse_weights
from core.model.target import TradingConfig

VERSION_LENGTH = 12
READ_ATTEMPTS = 5
MAPPING_REMEDY = "Run `python3 config/asset_mapping.py`."
WEIGHTS_REMEDY = "Run `python3 config/signal_weights.py`."


@dataclass(frozen=True, slots=True)
class TradingContents:
    """The bytes of both files at one moment."""

    mapping: bytes
    weights: bytes

    @property
    def version(self) -> str:
        """A short digest of both."""
        digest = hashlib.sha256(hashlib.sha256(self.mapping).digest() + hashlib.sha256(self.weights).digest())
        return digest.hexdigest()[:VERSION_LENGTH]


def parse_trading(home: Home, contents: TradingContents) -> TradingConfig:
    """Both files checked as one configuration.

    Raises:
        core.model.failures.InvalidConfig: Naming path, field, value and remedy.
    """
    return TradingConfig(
        contents.version,
        parse_weights(contents.weights, home.signal_weights),
        parse_mappings(contents.mapping, home.asset_mapping),
    )


class TradingFiles:
    """core.ports.config_source.ConfigSource over asset_mapping_config.json and signal_weight_config.json.

    The files are accepted or refused together: while one of them is invalid or missing, neither's change applies, the
    last valid version stays in force and `problem` says why.
    """

    def __init__(self, home: Home, applied: Callable[[TradingContents], None] = lambda _contents: None) -> None:
        self._home = home
        self._marked = (str(home.asset_mapping), str(home.signal_weights))
        self._last_good: LastGood[TradingContents, TradingConfig] = LastGood(
            self._read, lambda contents: parse_trading(home, contents), applied, self._mark
        )

    def load(self) -> TradingConfig:
        """The newest valid configuration.

        Raises:
            core.model.failures.InvalidConfig: Only when this process has never seen a valid one.
        """
        return self._last_good.load()

    def problem(self) -> str:
        """What is wrong with the files as they stand, empty when they are the version in force."""
        return self._last_good.problem()

    def _read(self) -> TradingContents:
        """Both files as they stood at one moment: read again while one of them is being replaced."""
        for _attempt in range(READ_ATTEMPTS):
            mark = self._mark()
            contents = TradingContents(
                mapping=read_bytes(self._home.asset_mapping, MAPPING_REMEDY),
                weights=read_bytes(self._home.signal_weights, WEIGHTS_REMEDY),
            )
            if self._mark() == mark:
                break
        return contents

    def _mark(self) -> object:
        return tuple(map(file_mark, self._marked))
