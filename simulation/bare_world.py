"""A small world around the real shell: virtual time, a real journal, bare exchanges, sources set by hand."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import apsw

from core.account_worker import AccountWorker
from core.decisions.judge_source import StalenessPolicy
from core.model.identity import AccountId, SourceName, Symbol
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.policy import AccountPolicy
from core.model.reading import Absent, Known, Reading, Unknown
from core.model.risk import ResizeBand, RiskLimits
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from core.model.standing import OperatorCommand, Scope, Verb
from core.model.target import SourceWeight, SymbolWeights, TradingConfig
from core.ports.settings import DefaultSettings
from core.position_prover import DOUBT_SECONDS
from core.signal_manager import SignalManager
from core.trade_executor import TradeExecutor
from operations.committers import Commit
from operations.journal_file import JournalFile, open_journal
from operations.views import PassFiles
from simulation.bare_exchange import BareExchange
from simulation.virtual_time import VirtualClock, run_virtually

EPOCH = "0123456789abcdef0123456789abcdef"
TRADINGVIEW = SourceName("tradingview")
BTC, ETH = Symbol("BTCUSDT"), Symbol("ETHUSDT")
PRICES = {BTC: Decimal(50_000), ETH: Decimal(2_500)}
RULES = {
    symbol: Instrument(symbol, symbol, Decimal("0.001"), Decimal("0.001"), Decimal(100), Decimal(5), Decimal(100))
    for symbol in PRICES
}


@dataclass
class FramesByHand:
    """core.ports.signal_source.SignalSource whose frames the test sets."""

    clock: VirtualClock
    frames: dict[SourceName, Reading[SourceFrame]] = field(default_factory=dict)
    sequence: int = 0
    authenticated: bool = True
    looks: int = 0

    def say(self, *, source: SourceName = TRADINGVIEW, **depths: str) -> None:
        """Publish a frame with these depths, BTC="0.058", under the symbols' unified names."""
        now = self.clock.now()
        self.sequence += 1
        signals = tuple(SourceSignal(source, f"{coin}USDT", Decimal(depth), now) for coin, depth in depths.items())
        frame = SourceFrame(
            source,
            self.sequence,
            now,
            now,
            None,
            SourceStatus.OK,
            "",
            authenticated=self.authenticated,
            signals=signals,
        )
        self.frames[source] = Known(frame, now)

    def read_frame(self, source: SourceName) -> Reading[SourceFrame]:
        """The frame as set, with a fresh heartbeat."""
        reading = self.frames.get(source, Absent("no frame yet"))
        if isinstance(reading, Known):
            return Known(replace(reading.value, heartbeat_at=self.clock.now()), reading.read_at)
        return reading

    def fall_silent(self, source: SourceName = TRADINGVIEW) -> None:
        """From now on the frame cannot be read."""
        self.frames[source] = Unknown("torn")

    def frame_marks(self, sources: Sequence[SourceName]) -> tuple[object, ...]:
        """New at every look, since every read has a fresh heartbeat."""
        self.looks += 1
        return (*sources, self.looks)


@dataclass
class SettingsByHand(DefaultSettings):
    """core.ports.settings.LiveSettings that the test tunes."""

    risk: RiskLimits = field(default_factory=RiskLimits)
    band: ResizeBand | None = None
    ratio: Decimal = Decimal(0)

    def limits(self) -> RiskLimits:
        """The limits as set."""
        return self.risk

    def resize_band(self, symbol: Symbol) -> ResizeBand | None:
        """The band as set, for every symbol."""
        del symbol
        return self.band

    def min_depth_change(self, source: SourceName) -> Decimal:
        """The ratio as set, for every source."""
        del source
        return self.ratio


class Disk:
    """A committer whose disk may fill up."""

    def __init__(self) -> None:
        self.is_full = False

    async def __call__(self, commit: Commit) -> None:
        """Commit, or fail as SQLite does."""
        if self.is_full:
            raise apsw.FullError("database or disk is full")
        commit()


@dataclass
class ConfigByHand:
    """core.ports.config_source.ConfigSource whose weights the test sets."""

    loads: int = 0
    config: TradingConfig = field(default_factory=lambda: weigh(BTC="1", ETH="1"))

    def load(self) -> TradingConfig:
        """The configuration as set."""
        self.loads += 1
        return self.config

    def problem(self) -> str:
        """Nothing is ever wrong with it."""
        return ""


def weigh(leverage: str = "3", **weights: str) -> TradingConfig:
    """A configuration in which tradingview has these weights."""
    entries = tuple(
        SymbolWeights(Symbol(f"{coin}USDT"), Decimal(leverage), (SourceWeight(TRADINGVIEW, Decimal(weight)),))
        for coin, weight in weights.items()
    )
    mapping = {f"{coin}USDT": Symbol(f"{coin}USDT") for coin in weights}
    return TradingConfig(f"v{leverage}{weights}", entries, {TRADINGVIEW: mapping})


class ToldFacts:
    """core.ports.telemetry.Telemetry that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def tell(self, event: str, **facts: object) -> None:
        """Keep one fact."""
        self.events.append((event, facts))

    def names(self) -> list[str]:
        """The events told so far."""
        return [name for name, _ in self.events]


class CommandsByHand:
    """core.ports.command_inbox.CommandInbox whose commands the test gives."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._given: list[OperatorCommand] = []

    def give(self, verb: Verb, account: str = "", symbol: str = "", source: str = "") -> None:
        """Ask for something, with an empty name meaning all."""
        scope = Scope(
            AccountId.parse(account) if account else None,
            Symbol(symbol) if symbol else None,
            SourceName(source) if source else None,
        )
        command = OperatorCommand(len(self._given) + 1, verb, scope, "operator", self._clock.now(), "told to")
        self._given.append(command)

    def pending(self, after: int) -> Sequence[OperatorCommand]:
        """The commands not yet applied."""
        return [command for command in self._given if command.number > after]


class PublishedDepths:
    """core.ports.views.DepthView that keeps what it is given."""

    def __init__(self) -> None:
        self.depths: dict[str, dict[str, Decimal]] = {}
        self.publications = 0

    def publish(self, depths: Mapping[AccountId, Mapping[Symbol, Decimal]]) -> None:
        """Keep the view."""
        self.publications += 1
        self.depths = {str(account): {str(s): d for s, d in view.items()} for account, view in depths.items()}


class World:
    """The engine with one bare exchange per account; `start` may be called again after `crash`."""

    def __init__(self, folder: Path, policies: Sequence[AccountPolicy]) -> None:
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.sources = FramesByHand(self.clock)
        self.config = ConfigByHand()
        self.told = ToldFacts()
        self.view = PublishedDepths()
        self.passes = PassFiles(folder / "last_passes")
        self.commands = CommandsByHand(self.clock)
        self.settings = SettingsByHand()
        self.disk = Disk()
        self.starts = 0
        self.policies = list(policies)
        self.exchanges = {
            policy.account: BareExchange(policy.account, self.clock, dict(RULES), dict(PRICES)) for policy in policies
        }
        self._folder = folder
        self.staleness: dict[SourceName, StalenessPolicy] = {}
        self.start()

    def start(self) -> None:
        """Wire the engine over the journal as it is on disk."""
        self.starts += 1
        chance = f"{self.starts:032x}" if self.starts > 1 else EPOCH
        self.journal: JournalFile = open_journal(
            self._folder / "journal.sqlite", chance, self.disk, survives_power_loss=False
        )
        manager = SignalManager(
            self.sources, self.journal, self.view, self.staleness, self.clock, self.told, self.settings
        )
        self.workers = [
            AccountWorker(policy, self.exchanges[policy.account], self.journal, self.clock, self.told, self.settings)
            for policy in self.policies
        ]
        self.manager = manager
        self.executor = TradeExecutor(
            self.config, manager, self.workers, self.journal, self.commands, self.passes, self.told
        )

    def restart(self) -> None:
        """Forget everything but the disk and the exchanges."""
        self.journal.close()
        self.start()

    async def cycle(self, times: int = 1) -> None:
        """One merge and one pass of every account, as often as asked."""
        for _ in range(times):
            await self.executor.execute()
            for worker in self.workers:
                await self.executor.process_account(worker)

    async def while_running(self, story: Awaitable[None]) -> None:
        """A story beside the running engine, whose own loop makes the passes."""
        stop = asyncio.Event()
        engine = asyncio.create_task(self.executor.run(stop))
        try:
            await story
        finally:
            stop.set()
            await engine

    async def outlast_doubt(self) -> None:
        """Cycle until a change by somebody else is not doubted any more."""
        await self.cycle()
        await asyncio.sleep(DOUBT_SECONDS)
        await self.cycle()

    @property
    def exchange(self) -> BareExchange:
        """The first account's exchange."""
        return self.exchanges[self.policies[0].account]

    def held(self, symbol: Symbol = BTC) -> Decimal:
        """What the first account's exchange holds."""
        return self.exchange.positions.get(symbol, Decimal(0))

    def ledger(self, symbol: Symbol = BTC) -> SymbolLedger:
        """What the journal knows of the first account's symbol."""
        return self.journal.ledger(self.policies[0].account, symbol)


Story = Callable[[World], Awaitable[None]]


def live(folder: Path, story: Story, *policies: AccountPolicy) -> None:
    """Run a story in a fresh world, in virtual time.

    Args:
        folder: Where the journal lives.
        story: What happens; it fails by raising.
        policies: One per account; a single account `bybit` when none is given.
    """

    async def main() -> None:
        world = World(folder, policies or [AccountPolicy(AccountId("bybit"))])
        await story(world)
        world.journal.close()

    run_virtually(main())
