import json
import re
from pathlib import Path

import pytest

from simulation.measured_world import MeasuredWorld, live_measured

DEPLOY = Path(__file__).parents[3] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "trade-engine.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yml"
ALERT_TESTS = DEPLOY / "prometheus" / "alerts_test.yml"
OURS = re.compile(r"\btrade_engine_[a-z_]+")
SUFFIXES = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    names: set[str] = set()

    async def story(world: MeasuredWorld) -> None:
        for family in world.metrics.registry.collect():
            names.update(family.name + suffix for suffix in SUFFIXES.get(family.type, []))

    live_measured(tmp_path_factory.mktemp("world"), story)
    return names


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.mark.parametrize("query", queries())
def test_a_dashboard_query_names_exported_metrics_only(query: str, exported: set[str]) -> None:
    assert set(OURS.findall(query)) <= exported


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def test_alert_rules_name_exported_metrics_only(exported: set[str]) -> None:
    """Those of the webhook are tried in tests/unit/signal_endpoints/test_webhook_metrics.py."""
    named = {name for name in OURS.findall(ALERTS.read_text()) if not name.startswith("trade_engine_webhook_")}
    assert named <= exported


def test_every_alert_has_a_case_and_an_action() -> None:
    rules = ALERTS.read_text()
    alerts = re.findall(r"- alert: (\w+)", rules)
    tested = re.findall(r'alertname="(\w+)"', ALERT_TESTS.read_text())
    assert set(alerts) == set(tested)
    assert len(alerts) == rules.count("action: ") == rules.count("severity: ") - rules.count("# What a person")
