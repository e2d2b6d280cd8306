"""One symbol of one account: prove what is held, plan, send the next order, prove again, until nothing is left."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from core.decisions.judge_position import PositionJudgement, Whose, judge_position
from core.decisions.pace_retries import RetryPace, after_failure
from core.decisions.permit_trade import Blocked, permit_trade
from core.decisions.react_to_refusal import REACTIONS, Reaction
from core.decisions.reconcile import reconcile
from core.model.decision import Decision
from core.model.events import DecisionMade, PositionAdopted, StandingChanged, TargetConfirmed
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.money import ONE, ZERO
from core.model.order import RefusedOutcome
from core.model.outcome import SymbolOutcome
from core.model.plan import Plan, Trade
from core.model.policy import AccountPolicy, OnForeignChange
from core.model.position import AccountSnapshot, Position
from core.model.reading import Known, Reading, Unknown
from core.model.standing import SetStanding, Standing
from core.plan_executor import PlanExecutor, Unsettled
from core.ports.clock import Clock
from core.ports.exchange import Exchange
from core.ports.journal import Journal
from core.ports.telemetry import Telemetry
from core.position_reader import PositionReader

ORDERS_PER_PASS = 20
"""Bound on orders for one symbol in one pass; slices of a large trade go on in the next."""

FIRST_READ_DELAY_SECONDS = 0.05
UNSETTLED_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What one symbol needs to know about this pass.

    Attributes:
        instrument: The exchange's rules.
        price: Last price in USDT, None when unknown.
        unready: Why its sources forbid an increase, empty when they do not.
        operator: The severest standing that the operator set over the symbol, None when active.
        is_superseded: Whether newer targets have arrived; an increase then waits for the next pass.
    """

    instrument: Instrument
    price: Decimal | None
    unready: str
    operator: SetStanding | None
    is_superseded: Callable[[], bool]


class SymbolWorker:
    """Closes the gap between what is held and what the decision in force asks."""

    def __init__(
        self,
        symbol: Symbol,
        policy: AccountPolicy,
        exchange: Exchange,
        executor: PlanExecutor,
        reader: PositionReader,
        journal: Journal,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._symbol = symbol
        self._policy = policy
        self._exchange = exchange
        self._executor = executor
        self._reader = reader
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry
        self._pace = RetryPace()
        self._paced_decision = 0

    async def pursue(self, snapshot: AccountSnapshot, around: Surroundings) -> SymbolOutcome:
        """Trade until a fresh read agrees with the decision, or something forbids to go on."""
        for orders in range(ORDERS_PER_PASS):
            snapshot, judgement = await self._explain(snapshot, around.instrument)
            held = self._held(snapshot)
            if isinstance(held, Unknown):
                return self._stopped(held, orders, f"position unknown: {held.reason}", retry_seconds=1.0)
            decision = self._ledger.decision
            if decision is None:
                return SymbolOutcome(self._symbol, held, is_confirmed=True, why=judgement.evidence, orders=orders)
            plan = reconcile(held.value, decision.quantity, around.instrument, around.price)
            if not plan.trades:
                return await self._confirm(held, decision, plan, orders)
            trade = permit_trade(plan.trades[0], held.value, self._ledger, judgement, around.unready, around.operator)
            if isinstance(trade, Blocked):
                return self._stopped(held, orders, trade.why, self._retry_after_block())
            stopped = await self._act(trade, snapshot, decision, around)
            if stopped is not None:
                return self._stopped(held, orders + 1, stopped.why, stopped.retry_seconds)
            snapshot = await self._reader.read()
        return self._stopped(self._held(snapshot), ORDERS_PER_PASS, "more orders follow in the next pass", 0.0)

    async def _act(
        self, trade: Trade, snapshot: AccountSnapshot, decision: Decision, around: Surroundings
    ) -> "_Stop | None":
        """Send the next order; None when its fill is settled and the position is to be read again."""
        is_increase = not trade.purpose.is_reduction
        leverage = max(decision.leverage, ONE)
        if is_increase:
            waiting = self._why_increase_waits(decision, around)
            if waiting:
                return waiting
            why = await self._executor.settle_settings(self._symbol, self._policy.margin_mode, leverage)
            if why:
                return self._failed(why)
        margin_mode = self._policy.margin_mode
        position = _position_of(snapshot, self._symbol)
        if not is_increase and position and position.margin_mode:
            margin_mode = position.margin_mode
        result = await self._executor.trade(self._ledger, trade, around.instrument, margin_mode, leverage)
        if isinstance(result, Unsettled):
            return _Stop(result.why, UNSETTLED_RETRY_SECONDS)
        if isinstance(result, RefusedOutcome):
            return await self._react(result)
        if result.filled == ZERO:
            return self._failed("the order ended without a fill")
        self._pace = RetryPace()
        return None

    async def _react(self, refusal: RefusedOutcome) -> "_Stop | None":
        reaction = REACTIONS[refusal.reason]
        if reaction is Reaction.REFRESH_RULES:
            await self._exchange.refresh_instruments()
        stop = self._failed(f"{refusal.reason}: {refusal.detail}", refusal.retry_after_seconds)
        if reaction is Reaction.READ_AGAIN and self._pace.failures < 3:
            return None
        return stop

    def _why_increase_waits(self, decision: Decision, around: Surroundings) -> "_Stop | None":
        if decision.number != self._paced_decision:
            self._pace, self._paced_decision = RetryPace(), decision.number
        if around.is_superseded():
            return _Stop("newer targets have arrived", 0.0)
        now = self._clock.now()
        if self._pace.next_try_at and self._pace.is_waiting(now):
            return _Stop(self._pace.why, (self._pace.next_try_at - now).total_seconds())
        return None

    def _failed(self, why: str, retry_after_seconds: float | None = None) -> "_Stop":
        now = self._clock.now()
        self._pace = after_failure(self._pace, now, why, retry_after_seconds)
        next_try_at = self._pace.next_try_at or now
        return _Stop(why, (next_try_at - now).total_seconds())

    async def _explain(
        self, snapshot: AccountSnapshot, instrument: Instrument
    ) -> tuple[AccountSnapshot, PositionJudgement]:
        """Read until journaled fills explain the position, or two late reads agree that they do not."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._exchange.capabilities.read_lag_bound_seconds
        delay_seconds = FIRST_READ_DELAY_SECONDS
        while True:
            held = self._held(snapshot)
            ledger = self._ledger
            if ledger.unsettled or isinstance(held, Unknown):
                return snapshot, PositionJudgement(Whose.OURS)
            judgement = judge_position(ledger, held.value, instrument)
            if judgement.whose is Whose.OURS:
                return snapshot, judgement
            if loop.time() + delay_seconds > deadline:
                break
            await asyncio.sleep(delay_seconds)
            delay_seconds *= 2
            snapshot = await self._reader.read()
        if ledger.lost and await self._executor.look_again(ledger):
            return snapshot, judge_position(self._ledger, held.value, instrument)
        return snapshot, await self._face_foreign_change(held.value, judgement, instrument)

    async def _face_foreign_change(
        self, held: Decimal, judgement: PositionJudgement, instrument: Instrument
    ) -> PositionJudgement:
        """Apply the account's policy to a position that our fills do not explain."""
        ledger = self._ledger
        now = self._clock.now()
        first_start = judgement.whose is Whose.FIRST_SIGHT and self._policy.adopt_on_first_start
        if ledger.adopter or first_start:
            why = f"{ledger.adopter} agreed" if ledger.adopter else "adopt_on_first_start"
            await self._journal.record(self._adopted(held, now, why))
            return judge_position(self._ledger, held, instrument)
        self._tell("position changed without us", kind=judgement.whose, evidence=judgement.evidence)
        if judgement.whose is not Whose.SHRUNK:
            return judgement
        policy = self._policy.on_foreign_change
        adopted = self._adopted(held, now, f"on_foreign_change: {policy}; {judgement.evidence}")
        if policy is OnForeignChange.REDUCE_ONLY and ledger.standing is Standing.ACTIVE:
            restricted = StandingChanged(
                ledger.account, self._symbol, now, Standing.REDUCE_ONLY, "engine", judgement.evidence
            )
            await self._journal.record(adopted, restricted)
        elif policy is OnForeignChange.ADOPT and ledger.decision:
            kept = replace(ledger.decision, number=ledger.decision.number + 1, quantity=held, decided_at=now)
            await self._journal.record(adopted, DecisionMade(ledger.account, self._symbol, now, kept))
        else:
            await self._journal.record(adopted)
        return judge_position(self._ledger, held, instrument)

    def _adopted(self, held: Decimal, now: datetime, why: str) -> PositionAdopted:
        return PositionAdopted(self._ledger.account, self._symbol, now, held, why)

    async def _confirm(self, held: Known[Decimal], decision: Decision, plan: Plan, orders: int) -> SymbolOutcome:
        """Nothing is left to trade; remember it, unless an order may still change it."""
        ledger = self._ledger
        if ledger.unsettled:
            return self._stopped(held, orders, "an order is still unsettled", UNSETTLED_RETRY_SECONDS)
        if not ledger.is_confirmed:
            self._tell("target confirmed", decision=decision.number, depth=decision.depth, held=held.value)
            confirmed = TargetConfirmed(
                ledger.account, self._symbol, self._clock.now(), decision.number, decision.depth, held.value
            )
            await self._journal.record(confirmed)
        why = plan.note or decision.unreachable
        return SymbolOutcome(self._symbol, held, is_confirmed=True, why=why, orders=orders)

    def _retry_after_block(self) -> float | None:
        return UNSETTLED_RETRY_SECONDS if self._ledger.unsettled else None

    def _stopped(self, held: Reading[Decimal], orders: int, why: str, retry_seconds: float | None) -> SymbolOutcome:
        retry_at = None if retry_seconds is None else self._clock.now() + timedelta(seconds=retry_seconds)
        return SymbolOutcome(self._symbol, held, is_confirmed=False, why=why, orders=orders, retry_at=retry_at)

    def _held(self, snapshot: AccountSnapshot) -> Reading[Decimal]:
        positions = snapshot.positions
        if isinstance(positions, Unknown):
            return positions
        position = positions.value.get(self._symbol)
        return Known(position.quantity if position else ZERO, positions.read_at)

    @property
    def _ledger(self) -> SymbolLedger:
        return self._journal.ledger(self._policy.account, self._symbol)

    def _tell(self, event: str, **facts: object) -> None:
        self._telemetry.tell(event, account=str(self._policy.account), symbol=self._symbol, **facts)


@dataclass(frozen=True, slots=True)
class _Stop:
    """Why this pass ends for the symbol, and after how many seconds to try again (None: when woken)."""

    why: str
    retry_seconds: float | None


def _position_of(snapshot: AccountSnapshot, symbol: Symbol) -> Position | None:
    return None if isinstance(snapshot.positions, Unknown) else snapshot.positions.value.get(symbol)
