"""One account, one pass at a time: settle what is in flight, read once, decide, pursue every symbol."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from core.decisions.make_decision import Readings, asks_for_decision, cap_leverage, decide, price_of
from core.model.events import DecisionMade, Event
from core.model.failures import EngineError, InvalidInput
from core.model.identity import Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ONE, ZERO
from core.model.outcome import PassReport, SymbolOutcome
from core.model.policy import AccountPolicy
from core.model.position import AccountSnapshot
from core.model.reading import Unknown
from core.model.signal import MergedTarget
from core.model.standing import SetStanding, Standing
from core.model.target import Targets
from core.plan_executor import PlanExecutor
from core.ports.clock import Clock
from core.ports.exchange import Exchange
from core.ports.journal import Journal
from core.ports.telemetry import Telemetry
from core.position_reader import PositionReader
from core.symbol_worker import Surroundings, SymbolWorker

FULL_CHECK_SECONDS = 60.0
"""How often held and target are compared although nothing happened."""

MIN_PASS_SECONDS = 0.05
"""The least time between two passes that nobody woke."""


class AccountWorker:
    """Keeps one account in line with its targets; waits for no other account."""

    def __init__(
        self, policy: AccountPolicy, exchange: Exchange, journal: Journal, clock: Clock, telemetry: Telemetry
    ) -> None:
        if policy.max_concurrent_symbols < 1:
            raise InvalidInput(f"{policy.account} max_concurrent_symbols: {policy.max_concurrent_symbols} is below 1")
        self.policy = policy
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry
        self._executor = PlanExecutor(exchange, journal, clock, telemetry)
        self._reader = PositionReader(exchange)
        self._symbols: dict[Symbol, SymbolWorker] = {}
        self._semaphore = asyncio.Semaphore(policy.max_concurrent_symbols)
        self._targets: Targets | None = None
        self._wake = asyncio.Event()
        self._next_pass_seconds = 0.0
        self._told: dict[Symbol, str] = {}

    def hand_over(self, targets: Targets) -> None:
        """Take newer targets; they replace whatever is pending and wake the worker."""
        self._targets = targets
        self.wake()

    def wake(self) -> None:
        """Begin a pass now."""
        self._wake.set()

    async def wait_for_work(self) -> None:
        """Until newer targets arrive, a retry is due, or the next full check."""
        try:
            async with asyncio.timeout(self._next_pass_seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def run_pass(self) -> PassReport:
        """Read -> decide -> act, once.

        Raises:
            core.model.failures.StorageFailure: If the journal could not keep a decision.
        """
        self._wake.clear()
        targets = self._targets
        self._next_pass_seconds = FULL_CHECK_SECONDS
        if targets is None or not self._has_work(targets):
            return self._report(targets.version if targets else 0, None, [])
        await self._settle_unsettled()
        readings = await self._read(targets)
        unsized = await self._decide(targets, readings)
        symbols = [ledger.symbol for ledger in self._ledgers() if ledger.decision or ledger.owned != ZERO]
        pursued = await asyncio.gather(
            *(self._pursue(symbol, targets, readings, unsized.get(symbol, "")) for symbol in symbols)
        )
        never_sized = [_not_looked_at(symbol, why) for symbol, why in unsized.items() if symbol not in symbols]
        outcomes = [*pursued, *never_sized]
        for outcome in outcomes:
            self._tell_change(outcome)
        self._next_pass_seconds = self._seconds_to_next_pass(outcomes)
        return self._report(targets.version, readings.snapshot, outcomes)

    def _report(self, version: int, snapshot: AccountSnapshot | None, outcomes: Sequence[SymbolOutcome]) -> PassReport:
        by_symbol = {outcome.symbol: outcome for outcome in outcomes}
        return PassReport(self.policy.account, self._clock.now(), version, snapshot, by_symbol)

    def confirmed_depths(self, report: PassReport) -> dict[Symbol, Decimal]:
        """The depth of every symbol that the pass proved."""
        return {symbol: self._ledger(symbol).confirmed_depth for symbol in report.confirmed}

    # -- what this pass is about ---------------------------------------------------------------------------

    def _wanted(self, targets: Targets) -> dict[Symbol, MergedTarget]:
        """The targets of this account: those of the merge, and zero for what is no longer configured."""
        wanted = dict(targets.by_symbol) if self.policy.is_enabled else {}
        for ledger in self._ledgers():
            symbol = ledger.symbol
            is_left_alone = self.policy.is_enabled and symbol in targets.unready
            if symbol not in wanted and not is_left_alone and (ledger.decision or ledger.owned != ZERO):
                wanted[symbol] = MergedTarget(symbol, ZERO, ledger.decision.leverage if ledger.decision else ONE)
        return {symbol: self._flattened(target) for symbol, target in wanted.items()}

    def _flattened(self, target: MergedTarget) -> MergedTarget:
        """The target, or zero where the operator asked to be flat."""
        operator = self._standing(target.symbol)
        if operator and operator.standing is Standing.FLAT:
            return replace(target, depth=ZERO, contributions=())
        return target

    def _is_halted(self, symbol: Symbol) -> bool:
        operator = self._standing(symbol)
        return operator is not None and operator.standing is Standing.HALTED

    def _standing(self, symbol: Symbol) -> SetStanding | None:
        return self._journal.standings().for_symbol(self.policy.account, symbol)

    def _has_work(self, targets: Targets) -> bool:
        """A disabled account that is proven flat costs no call."""
        if self.policy.is_enabled and self._wanted(targets):
            return True
        return any(
            ledger.unsettled or ledger.owned != ZERO or (ledger.decision and not ledger.is_confirmed)
            for ledger in self._ledgers()
        )

    def _ledger(self, symbol: Symbol) -> SymbolLedger:
        return self._journal.ledger(self.policy.account, symbol)

    def _ledgers(self) -> Sequence[SymbolLedger]:
        return self._journal.ledgers(self.policy.account)

    # -- reading -------------------------------------------------------------------------------------------

    async def _settle_unsettled(self) -> None:
        unsettled = [ledger for ledger in self._ledgers() if ledger.unsettled]
        if unsettled:
            await asyncio.gather(*(self._executor.settle(ledger) for ledger in unsettled))

    async def _read(self, targets: Targets) -> Readings:
        symbols = list(self._wanted(targets))
        snapshot, quotes, instruments = await asyncio.gather(
            self._exchange.read_snapshot(), self._exchange.read_quotes(symbols), self._exchange.read_instruments()
        )
        return Readings(snapshot, quotes, instruments)

    # -- deciding ------------------------------------------------------------------------------------------

    async def _decide(self, targets: Targets, readings: Readings) -> dict[Symbol, str]:
        """Journal a decision for every symbol whose target changed; why some could not be sized."""
        events: list[Event] = []
        unsized: dict[Symbol, str] = {}
        for target in self._wanted(targets).values():
            ledger = self._ledger(target.symbol)
            capped = cap_leverage(target, self.policy.leverage_cap)
            if self._is_halted(target.symbol) or not asks_for_decision(ledger, capped):
                continue
            decided = decide(ledger, capped, readings, targets.config_version, self._clock.now())
            if isinstance(decided, str):
                unsized[target.symbol] = decided
            else:
                events += decided
        if events:
            await self._journal.record(*events)
            self._tell_decisions(events)
        return unsized

    # -- acting --------------------------------------------------------------------------------------------

    async def _pursue(self, symbol: Symbol, targets: Targets, readings: Readings, unsized: str) -> SymbolOutcome:
        """Close one symbol's gap; its failure is told and stays its own."""
        if isinstance(readings.instruments, Unknown):
            return _not_looked_at(symbol, f"the exchange's rules are unknown: {readings.instruments.reason}")
        instrument = readings.instruments.value.get(symbol)
        if instrument is None:
            return _not_looked_at(symbol, "not listed on this exchange")
        around = Surroundings(
            instrument=instrument,
            price=price_of(readings, symbol),
            unready=unsized or targets.unready.get(symbol, ""),
            is_superseded=lambda: self._targets is not targets,
            operator=self._standing(symbol),
        )
        async with self._semaphore:
            try:
                outcome = await self._worker_of(symbol).pursue(readings.snapshot, around)
            except EngineError as error:
                return _not_looked_at(symbol, str(error))
        return replace(outcome, why=unsized) if unsized and not outcome.why else outcome

    def _worker_of(self, symbol: Symbol) -> SymbolWorker:
        if symbol not in self._symbols:
            self._symbols[symbol] = SymbolWorker(
                symbol,
                self.policy,
                self._exchange,
                self._executor,
                self._reader,
                self._journal,
                self._clock,
                self._telemetry,
            )
        return self._symbols[symbol]

    # -- telling -------------------------------------------------------------------------------------------

    def _tell_decisions(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, DecisionMade):
                made = event.decision
                self._telemetry.tell(
                    "target decided",
                    account=str(event.account),
                    symbol=event.symbol,
                    decision=made.number,
                    depth=made.depth,
                    leverage=made.leverage,
                    equity=made.equity,
                    price=made.price,
                    quantity=made.quantity,
                    unreachable=made.unreachable,
                )

    def _tell_change(self, outcome: SymbolOutcome) -> None:
        """Say why a symbol is not where it should be, once per reason."""
        if self._told.get(outcome.symbol, "") != outcome.why:
            self._told[outcome.symbol] = outcome.why
            event = "symbol waits" if outcome.why else "symbol in order"
            self._telemetry.tell(event, account=str(self.policy.account), symbol=outcome.symbol, why=outcome.why)

    def _seconds_to_next_pass(self, outcomes: Iterable[SymbolOutcome]) -> float:
        now = self._clock.now()
        waits = [(outcome.retry_at - now).total_seconds() for outcome in outcomes if outcome.retry_at]
        return max(MIN_PASS_SECONDS, min([FULL_CHECK_SECONDS, *waits]))


def _not_looked_at(symbol: Symbol, why: str) -> SymbolOutcome:
    return SymbolOutcome(symbol, Unknown(why), is_confirmed=False, why=why)
