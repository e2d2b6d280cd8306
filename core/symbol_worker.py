"""One symbol of one account: prove what is held, plan, send the next order, prove again, until nothing is left."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from core.account_limits import AccountLimits
from core.decisions.make_decision import Readings, price_of
from core.decisions.pace_retries import (
    HALTED_RETRY_SECONDS,
    UNSETTLED_RETRY_SECONDS,
    RetryPace,
    after_failure,
    after_hold,
    reduction_retry_seconds,
    unsettled_retry_seconds,
)
from core.decisions.permit_trade import Blocked, permit_trade
from core.decisions.react_to_refusal import REACTIONS, Reaction
from core.decisions.reconcile import reconcile
from core.exchange_watch import ExchangeWatch
from core.model.decision import Decision
from core.model.events import TargetConfirmed
from core.model.identity import Symbol
from core.model.instrument import NOT_TRADED, Instrument
from core.model.ledger import SymbolLedger
from core.model.money import ONE, ZERO, plain
from core.model.order import RefusedOutcome
from core.model.outcome import Settled, SymbolOutcome, TradeResult, Unsettled
from core.model.plan import Plan, Trade
from core.model.policy import AccountPolicy, OnLeverageRefused
from core.model.position import MarginMode
from core.model.reading import Known, Reading, Unknown
from core.model.standing import SetStanding
from core.plan_executor import PlanExecutor
from core.ports.clock import Clock
from core.ports.exchange import Exchange
from core.ports.journal import Journal
from core.ports.settings import LiveSettings
from core.ports.telemetry import Telemetry
from core.position_prover import PositionProver, held_of
from core.position_reader import PositionReader, Positions
from core.quarantine import Quarantine
from core.settings_keeper import SettingsAhead, Unproven, settle_settings

ORDERS_PER_PASS = 20
"""Bound on orders for one symbol in one pass; slices of a large trade go on in the next."""

WAITING_RETRY_SECONDS = 5.0
READS_AFTER_REFUSAL = 3
OLDEST_READ = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one symbol needs to know about this pass.

    Attributes:
        instrument: The exchange's rules.
        readings: Everything the pass read.
        settings: What the pass asked for beside it.
        unready: Why its sources forbid an increase, empty when they do not.
        operator: Tells the severest standing over the symbol now, None when active; it may change within a pass.
        lend_place: Lets another symbol of the account be worked on while this one waits.
        is_superseded: Whether a newer target of the symbol has arrived; an increase then waits for the next pass.
    """

    instrument: Instrument
    readings: Readings
    settings: SettingsAhead
    unready: str
    operator: Callable[[], SetStanding | None]
    is_superseded: Callable[[], bool]
    lend_place: Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why this pass ends for the symbol, and after how many seconds to try again (None: when woken)."""

    why: str
    retry_seconds: float | None


class SymbolWorker:
    """Closes the gap between what is held and what the decision in force asks.

    Attributes:
        faces_others: Whether the last look proved that what is held is not ours, and nothing of it.
    """

    def __init__(
        self,
        symbol: Symbol,
        policy: AccountPolicy,
        exchange: Exchange,
        executor: PlanExecutor,
        reader: PositionReader,
        limits: AccountLimits,
        watch: ExchangeWatch,
        quarantine: Quarantine,
        settings: LiveSettings,
        journal: Journal,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._symbol = symbol
        self._policy = policy
        self._exchange = exchange
        self._executor = executor
        self._reader = reader
        self._limits = limits
        self._watch = watch
        self._quarantine = quarantine
        self._settings = settings
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry
        self._prover = PositionProver(symbol, policy, exchange, executor, reader, journal, clock, telemetry)
        self._pace = RetryPace()
        self._paced_decision = 0
        self._failed_reductions = 0
        self._halted_pace = RetryPace()
        self._reopened_decision = 0
        self._read_ahead: Positions | None = None
        self.faces_others = False

    async def pursue(self, positions: Positions, around: Surroundings) -> SymbolOutcome:
        """Trade until a fresh read agrees with the decision, or something forbids to go on."""
        if self._ledger.unsettled:
            await self._executor.settle(self._ledger)
            positions = await self._reader.read()
        elif self._is_old(positions):
            positions = await self._reader.read()
        price = price_of(around.readings, self._symbol)
        for orders in range(ORDERS_PER_PASS):
            proof = await self._prover.prove(positions, around.instrument, price)
            held, decision = proof.held, self._ledger.decision
            self.faces_others = proof.is_of_others and self._ledger.owned == ZERO
            if isinstance(held, Unknown):
                return self._stopped(held, orders, _Stop(f"position unknown: {held.reason}", UNSETTLED_RETRY_SECONDS))
            if decision is None:
                why = proof.judgement.evidence
                return SymbolOutcome(self._symbol, held, is_confirmed=not why, why=why, orders=orders)
            target, limited = self._limited(decision, held.value, around)
            plan = reconcile(held.value, target, around.instrument, price)
            if not plan.trades and proof.is_doubted:
                return self._stopped(held, orders, _Stop(proof.judgement.evidence, WAITING_RETRY_SECONDS))
            if not plan.trades:
                return await self._conclude(held, decision, plan, limited, orders, around)
            trade = permit_trade(
                plan.trades[0],
                held.value,
                self._ledger,
                proof.judgement,
                self._unready(around),
                around.operator(),
                self._executor.repeatable(self._ledger),
            )
            stop = (
                self._blocked(trade.why, around, is_doubted=proof.is_doubted)
                if isinstance(trade, Blocked)
                else self._unarmed(plan, price) or await self._act(trade, held.value, proof.positions, decision, around)
            )
            if stop is not None:
                return self._stopped(held, orders, stop)
            positions = self._read_ahead or await self._reader.read()
        held = held_of(positions, self._symbol)
        return self._stopped(held, ORDERS_PER_PASS, _Stop("more orders follow in the next pass", 0.0))

    def _is_old(self, positions: Positions) -> bool:
        """Whether the symbol waited for its turn for so long that what the pass read may not be so any more."""
        return isinstance(positions, Known) and self._clock.now() - positions.read_at > OLDEST_READ

    def _limited(self, decision: Decision, held: Decimal, around: Surroundings) -> tuple[Decimal, str]:
        """The decided position as far as the risk limits let it be built up now."""
        is_no_increase = decision.quantity == ZERO or (
            held * decision.quantity > ZERO and abs(decision.quantity) <= abs(held)
        )
        if is_no_increase:
            return decision.quantity, ""
        allowed = self._limits.permit(self._ledger, decision, held, around.instrument, around.readings)
        return allowed.quantity, allowed.why

    def _unready(self, around: Surroundings) -> str:
        """Why nothing may be increased now, whatever the symbol's own state."""
        return around.unready or self._journal.problem() or self._quarantine.why or self._watch.trouble()

    def _unarmed(self, plan: Plan, price: Decimal | None) -> _Stop | None:
        """What would be sent if the operator had armed the account."""
        if self._policy.is_armed:
            return None
        worth = f" at about {plain(price)} USDT" if price is not None else ""
        orders = ", then ".join(f"{trade.side} {plain(trade.quantity)} ({trade.purpose})" for trade in plan.trades)
        return _Stop(f"not armed; would {orders}{worth}: ./engine arm {self._policy.account}", None)

    # -- one order -----------------------------------------------------------------------------------------

    async def _act(
        self, trade: Trade, held: Decimal, positions: Positions, decision: Decision, around: Surroundings
    ) -> _Stop | None:
        """Send the next order; None when its fill is settled and the position is to be read again."""
        if trade.purpose.is_reduction:
            waiting = None if around.instrument.tradable else self._waiting(self._halted_pace)
            return waiting or await self._reduce(trade, positions, around)
        return await self._increase(trade, held, positions, decision, around)

    async def _reduce(self, trade: Trade, positions: Positions, around: Surroundings) -> _Stop | None:
        decision = self._ledger.decision
        leverage = max(decision.leverage if decision else ONE, ONE)
        position = None if isinstance(positions, Unknown) else positions.value.get(self._symbol)
        margin_mode = (position.margin_mode if position else None) or self._policy.margin_mode
        result = await self._send(trade, margin_mode, leverage, around)
        if isinstance(result, Settled) and result.filled != ZERO:
            self._failed_reductions, self._pace = 0, RetryPace()
            return None
        if isinstance(result, Unsettled):
            return self._in_flight(result, around)
        if isinstance(result, RefusedOutcome) and result.held_back_seconds is not None:
            return _Stop(result.told, result.held_back_seconds)
        self._failed_reductions += 1
        retry_seconds = reduction_retry_seconds(self._failed_reductions)
        if isinstance(result, RefusedOutcome):
            reaction = await self._react(result)
            if reaction is Reaction.READ_AGAIN and self._failed_reductions < READS_AFTER_REFUSAL:
                return None
            return _Stop(result.told, max(retry_seconds, result.retry_after_seconds or 0.0))
        return _Stop("the order ended without a fill", retry_seconds)

    async def _increase(
        self, trade: Trade, held: Decimal, positions: Positions, decision: Decision, around: Surroundings
    ) -> _Stop | None:
        waiting = self._why_increase_waits(decision, around)
        if waiting:
            return waiting
        sized = self._limits.cut_order(trade, price_of(around.readings, self._symbol), around.instrument)
        if sized is None:
            return _Stop("the limit on one order is below what the exchange trades at once", None)
        leverage = max(min(decision.leverage, around.instrument.max_leverage), ONE)
        read_before = await around.settings.take(self._symbol)
        unproven = await settle_settings(self._exchange, self._symbol, self._policy.margin_mode, leverage, read_before)
        if unproven:
            return await self._face_unproven(unproven, held, positions, decision, around)
        if around.is_superseded() or self._ledger.decision is not decision:
            return _Stop("newer targets have arrived", 0.0)
        if forbids := around.operator():
            return _Stop(str(forbids), None)
        counted_at = self._limits.count_increase()
        result = await self._send(sized, self._policy.margin_mode, leverage, around)
        if isinstance(result, RefusedOutcome) and result.held_back_seconds is not None:
            self._limits.take_back_increase(counted_at)
        return await self._take_result(result, around)

    async def _take_result(self, result: TradeResult, around: Surroundings) -> _Stop | None:
        """What came of an increase; None when it filled and the position is to be read again."""
        if isinstance(result, Unsettled):
            return self._in_flight(result, around)
        if isinstance(result, RefusedOutcome):
            reaction = await self._react(result)
            stop = self._failed(result.told, result.retry_after_seconds, result.held_back_seconds)
            return None if reaction is Reaction.READ_AGAIN and self._pace.failures < READS_AFTER_REFUSAL else stop
        if result.filled == ZERO:
            return self._failed("the order ended without a fill")
        self._pace = RetryPace()
        return None

    async def _send(
        self, trade: Trade, margin_mode: MarginMode, leverage: Decimal, around: Surroundings
    ) -> TradeResult:
        self._read_ahead = None
        # No patience where a halt leaves little to wait for: each question counts against what all accounts may ask.
        is_urgent = around.is_superseded if around.instrument.tradable else lambda: True
        result = await self._executor.trade(
            self._ledger,
            trade,
            around.instrument,
            margin_mode,
            leverage,
            is_urgent,
            lambda: self._read_while_settling(around),
        )
        if isinstance(result, Settled):
            self._quarantine.end()
        self._watch.saw_order(self._symbol, result, is_tradable=around.instrument.tradable)
        return result

    @asynccontextmanager
    async def _read_while_settling(self, around: Surroundings) -> AsyncIterator[None]:
        """Read the positions while the order is asked for, and let another symbol have the place.

        Should the read be older than the order's last fill, the fills in the journal do not explain it, and the
        prover reads again.
        """
        async with around.lend_place():
            reading = asyncio.create_task(self._reader.read())
            yield
            self._read_ahead = await reading

    async def _face_unproven(
        self, unproven: Unproven, held: Decimal, positions: Positions, decision: Decision, around: Surroundings
    ) -> _Stop | None:
        """No increase without proven settings; where the policy says so, close what stands in their way, once."""
        may_close = (
            unproven.is_leverage_refused
            and self._policy.on_leverage_refused is OnLeverageRefused.CLOSE_AND_REOPEN
            and held != ZERO
            and self._reopened_decision != decision.number
        )
        closing = reconcile(held, ZERO, around.instrument, None).trades
        if not may_close or not closing:
            return self._failed(unproven.why, held_back_seconds=unproven.held_back_seconds)
        self._reopened_decision = decision.number
        self._tell("closing to change the leverage", why=unproven.why, held=held)
        return await self._reduce(closing[0], positions, around)

    async def _react(self, refusal: RefusedOutcome) -> Reaction:
        reaction = REACTIONS[refusal.reason]
        if reaction is Reaction.REFRESH_RULES:
            await self._exchange.refresh_instruments()
        if reaction is Reaction.STOP_ACCOUNT:
            self._quarantine.begin(refusal.told, is_unreadable=False)
        return reaction

    def _why_increase_waits(self, decision: Decision, around: Surroundings) -> _Stop | None:
        if decision.number != self._paced_decision:
            self._pace, self._paced_decision = RetryPace(), decision.number
        if around.is_superseded():
            return _Stop("newer targets have arrived", 0.0)
        return self._waiting(self._pace)

    def _waiting(self, pace: RetryPace) -> _Stop | None:
        now = self._clock.now()
        if pace.next_try_at and pace.is_waiting(now):
            return _Stop(pace.why, (pace.next_try_at - now).total_seconds())
        return None

    def _failed(
        self, why: str, retry_after_seconds: float | None = None, held_back_seconds: float | None = None
    ) -> _Stop:
        now = self._clock.now()
        if held_back_seconds is None:
            self._pace = after_failure(self._pace, now, why, self._settings.retries(), retry_after_seconds)
        else:
            self._pace = after_hold(self._pace, now, why, held_back_seconds)
        next_try_at = self._pace.next_try_at or now
        return _Stop(why, (next_try_at - now).total_seconds())

    # -- the end of a pass ---------------------------------------------------------------------------------

    async def _conclude(
        self, held: Known[Decimal], decision: Decision, plan: Plan, limited: str, orders: int, around: Surroundings
    ) -> SymbolOutcome:
        """Nothing is left to trade now: remember that the target is held, or say what keeps it from being held."""
        ledger = self._ledger
        if ledger.unsettled:
            why = "an order is still unsettled"
            return self._stopped(held, orders, _Stop(why, self._unsettled_retry_seconds(around)))
        if limited:
            return self._stopped(held, orders, _Stop(limited, WAITING_RETRY_SECONDS))
        if not ledger.is_confirmed:
            self._tell("target confirmed", decision=decision.number, depth=decision.depth, held=held.value)
            now, number = self._clock.now(), decision.number
            await self._journal.note(
                TargetConfirmed(ledger.account, self._symbol, now, number, decision.depth, held.value)
            )
        why = plan.note or decision.unreachable or decision.capped
        return SymbolOutcome(self._symbol, held, is_confirmed=True, why=why, orders=orders)

    def _blocked(self, why: str, around: Surroundings, *, is_doubted: bool) -> _Stop:
        if self._ledger.unsettled:
            return _Stop(why, self._unsettled_retry_seconds(around))
        return _Stop(why, WAITING_RETRY_SECONDS if is_doubted or self._watch.trouble() else None)

    def _in_flight(self, result: Unsettled, around: Surroundings) -> _Stop:
        if around.instrument.tradable or result.held_back_seconds is not None:
            return _Stop(result.why, result.held_back_seconds or UNSETTLED_RETRY_SECONDS)
        self._halted_pace = after_hold(RetryPace(), self._clock.now(), NOT_TRADED, HALTED_RETRY_SECONDS)
        return _Stop(NOT_TRADED, HALTED_RETRY_SECONDS)

    def _unsettled_retry_seconds(self, around: Surroundings) -> float:
        return unsettled_retry_seconds(self._ledger, self._clock.now(), is_tradable=around.instrument.tradable)

    def _stopped(self, held: Reading[Decimal], orders: int, stop: _Stop) -> SymbolOutcome:
        seconds = stop.retry_seconds
        retry_at = None if seconds is None else self._clock.now() + timedelta(seconds=seconds)
        return SymbolOutcome(self._symbol, held, is_confirmed=False, why=stop.why, orders=orders, retry_at=retry_at)

    @property
    def _ledger(self) -> SymbolLedger:
        return self._journal.ledger(self._policy.account, self._symbol)

    def _tell(self, event: str, **facts: object) -> None:
        self._telemetry.tell(event, account=str(self._policy.account), symbol=self._symbol, **facts)
