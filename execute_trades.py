"""The engine's entry: reads what the operator wrote, wires the shell to the world, runs until asked to stop.

    python3 execute_trades.py

Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage, 78 configuration or lock (a process manager must not restart).
"""

import argparse
import asyncio
import getpass
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypedDict

from account_processors.ccxt_client import CallSettings
from account_processors.clock_offset import clock_differences
from account_processors.passport import tell_passports
from account_processors.registry import connect
from account_processors.spent_calls import SpentCalls
from config.account_switches import AccountSwitches
from config.accounts import AccountMode, AccountSettings, load_accounts
from config.applied_versions import AppliedVersions
from config.engine_settings import EngineSettings
from config.engine_settings_file import EngineSettingsFile
from config.home import Home, find_home
from config.overrides import Overrides, split_settings
from config.trading_files import TradingFiles
from core.account_worker import AccountWorker
from core.model.failures import EngineError, ExchangeFailure, InvalidInput
from core.model.identity import AccountId, Symbol
from core.ports.clock import Clock
from core.ports.exchange import Exchange
from core.ports.telemetry import Telemetry
from core.signal_manager import SignalManager
from core.trade_executor import TradeExecutor
from operations.account_switches import follow_switches
from operations.arming import arm_account, facts_of
from operations.command_files import CommandFiles
from operations.committers import Committer, Errands, WriterThread, commit_inline
from operations.credentials_notes import tell_about_credentials
from operations.engine_lock import AlreadyRunning, EngineLock
from operations.engine_metrics import EngineState
from operations.exchange_key_locks import ExchangeKeyLocks
from operations.file_problems import watch_problems
from operations.file_watch import watch_folders
from operations.heap import spare_the_heap
from operations.journal_file import EPOCH_BYTES, open_journal
from operations.logs import StructuredTelemetry, redactor, set_up_logs, size_logs
from operations.loop_lag import watch_loop_lag
from operations.measured import MeasuredExchange, MeasuredPasses, measured_committer
from operations.metrics import Listeners, Metrics
from operations.metrics_server import serve_metrics
from operations.sign_of_life import Pulse, WorstLag, give_signs_of_life
from operations.views import DepthViewFile, PassFiles
from operations.wall_clock import WallClock
from paper.house import PaperHouse, is_paper_key
from paper.price_sources import open_prices
from paper.prices import PriceSource
from signal_processors.depth_files import DepthFiles

SERVICE = "trade-engine"
EXIT_FAILED, EXIT_CONFIGURATION = 1, 78


@dataclass(frozen=True, slots=True)
class World:
    """What an engine is given from outside; replaced as a whole where time and exchanges are simulated.

    Attributes:
        clock: What time it is.
        telemetry: Where it tells what it does.
        committer: Where the journal's commits run.
        new_epoch: 128 random bits as hex, used when a journal is created.
        exchanges: The way to each account's exchange.
    """

    clock: Clock
    telemetry: Telemetry
    committer: Committer
    new_epoch: str
    exchanges: Mapping[AccountId, Exchange]


class OperatorFiles:
    """What the operator wrote, looked at again and again; every version that comes into force is kept.

    Args:
        home: Where.
        overrides: What lies over engine_config.json.
        archiver: Where the versions are written.

    Attributes:
        settings: engine_config.json.
        trading: Weights and mappings.
        versions: The writing under way, of these and of others.
    """

    def __init__(self, home: Home, overrides: Overrides | None = None, archiver: Committer = commit_inline) -> None:
        self.versions = Errands(archiver)
        applied = AppliedVersions(home, self.versions)
        self.settings = EngineSettingsFile(home, overrides, applied.settings)
        self.trading = TradingFiles(home, applied.trading)


class Engine:
    """The shell of core over the files of one home and the given world.

    Raises:
        core.model.failures.InvalidConfig: If a file that the operator wrote is invalid.
        core.model.failures.StorageFailure: If the journal cannot be opened.
    """

    def __init__(
        self, home: Home, accounts: Sequence[AccountSettings], world: World, files: OperatorFiles | None = None
    ) -> None:
        self._home = home
        self._files = files or OperatorFiles(home)
        self.settings, self.config = self._files.settings, self._files.trading
        settings = self.settings.load()
        self.config.load()
        self.metrics = Metrics(SERVICE, world.clock)
        self.telemetry = Listeners(world.telemetry, self.metrics)
        self.journal = open_journal(home.journal, world.new_epoch, measured_committer(world.committer, self.metrics))
        self.manager = SignalManager(
            DepthFiles(home, world.clock),
            self.journal,
            DepthViewFile(home.account_depths),
            self.settings.staleness_policies(),
            world.clock,
            self.telemetry,
            self.settings,
        )
        self.passes = MeasuredPasses(PassFiles(home.last_passes), self.metrics)
        policies = [settings.policy for settings in accounts]
        self.workers = [
            AccountWorker(
                policy,
                MeasuredExchange(world.exchanges[policy.account], self.metrics),
                self.journal,
                world.clock,
                self.telemetry,
                self.settings,
            )
            for policy in policies
        ]
        self.executor = TradeExecutor(
            self.config,
            self.manager,
            self.workers,
            self.journal,
            CommandFiles(home.operator_commands, self.telemetry),
            self.passes,
            self.telemetry,
            settings.poll_seconds,
            settings.failed_pass_pause_seconds,
        )
        self.metrics.expect(str(policy.account) for policy in policies)
        self.metrics.registry.register(
            EngineState(policies, self.journal, self.manager.judged_sources, self.passes.last, world.clock, home.state)
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Trade until asked to stop; what is in flight then is in the journal.

        Args:
            stop: Set to end.
        """
        try:
            await self.executor.run(stop)
        finally:
            await self.journal.drain()
            await self._files.versions.drain()

    def watched_folders(self) -> list[Path]:
        """Where a change means that there is something to look at; a folder that cannot be made is polled alone."""
        sources = [self._home.raw_signals(str(source)) for source in self.config.load().mappings]
        folders = [self._home.path, self._home.operator_commands, *sources]
        for folder in folders:
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
        return [folder for folder in folders if folder.is_dir()]

    def symbols(self) -> list[Symbol]:
        """What the weight file names."""
        return [weights.symbol for weights in self.config.load().weights]

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()


async def run_service(
    home: Home, accounts: Sequence[AccountSettings], telemetry: Telemetry, overrides: Overrides | None = None
) -> None:
    """The engine as a service on the real clock, until SIGINT or SIGTERM."""
    clock = WallClock()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        archiver = WriterThread("config-history")
        stack.callback(archiver.close)
        files = OperatorFiles(home, overrides, archiver)
        stack.push_async_callback(files.versions.drain)
        settings = files.settings.load()
        size_logs(settings.logs.max_megabytes, settings.logs.retain_files)
        spent = SpentCalls(home.spent_calls, clock, files.versions)
        exchanges = await stack.enter_async_context(
            connect_all(accounts, clock, telemetry, home.paper, settings, spent)
        )
        writer = WriterThread()
        stack.callback(writer.close)
        world = World(clock, telemetry, writer, secrets.token_hex(EPOCH_BYTES), exchanges)
        engine = Engine(home, [settings for settings in accounts if settings.account in exchanges], world, files)
        stack.callback(engine.close)
        metrics = engine.settings.load().metrics
        if metrics.is_enabled:
            await stack.enter_async_context(serve_metrics(engine.metrics.registry, metrics.port, engine.telemetry))
        switches = AccountSwitches(home)
        lag, clocks = WorstLag(engine.metrics.loop_lag.observe), partial(clock_differences, exchanges.values())
        pulse = Pulse(home, clock, lag, clocks, engine.executor.overdue_seconds)
        watchers = (
            asyncio.create_task(watch_folders(engine.watched_folders(), engine.executor.nudge)),
            asyncio.create_task(watch_loop_lag(pulse.lag.observe, engine.telemetry)),
            asyncio.create_task(give_signs_of_life(pulse)),
            asyncio.create_task(tell_passports(exchanges.values(), engine.symbols(), engine.telemetry)),
            asyncio.create_task(follow_switches(switches, engine.workers, engine.telemetry)),
            asyncio.create_task(watch_problems((engine.settings, switches), engine.telemetry)),
        )
        stack.push_async_callback(_end, watchers)
        telemetry.tell("engine started", home=str(home.path), accounts=[_described(one) for one in accounts])
        spare_the_heap()
        await engine.run(stop)
        telemetry.tell("engine stopping")
    telemetry.tell("engine stopped")


@asynccontextmanager
async def connect_all(
    accounts: Sequence[AccountSettings],
    clock: Clock,
    telemetry: Telemetry,
    paper_folder: Path | None = None,
    engine_settings: EngineSettings | None = None,
    spent: SpentCalls | None = None,
) -> AsyncIterator[Mapping[AccountId, Exchange]]:
    """The way to every account's exchange; one that cannot be connected is told and left out, the others go on.

    Paper accounts are kept in the folder, so that a restart finds them as they were; without one they begin anew.
    Timeouts and tries are those of the settings, for the life of the connections.

    Raises:
        ExchangeFailure: If all accounts are paper and the live exchange whose prices they want cannot be reached.
    """
    patience = engine_settings or EngineSettings()
    async with AsyncExitStack() as stack:
        prices, why_no_prices = await _paper_prices(stack, accounts, clock, patience)
        house: PaperHouse | None = None
        exchanges: dict[AccountId, Exchange] = {}
        for settings in accounts:
            if settings.mode is AccountMode.PAPER and why_no_prices:
                telemetry.tell("account left out", account=str(settings.account), why=why_no_prices)
                continue
            try:
                if settings.mode is AccountMode.PAPER:
                    if house is None:
                        house = PaperHouse(clock, prices=prices, folder=paper_folder)
                        stack.push_async_callback(house.close)
                    exchange = connect_paper(settings, house, clock, telemetry, patience, spent)
                else:
                    exchange = connect(settings, clock, telemetry, spent=spent, **_patience(settings, patience))
            except InvalidInput as error:
                telemetry.tell("account left out", account=str(settings.account), why=str(error))
                continue
            stack.push_async_callback(exchange.close)
            exchanges[settings.account] = exchange
        yield exchanges


async def _paper_prices(
    stack: AsyncExitStack, accounts: Sequence[AccountSettings], clock: Clock, settings: EngineSettings
) -> tuple[PriceSource | None, str]:
    """The prices that paper accounts want, and why there are none."""
    if not any(one.mode is AccountMode.PAPER for one in accounts):
        return None, ""
    begin_ms = int(clock.now().timestamp() * 1000)
    try:
        return await stack.enter_async_context(open_prices(settings.paper.prices, begin_ms)), ""
    except InvalidInput as error:
        if all(one.mode is AccountMode.PAPER for one in accounts):
            raise ExchangeFailure(str(error)) from error
        return None, str(error)


def connect_paper(
    settings: AccountSettings,
    house: PaperHouse,
    clock: Clock,
    telemetry: Telemetry,
    engine_settings: EngineSettings | None = None,
    spent: SpentCalls | None = None,
) -> Exchange:
    """The way to a paper account: the very adapter of a live one, in front of an exchange of our own.

    Raises:
        InvalidInput: If the account holds a key of its own, or its kept key was not made here.
    """
    account = settings.account
    keys = house.open_account(account.exchange, account.label, settings.paper_balance_usdt)
    if settings.api_key or settings.secret or not is_paper_key(keys.api_key):
        raise InvalidInput(f"{account}: a paper account holds no live key; remove the key, or set mode to live")
    house.prepare_account(account.exchange, account.label)
    keyed = replace(settings, api_key=keys.api_key, secret=keys.secret, passphrase=keys.passphrase)
    patience = _patience(settings, engine_settings or EngineSettings())
    session, urls = house.session(), house.urls(account.exchange)
    return connect(keyed, clock, telemetry, session=session, urls=urls, spent=spent, **patience)


class _Patience(TypedDict):
    calls: CallSettings
    read_lag_bound_seconds: float


def _patience(settings: AccountSettings, engine_settings: EngineSettings) -> _Patience:
    return _Patience(
        calls=CallSettings(**engine_settings.calls.model_dump()),
        read_lag_bound_seconds=engine_settings.lag_bound_seconds(settings.account.exchange),
    )


async def _end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _consent(home: Home, accounts: Sequence[AccountSettings], telemetry: Telemetry) -> tuple[AccountSettings, ...]:
    """Arm every account that is not, for the key it has now, and tell what was agreed to."""
    for settings in accounts:
        if not settings.is_armed:
            shown = facts_of(home, settings)
            arm_account(home, settings, WallClock().now(), f"{getpass.getuser()} by --live", shown)
            telemetry.tell("account armed", account=str(settings.account), **shown)
    return load_accounts(home)


def _described(settings: AccountSettings) -> str:
    return f"{settings.account} ({settings.mode}{'' if settings.is_armed else ', not armed'})"


def main(arguments: Sequence[str]) -> int:
    """Run the engine with the arguments of a command line, without the program's name, and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="execute_trades.py", description="Keep every account in line with the signals."
    )
    parser.add_argument("--log-level", default="INFO", help="lowest level that is logged (default: INFO)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting that wins over engine_config.json"
    )
    parser.add_argument(
        "--live", action="store_true", help="consent to live orders on every configured account, as ./engine arm does"
    )
    options = parser.parse_args(arguments)
    home = find_home(os.environ)
    set_up_logs(SERVICE, home.logs, options.log_level)
    telemetry = StructuredTelemetry(SERVICE)
    try:
        overrides = Overrides(command_line=split_settings(options.set))
        accounts = load_accounts(home)
        for settings in accounts:
            redactor.register(settings.secrets)
        tell_about_credentials(home, telemetry)
        if options.live:
            accounts = _consent(home, accounts, telemetry)
        keys = [(settings.account.exchange, settings.api_key) for settings in accounts]
        with EngineLock(home.engine_lock), ExchangeKeyLocks(keys):
            asyncio.run(run_service(home, accounts, telemetry, overrides))
    except (InvalidInput, AlreadyRunning) as error:
        telemetry.tell("engine not started", why=str(error))
        return EXIT_CONFIGURATION
    except EngineError as error:
        telemetry.tell("engine failed", why=str(error))
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
