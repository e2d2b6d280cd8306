import asyncio

import aiohttp
from prometheus_client import CollectorRegistry, Counter

from config.engine_settings import EngineSettings
from operations.loop_lag import watch_loop_lag
from operations.metrics_server import METRICS_PORTS, serve_metrics
from simulation.bare_world import ToldFacts
from simulation.measured_world import read_samples


async def test_a_scrape_gets_prometheus_text() -> None:
    registry = CollectorRegistry()
    Counter("alerts", "Alerts taken.", registry=registry).inc(3)

    async with serve_metrics(registry, 0, ToldFacts()) as port:
        status, content_type, text = await fetch(port, "127.0.0.1")

    assert status == 200
    assert content_type.startswith("text/plain; version=0.0.4")
    assert read_samples(text)["alerts_total"] == 3


async def test_a_page_that_points_its_own_name_at_loopback_reads_nothing() -> None:
    async with serve_metrics(CollectorRegistry(), 0, ToldFacts()) as port:
        assert (await fetch(port, "attacker.example"))[0] == 403


async def test_a_taken_port_is_told_and_the_service_goes_on() -> None:
    told = ToldFacts()
    registry = CollectorRegistry()
    async with serve_metrics(registry, 0, told) as port, serve_metrics(registry, port, told) as second:
        assert second == 0
    assert told.names() == ["metrics not served"]
    assert told.events[0][1]["port"] == port


def test_every_service_has_a_port_of_its_own() -> None:
    assert len(set(METRICS_PORTS.values())) == len(METRICS_PORTS)


def test_the_engines_and_the_webhooks_default_ports_are_those_that_are_scraped() -> None:
    settings = EngineSettings()
    assert settings.metrics.port == METRICS_PORTS["trade-engine"]
    assert settings.webhook.metrics_port == METRICS_PORTS["tradingview-endpoint"]


async def test_fault_38_a_blocked_loop_is_measured_and_told() -> None:
    told, lags = ToldFacts(), list[float]()
    watch = asyncio.create_task(watch_loop_lag(lags.append, told, tell_above_seconds=1.0, watch_seconds=0.05))
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.12)
    assert lags
    assert told.names() == []

    block_until = loop.time() + 1.5
    while loop.time() < block_until:
        pass
    await asyncio.sleep(0.06)
    watch.cancel()

    assert max(lags) > 1.0
    assert told.names() == ["event loop was blocked"]


async def fetch(port: int, host: str) -> tuple[int, str, str]:
    url = f"http://127.0.0.1:{port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Host": host}) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.text()
