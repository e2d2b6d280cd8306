"""`./engine paper` as processes: served exchanges that any client can be pointed at, and what the operator does."""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import pytest

from config.accounts import load_accounts
from config.files import PRIVATE_MODE, format_json, write_atomically
from config.home import Home
from config.schemas.credentials import AccountMode
from core.model.reading import Known
from core.ports.clock import Clock
from execute_trades import connect_all
from operations.logs import StructuredTelemetry
from operations.wall_clock import WallClock
from paper.effects import MarketState
from paper.house import PaperHouse
from simulation.paper_clients import CLASSES, OPTIONS

pytestmark = pytest.mark.process
ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "commands", "paper")
ETH = "ETH/USDT:USDT"


@asynccontextmanager
async def serving(*options: str, stop: signal.Signals = signal.SIGTERM) -> AsyncIterator[dict[str, Any]]:
    """The one line that the command prints; then it is stopped, and must end well."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", "--port", "0", "--json", *options, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    finally:
        process.send_signal(stop)
        _, errors = await asyncio.wait_for(process.communicate(), 15)
    assert (process.returncode, errors) == (-signal.SIGKILL if stop is signal.SIGKILL else 0, b"")


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments], cwd=ROOT, capture_output=True, timeout=60, check=False, text=True,
        env={"TRADE_ENGINE_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(home)},
    )  # fmt: skip


async def trade(exchange: str, place: dict[str, Any]) -> float:
    """Open a position with an unmodified ccxt class over HTTP; how large it is then."""
    (account,) = place["accounts"]
    client = CLASSES[exchange]({
        "apiKey": account["api_key"], "secret": account["secret"], "password": account["passphrase"],
        "enableRateLimit": False, "options": OPTIONS.get(exchange, {}),
    })  # fmt: skip
    client.urls["api"] = place["urls"]
    stamps = iter(range(client.milliseconds(), client.milliseconds() + 900))
    client.milliseconds = lambda: next(stamps)
    try:
        await client.load_markets()
        if exchange == "mexc":
            await client.set_position_mode(False)
        params = {"marginMode": "isolated", "leverage": 3, "openType": 1} if exchange != "bybit" else {}
        await client.create_order(ETH, "market", "buy", 3, None, params)
        (position,) = await client.fetch_positions([ETH])
        return float(position["contracts"])
    finally:
        await client.close()


async def test_any_ccxt_client_can_be_pointed_at_what_serve_prints() -> None:
    async with serving("--seed", "7") as told:
        held = {name: await trade(name, place) for name, place in told["exchanges"].items()}

    assert held == {"bybit": 3, "blofin": 3, "kucoin": 3, "mexc": 3}
    assert told["seed"] == 7
    assert all(place["base_url"].startswith("http://127.0.0.1:") for place in told["exchanges"].values())


async def test_the_credentials_that_serve_prints_make_an_engine_trade_there(tmp_path: Path) -> None:
    home = Home(tmp_path)
    async with serving("--accounts", "2") as told:
        write_atomically(home.credentials, format_json(told["credentials"]), PRIVATE_MODE)
        accounts = load_accounts(home)
        async with connect_all(accounts, WallClock(), StructuredTelemetry("test")) as exchanges:
            snapshots = [await exchange.read_snapshot() for exchange in exchanges.values()]

    names = ("bybit", "blofin", "kucoin", "mexc")
    assert {str(account) for account in exchanges} == {*names, *(f"{name}::test2" for name in names)}
    assert all(one.is_armed and one.mode is AccountMode.SANDBOX for one in accounts)
    assert [one.equity.value for one in snapshots if isinstance(one.equity, Known)] == [10_000] * 8


async def test_keys_follow_from_the_seed_and_ctrl_c_ends_it_well(tmp_path: Path) -> None:
    async with serving("--seed", "5", "--state", str(tmp_path), stop=signal.SIGINT) as first:
        pass
    async with serving("--seed", "5", "--markets", "60") as second:
        client = ccxt.bybit({"options": OPTIONS["bybit"]})
        client.urls["api"] = second["exchanges"]["bybit"]["urls"]
        markets = await client.load_markets()
        await client.close()

    keys = [told["exchanges"]["bybit"]["accounts"] for told in (first, second)]
    assert keys[0] == keys[1]
    assert len(markets) == 59
    assert (tmp_path / "accounts.sqlite").exists()


async def test_an_answered_order_survives_a_killed_process(tmp_path: Path) -> None:
    async with serving("--state", str(tmp_path), stop=signal.SIGKILL) as told:
        await trade("kucoin", told["exchanges"]["kucoin"])

    house = PaperHouse(WallClock(), folder=tmp_path)
    (position,) = house.account("kucoin", "test").positions.values()
    await house.close()
    assert position.key.symbol == "ETHUSDTM"
    assert position.quantity == 3


def test_without_a_network_live_prices_are_refused_with_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n\n\ndef find_nothing(*_, **__):\n    raise socket.gaierror(-3, 'no network')\n\n\n"
        "socket.getaddrinfo = find_nothing\n"
    )
    (tmp_path / "engine_config.json").write_text('{"paper": {"prices": "live"}}')

    served = run(tmp_path, "serve", "--port", "0", "--prices", "live")
    moved = run(tmp_path, "prices", "--pin", "BTC=50000")

    for done in (served, moved):
        assert (done.returncode, done.stdout) == (1, "")
        assert "bybit cannot be reached" in done.stderr
        assert "paper.prices of engine_config.json" in done.stderr


def test_a_price_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "--port", "0", "--prices", "none.csv", "--json")

    assert done.returncode == 1
    assert "none.csv" in json.loads(done.stdout)["error"]


def open_house(home: Path, clock: Clock) -> PaperHouse:
    return PaperHouse(clock, folder=home / "state" / "paper")


def test_the_operator_reaches_accounts_that_no_process_keeps(tmp_path: Path) -> None:
    house = open_house(tmp_path, WallClock())
    house.open_account("bybit", "main")
    asyncio.run(house.close())

    deposited = run(tmp_path, "deposit", "bybit::main", "250.5")
    pinned = run(tmp_path, "prices", "--pin", "BTC=50000", "--json")
    shown = json.loads(run(tmp_path, "prices", "--json").stdout)
    unknown = run(tmp_path, "deposit", "bybit::nobody", "1")
    before = house.account("bybit", "main").keys
    kept = json.loads(run(tmp_path, "keys", "bybit::main", "--json").stdout)
    renewed = json.loads(run(tmp_path, "keys", "bybit::main", "--renew", "--json").stdout)
    wrong = run(tmp_path, "deposit", "bybit::main", "much")
    halted = run(tmp_path, "market", "bybit", "DOGEUSDT", "halted")
    nonsense = run(tmp_path, "market", "bybit", "DOGEUSDT", "asleep")

    again = open_house(tmp_path, WallClock())
    assert again.account("bybit", "main").wallet == 10_250.5
    assert again.exchanges["bybit"].state("DOGEUSDT") is MarketState.HALTED
    asyncio.run(again.close())
    assert [done.returncode for done in (deposited, pinned, unknown, wrong)] == [0, 0, 2, 2]
    assert "bybit::nobody is no paper account: bybit::main" in unknown.stderr
    assert (kept, renewed) == (asdict(before), asdict(again.account("bybit", "main").keys))
    assert kept["api_key"] != renewed["api_key"]
    assert (halted.returncode, halted.stdout, nonsense.returncode) == (0, "bybit DOGEUSDT: halted\n", 2)
    assert shown["prices"]["BTC"] == dict.fromkeys(("index", "bybit", "blofin", "kucoin", "mexc"), "50000")


def test_the_operator_reaches_accounts_that_a_running_process_keeps(tmp_path: Path) -> None:
    house = open_house(tmp_path, WallClock())
    house.open_account("kucoin", "main")

    asked = [
        run(tmp_path, "reset", "kucoin::main", "--balance", "77"),
        run(tmp_path, "fault", "latency", "--seconds", "2", "--count", "0", "--exchange", "kucoin"),
    ]
    outcomes = house.look()
    shown = run(tmp_path, "fault")
    listed = json.loads(run(tmp_path, "fault", "--json").stdout)["in_force"]
    unknown = run(tmp_path, "deposit", "nosuch", "5")
    elsewhere = run(tmp_path, "fault", "latency", "--exchange", "bibyt")

    assert "  1: latency, exchange kucoin, seconds 2.0, always" in shown.stdout
    assert [(one["number"], one["fault"]["kind"], one["left"]) for one in listed] == [(1, "latency", None)]
    assert (unknown.returncode, "nosuch is no paper account: kucoin::main" in unknown.stderr) == (2, True)
    assert (elsewhere.returncode, house.look()) == (2, [])
    assert all(done.returncode == 0 and "running engine" in done.stdout for done in asked)
    assert [outcome.is_done for outcome in outcomes] == [True, True]
    assert house.account("kucoin", "main").wallet == 77
    assert [fault.kind for fault in house.faults.in_force().values()] == ["latency"]
    asyncio.run(house.close())


def test_the_kinds_of_faults_are_listed_and_a_wrong_one_is_wrong_usage(tmp_path: Path) -> None:
    listed = run(tmp_path, "fault", "--json")
    wrong = run(tmp_path, "fault", "earthquake")
    unknown = run(tmp_path, "fault", "refused", "--reason", "mood")

    assert "answer_lost" in json.loads(listed.stdout)["kinds"]
    assert json.loads(listed.stdout)["in_force"] == []
    assert (wrong.returncode, "answer_lost" in wrong.stderr) == (2, True)
    assert (unknown.returncode, "insufficient_margin" in unknown.stderr) == (2, True)
