"""engine_config.json as it is now, with what the environment and the command line lay over it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from config.engine_settings import ENGINE_SETTINGS, EngineSettings
from config.files import parse_json
from config.home import Home
from config.last_good import LastGood, file_mark
from config.overrides import Layer, Overrides, override_layers, put
from config.schemas.reading import check_model, read_bytes
from core.decisions.judge_source import StalenessPolicy
from core.model.failures import InvalidConfig
from core.model.identity import SourceName, Symbol
from core.model.policy import RetryLimits
from core.model.risk import ResizeBand, RiskLimits

REMEDY = "Restore the file, or write {} for every default."


@dataclass(frozen=True, slots=True)
class SettingsContents:
    """Everything that the settings are made of at one moment.

    Attributes:
        file: The bytes of engine_config.json, None when there is none.
        layers: What lies over the file, weakest first.
    """

    file: bytes | None
    layers: tuple[Layer, ...]


class EngineSettingsFile:
    """The engine's settings, reloaded while it runs; the last valid version stays in force.

    Without a file every default holds. A file that vanishes while the engine runs changes nothing: limits must not
    loosen by accident; `problem` says so until there is a file again.
    """

    def __init__(
        self,
        home: Home,
        overrides: Overrides | None = None,
        applied: Callable[[SettingsContents], None] = lambda _contents: None,
    ) -> None:
        self._home = home
        self._marked = (str(home.engine_settings), str(home.environment_file))
        self._overrides = overrides or Overrides()
        self._has_seen_file = False
        self._last_good: LastGood[SettingsContents, EngineSettings] = LastGood(
            self._read,
            lambda contents: parse_settings(home, contents),
            applied,
            lambda: tuple(map(file_mark, self._marked)),
        )

    def load(self) -> EngineSettings:
        """The newest valid settings.

        Raises:
            core.model.failures.InvalidConfig: Only when this process has never seen valid ones.
        """
        return self._last_good.load()

    def problem(self) -> str:
        """What is wrong with the file as it stands, empty when it is the version in force."""
        return self._last_good.problem()

    def staleness_policies(self) -> Mapping[SourceName, StalenessPolicy]:
        """Every source's policy as the file says at the moment it is looked up."""
        return _LivePolicies(self)

    # -- core.ports.settings.LiveSettings ------------------------------------------------------------------

    def limits(self) -> RiskLimits:
        """The risk limits in force."""
        return self.load().risk.limits

    def resize_band(self, symbol: Symbol) -> ResizeBand | None:
        """When a symbol is sized anew between signals."""
        band = self.load().resize_band(symbol)
        return ResizeBand(band.band_percent, band.every_seconds) if band else None

    def retries(self) -> RetryLimits:
        """The pace of increases that failed."""
        retries = self.load().retries
        return RetryLimits(retries.first_delay_seconds, retries.longest_delay_seconds)

    def full_check_seconds(self) -> float:
        """How often held and target are compared although nothing happened."""
        return self.load().full_check_seconds

    def min_depth_change(self, source: SourceName) -> Decimal:
        """The share of a source's depth below which a change makes no new decision."""
        return self.load().source(source).min_depth_change_ratio

    def _read(self) -> SettingsContents:
        contents = read_settings(self._home, self._overrides)
        if contents.file is None and self._has_seen_file:
            raise InvalidConfig(str(self._home.engine_settings), "", "", "the file is gone", REMEDY)
        self._has_seen_file = contents.file is not None
        return contents


def read_settings(home: Home, overrides: Overrides) -> SettingsContents:
    """The file and what lies over it, unchecked.

    Raises:
        InvalidConfig: If a file cannot be read.
    """
    path = home.engine_settings
    content = read_bytes(path, REMEDY) if path.exists() else None
    return SettingsContents(content, tuple(override_layers(home, overrides)))


def parse_settings(home: Home, contents: SettingsContents) -> EngineSettings:
    """The settings checked.

    Raises:
        InvalidConfig: Naming path, field, value and remedy.
    """
    path = home.engine_settings
    given = parse_json(contents.file, path) if contents.file is not None else {}
    settings = check_model(ENGINE_SETTINGS, given, path)
    layers = [layer for layer in contents.layers if layer.values]
    if not layers:
        return settings
    for layer in layers:
        for name, value in layer.values.items():
            put(given, name, value)
    origins = ", ".join(layer.origin for layer in layers)
    return check_model(ENGINE_SETTINGS, given, Path(f"{path} under {origins}"))


def origin_of(home: Home, contents: SettingsContents, name: str) -> str:
    """Which origin won for one dotted name: `--set`, `environment`, a file's path, or `default`."""
    for layer in reversed(contents.layers):
        if any(given == name or given.startswith(f"{name}.") for given in layer.values):
            return layer.origin
    given = parse_json(contents.file, home.engine_settings) if contents.file is not None else {}
    return str(home.engine_settings) if _is_given(given, name) else "default"


def _is_given(given: Any, name: str) -> bool:  # noqa: ANN401 - parsed JSON
    for part in name.split("."):
        if not isinstance(given, dict) or part not in given:
            return False
        given = given[part]
    return True


class _LivePolicies(Mapping[SourceName, StalenessPolicy]):
    def __init__(self, file: EngineSettingsFile) -> None:
        self._file = file

    def __getitem__(self, name: SourceName) -> StalenessPolicy:
        return self._file.load().source(name).staleness

    def __iter__(self) -> Iterator[SourceName]:
        return (SourceName(name) for name in self._file.load().sources)

    def __len__(self) -> int:
        return len(self._file.load().sources)
