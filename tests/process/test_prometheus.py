"""Debian's Prometheus over the rules we ship and the metrics we serve."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.model.identity import AccountId
from core.model.policy import AccountPolicy
from operations.metrics_server import METRICS_PORTS, serve_metrics
from simulation.bare_exchange import Fault
from simulation.bare_world import ToldFacts
from simulation.measured_world import MeasuredWorld

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus"

pytestmark = [pytest.mark.process, pytest.mark.system("prometheus")]


async def run(*command: str, folder: Path = RULES) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await child.communicate()
    return child.returncode or 0, output.decode()


async def test_the_alert_rules_fire_where_they_must_and_only_there() -> None:
    code, output = await run("promtool", "test", "rules", "alerts_test.yml")
    assert code == 0, output


async def test_a_rule_that_is_broken_fails_its_case(tmp_path: Path) -> None:
    rules = (RULES / "alerts.yml").read_text()
    assert "trade_engine_unconfirmed_seconds > 300" in rules
    (tmp_path / "alerts.yml").write_text(
        rules.replace("trade_engine_unconfirmed_seconds > 300", "trade_engine_unconfirmed_seconds > 3000")
    )
    shutil.copy(RULES / "alerts_test.yml", tmp_path)

    code, output = await run("promtool", "test", "rules", "alerts_test.yml", folder=tmp_path)

    assert code != 0
    assert "TargetNotReached" in output


async def test_the_scrape_configuration_is_valid_and_names_our_ports() -> None:
    code, output = await run("promtool", "check", "config", "prometheus.yml")
    assert code == 0, output
    shipped = (RULES / "prometheus.yml").read_text()
    for service, port in METRICS_PORTS.items():
        assert f"job_name: {service}\n" in shipped
        assert f'"127.0.0.1:{port}"' in shipped


async def test_a_real_prometheus_answers_every_panel_and_every_rule(tmp_path: Path) -> None:
    world = MeasuredWorld(tmp_path / "world", [AccountPolicy(AccountId("bybit"))])
    async with serve_metrics(world.metrics.registry, 0, ToldFacts()) as port, prometheus(tmp_path, port) as ask:
        await trade_until_scraped(world, ask)
        for title, query in panels():
            answer = await ask("/api/v1/query", query=query.replace("$__rate_interval", "1m"))
            assert answer["data"]["result"], f"{title}: no data for {query}"
        rules = await ask("/api/v1/rules")
        states = {rule["name"]: rule["health"] for group in rules["data"]["groups"] for rule in group["rules"]}
        assert set(states.values()) == {"ok"}, states
    world.journal.close()


async def trade_until_scraped(world: MeasuredWorld, ask: Any) -> None:  # noqa: ANN401 - a local function
    """Orders of every outcome, until a scrape has seen the rise of each."""
    for turn in range(60):
        world.exchange.inject("submit", [Fault.ANSWER_LOST, Fault.REFUSED, Fault.PARTIAL_FILL][turn % 3])
        world.metrics.loop_lag.observe(0.001)
        world.sources.say(BTC="0.1" if turn % 2 else "0")
        await world.cycle()
        await asyncio.sleep(0.25)
        answer = await ask("/api/v1/query", query="rate(trade_engine_orders_refused_total[1m]) > 0")
        evaluated = await ask("/api/v1/rules")
        healths = {rule["health"] for group in evaluated["data"]["groups"] for rule in group["rules"]}
        if answer["data"]["result"] and healths == {"ok"} and turn > 12:
            return
    raise AssertionError("Prometheus never saw the orders")


@asynccontextmanager
async def prometheus(folder: Path, port: int) -> AsyncIterator[Any]:
    """A Prometheus of our own that scrapes the port every half second; yields a function that asks its API."""
    shutil.copy(RULES / "alerts.yml", folder)
    shipped = (RULES / "prometheus.yml").read_text().replace("127.0.0.1:9313", f"127.0.0.1:{port}")
    (folder / "prometheus.yml").write_text(shipped.replace("15s", "500ms"))
    address = f"127.0.0.1:{free_port()}"
    child = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with aiohttp.ClientSession(f"http://{address}") as session:

        async def ask(path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
            async with session.get(path, params=parameters) as answer:
                assert answer.status == 200, await answer.text()
                return await answer.json()

        try:
            await until_ready(session)
            yield ask
        finally:
            child.terminate()
            await child.wait()


async def until_ready(session: aiohttp.ClientSession) -> None:
    for _ in range(200):
        try:
            async with session.get("/-/ready") as answer:
                if answer.status == 200:
                    return
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise AssertionError("Prometheus did not start")


def panels() -> list[tuple[str, str]]:
    dashboard = json.loads((DEPLOY / "grafana" / "trade-engine.json").read_text())
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
