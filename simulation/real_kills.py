"""`kill -9` of real processes under fire: the engine and the endpoint over loopback, the exchanges in this process.

The exchanges outlive the killed ones, and their ledger says what really happened.
"""

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import aiohttp

from config.files import PRIVATE_MODE, format_json, write_atomically
from config.home import Home
from config.webhook_keys import add_key, save_keys
from core.model.events import OrderIntended
from core.model.failures import StorageFailure
from core.model.identity import AccountId, Symbol
from core.model.money import ZERO
from operations.journal_file import read_only
from operations.wall_clock import WallClock
from paper.faults import Fault, FaultKind
from paper.house import PaperHouse
from paper.ledger import Entry
from signal_processors.day_files import Record, read_records
from simulation.loopback import ROOT, free_port

SYMBOL = Symbol("BTCUSDT")
EXCHANGES = ("bybit", "kucoin")
WEIGHT = Decimal("0.2")
PATIENCE_SECONDS = 90.0
ENGINE, ENDPOINT = "engine", "endpoint"
ORDER_SECONDS = 0.2
"""How long an order is on its way, so that some kills come in between."""

STRUCK_AT_THE_START = 0.2
"""The share of kills that do not wait until the engine has begun its work."""

STRUCK_AT_AN_ORDER = 0.6
"""The share of the engine's kills that wait for an order to be sent."""

ORDER_PATIENCE_SECONDS = 60.0
"""So long at most."""

DEPTHS = [Decimal(tenths) / 10 for tenths in range(-9, 10)]


@dataclass(frozen=True, slots=True)
class KillReport:
    """What the kills did.

    Attributes:
        kills: How many processes were killed.
        alerts: How many alerts were answered 200.
        orders: How many orders the exchanges took.
        in_flight: How many kills of the engine left an order behind whose outcome it did not know.
        wrong: What was lost, doubled or left wrong.
    """

    kills: int
    alerts: int
    orders: int
    in_flight: int
    wrong: Sequence[str]


async def kill_for_real(folder: Path, kills: int, seed: int = 1) -> KillReport:
    """Kill the engine and the endpoint again and again while alerts come in, then look at what is left.

    Args:
        folder: For the home of both.
        kills: How many.
        seed: Of who is killed, and when; how many alerts that takes depends on the machine.
    """
    house = PaperHouse(WallClock(), seed=os.getpid())  # of two engines with one key one refuses
    house.faults.add(Fault(FaultKind.LATENCY, endpoint="create_order", count=None, seconds=ORDER_SECONDS))
    served = await house.serve(0)
    try:
        fire = _Fire(Home(folder), house, f"http://127.0.0.1:{served.port}", seed)
        return await fire.run(kills)
    finally:
        await served.stop()
        await house.close()


class _Fire:
    def __init__(self, home: Home, house: PaperHouse, base_url: str, seed: int) -> None:
        self._home = home
        self._house = house
        self._chance = random.Random(seed)
        self._depths = random.Random(seed)
        self._depth = ZERO
        self._port = free_port()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._acknowledged: list[tuple[str, Decimal]] = []
        self._sent = 0
        self._in_flight = 0
        self._asked_before = 0
        self._sent_orders = 0
        house.ledger.observers.append(self._observe)
        self._key = ""
        self._write_home(base_url)

    async def run(self, kills: int) -> KillReport:
        try:
            async with aiohttp.ClientSession() as session:
                await self._start(ENDPOINT)
                await self._start(ENGINE)
                for _ in range(kills):
                    await self._post_until_acknowledged(session)
                    if self._chance.random() >= STRUCK_AT_THE_START:
                        await self._wait_for_the_engine()
                    await self._kill_under_fire(session)
                await self._post_until_acknowledged(session)
                wrong = await self._look()
        finally:
            await self._end()
        orders = self._house.ledger.count("order")
        wrong += [*self._lost_alerts(), *self._doubled()]
        return KillReport(kills, len(self._acknowledged), orders, self._in_flight, wrong)

    def _observe(self, entry: Entry) -> None:
        self._sent_orders += entry.kind == "request" and entry.facts["endpoint"] == "create_order"

    async def _wait_for_an_order(self) -> None:
        """Until the engine sends one."""
        before, loop = self._sent_orders, asyncio.get_running_loop()
        until = loop.time() + ORDER_PATIENCE_SECONDS
        while self._sent_orders == before and loop.time() < until:  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.02)

    async def _wait_for_the_engine(self) -> None:
        """Until it has asked the exchanges something since its start."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._house.ledger.count("request") <= self._asked_before:  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.02)

    def _count_in_flight(self) -> None:
        """Whether the engine that was killed left an order whose outcome it did not know."""
        with contextlib.suppress(StorageFailure), read_only(self._home.journal) as journal:
            self._in_flight += any(journal.ledger(AccountId(name), SYMBOL).unsettled for name in EXCHANGES)

    def _write_home(self, base_url: str) -> None:
        home = self._home
        write_atomically(home.asset_mapping, format_json({"tradingview": {SYMBOL: SYMBOL}}))
        entry = {"symbol": SYMBOL, "leverage": 3, "sources": [{"source": "tradingview", "weight": WEIGHT}]}
        write_atomically(home.signal_weights, format_json([entry]))
        write_atomically(home.engine_settings, format_json({"metrics": {"is_enabled": False}}))
        known, self._key = add_key((), "kills", WallClock().now())
        save_keys(home, known)
        sections = {}
        for name in EXCHANGES:
            keys = self._house.open_account(name)
            self._house.prepare_account(name)
            section = {"api_key": keys.api_key, "api_secret": keys.secret, "mode": "sandbox"}
            if name == "kucoin":
                section["api_passphrase"] = keys.passphrase
            sections[name] = {**section, "urls": self._house.urls(name, base_url)}
        write_atomically(home.credentials, format_json(sections), PRIVATE_MODE)

    async def _start(self, name: str) -> None:
        arguments: tuple[str, ...] = ("execute_trades.py",)
        if name == ENDPOINT:
            arguments = ("signal_endpoints/tradingview_endpoint.py", "--port", str(self._port))
        home = str(self._home.path)
        others = {key: value for key, value in os.environ.items() if not key.startswith("TRADE_ENGINE_")}
        with (self._home.path / f"{name}.out").open("ab") as output:
            self._processes[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                cwd=ROOT,
                env={**others, "TRADE_ENGINE_HOME": home, "XDG_CONFIG_HOME": f"{home}/keys"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    async def _kill_under_fire(self, session: aiohttp.ClientSession) -> None:
        victim = self._chance.choice((ENGINE, ENGINE, ENDPOINT))
        posting = asyncio.create_task(self._post(session))
        if victim == ENGINE and self._chance.random() < STRUCK_AT_AN_ORDER:
            await self._wait_for_an_order()
        await asyncio.sleep(self._chance.random() * self._chance.choice((0.02, 0.3, 1.0)))
        process = self._processes[victim]
        process.send_signal(signal.SIGKILL)
        await process.wait()
        await asyncio.gather(posting, return_exceptions=True)
        if victim == ENGINE:
            self._count_in_flight()
            self._asked_before = self._house.ledger.count("request")
        await self._start(victim)

    async def _post(self, session: aiohttp.ClientSession) -> bool:
        """One alert, for another depth than the one before; whether it was answered 200."""
        self._depth = depth = self._depths.choice([depth for depth in DEPTHS if depth != self._depth])
        self._sent += 1
        mark = str(self._sent)
        body = {
            "symbol": SYMBOL,
            "direction": "long" if depth > 0 else "short" if depth < 0 else "flat",
            "action": "sell" if depth < 0 else "buy",
            "leverage": "3",
            "size": f"{depth * 100}/100" if depth else "Exit @ 1",
            "price": mark,
            "signal_seq": self._sent,
            "key": self._key,
        }
        try:
            async with session.post(f"http://127.0.0.1:{self._port}/", json=body) as answer:
                if answer.status != 200:
                    return False
        except aiohttp.ClientError:
            return False
        self._acknowledged.append((mark, depth))
        return True

    async def _post_until_acknowledged(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await self._post(session):  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.2)

    async def _look(self) -> list[str]:
        """What is not on target once everything had time to settle."""
        wrong = ["never looked at"]
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while wrong:
                    await asyncio.sleep(0.5)
                    wrong = self._gaps()
        except TimeoutError:
            pass
        return wrong

    def _gaps(self) -> list[str]:
        wrong = []
        wanted = self._acknowledged[-1][1] * WEIGHT
        try:
            with read_only(self._home.journal) as journal:
                for name in EXCHANGES:
                    ledger = journal.ledger(AccountId(name), SYMBOL)
                    held = self._held(name)
                    asked = ledger.decision.quantity if ledger.decision else ZERO
                    depth = ledger.decision.depth if ledger.decision else None
                    if not (depth == wanted and held == asked == ledger.owned and ledger.is_confirmed):
                        wrong.append(f"{name} holds {held}, decided is {asked} for {depth}, wanted is {wanted}")
        except StorageFailure as error:
            return [str(error)]
        return wrong

    def _held(self, name: str) -> Decimal:
        venue = self._house.exchanges[name]
        rows = self._house.account(name).positions.values()
        return sum((row.quantity * venue.markets[row.key.symbol].contract_size for row in rows), ZERO)

    def _lost_alerts(self) -> list[str]:
        """Acknowledged alerts that are not in the record exactly once."""
        records = [item for item in read_records(self._home.raw_signals("tradingview")) if isinstance(item, Record)]
        found = {
            mark: sum(bool(re.search(rf"price\W+{mark}\W", str(record.content))) for record in records)
            for mark, _ in self._acknowledged
        }
        return [f"alert {mark} is in the record {times} times" for mark, times in found.items() if times != 1]

    def _doubled(self) -> list[str]:
        """Orders that an exchange took twice, or that no journaled intent stands behind."""
        taken = Counter(str(entry.facts["client_order_id"]) for entry in self._house.ledger.entries("order"))
        with read_only(self._home.journal) as journal:
            events = [event for name in EXCHANGES for event in journal.history(AccountId(name), SYMBOL, 100_000)]
        meant = {event.intent.client_order_id for event in events if isinstance(event, OrderIntended)}
        return [f"order {one} was taken {times} times" for one, times in taken.items() if times > 1 or one not in meant]

    async def _end(self) -> None:
        for process in self._processes.values():
            if process.returncode is None:
                process.send_signal(signal.SIGINT)
                try:
                    async with asyncio.timeout(20):
                        await process.wait()
                except TimeoutError:
                    process.kill()
                    await process.wait()
