"""The engine as it trades, over loopback exchanges of another process: real files, journal, adapters, ccxt, sockets."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog

from account_processors.ccxt_base import CcxtExchange
from account_processors.registry import connect
from benchmarks.exchange_process import Exchanges
from benchmarks.tap import Tap
from benchmarks.yardstick import Took
from config.accounts import AccountMode, AccountSettings
from config.files import format_json, write_atomically
from config.home import Home
from core.model.identity import AccountId, SourceName, Symbol
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.ports.telemetry import Telemetry
from execute_trades import Engine, World
from operations.committers import WriterThread
from operations.file_watch import watch_folders
from operations.heap import spare_the_heap
from operations.logs import StructuredTelemetry, set_up_logs
from operations.wall_clock import WallClock
from signal_processors.depth_files import publish_frame

EXCHANGES = ("bybit", "blofin", "kucoin", "mexc")
MOST_SYMBOLS = 50
COINS = 29 + MOST_SYMBOLS
"""The exchanges' own table and so many made-up coins, X1 and on, which all of them list alike."""

BALANCE_USDT = 1_000_000
WEIGHT, LEVERAGE = Decimal("0.02"), 3
SOURCE = SourceName("tradingview")
LONGEST_ACTION_SECONDS = 300.0
LOOK_SECONDS = 0.01
DIGITS_OF_EPOCH = 32


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is traded at once.

    Attributes:
        accounts: Spread evenly over the exchanges.
        symbols: Of each account.
    """

    accounts: int
    symbols: int

    @property
    def account_keys(self) -> list[tuple[str, str]]:
        """Exchange and number of every account."""
        return [(EXCHANGES[number % len(EXCHANGES)], str(number)) for number in range(self.accounts)]

    @property
    def names(self) -> list[Symbol]:
        """The symbols."""
        return [Symbol(f"X{number}USDT") for number in range(1, self.symbols + 1)]

    def __str__(self) -> str:
        return f"{self.accounts} x {self.symbols}"


class Desk:
    """An engine that runs, and what it sends."""

    def __init__(self, home: Home, scale: Scale, engine: Engine, tap: Tap, exchanges: Sequence[CcxtExchange]) -> None:
        self.scale = scale
        self.engine = engine
        self.tap = tap
        self.exchanges = exchanges
        self._home = home
        self._stop = asyncio.Event()
        self._stopped = asyncio.Event()
        self._sequence = 0

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Let the engine run while the block does."""
        watching = asyncio.create_task(watch_folders(self.engine.watched_folders(), self.engine.executor.nudge))
        running = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._stop.set()
            await running
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    def stop_following(self) -> None:
        """Let the engine's own loop end; what it is told from then on it is told by hand."""
        self._stop.set()

    async def _run(self) -> None:
        await self.engine.run(self._stop)
        for worker in self.engine.workers:
            worker.wind_down(is_stopping=False)
        self._stopped.set()

    async def act(self, depth: Decimal, orders_per_symbol: int) -> Took:
        """Publish a depth for every symbol, and wait until the orders are acknowledged and everything is proven.

        Args:
            depth: Of every symbol.
            orders_per_symbol: That this asks for; 0 where the depth is what it was.
        """
        accounts = self.scale.accounts
        loop = asyncio.get_running_loop()
        self.tap.begin(orders_per_symbol * self.scale.symbols * accounts)
        self._publish(depth)
        cpu, began = time.process_time(), loop.time()
        async with asyncio.timeout(LONGEST_ACTION_SECONDS):
            await self.tap.all_acknowledged()
            while not (self.tap.is_quiet(accounts) and self._confirmed(depth) >= accounts):  # noqa: ASYNC110 - what is confirmed is asked for
                await asyncio.sleep(LOOK_SECONDS)
        whole, whole_cpu = loop.time() - began, time.process_time() - cpu
        orders = self.tap.orders
        if not orders:
            read = max(one.ended for one in self.tap.asked) - began
            return Took(read, read, whole_cpu, whole_cpu, whole)
        last = max(orders, key=lambda one: one.ended)
        first = min(one.ended for one in orders)
        return Took(first - began, last.ended - began, self.tap.cpu_seconds - cpu, whole_cpu, whole)

    async def act_on(self, depth: Decimal, timed: Sequence[str], waited_for: Sequence[str]) -> float:
        """Publish a depth; seconds until the last order of some exchanges was acknowledged.

        Args:
            depth: Of every symbol.
            timed: The exchanges whose orders count.
            waited_for: Those that must have proven the depth before this returns, the timed among them.
        """
        loop = asyncio.get_running_loop()
        self.tap.begin(0)
        self._publish(depth)
        began = loop.time()
        wanted = self.scale.symbols * sum(exchange.account.exchange in waited_for for exchange in self.exchanges)
        async with asyncio.timeout(LONGEST_ACTION_SECONDS):
            while not self._are_done(depth, waited_for, wanted):  # noqa: ASYNC110 - as above
                await asyncio.sleep(LOOK_SECONDS)
        return max(one.ended for one in self.tap.orders if one.exchange in timed) - began

    async def act_in_turn(self, depth: Decimal) -> Took:
        """One merge, then one account after the other, as a program without concurrency would go on."""
        loop = asyncio.get_running_loop()
        self.stop_following()
        await self._stopped.wait()
        self._publish(depth)
        began = loop.time()
        await self.engine.executor.execute()
        for worker in self.engine.workers:
            await self.engine.executor.process_account(worker)
        seconds = loop.time() - began
        if self._confirmed(depth) < self.scale.accounts:
            raise RuntimeError("one pass per account did not do all")
        return Took(seconds, seconds, 0.0, 0.0, seconds)

    def _are_done(self, depth: Decimal, waited_for: Sequence[str], wanted: int) -> bool:
        acknowledged = sum(one.exchange in waited_for for one in self.tap.orders)
        accounts = [exchange.account for exchange in self.exchanges if exchange.account.exchange in waited_for]
        return acknowledged >= wanted and all(self._is_confirmed(account, depth) for account in accounts)

    def _publish(self, depth: Decimal) -> None:
        self._sequence += 1
        publish_depth(self._home, self.scale, depth, self._sequence)

    def _confirmed(self, depth: Decimal) -> int:
        """How many accounts have proven every symbol at the depth."""
        return sum(self._is_confirmed(worker.policy.account, depth) for worker in self.engine.workers)

    def _is_confirmed(self, account: AccountId, depth: Decimal) -> bool:
        ledgers = [self.engine.journal.ledger(account, symbol) for symbol in self.scale.names]
        return all(
            ledger.is_confirmed and ledger.decision is not None and ledger.decision.depth == depth * WEIGHT
            for ledger in ledgers
        )


@asynccontextmanager
async def open_desk(
    exchanges: Exchanges, scale: Scale, label: str, *, keeps_budgets: bool, symbols_at_once: int = 10
) -> AsyncIterator[Desk]:
    """An engine over accounts of its own, while the block runs.

    Args:
        exchanges: What it trades on.
        scale: How many accounts and symbols.
        label: Of its accounts.
        keeps_budgets: Whether the adapters pace their calls by the published limits.
        symbols_at_once: The accounts' cap.
    """
    clock, telemetry = WallClock(), StructuredTelemetry("bench")
    async with AsyncExitStack() as stack:
        home = Home(Path(stack.enter_context(TemporaryDirectory(prefix="bench-"))))
        write_config(home, scale)
        accounts = [
            replace(account, max_concurrent_symbols=symbols_at_once)
            for account in await open_accounts(exchanges, scale, label)
        ]
        _set_up_logs(stack, home)
        tap = Tap()
        connected = connect_accounts(accounts, telemetry, keeps_budgets=keeps_budgets)
        for exchange in connected:
            tap.put_on(exchange)
            stack.push_async_callback(exchange.close)
        writer = WriterThread()
        stack.callback(writer.close)
        by_account = {exchange.account: exchange for exchange in connected}
        epoch = f"{abs(hash(label)):x}".rjust(DIGITS_OF_EPOCH, "0")[:DIGITS_OF_EPOCH]
        engine = Engine(home, accounts, World(clock, telemetry, writer, epoch, by_account))
        stack.callback(engine.close)
        desk = Desk(home, scale, engine, tap, connected)
        spare_the_heap()
        await stack.enter_async_context(desk.following())
        yield desk


async def open_accounts(exchanges: Exchanges, scale: Scale, label: str) -> list[AccountSettings]:
    """The settings of new accounts at the exchanges."""
    keyed = [(exchange, f"{label}-{number}") for exchange, number in scale.account_keys]
    keys = await exchanges.open_accounts(keyed, BALANCE_USDT)
    return [
        AccountSettings(
            AccountId(exchange, name),
            AccountMode.SANDBOX,
            api_key=key["api_key"],
            secret=key["secret"],
            passphrase=key["passphrase"],
            urls={"base": key["base"]},
            is_armed=True,
        )
        for (exchange, name), key in zip(keyed, keys, strict=True)
    ]


def connect_accounts(
    accounts: Sequence[AccountSettings], telemetry: Telemetry, *, keeps_budgets: bool
) -> list[CcxtExchange]:
    """The adapters of the accounts, each with connections of its own."""
    return [connect(account, WallClock(), telemetry, keeps_budgets=keeps_budgets) for account in accounts]


def _set_up_logs(stack: AsyncExitStack, home: Home) -> None:
    """As the service does, what would go to its terminal into nothing; both are part of what an order costs."""
    root = logging.getLogger()
    stack.callback(_restore_logs, root.handlers, root.level, structlog.get_config())
    set_up_logs("bench", home.logs)
    nothing = stack.enter_context(open(os.devnull, "w"))  # noqa: PTH123, SIM115 - the stack closes it
    for handler in root.handlers:
        stack.callback(handler.close)
        if type(handler) is logging.StreamHandler:
            handler.setStream(nothing)


def _restore_logs(handlers: list[logging.Handler], level: int, configuration: dict[str, Any]) -> None:
    root = logging.getLogger()
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**configuration)


def publish_depth(home: Home, scale: Scale, depth: Decimal, sequence: int) -> None:
    """A frame of the source in which every symbol has the depth."""
    now = WallClock().now()
    signals = tuple(SourceSignal(SOURCE, symbol, depth, now) for symbol in scale.names)
    frame = SourceFrame(SOURCE, sequence, now, now, None, SourceStatus.OK, "", authenticated=True, signals=signals)
    publish_frame(home, frame)


def write_config(home: Home, scale: Scale) -> None:
    """The operator's files: every symbol with one source."""
    write_atomically(home.asset_mapping, format_json({SOURCE: {symbol: symbol for symbol in scale.names}}))
    weights = [
        {"symbol": symbol, "leverage": LEVERAGE, "sources": [{"source": SOURCE, "weight": WEIGHT}]}
        for symbol in scale.names
    ]
    write_atomically(home.signal_weights, format_json(weights))
    settings = {"risk": {"max_increases_per_minute": None}, "sources": {SOURCE: {"heartbeat_seconds": 3600}}}
    write_atomically(home.engine_settings, format_json(settings))
