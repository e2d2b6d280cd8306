"""`bittensor_processor_config.json`: how the SN8 source polls, ranks and distrusts; strict, and reloaded while it runs.

The first eleven fields are the ones of the file that the original project wrote, so that such a file is read as it is.
Fields that begin with `_` are notes and are ignored.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, model_validator

from config.files import parse_json
from config.home import Home
from config.last_good import LastGood
from config.schemas.fields import Span, StrictModel
from config.schemas.reading import check_model, read_bytes
from core.model.failures import InvalidConfig

REMEDY = "Run `python3 signal_processors/bittensor_processor.py --config`, or remove the file for every default."

Share = Annotated[Span, Field(ge=0, le=1)]
Exponent = Annotated[Span, Field(ge=0, le=50)]


class BittensorSettings(StrictModel):
    """Settings of the SN8 source; every field has a safe default.

    Attributes:
        min_trades: Fewest positions, open ones included, a miner must have in the mapped assets.
        max_drawdown_threshold: Lowest drawdown a miner may have had, as a fraction, -1..0.
        min_profitable_rate: Lowest share of profitable positions, 0..1.
        min_total_return: The sum of a miner's returns must be greater than this; 0.1 is 10 %.
        drawdown_exponent: How sharply a drawdown lowers the score.
        sharpe_exponent: How sharply a low percentile of the Sharpe ratio lowers the score.
        profitable_rate_exponent: How sharply unprofitable positions lower the score.
        position_count_divisor: The larger, the less the number of positions adds to the score.
        min_trades_per_asset: Fewest positions in each mapped asset; 0 asks for none.
        max_trade_age_days: A miner whose latest activity is older is left out.
        leverage_limit_crypto: The largest leverage of one miner's position that counts, either way.
        mode: `corrected`, or `compatible` for the original's formulas to the digit.
        full_depth_weight: Share of the rank weight that must be active in an asset for its depth to be the pure average
            of the active miners; with less, the rest counts as flat. 0: never diluted; 1: every ranked miner counts.
        rank_hysteresis: A miner passes another only when its score is higher by more than this (scores are 0..1).
        dead_band: A depth that moved by no more than this stays as it was; moves to 0 or of sign always count.
        nobody_grace_minutes: How long the last depths stand when no miner qualifies; then they go to 0.
        tier: The data tier asked for; below 100 positions are up to 24 h old.
        auth: How the key travels: `bearer`, or `json_body` for servers of before August 2025.
        interval_seconds: Time between polls; the server rebuilds every 60 s, so faster than 10 s is refused.
        connect_timeout_seconds: Limit for the connection.
        total_timeout_seconds: Limit for the whole answer.
        unchanged_minutes: Data that did not change for so long no longer counts as freshly fetched.
        guard_min_miners: A first answer with fewer miners is held until confirmed.
        guard_max_missing_share: Largest share of the day's usual miners that may be missing.
        guard_max_added_share: Largest share of unknown miners, relative to the day's usual number.
        guard_max_missing_exposure: Largest share of the current exposure whose miners may be missing.
        guard_confirm_polls: Polls that must agree before a suspicious set of miners is accepted.
        fall_share: Loss of exposure in one poll from which on it must be confirmed, unless closed positions explain it.
        fall_confirm_polls: Polls that must agree before such a fall is accepted.
        use_standings: Leave out eliminated and plagiarising miners, and take the server's drawdowns.
        use_chain: Leave out miners that are not registered, as bittensor_chain.py last wrote.
        stream_url: ws:// or wss:// address of the server's pushed positions; empty: REST alone.
        on_outage: `hold` leaves the age policy to the engine; `decay` scales the depths down here as well.
        decay_after_hours: With `decay`: the age of the last good fetch at which depths begin to shrink.
        zero_after_hours: With `decay`: the age at which they are 0.
    """

    min_trades: Annotated[int, Field(ge=0, le=100_000)] = 10
    max_drawdown_threshold: Annotated[Span, Field(ge=-1, le=0)] = -0.5
    min_profitable_rate: Share = 0.6
    min_total_return: Annotated[Span, Field(ge=-1, le=1000)] = 0.0
    drawdown_exponent: Exponent = 6.0
    sharpe_exponent: Exponent = 2.0
    profitable_rate_exponent: Exponent = 5.0
    position_count_divisor: Annotated[Span, Field(gt=0, le=1000)] = 5.0
    min_trades_per_asset: Annotated[int, Field(ge=0, le=100_000)] = 0
    max_trade_age_days: Annotated[Span, Field(gt=0, le=3650)] = 14.0
    leverage_limit_crypto: Annotated[Span, Field(gt=0, le=100)] = 0.5
    mode: Literal["corrected", "compatible"] = "corrected"
    full_depth_weight: Share = 0.25
    rank_hysteresis: Share = 0.01
    dead_band: Share = 0.005
    nobody_grace_minutes: Annotated[Span, Field(ge=0, le=1440)] = 15.0
    tier: Literal[0, 30, 50, 100] = 100
    auth: Literal["bearer", "json_body"] = "bearer"
    interval_seconds: Annotated[Span, Field(ge=10, le=3600)] = 30.0
    connect_timeout_seconds: Annotated[Span, Field(gt=0, le=60)] = 3.0
    total_timeout_seconds: Annotated[Span, Field(gt=0, le=300)] = 30.0
    unchanged_minutes: Annotated[Span, Field(ge=2, le=1440)] = 15.0
    guard_min_miners: Annotated[int, Field(ge=1, le=10_000)] = 20
    guard_max_missing_share: Share = 0.1
    guard_max_added_share: Annotated[Span, Field(ge=0, le=10)] = 0.5
    guard_max_missing_exposure: Share = 0.2
    guard_confirm_polls: Annotated[int, Field(ge=1, le=1000)] = 10
    fall_share: Annotated[Span, Field(gt=0, le=1)] = 0.5
    fall_confirm_polls: Annotated[int, Field(ge=1, le=1000)] = 3
    use_standings: bool = True
    use_chain: bool = False
    stream_url: Annotated[str, Field(pattern=r"^(wss?://\S+)?$")] = ""
    on_outage: Literal["hold", "decay"] = "hold"
    decay_after_hours: Annotated[Span, Field(ge=0, le=8760)] = 6.0
    zero_after_hours: Annotated[Span, Field(gt=0, le=8760)] = 24.0

    @model_validator(mode="after")
    def _ages_in_order(self) -> "BittensorSettings":
        if self.zero_after_hours <= self.decay_after_hours:
            raise ValueError("zero_after_hours must be greater than decay_after_hours")
        return self


BITTENSOR_SETTINGS = TypeAdapter(BittensorSettings)


class BittensorSettingsFile:
    """The file of one home; the last valid version stays in force.

    Without a file every default holds. A file that vanishes while the service runs changes nothing, since thresholds
    must not loosen by accident; `problem` says so.

    Args:
        home: Whose file.
        applied: Called with every content that comes into force, None for the defaults without a file.
    """

    def __init__(self, home: Home, applied: Callable[[bytes | None], None] = lambda _content: None) -> None:
        self._path = home.bittensor_settings
        self._has_seen_file = False
        self._last_good: LastGood[bytes | None, BittensorSettings] = LastGood(self._read, self._parse, applied)

    def load(self) -> BittensorSettings:
        """The newest valid settings.

        Raises:
            core.model.failures.InvalidConfig: Only when this process has never seen valid ones.
        """
        return self._last_good.load()

    def problem(self) -> str:
        """What is wrong with the file as it stands, empty when it is the version in force."""
        return self._last_good.problem()

    def _read(self) -> bytes | None:
        if not self._path.exists():
            if self._has_seen_file:
                raise InvalidConfig(str(self._path), "", "", "the file has vanished", "Restore it.")
            return None
        content = read_bytes(self._path, REMEDY)
        self._has_seen_file = True
        return content

    def _parse(self, content: bytes | None) -> BittensorSettings:
        return BittensorSettings() if content is None else parse_bittensor_settings(content, self._path)


def parse_bittensor_settings(content: bytes, path: Path) -> BittensorSettings:
    """Check the whole file.

    Raises:
        core.model.failures.InvalidConfig: Naming the path, the field, the value and a remedy.
    """
    return check_model(BITTENSOR_SETTINGS, parse_json(content, path), path)
