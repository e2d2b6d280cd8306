"""Keeps every version that came into force in a running service; what no script recorded was written by hand."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from config.engine_settings_file import SettingsContents
from config.history import BY_HAND, ConfigHistory
from config.home import Home
from config.trading_files import TradingContents
from core.model.failures import StorageFailure


class AppliedVersions:
    """Give its methods to TradingFiles, EngineSettingsFile and BittensorSettingsFile as `applied`. They never fail.

    Args:
        home: Whose.
        write: Runs the writing, now or soon, in order: it reads many files and waits for the disk.

    Attributes:
        problem: Why the newest version could not be kept, empty when it was.
    """

    def __init__(self, home: Home, write: Callable[[Callable[[], None]], None] = lambda writing: writing()) -> None:
        self._home = home
        self._history = ConfigHistory(home)
        self._write = write
        self.problem = ""

    def trading(self, contents: TradingContents) -> None:
        """Mapping and weights came into force."""
        self._keep_soon({self._home.asset_mapping: contents.mapping, self._home.signal_weights: contents.weights})

    def settings(self, contents: SettingsContents) -> None:
        """The engine's settings came into force."""
        if contents.file is not None:
            self._keep_soon({self._home.engine_settings: contents.file})

    def bittensor(self, content: bytes | None) -> None:
        """The settings of the SN8 source came into force; None stands for the defaults without a file."""
        if content is not None:
            self._keep_soon({self._home.bittensor_settings: content})

    def _keep_soon(self, contents: dict[Path, bytes]) -> None:
        self._write(partial(self._keep, contents))

    def _keep(self, contents: dict[Path, bytes]) -> None:
        try:
            for path, content in contents.items():
                self._history.record(path, content, BY_HAND)
        except StorageFailure as error:
            self.problem = str(error)
        else:
            self.problem = ""
