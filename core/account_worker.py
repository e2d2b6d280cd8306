"""One account, one pass at a time: read once, decide, and let every symbol close its gap."""

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

from core.account_limits import AccountLimits
from core.decisions.account_targets import asks_for_less, needs_calls, pursued_symbols, shrinks, wanted_targets
from core.decisions.make_decision import Readings, asks_for_decision, decide, decide_resize, lacks_a_read, price_of
from core.decisions.watch_exchange import read_pause_seconds
from core.exchange_watch import ExchangeWatch
from core.halt_watch import HaltWatch
from core.model.decision import Decision
from core.model.events import DecisionMade, Event
from core.model.failures import InvalidInput
from core.model.identity import Symbol
from core.model.ledger import SymbolLedger
from core.model.outcome import PassReport, SymbolOutcome
from core.model.policy import AccountPolicy
from core.model.position import AccountSnapshot
from core.model.reading import Barred, HeldBack, Known, Unknown
from core.model.signal import MergedTarget
from core.model.standing import SetStanding, Standing
from core.model.target import Targets
from core.pass_teller import PassTeller
from core.plan_executor import PlanExecutor
from core.ports.clock import Clock
from core.ports.exchange import Exchange
from core.ports.journal import Journal
from core.ports.settings import DefaultSettings, LiveSettings
from core.ports.telemetry import Telemetry, pass_number
from core.position_reader import PositionReader
from core.quarantine import CONFIRMED_AFTER_SECONDS, Quarantine
from core.settings_keeper import SettingsAhead
from core.symbol_tasks import Place, SymbolTasks, not_looked_at
from core.symbol_worker import Surroundings, SymbolWorker

MIN_PASS_SECONDS = 0.05
"""The least time between two passes that nobody woke."""


class AccountWorker:
    """Keeps one account in line with its targets; waits for no other account.

    Attributes:
        policy: The operator's wishes for the account.
        watch: The circuit breaker, shared with the other accounts on the same exchange before the first pass.
    """

    def __init__(
        self,
        policy: AccountPolicy,
        exchange: Exchange,
        journal: Journal,
        clock: Clock,
        telemetry: Telemetry,
        settings: LiveSettings | None = None,
    ) -> None:
        if policy.max_concurrent_symbols < 1:
            raise InvalidInput(f"{policy.account} max_concurrent_symbols: {policy.max_concurrent_symbols} is below 1")
        self.policy = policy
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry
        self._settings = settings or DefaultSettings()
        self._limits = AccountLimits(policy.account, self._settings.limits, journal, clock, telemetry)
        self.watch = ExchangeWatch(policy.account.exchange, clock, telemetry)
        self._quarantine = Quarantine(policy.account, telemetry)
        self._executor = PlanExecutor(exchange, journal, clock, telemetry)
        self._reader = PositionReader(exchange)
        self._settings_ahead = SettingsAhead(exchange)
        self._symbols: dict[Symbol, SymbolWorker] = {}
        self._left_alone: dict[Symbol, SymbolLedger] = {}
        self._targets: Targets | None = None
        self._wake = asyncio.Event()
        self._teller = PassTeller(policy.account, telemetry)
        self._tasks = SymbolTasks(policy.max_concurrent_symbols, self._wake, clock, self._teller.tell_fault)
        self._next_pass_seconds = 0.0
        self._lacking_passes = 0
        self._halts = HaltWatch(exchange, self._settings, self.wake)

    @property
    def next_pass_seconds(self) -> float:
        """How long after a pass the next one begins when nothing wakes it."""
        return self._next_pass_seconds

    def hand_over(self, targets: Targets) -> None:
        """Take newer targets; they replace whatever is pending and wake the worker if they are its concern.

        Every account trades every symbol, so a change of any concerns all that are enabled; a disabled one that
        holds nothing of ours sleeps on.
        """
        self._targets = targets
        if self.policy.is_enabled or self._needs_calls(targets):
            self.wake()

    def wake(self) -> None:
        """Begin a pass now, and look again also at what was found not to be ours."""
        self._left_alone.clear()
        self._wake.set()

    async def resume(self) -> None:
        """The operator resumed the account: losses are measured anew, and refused credentials are tried again."""
        self._quarantine.end()
        await self._limits.forgive()
        self.wake()

    async def wait_for_work(self) -> None:
        """Until newer targets arrive, a retry is due, or the next full check."""
        try:
            async with asyncio.timeout(self._next_pass_seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    def wind_down(self, *, is_stopping: bool) -> None:
        """Whether no increase may begin any more, and the pass that runs is to end as soon as it can."""
        self._tasks.is_winding_down = is_stopping
        if is_stopping:
            self.wake()

    async def stop(self) -> None:
        """End whatever still runs for single symbols; what is in flight is in the journal."""
        await self._tasks.stop()
        self._settings_ahead.drop()

    async def run_pass(self) -> PassReport:
        """Read -> decide -> act, once.

        A symbol that takes long does not hold up the others: when newer targets arrive the pass ends, the slow
        symbol goes on by itself, and its outcome belongs to the pass in which it ends.
        """
        self._wake.clear()
        targets = self._targets
        self._next_pass_seconds = self._settings.full_check_seconds()
        if targets is None or not self._needs_calls(targets):
            return self._report(targets, None, [])
        if self._quarantine.rest_seconds() > 0.0:
            self._next_pass_seconds = self._quarantine.rest_seconds()
            return self._report(targets, None, [])
        readings = await self._read(targets)
        if not self._take_reads(targets, readings.snapshot):
            self._settings_ahead.drop()
            positions = readings.snapshot.positions
            unread = positions.reason if isinstance(positions, Unknown) else ""
            why = self._quarantine.why or self.watch.health.why or f"position unknown: {unread}"
            unknown = [not_looked_at(symbol, why) for symbol in self._pursued(targets)]
            return self._report(targets, readings, self._teller.tell_changes(unknown))
        await self._limits.watch_losses(readings.snapshot.equity)
        unsized = await self._decide(targets, readings)
        outcomes = await self._pursue_all(targets, readings, unsized)
        looked_at = {outcome.symbol for outcome in outcomes}
        outcomes += [not_looked_at(symbol, why) for symbol, why in unsized.items() if symbol not in looked_at]
        waits_seconds = self._seconds_to_next_pass(self._teller.tell_changes(outcomes))
        missing_in_seconds = self._seconds_to_missing_read(targets, readings)
        traded = {*self._wanted(targets), *self._pursued(targets)}
        doubted, ledgers = self.watch.health.doubted, self._ledgers()
        rules_in_seconds = await self._halts.look(traded, readings.instruments, ledgers, doubted)
        self._next_pass_seconds = max(MIN_PASS_SECONDS, min(waits_seconds, rules_in_seconds, missing_in_seconds))
        return self._report(targets, readings, outcomes)

    def confirmed_depths(self, report: PassReport) -> dict[Symbol, Decimal]:
        """The depth of every symbol that the pass proved."""
        return {symbol: self._ledger(symbol).confirmed_depth for symbol in report.confirmed}

    # -- what this pass is about ---------------------------------------------------------------------------

    def _wanted(self, targets: Targets) -> Mapping[Symbol, MergedTarget]:
        standings, now = self._journal.standings(), self._clock.now()
        return wanted_targets(self.policy, targets, self._ledgers(), standings, self._limits.current, now)

    def _needs_calls(self, targets: Targets) -> bool:
        wanted, now = self._wanted(targets), self._clock.now()
        return needs_calls(self.policy, wanted, self._ledgers(), now, self._left_alone)

    def _pursued(self, targets: Targets) -> list[Symbol]:
        return pursued_symbols(self._wanted(targets), self._ledgers(), self._clock.now())

    def _standing(self, symbol: Symbol) -> SetStanding | None:
        return self._journal.standings().for_symbol(self.policy.account, symbol)

    def _is_halted(self, symbol: Symbol) -> bool:
        operator = self._standing(symbol)
        return operator is not None and operator.standing is Standing.HALTED

    def _ledger(self, symbol: Symbol) -> SymbolLedger:
        return self._journal.ledger(self.policy.account, symbol)

    def _ledgers(self) -> Sequence[SymbolLedger]:
        return self._journal.ledgers(self.policy.account)

    # -- reading -------------------------------------------------------------------------------------------

    async def _read(self, targets: Targets) -> Readings:
        symbols = list(self._wanted(targets))
        reads = asyncio.gather(
            self._exchange.read_snapshot(), self._exchange.read_quotes(symbols), self._exchange.read_instruments()
        )
        self._settings_ahead.begin(self._about_to_be_set(targets))
        snapshot, quotes, instruments = await reads
        believed = replace(snapshot, equity=self._limits.believe(snapshot.equity))
        return Readings(believed, quotes, instruments, self._limits.watch_prices(quotes))

    def _about_to_be_set(self, targets: Targets) -> list[Symbol]:
        """What is about to be decided where margin mode or leverage are settings, to be read beside all else."""
        capabilities = self._exchange.capabilities
        if capabilities.leverage_in_order and capabilities.margin_mode_in_order:
            return []
        return [
            target.symbol
            for target in self._wanted(targets).values()
            if not target.is_flat and asks_for_decision(self._ledger(target.symbol), target)
        ]

    def _seconds_to_missing_read(self, targets: Targets, readings: Readings) -> float:
        """How long until reads are tried again that failed and are needed: as soon as failed reads of positions."""
        needed = [
            symbol
            for symbol, target in self._wanted(targets).items()
            if asks_for_decision(self._ledger(symbol), target) and not self._is_halted(symbol)
        ]
        if isinstance(readings.instruments, Unknown):
            needed += self._pursued(targets)
        if not any(lacks_a_read(symbol, readings) for symbol in needed):
            self._lacking_passes = 0
            return math.inf
        self._lacking_passes += 1
        return self._pause_seconds(self._lacking_passes, targets)

    def _pause_seconds(self, failures: int, targets: Targets) -> float:
        """How long to wait after so many failed reads, not long when something is to shrink."""
        wanted = self._wanted(targets)
        has_exit = any(
            shrinks(ledger) or (ledger.symbol in wanted and asks_for_less(ledger, wanted[ledger.symbol]))
            for ledger in self._ledgers()
        )
        return read_pause_seconds(failures, str(self.policy.account), has_exit=has_exit)

    def _take_reads(self, targets: Targets, snapshot: AccountSnapshot) -> bool:
        """Count the read for the exchange's health; whether the pass may go on."""
        positions = snapshot.positions
        if isinstance(positions, Known):
            self.watch.saw_read()
            self._quarantine.saw_good_read()
            return True
        if isinstance(positions, Barred):
            self._quarantine.begin(positions.reason, is_unreadable=True)
            self._next_pass_seconds = self._quarantine.rest_seconds() or CONFIRMED_AFTER_SECONDS
            return False
        if isinstance(positions, HeldBack):
            self._next_pass_seconds = max(MIN_PASS_SECONDS, positions.retry_after_seconds)
            return False
        self.watch.saw_read(f"position unknown: {positions.reason}")
        self._next_pass_seconds = self._pause_seconds(self.watch.health.failed_reads, targets)
        return False

    # -- deciding ------------------------------------------------------------------------------------------

    async def _decide(self, targets: Targets, readings: Readings) -> dict[Symbol, str]:
        """Journal a decision for every symbol whose target changed; why some could not be sized."""
        events: list[Event] = []
        pending: dict[Symbol, Decision] = {}
        unsized: dict[Symbol, str] = {}
        for wanted in self._wanted(targets).values():
            if self._is_halted(wanted.symbol):
                continue
            decided = self._decide_symbol(wanted, targets, readings, pending)
            if isinstance(decided, str):
                unsized[wanted.symbol] = decided
                continue
            events += decided
            pending |= {event.symbol: event.decision for event in decided if isinstance(event, DecisionMade)}
        if events:
            await self._journal.note(*events)
            self._teller.tell_decisions(pending)
        return unsized

    def _decide_symbol(
        self, target: MergedTarget, targets: Targets, readings: Readings, pending: Mapping[Symbol, Decision]
    ) -> list[Event] | str:
        ledger, now, version = self._ledger(target.symbol), self._clock.now(), targets.config_version
        limits, others = self._limits.current, self._limits.others_decided(target.symbol, readings, pending)
        if asks_for_decision(ledger, target):
            return decide(ledger, target, readings, version, now, limits, others)
        band = self._settings.resize_band(target.symbol)
        return decide_resize(ledger, target, readings, version, now, band, limits, others) if band else []

    # -- acting --------------------------------------------------------------------------------------------

    async def _pursue_all(
        self, targets: Targets, readings: Readings, unsized: Mapping[Symbol, str]
    ) -> list[SymbolOutcome]:
        """Let every symbol close its gap, until all are done, newer targets arrive or one is to be tried again."""
        for symbol in self._pursued(targets):
            work = partial(self._pursue, symbol, targets, readings, unsized.get(symbol, ""))
            self._tasks.start(symbol, work, is_exit=shrinks(self._ledger(symbol)))
        await self._tasks.wait()
        return self._tasks.collect()

    async def _pursue(
        self, symbol: Symbol, targets: Targets, readings: Readings, unsized: str, place: Place
    ) -> SymbolOutcome:
        """Close one symbol's gap."""
        if isinstance(readings.instruments, Unknown):
            return not_looked_at(symbol, f"the exchange's rules are unknown: {readings.instruments.reason}")
        instrument = readings.instruments.value.get(symbol)
        if instrument is None:
            return not_looked_at(symbol, "not listed on this exchange")
        around = Surroundings(
            instrument=replace(instrument, min_notional=max(instrument.min_notional, self.policy.min_order_notional)),
            readings=readings,
            settings=self._settings_ahead,
            unready=unsized or targets.unready.get(symbol, ""),
            operator=lambda: self._standing(symbol),
            is_superseded=lambda: self._is_superseded(symbol, targets),
            lend_place=place.lent,
        )
        worker = self._worker_of(symbol)
        outcome = await worker.pursue(readings.snapshot.positions, around)
        self._left_alone.pop(symbol, None)
        if worker.faces_others:
            self._left_alone[symbol] = self._ledger(symbol)
        whys = dict.fromkeys(filter(None, (unsized, outcome.why)))
        return replace(outcome, why="; ".join(whys)) if unsized else outcome

    def _is_superseded(self, symbol: Symbol, targets: Targets) -> bool:
        """Whether a newer target of this very symbol, or a reason not to increase it, has arrived."""
        newest = self._targets
        if self._tasks.is_winding_down:
            return True
        if newest is None or newest is targets:
            return False
        before, after = targets.by_symbol.get(symbol), newest.by_symbol.get(symbol)
        if before is None or after is None:
            return before is not after
        return (before.depth, before.leverage) != (after.depth, after.leverage) or symbol in newest.unready

    def _worker_of(self, symbol: Symbol) -> SymbolWorker:
        if symbol not in self._symbols:
            self._symbols[symbol] = SymbolWorker(
                symbol,
                self.policy,
                self._exchange,
                self._executor,
                self._reader,
                self._limits,
                self.watch,
                self._quarantine,
                self._settings,
                self._journal,
                self._clock,
                self._telemetry,
            )
        return self._symbols[symbol]

    # -- telling -------------------------------------------------------------------------------------------

    def _report(
        self, targets: Targets | None, readings: Readings | None, outcomes: Sequence[SymbolOutcome]
    ) -> PassReport:
        rules = readings.instruments.value if readings and isinstance(readings.instruments, Known) else {}
        symbols = readings.quotes if readings else {}
        return PassReport(
            account=self.policy.account,
            at=self._clock.now(),
            targets_version=targets.version if targets else 0,
            snapshot=readings.snapshot if readings else None,
            outcomes={outcome.symbol: outcome for outcome in outcomes},
            prices={symbol: price for symbol in symbols if readings and (price := price_of(readings, symbol))},
            rules={symbol: rules[symbol] for symbol in symbols if symbol in rules},
            trouble=self._quarantine.why or self.watch.trouble() or self._journal.problem(),
            is_armed=self.policy.is_armed,
            number=pass_number.get(),
        )

    def _seconds_to_next_pass(self, outcomes: Iterable[SymbolOutcome]) -> float:
        now = self._clock.now()
        waits = [(outcome.retry_at - now).total_seconds() for outcome in outcomes if outcome.retry_at]
        return min([self._settings.full_check_seconds(), *waits])
