"""engine_config.json: everything that has a safe default, checked strictly."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter

from config.paper_settings import PaperSettings
from config.risk_settings import RiskSettings
from config.schemas.fields import Exact, SourceText, Span, StrictModel, SymbolText, without_notes
from config.webhook_settings import WebhookSettings
from core.decisions.judge_source import OnStale, StalenessPolicy
from core.model.identity import SourceName, Symbol

_DAY = 86_400.0
_YEAR = 366 * _DAY
READ_LAG_BOUND_SECONDS = 3.0


def _on_stale(value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    if value not in list(OnStale):
        raise ValueError(f"must be one of {', '.join(OnStale)}")
    return OnStale(value)


class SourceSettings(StrictModel):
    """How long one source's silence is borne, and which of its changes count."""

    heartbeat_seconds: Span = Field(
        60.0, ge=1, le=3600, description="a frame rewritten longer ago than this: hold, no increase"
    )
    fetch_seconds: Span | None = Field(
        None,
        ge=1,
        le=_YEAR,
        description="last good fetch longer ago than this: hold, no increase; null for pushed sources (bittensor: 600)",
    )
    max_age_seconds: Span | None = Field(
        None,
        ge=1,
        le=_YEAR,
        description="content older than this follows on_stale; null for no age limit (bittensor: 86400)",
    )
    on_stale: Annotated[OnStale, BeforeValidator(_on_stale)] = Field(
        OnStale.HOLD, description="hold the last depths, or flatten the source's share (bittensor: flatten)"
    )
    min_depth_change_ratio: Exact = Field(
        Decimal(0),
        ge=0,
        le=1,
        description="a smaller change, as a share of the depth, makes no new decision (bittensor: 0.05)",
    )

    @property
    def staleness(self) -> StalenessPolicy:
        """What core.decisions.judge_source needs."""
        return StalenessPolicy(self.heartbeat_seconds, self.fetch_seconds, self.max_age_seconds, self.on_stale)


class ResizeBand(StrictModel):
    """A new decision when value or price moved the ideal size by more than the band, looked at now and then."""

    band_percent: Exact = Field(gt=0, le=1000, description="how far the ideal size may move")
    every_seconds: Span = Field(ge=10, le=_YEAR, description="how often it is looked at")


Resize = Literal["on_signal"] | ResizeBand


class RetrySettings(StrictModel):
    """Pace of increases that failed; reductions are not paced."""

    first_delay_seconds: Span = Field(1.0, ge=0.1, le=3600, description="wait after the first failure")
    longest_delay_seconds: Span = Field(120.0, ge=0.1, le=_DAY, description="the wait doubles up to this")


class CallSettings(StrictModel):
    """Patience with exchanges; an order is never sent twice, it is looked up by its id."""

    read_timeout_seconds: Span = Field(5.0, ge=0.1, le=60, description="deadline of a read, retries not included")
    write_timeout_seconds: Span = Field(5.0, ge=0.1, le=60, description="deadline of an order or a setting")
    read_tries: int = Field(2, ge=1, le=10, description="how often a read without a proper answer is tried")
    first_pause_seconds: Span = Field(0.2, ge=0, le=60, description="before the second try, then doubled, with jitter")


class LogSettings(StrictModel):
    """Rotating JSON logs."""

    max_megabytes: Span = Field(50.0, ge=1, le=10_000, description="size of one file before it rotates")
    retain_files: int = Field(10, ge=1, le=1000, description="rotated files kept")


class MetricsSettings(StrictModel):
    """Prometheus text, on loopback."""

    is_enabled: bool = Field(default=True, description="whether the engine serves its metrics")
    port: int = Field(9313, ge=1024, le=65535, description="on 127.0.0.1")


_SOURCE_DEFAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "tradingview": {},
        "bittensor": {
            "fetch_seconds": 600.0,
            "max_age_seconds": _DAY,
            "on_stale": "flatten",
            "min_depth_change_ratio": Decimal("0.05"),
        },
    }
)


def _with_source_defaults(value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """What the file says about a source lies over that source's own defaults."""
    value = without_notes(value)
    if not isinstance(value, dict):
        return value
    merged: dict[str, Any] = {name: dict(defaults) for name, defaults in _SOURCE_DEFAULTS.items()}
    for name, given in value.items():
        merged[name] = {**merged.get(name, {}), **given} if isinstance(given, dict) else given
    return merged


class EngineSettings(StrictModel):
    """The whole file; an empty one means every default."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, validate_default=True)

    full_check_seconds: Span = Field(
        60.0, ge=1, le=3600, description="how often held and target are compared although nothing happened"
    )
    poll_seconds: Span = Field(
        0.5, ge=0.05, le=60, description="how often sources and files are looked at when no event came"
    )
    failed_pass_pause_seconds: Span = Field(
        5.0, ge=0.1, le=3600, description="pause of an account after a pass that failed as a whole"
    )
    sources: Annotated[dict[SourceText, SourceSettings], BeforeValidator(_with_source_defaults)] = Field(
        default_factory=dict, description="staleness policy per source"
    )
    read_lag_bound_seconds: Annotated[
        dict[str, Annotated[Span, Field(ge=0, le=60)]], BeforeValidator(without_notes)
    ] = Field(default_factory=dict, description="per exchange, how long a position read may lag its fills; default 3")
    resize: Resize = Field("on_signal", description="when a size is computed anew between signals")
    resize_by_symbol: Annotated[dict[SymbolText, Resize], BeforeValidator(without_notes)] = Field(
        default_factory=dict, description="the same for single symbols"
    )
    retries: RetrySettings = Field(default_factory=RetrySettings)
    calls: CallSettings = Field(default_factory=CallSettings)
    risk: RiskSettings = Field(default_factory=RiskSettings)
    logs: LogSettings = Field(default_factory=LogSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)
    paper: PaperSettings = Field(default_factory=PaperSettings)

    def source(self, name: SourceName) -> SourceSettings:
        """One source's settings; a source that is not named has the plain defaults."""
        return self.sources.get(name) or SourceSettings()

    def lag_bound_seconds(self, exchange: str) -> float:
        """How long a position read of an exchange may lag the fills it must show."""
        return self.read_lag_bound_seconds.get(exchange, READ_LAG_BOUND_SECONDS)

    def resize_band(self, symbol: Symbol) -> ResizeBand | None:
        """The band of a symbol, None when it is sized on signals alone."""
        resize = self.resize_by_symbol.get(symbol, self.resize)
        return resize if isinstance(resize, ResizeBand) else None


ENGINE_SETTINGS = TypeAdapter(EngineSettings)
