import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from config.engine_settings import EngineSettings, ResizeBand
from config.engine_settings_file import EngineSettingsFile, origin_of, read_settings
from config.home import Home
from config.overrides import Overrides
from core.decisions.judge_source import OnStale, StalenessPolicy
from core.model.failures import InvalidConfig
from core.model.identity import SourceName, Symbol

TRADINGVIEW, BITTENSOR = SourceName("tradingview"), SourceName("bittensor")


def settings_file(
    home: Home, environment: Mapping[str, str] | None = None, command_line: Mapping[str, str] | None = None
) -> EngineSettingsFile:
    return EngineSettingsFile(home, Overrides(command_line or {}, environment or {}))


def load(home: Home, **content: object) -> EngineSettings:
    home.engine_settings.write_text(json.dumps(content))
    return settings_file(home).load()


def test_without_a_file_every_default_is_the_documented_one(home: Home) -> None:
    settings = settings_file(home).load()

    assert (settings.full_check_seconds, settings.poll_seconds) == (60.0, 0.5)
    assert settings.source(TRADINGVIEW).staleness == StalenessPolicy(60.0, None, None, OnStale.HOLD)
    assert settings.source(BITTENSOR).staleness == StalenessPolicy(60.0, 600.0, 86_400.0, OnStale.FLATTEN)
    assert settings.source(SourceName("later")).staleness == StalenessPolicy()
    assert settings.source(TRADINGVIEW).min_depth_change_ratio == 0
    assert settings.source(BITTENSOR).min_depth_change_ratio == Decimal("0.05")
    assert settings.lag_bound_seconds("mexc") == 3.0
    assert settings.resize_band(Symbol("BTCUSDT")) is None


def test_what_is_said_about_a_source_leaves_its_other_defaults(home: Home) -> None:
    settings = load(home, sources={"bittensor": {"max_age_seconds": 3600}}, read_lag_bound_seconds={"mexc": 5})

    assert settings.source(BITTENSOR).staleness == StalenessPolicy(60.0, 600.0, 3600.0, OnStale.FLATTEN)
    assert (settings.lag_bound_seconds("mexc"), settings.lag_bound_seconds("bybit")) == (5.0, 3.0)


def test_a_symbol_may_have_a_band_of_its_own(home: Home) -> None:
    band = {"band_percent": 5, "every_seconds": 3600}
    settings = load(home, resize_by_symbol={"BTCUSDT": band})

    assert settings.resize_band(Symbol("BTCUSDT")) == ResizeBand(band_percent=Decimal(5), every_seconds=3600)
    assert settings.resize_band(Symbol("ETHUSDT")) is None


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"poll_seconds": True}, "poll_seconds"),
        ({"poll_seconds": "1"}, "poll_seconds"),
        ({"poll_seconds": 0}, "poll_seconds"),
        ({"full_check_second": 60}, "full_check_second"),
        ({"sources": {"bittensor": {"on_stale": "ignore"}}}, "sources.bittensor.on_stale"),
        ({"sources": {"bittensor": 5}}, "sources.bittensor"),
        ({"risk": {"max_order_notional_usd": -1}}, "risk.max_order_notional_usd"),
        ({"resize": "always"}, "resize"),
        ({"resize_by_symbol": {"BTCUSDT": {"band_percent": 5}}}, "resize_by_symbol.BTCUSDT"),
        ({"read_lag_bound_seconds": {"mexc": 1e9}}, "read_lag_bound_seconds.mexc"),
    ],
)
def test_settings_are_read_strictly(home: Home, content: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load(home, **content)

    assert caught.value.field.startswith(field)


def test_an_edit_applies_and_an_invalid_one_or_a_vanished_file_changes_nothing(home: Home) -> None:
    file = settings_file(home)
    assert file.load().poll_seconds == 0.5
    home.engine_settings.write_text('{"poll_seconds": 2, "risk": {"max_order_notional_usd": 100}}')
    limited = file.load()
    assert limited.poll_seconds == 2.0

    home.engine_settings.write_text('{"poll_seconds": }')
    assert file.load() is limited
    assert "not valid JSON" in file.problem()

    home.engine_settings.unlink()
    assert file.load() is limited
    assert "gone" in file.problem()

    home.engine_settings.write_text("{}")
    assert file.load() == EngineSettings()
    assert file.problem() == ""


def test_staleness_policies_follow_the_file(home: Home) -> None:
    file = settings_file(home)
    policies = file.staleness_policies()
    assert policies[TRADINGVIEW].heartbeat_seconds == 60.0

    home.engine_settings.write_text('{"sources": {"tradingview": {"heartbeat_seconds": 90}}}')

    assert policies[TRADINGVIEW].heartbeat_seconds == 90.0
    assert set(policies) == {TRADINGVIEW, BITTENSOR}


def test_command_line_wins_over_environment_over_env_file_over_file_over_default(home: Home) -> None:
    variable = "TRADE_ENGINE_SET_POLL_SECONDS"
    won = [settings_file(home).load().poll_seconds]
    home.engine_settings.write_text('{"poll_seconds": 2}')
    won.append(settings_file(home).load().poll_seconds)
    home.environment_file.write_text(f"# paced\n{variable}=3\nOTHER=1\n")
    won.append(settings_file(home).load().poll_seconds)
    won.append(settings_file(home, {variable: "4"}).load().poll_seconds)
    won.append(settings_file(home, {variable: "4"}, {"poll_seconds": "5"}).load().poll_seconds)

    assert won == [0.5, 2.0, 3.0, 4.0, 5.0]


def test_origin_says_which_layer_won(home: Home) -> None:
    home.engine_settings.write_text('{"risk": {"max_order_notional_usd": 5}}')
    contents = read_settings(home, Overrides({}, {"TRADE_ENGINE_SET_LOGS__MAX_MEGABYTES": "7"}))

    assert origin_of(home, contents, "risk.max_order_notional_usd") == str(home.engine_settings)
    assert origin_of(home, contents, "logs.max_megabytes") == "environment"
    assert origin_of(home, contents, "poll_seconds") == "default"


def test_a_nested_setting_of_the_environment_keeps_its_neighbours(home: Home) -> None:
    home.engine_settings.write_text('{"risk": {"max_order_notional_usd": 5, "max_symbol_notional_usd": 9}}')
    settings = settings_file(home, {"TRADE_ENGINE_SET_RISK__MAX_ORDER_NOTIONAL_USD": "7.5"}).load()

    assert settings.risk.max_order_notional_usd == Decimal("7.5")
    assert settings.risk.max_symbol_notional_usd == Decimal(9)


def test_a_misspelt_override_is_refused_by_name_and_origin(home: Home) -> None:
    with pytest.raises(InvalidConfig, match=r"environment.*pol_seconds"):
        settings_file(home, {"TRADE_ENGINE_SET_POL_SECONDS": "4"}).load()
