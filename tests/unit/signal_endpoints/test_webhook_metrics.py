import re
from pathlib import Path

from prometheus_client import generate_latest

from config.webhook_keys import add_key, save_keys
from signal_endpoints.webhook_metrics import WebhookMetrics
from simulation.webhook_world import NOON, SetClock, WebhookWorld

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "alerts.yml"
LONG = {"symbol": "ETHUSDT", "direction": "long", "size": "5.8/100"}


def shown(endpoint: WebhookWorld) -> str:
    return generate_latest(WebhookMetrics(endpoint.service).registry).decode()


async def test_messages_refusals_and_silence_are_counted_from_zero(endpoint: WebhookWorld, clock: SetClock) -> None:
    assert 'trade_engine_webhook_messages_total{verdict="held"} 0.0' in shown(endpoint)
    await endpoint.post(LONG)
    await endpoint.post(b"{")
    await endpoint.post(LONG, host=b"evil.example")
    keys, _ = add_key((), "trend", NOON, rhythm_minutes=5)
    save_keys(endpoint.home, keys)
    clock.move(7 * 60)

    text = shown(endpoint)

    assert 'trade_engine_webhook_messages_total{verdict="applied"} 1.0' in text
    assert 'trade_engine_webhook_messages_total{verdict="refused"} 1.0' in text
    assert 'trade_engine_webhook_refused_total{reason="addressed to another host name"} 1.0' in text
    assert 'trade_engine_webhook_overdue_minutes{strategy="trend"} 2.0' in text
    assert "trade_engine_webhook_authenticated 1.0" in text


async def test_every_webhook_metric_that_an_alert_rule_names_is_shown(endpoint: WebhookWorld) -> None:
    named = set(re.findall(r"trade_engine_webhook_\w+", RULES.read_text()))

    assert named
    assert {name for name in named if name.removesuffix("_total") not in shown(endpoint)} == set()
