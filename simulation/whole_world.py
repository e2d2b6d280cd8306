"""The whole engine in one process and in virtual time, from a webhook's body to an exchange's answer.

Nothing of it is replaced: the endpoint's application, the SN8 poller, the frame files, the signal manager, the workers,
the journal, the adapters and the ccxt classes are the ones that trade; only the sockets are left out, the clock is
virtual, and what the poller and the adapters reach are the exchanges and the SN8 server that we make ourselves.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from config.accounts import AccountMode, AccountSettings
from config.files import format_json, write_atomically
from config.home import Home
from core.model.identity import AccountId
from core.ports.telemetry import Telemetry
from execute_trades import Engine, World, connect_paper
from operations.committers import commit_inline
from paper.house import PaperHouse
from paper.sn8 import Sn8Server
from paper.sn8_session import Sn8Session
from paper.sn8_world import Sn8World
from signal_endpoints.in_process import Answer, request
from signal_endpoints.tradingview_service import TradingViewService
from signal_processors.bittensor_client import Sn8Access
from signal_processors.bittensor_mapping import SOURCE as BITTENSOR
from signal_processors.bittensor_poller import BittensorPoller
from signal_processors.records import RecordLog
from simulation.virtual_time import START, VirtualClock

EXCHANGES = ("bybit", "blofin", "kucoin", "mexc")
SN8_KEY = "made-sn8-key"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a world begins with.

    Attributes:
        seed: From which prices, miners, keys and all chance follow.
        symbols: Unified symbols that TradingView trades.
        network_symbols: Unified symbols that the SN8 network trades too.
        exchanges: One paper account each.
    """

    seed: int = 1
    symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    network_symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT")
    exchanges: Sequence[str] = EXCHANGES


@dataclass
class Quiet:
    """core.ports.telemetry.Telemetry that keeps the newest facts."""

    facts: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def tell(self, event: str, **facts: object) -> None:
        """Keep one fact."""
        self.facts.append((event, facts))


class WholeWorld:
    """One home, the exchanges, the services over them; `engine` may be stopped and started again."""

    def __init__(self, folder: Path, plan: Plan, telemetry: Telemetry) -> None:
        self.plan = plan
        self.home = Home(folder)
        self.telemetry = telemetry
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.house = PaperHouse(self.clock, seed=plan.seed)
        self.webhook = TradingViewService(self.home, self.clock, telemetry)
        self.sn8 = Sn8Server(Sn8World(plan.seed, START), self.clock, {SN8_KEY: 100})
        self._epochs = random.Random(f"epochs {plan.seed}")
        self._write_config()

    def _write_config(self) -> None:
        mappings = {
            "tradingview": {symbol: symbol for symbol in self.plan.symbols},
            "bittensor": {symbol.removesuffix("T"): symbol for symbol in self.plan.network_symbols},
        }
        write_atomically(self.home.asset_mapping, format_json(mappings))
        write_atomically(self.home.signal_weights, format_json([self._weights(symbol) for symbol in self.plan.symbols]))

    def _weights(self, symbol: str) -> dict[str, object]:
        sources: list[dict[str, object]] = [{"source": "tradingview", "weight": Decimal("0.2")}]
        if symbol in self.plan.network_symbols:
            sources.append({"source": "bittensor", "weight": Decimal("0.1")})
        return {"symbol": symbol, "leverage": 3, "sources": sources}

    async def alert(self, symbol: str, depth: Decimal) -> Answer:
        """Post an alert that asks for a depth, as TradingView would."""
        side = "long" if depth > 0 else "short" if depth < 0 else "flat"
        body = {
            "symbol": symbol,
            "direction": side,
            "action": "sell" if depth < 0 else "buy",
            "leverage": "3",
            "size": f"{depth * 100}/100" if depth else "Exit @ 1",
            "price": "1",
        }
        return await request(self.webhook, json.dumps(body).encode())

    @asynccontextmanager
    async def services(self) -> AsyncIterator[None]:
        """The endpoint and the poller, while the block runs."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.webhook)
            record = RecordLog(self.home.raw_signals(BITTENSOR))
            stack.push_async_callback(record.close)
            access = Sn8Access("http://sn8.invalid/miner-positions", SN8_KEY)
            poller = BittensorPoller(
                self.home,
                access,
                Sn8Session(self.sn8),
                self.clock,
                self.telemetry,
                record,
                random.Random(self.plan.seed),
            )
            polling = asyncio.create_task(poller.run())
            stack.push_async_callback(_end, polling)
            yield

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """The engine over the home as it is on disk, running while the block runs."""
        accounts = [
            AccountSettings(AccountId(exchange), AccountMode.PAPER, is_armed=True) for exchange in self.plan.exchanges
        ]
        exchanges = {
            settings.account: connect_paper(settings, self.house, self.clock, self.telemetry) for settings in accounts
        }
        epoch = f"{self._epochs.getrandbits(128):032x}"
        engine = Engine(self.home, accounts, World(self.clock, self.telemetry, commit_inline, epoch, exchanges))
        stop = asyncio.Event()
        running = asyncio.create_task(engine.run(stop))
        try:
            yield engine
        finally:
            stop.set()
            await running
            for exchange in exchanges.values():
                await exchange.close()
            engine.close()


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
