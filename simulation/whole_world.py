"""The whole engine in one process and in virtual time, from a webhook's body to an exchange's answer.

Nothing of it is replaced: the endpoint's application, the SN8 poller, the frame files, the signal manager, the workers,
the journal, the adapters and the ccxt classes are the ones that trade; only the sockets are left out, the clock is
virtual, and what the poller and the adapters reach are the exchanges and the SN8 server that we make ourselves.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path

from account_processors.registry import forget_shared
from config.account_switches import AccountSwitches
from config.accounts import AccountMode, AccountSettings
from config.files import PRIVATE_MODE, format_json, write_atomically
from config.home import Home
from config.trading_files import TradingContents, parse_trading
from core.model.failures import InvalidConfig
from core.model.identity import AccountId
from core.model.money import ZERO
from core.ports.exchange import Exchange
from core.ports.telemetry import Telemetry
from execute_trades import Engine, World, connect_paper
from operations.account_switches import follow_switches
from operations.committers import commit_inline
from operations.engine_lock import EngineLock
from operations.journal_file import JournalFile
from paper.effects import Effects
from paper.house import PaperHouse
from paper.sn8 import Sn8Server
from paper.sn8_world import Sn8World
from signal_endpoints.in_process import Answer
from simulation.aiming import Aims
from simulation.full_disk import FullDisk
from simulation.power_cut import Syncs
from simulation.processes import DistantHouse, Process, Voice
from simulation.scene import unified
from simulation.services import SN8_KEY, Service, Services
from simulation.spending import Spending
from simulation.trading_view import TradingView
from simulation.virtual_time import START, VirtualClock
from simulation.watcher import Watcher

EXCHANGES = ("bybit", "blofin", "kucoin", "mexc")
DEFAULT_WEIGHT = Decimal("0.2")
LEVERAGE = 3
EVEN = 0.5
MINERS = 12
MINERS_HISTORY = timedelta(days=30)
"""Half of what the made network has elsewhere: enough for miners to qualify, and all of it is read every minute."""

OTHER_COINS = frozenset({"DOGE", "PEPE", "KAS"})
"""Those that are dealt in multiples on one exchange, and listed on some exchanges only, are among them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a world begins with.

    Attributes:
        seed: From which prices, miners, keys and all chance follow.
        symbols: Unified symbols that TradingView trades.
        network_symbols: Unified symbols that the SN8 network trades too.
        exchanges: One paper account each.
        balance_usdt: What each account begins with.
        page_rows: Most rows of a list that goes on behind a cursor; 0: as the exchange's rules say.
        flattens_after_seconds: How old the network's positions may become before its share goes; 0: a day, as usual.
        cap_share: At what share of the largest that TradingView may ask for a symbol is capped, and at what share of
            all those caps together the account; 0: no caps.
    """

    seed: int = 1
    symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    network_symbols: Sequence[str] = ("BTCUSDT", "ETHUSDT")
    exchanges: Sequence[str] = EXCHANGES
    balance_usdt: Decimal = Decimal(10_000)
    page_rows: int = 0
    flattens_after_seconds: float = 0.0
    cap_share: Decimal = ZERO

    @property
    def largest_position_usdt(self) -> Decimal:
        """What a symbol is capped at, zero when it is not."""
        return self.balance_usdt * DEFAULT_WEIGHT * LEVERAGE * self.cap_share

    @property
    def largest_total_usdt(self) -> Decimal:
        """What an account is capped at, zero when it is not."""
        return self.largest_position_usdt * len(self.symbols) * self.cap_share

    @property
    def coins(self) -> Collection[str]:
        """What the exchanges list: what is traded, and a few beside it that nobody asks for."""
        return {symbol.removesuffix("USDT") for symbol in (*self.symbols, *self.network_symbols)} | OTHER_COINS


@dataclass(frozen=True, slots=True)
class _RunningEngine:
    engine: Engine
    stop: asyncio.Event
    task: "asyncio.Task[None]"
    switching: "asyncio.Task[None]"
    exchanges: Sequence[Exchange]
    lock: EngineLock
    process: Process


class WholeWorld:
    """One home, the exchanges, the services over them; the engine may be stopped and started again.

    Attributes:
        watcher: Checks it.
        aims: Faults that wait for their moment.
        services: The endpoint and the poller.
        trading_view: Sends the alerts.
        disk: Under the home; it may fill up.
        syncs: What of the home outlives a power cut.
        mapped: TradingView's symbols that the mapping names.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        loop = asyncio.get_running_loop()
        self.plan = plan
        self.home = Home(folder)
        self.clock = VirtualClock(loop)
        self.house: PaperHouse = DistantHouse(self.clock, seed=plan.seed, coins=plan.coins)
        for name in plan.exchanges:
            self.house.exchanges[name].effects = Effects(largest_page=plan.page_rows)
        self.watcher = Watcher(self.house, self.clock.seconds, self.clock.now)
        self.telemetry: Telemetry = self.watcher
        self.aims = Aims(self.house, self.watcher.states, self.market_of)
        self.sn8 = Sn8Server(
            Sn8World(plan.seed, START, MINERS, MINERS_HISTORY), self.clock, {SN8_KEY: 100}, gzip_level=0
        )
        self.services = Services(self.home, self.clock, self.telemetry, self.sn8, plan.seed)
        self.disk = FullDisk(folder)
        self._spending = Spending(self.clock, self.disk, self.watcher.scene)
        self.syncs = Syncs(folder)
        self.mapped: frozenset[str] = frozenset(plan.symbols)
        self.trading_view = TradingView(self.clock)
        self._epochs = random.Random(f"epochs {plan.seed}")
        self._running: _RunningEngine | None = None
        self._dead: list[_RunningEngine] = []
        self._left_hash = ""
        self._write_config()

    def market_of(self, exchange: str, symbol: str) -> str:
        """An exchange's own name of a unified symbol."""
        markets = self.house.exchanges[exchange].markets
        return next(name for name, market in markets.items() if unified(market.coin) == symbol)

    def write_weights(self, weights: Mapping[str, Decimal]) -> None:
        """What the operator's dialog leaves: TradingView's weight per symbol, a tenth for the network beside it."""
        entries = [self._entry(symbol, weight) for symbol, weight in weights.items()]
        write_atomically(self.home.signal_weights, format_json(entries))
        self._remember_version()

    def write_mapping(self, mapping: Mapping[str, str]) -> None:
        """What the operator's dialog leaves: TradingView's symbols, and beside them the network's as ever."""
        network = {symbol.removesuffix("T"): symbol for symbol in self.plan.network_symbols}
        write_atomically(self.home.asset_mapping, format_json({"tradingview": dict(mapping), "bittensor": network}))
        self.mapped = frozenset(mapping)
        self._remember_version()

    def spoil_mapping(self) -> None:
        """An edit that makes two symbols of TradingView one."""
        first = self.plan.symbols[0]
        write_atomically(self.home.asset_mapping, format_json({"tradingview": {first: first, "OTHER": first}}))

    def version_on_disk(self) -> str:
        """Of the configuration as the files stand, empty when they are not valid together."""
        try:
            contents = TradingContents(self.home.asset_mapping.read_bytes(), self.home.signal_weights.read_bytes())
            return parse_trading(self.home, contents).version
        except (InvalidConfig, OSError):
            return ""

    def _remember_version(self) -> None:
        """Let the checks know what configuration may be in force."""
        version = self.version_on_disk()
        if version:
            self.watcher.words.valid_versions.add(version)

    def repeat_symbol(self) -> None:
        """An edit that gives the first symbol twice."""
        entry = self._entry(self.plan.symbols[0], DEFAULT_WEIGHT)
        write_atomically(self.home.signal_weights, format_json([entry, entry]))

    def spoil_weights(self) -> None:
        """An edit that ends in the middle of a word."""
        write_atomically(self.home.signal_weights, b'[{"symbol": "BTCUS')

    def _write_config(self) -> None:
        self.write_mapping({symbol: symbol for symbol in self.plan.symbols})
        self.write_weights(dict.fromkeys(self.plan.symbols, DEFAULT_WEIGHT))
        settings: dict[str, object] = {}
        if self.plan.flattens_after_seconds:
            settings["sources"] = {"bittensor": {"max_age_seconds": self.plan.flattens_after_seconds}}
        if self.plan.cap_share:
            position, total = self.plan.largest_position_usdt, self.plan.largest_total_usdt
            settings["risk"] = {"max_symbol_notional_usd": position, "max_account_notional_usd": total}
            self.watcher.caps.largest_position, self.watcher.caps.largest_total = position, total
        if settings:
            write_atomically(self.home.engine_settings, format_json(settings))

    def _entry(self, symbol: str, weight: Decimal) -> dict[str, object]:
        sources: list[dict[str, object]] = [{"source": "tradingview", "weight": weight}]
        if symbol in self.plan.network_symbols:
            sources.append({"source": "bittensor", "weight": Decimal("0.1")})
        return {"symbol": symbol, "leverage": LEVERAGE, "sources": sources}

    async def alert(self, symbol: str, depth: Decimal) -> Answer:
        """TradingView posts an alert that asks for a depth."""
        return await self.trading_view.alert(self.services, symbol, depth)

    def switch_account(self, exchange: str, *, is_enabled: bool) -> None:
        """What the operator's dialog leaves when an account is disabled or enabled."""
        document = {exchange: {"mode": "paper", "enabled": is_enabled}}
        write_atomically(self.home.credentials, format_json(document), PRIVATE_MODE)

    def move_to(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        """Forget all that ran, and go on over another folder and loop, as after a crash of the machine."""
        self.clock.move_to(loop)
        self.watcher.watch(None)
        self.home = Home(folder)
        self.services = Services(self.home, self.clock, self.telemetry, self.sn8, self.plan.seed)
        self._running = None
        # The machine may have stopped between an edit and our note of it.
        self._remember_version()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """The endpoint, and the poller where the network trades anything, while the block runs."""
        try:
            for service in Service if self.plan.network_symbols else (Service.ENDPOINT,):
                await self.services.start(service)
            yield
        finally:
            for service in Service:
                await self.services.stop(service)
            await self._dispose_of_dead()

    async def start_engine(self) -> Engine:
        """The engine over the home as it is on disk, running from now on.

        Raises:
            AlreadyRunning: If one runs already.
        """
        switches = AccountSwitches(self.home)
        enabled = switches.load()
        accounts = [
            AccountSettings(
                account,
                AccountMode.PAPER,
                enabled=enabled.get(account, True),
                is_armed=True,
                paper_balance_usdt=self.plan.balance_usdt,
            )
            for account in map(AccountId, self.plan.exchanges)
        ]
        process = Process()
        voice = Voice(process, self.telemetry)
        forget_shared()
        spent = self._spending.of_new_engine(self.home.spent_calls)
        exchanges = {
            settings.account: process.call(partial(connect_paper, settings, self.house, self.clock, voice, spent=spent))
            for settings in accounts
        }
        lock = EngineLock(self.home.engine_lock)
        lock.__enter__()
        epoch = f"{self._epochs.getrandbits(128):032x}"
        try:
            world = World(self.clock, voice, commit_inline, epoch, exchanges)
            engine = process.call(partial(Engine, self.home, accounts, world))
        except BaseException:
            lock.__exit__(None, None, None)
            raise
        stop = asyncio.Event()
        tasks = (
            process.begin(engine.run(stop)),
            process.begin(follow_switches(switches, engine.workers, voice)),
        )
        self._running = _RunningEngine(engine, stop, *tasks, list(exchanges.values()), lock, process)
        self._hide_keys()
        self._compare_journals(engine.journal)
        self.watcher.watch(engine.journal, lambda account: account in engine.passes.last)
        return engine

    async def stop_engine(self, *, is_crash: bool = False) -> None:
        """Stop the engine: as asked, or in mid-step, so that only the disk remembers it."""
        running, self._running = self._running, None
        if running is None:
            return
        if is_crash:
            self._kill(running)
            return
        running.stop.set()
        await running.task
        await _end(running.switching)
        self.watcher.watch(None)
        self._left_hash = "" if running.engine.journal.problem() else running.engine.journal.state_hash()
        for exchange in running.exchanges:
            await exchange.close()
        running.engine.close()
        running.lock.__exit__(None, None, None)

    def _kill(self, running: _RunningEngine) -> None:
        """The engine's process dies at this moment; its journal stays as it is written, its log not yet merged."""
        running.process.kill()
        self._dead.append(running)
        self.watcher.watch(None)
        self._left_hash = ""
        with as_written(self.home.journal):
            running.engine.close()
        running.lock.__exit__(None, None, None)

    async def crash_machine(self) -> None:
        """Cut the power: engine, endpoint and poller die at once, and what is not synced is lost; both start again."""
        running = [service for service in Service if self.services.is_up(service)]
        await self.stop_engine(is_crash=True)
        for service in running:
            self.services.crash(service)
        self.syncs.cut_power()
        for service in running:
            await self.services.start(service)

    def draw(self, what: str) -> bool:
        """A coin's toss that follows from the seed and the moment alone, so that a schedule may be cut short."""
        return random.Random(f"{what} {self.plan.seed} {self.clock.seconds():.3f}").random() < EVEN

    async def _dispose_of_dead(self) -> None:
        dead, self._dead = self._dead, []
        await self.services.dispose_of_dead()
        for one in dead:
            await one.process.dispose()
            for exchange in one.exchanges:
                await exchange.close()

    def _hide_keys(self) -> None:
        """Let the checks know what must never be told."""
        keys = [self.house.account(name).keys for name in self.plan.exchanges]
        secrets = [SN8_KEY, *(text for one in keys for text in (one.secret, one.passphrase) if text)]
        self.watcher.words.secrets = secrets

    def _compare_journals(self, journal: JournalFile) -> None:
        """18: an orderly restart finds the journal as it was left."""
        left, self._left_hash = self._left_hash, ""
        if left and journal.state_hash() != left:
            self.watcher.fail(18, "the journal adds up to something else after an orderly restart")

    def forget_journal(self) -> None:
        """The journal is about to be replaced."""
        self._left_hash = ""

    @property
    def engine(self) -> Engine | None:
        """The engine that runs now."""
        return self._running.engine if self._running else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        """The services and the engine, while the block runs."""
        async with self.serving():
            try:
                yield await self.start_engine()
            finally:
                await self.stop_engine()


@contextmanager
def as_written(journal: Path) -> Iterator[None]:
    """Leave a journal and its log as they are now, whatever closing them in the block does to them."""
    paths = [journal, journal.with_name(f"{journal.name}-wal")]
    contents = {path: path.read_bytes() for path in paths if path.exists()}
    yield
    for path, content in contents.items():
        path.write_bytes(content)


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
