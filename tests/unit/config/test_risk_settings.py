from decimal import Decimal
from pathlib import Path

from config.engine_settings_file import EngineSettingsFile
from config.home import Home
from core.model.identity import SourceName, Symbol
from core.model.policy import RetryLimits
from core.model.risk import ResizeBand, RiskLimits
from core.ports.settings import DefaultSettings, LiveSettings


def test_an_empty_file_means_the_limits_that_core_holds_safe(tmp_path: Path) -> None:
    settings: LiveSettings = EngineSettingsFile(Home(tmp_path))
    defaults = DefaultSettings()

    assert settings.limits() == defaults.limits() == RiskLimits()
    assert settings.retries() == defaults.retries()
    assert settings.full_check_seconds() == defaults.full_check_seconds()
    assert settings.resize_band(Symbol("BTCUSDT")) is defaults.resize_band(Symbol("BTCUSDT")) is None
    assert settings.min_depth_change(SourceName("tradingview")) == defaults.min_depth_change(SourceName("tradingview"))


def test_every_limit_reaches_the_engine_while_it_runs(tmp_path: Path) -> None:
    settings = EngineSettingsFile(Home(tmp_path))
    settings.limits()
    Home(tmp_path).engine_settings.write_text(
        """{"risk": {"allowed_symbols": ["BTCUSDT"], "max_depth": 0.5, "max_leverage": 5, "max_order_notional_usd": 1,
        "max_symbol_notional_usd": 2, "max_account_notional_usd": 3, "max_gross_leverage": 4,
        "max_increases_per_minute": 6, "max_quote_age_seconds": 7, "max_spread_percent": 8, "max_mark_gap_percent": 9,
        "max_value_jump_percent": 10, "max_daily_loss_percent": 11, "max_drawdown_percent": 12,
        "target_volatility_percent": 13},
        "retries": {"first_delay_seconds": 2, "longest_delay_seconds": 30}, "full_check_seconds": 20,
        "resize_by_symbol": {"BTCUSDT": {"band_percent": 5, "every_seconds": 600}}}"""
    )

    assert settings.limits() == RiskLimits(
        frozenset({Symbol("BTCUSDT")}), Decimal("0.5"), Decimal(5), Decimal(1), Decimal(2), Decimal(3), Decimal(4), 6,
        7.0, Decimal(8), Decimal(9), Decimal(10), Decimal(11), Decimal(12), Decimal(13),
    )  # fmt: skip
    assert settings.retries() == RetryLimits(2.0, 30.0)
    assert settings.full_check_seconds() == 20.0
    assert settings.resize_band(Symbol("BTCUSDT")) == ResizeBand(Decimal(5), 600.0)
    assert settings.min_depth_change(SourceName("bittensor")) == Decimal("0.05")
