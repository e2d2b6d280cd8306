"""The README's three steps that add TAOUSDT, while the endpoint and the engine run."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from commands.demo_services import ROOT, Service, Services, free_port
from config.home import Home
from core.model.failures import StorageFailure
from core.model.identity import AccountId, Symbol
from operations.journal_file import read_only
from simulation.loopback import read_engine_log

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]

TAO = Symbol("TAOUSDT")
ACCOUNTS = [AccountId(exchange) for exchange in ("bybit", "blofin", "kucoin", "mexc")]
PATIENCE_SECONDS = 90.0
SOME_LIST_IT = (AccountId("kucoin"), AccountId("mexc"))
KAS = Symbol("KASUSDT")
"""Listed on two of the four paper exchanges."""

KEEP_ALL = [""] * 6
STEP_1 = ("config/asset_mapping.py", ["k", "TAOUSDT", "TAOUSDT", "", "k", "TAOUSD", "TAOUSDT", ""])
STEP_2 = ("config/signal_weights.py", [*KEEP_ALL, "3", "0.10", "0.15"])
STEP_1_AGAIN = ("config/asset_mapping.py", ["k", "KASUSDT", "KASUSDT", "", "k", ""])
STEP_2_AGAIN = ("config/signal_weights.py", [*KEEP_ALL, "", "", "", "2", "0.1"])


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[Home, Services, str]]:
    """The README's example files, and two services that follow them."""
    home, port = Home(tmp_path / "home"), free_port()
    home.path.mkdir()
    weights = [{"source": "tradingview", "weight": 0.1}, {"source": "bittensor", "weight": 0.15}]
    pairs = [{"symbol": symbol, "leverage": 3, "sources": weights} for symbol in ("BTCUSDT", "ETHUSDT")]
    mapping = {"tradingview": {"BTCUSDT": "BTCUSDT", "ETHUSDT": "ETHUSDT"}}
    mapping["bittensor"] = {"BTCUSD": "BTCUSDT", "ETHUSD": "ETHUSDT"}
    home.asset_mapping.write_text(json.dumps(mapping))
    home.signal_weights.write_text(json.dumps(pairs))
    home.engine_settings.write_text('{"metrics": {"is_enabled": false}}')
    endpoint = Service("tradingview-endpoint", ("signal_endpoints/tradingview_endpoint.py", "--port", str(port)))
    services = Services([endpoint, Service("trade-engine", ("execute_trades.py",))], home.path)
    await services.start()
    try:
        yield home, services, f"http://127.0.0.1:{port}/"
    finally:
        await services.stop()


async def type_answers(home: Home, script: str, answers: list[str]) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        script,
        cwd=ROOT,
        env={**os.environ, "TRADE_ENGINE_HOME": str(home.path)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    shown, _ = await child.communicate("".join(f"{answer}\n" for answer in answers).encode())
    assert child.returncode == 0
    assert b"Configuration saved" in shown


async def post(url: str, symbol: str) -> None:
    body = {"symbol": symbol, "direction": "long", "action": "buy", "leverage": "3", "size": "50/100", "price": "400"}
    async with asyncio.timeout(PATIENCE_SECONDS), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.post(url, json=body) as answer:
                    assert answer.status == 200, await answer.text()
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


async def confirmed(
    home: Home, services: Services, symbol: Symbol, accounts: Sequence[AccountId] = ACCOUNTS
) -> dict[str, Decimal]:
    """The depth that the accounts' journals confirm for a symbol, once all of these do."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            services.check()
            try:
                with read_only(home.journal) as journal:
                    ledgers = {str(account): journal.ledger(account, symbol) for account in accounts}
            except StorageFailure:
                ledgers = {}
            depths = {name: ledger.decision.depth for name, ledger in ledgers.items() if ledger.decision}
            if len(depths) == len(accounts) and all(ledger.is_confirmed for ledger in ledgers.values()):
                return depths
            await asyncio.sleep(0.1)


async def told_as_not_listed(home: Home, expected: int) -> list[tuple[str, str]]:
    """Account and symbol, each time that the engine said so, once it has said it as often as expected."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = [line for line in read_engine_log(home) if line.get("why") == "not listed on this exchange"]
            if len(found) >= expected:
                return [(line["account"], line["symbol"]) for line in found]
            await asyncio.sleep(0.1)


async def test_a_pair_added_while_they_run_is_traded_at_its_next_signal(
    running: tuple[Home, Services, str],
) -> None:
    home, services, url = running
    await post(url, "BTCUSDT")
    assert set((await confirmed(home, services, Symbol("BTCUSDT"))).values()) == {Decimal("0.05")}

    await type_answers(home, *STEP_1)
    await type_answers(home, *STEP_2)
    await post(url, "TAOUSDT")

    assert set((await confirmed(home, services, TAO)).values()) == {Decimal("0.05")}
    assert set((await confirmed(home, services, Symbol("BTCUSDT"))).values()) == {Decimal("0.05")}


async def test_where_it_is_not_listed_that_is_said_and_everything_else_is_traded(
    running: tuple[Home, Services, str],
) -> None:
    home, services, url = running
    for script, answers in (STEP_1, STEP_2, STEP_1_AGAIN, STEP_2_AGAIN):
        await type_answers(home, script, answers)
    await post(url, "KASUSDT")

    assert set((await confirmed(home, services, KAS, SOME_LIST_IT)).values()) == {Decimal("0.05")}
    await post(url, "TAOUSDT")
    assert set((await confirmed(home, services, TAO)).values()) == {Decimal("0.05")}
    assert sorted(await told_as_not_listed(home, 2)) == [("blofin", KAS), ("bybit", KAS)]
