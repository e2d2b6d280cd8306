"""Which sources are asked about."""

from pathlib import Path

import pytest

from config import dialog_sources
from config.home import Home
from signal_processors import registry


def test_sources_of_packages_are_found_where_the_registry_finds_them() -> None:
    assert dialog_sources.ENTRY_POINT_GROUP == registry.ENTRY_POINT_GROUP


def test_shipped_sources_come_first_then_installed_written_and_publishing_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Point:
        name = "installed"

    monkeypatch.setattr(dialog_sources, "entry_points", lambda group: [Point()] if group else [])
    for name in ("publishing", "tradingview", "No Name"):
        (tmp_path / "raw_signals" / name).mkdir(parents=True)
        (tmp_path / "raw_signals" / name / "depths.json").touch()
    found = dialog_sources.signal_sources(Home(tmp_path), ["written", "bittensor"])
    assert found == ("tradingview", "bittensor", "installed", "written", "publishing")
