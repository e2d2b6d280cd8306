"""One order at a time: journal, send, settle. An unknown outcome is turned into a known one by asking for its id."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from decimal import Decimal

from core.decisions.make_intent import find_resendable, make_intent
from core.decisions.verify_order import disagreement
from core.model.events import (
    Event,
    OrderAccepted,
    OrderIntended,
    OrderNeverArrived,
    OrderOutcomeUnknown,
    OrderRefused,
    OrderResent,
    OrderSettled,
    StandingChanged,
)
from core.model.failures import StorageFailure
from core.model.identity import ClientOrderId
from core.model.instrument import Instrument
from core.model.ledger import OrderPhase, OrderRecord, SymbolLedger
from core.model.money import ONE, ZERO
from core.model.order import (
    Accepted,
    NotFound,
    OrderIntent,
    OrderLookup,
    OrderReport,
    RefusalReason,
    RefusedOutcome,
    SubmitOutcome,
    UnknownOutcome,
)
from core.model.outcome import Settled, TradeResult, Unsettled
from core.model.plan import Trade
from core.model.position import MarginMode
from core.model.standing import Standing
from core.ports.clock import Clock
from core.ports.exchange import Exchange
from core.ports.journal import Journal
from core.ports.telemetry import Telemetry

FIRST_LOOKUP_DELAY_SECONDS = 0.05
LONGEST_LOOKUP_DELAY_SECONDS = 0.8
NOT_DURABLE = "not sent: the journal did not keep it"

Around = Callable[[], AbstractAsyncContextManager[None]]
Hurry = Callable[[], bool]
"""Whether something more urgent waits, so that asking for an order again and again should end."""


@dataclass(slots=True)
class _Flight:
    """What this process knows of an order that is not settled.

    Attributes:
        began_seconds: Loop time from which its receive window counts.
        is_absent: Whether the exchange was asked last and did not know it.
        is_there: Whether the exchange once refused its id as known.
    """

    began_seconds: float
    is_absent: bool = False
    is_there: bool = False


class PlanExecutor:
    """Sends the orders of one account."""

    def __init__(self, exchange: Exchange, journal: Journal, clock: Clock, telemetry: Telemetry) -> None:
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry
        self._flights: dict[ClientOrderId, _Flight] = {}

    async def trade(
        self,
        ledger: SymbolLedger,
        trade: Trade,
        instrument: Instrument,
        margin_mode: MarginMode,
        leverage: Decimal,
        is_urgent: Hurry,
        while_settling: Around = nullcontext,
    ) -> TradeResult:
        """Journal, send and settle the next order of a trade.

        Args:
            ledger: What the journal knows of the symbol.
            trade: What is to be traded; the order may be its first slice.
            instrument: The exchange's rules.
            margin_mode: The position's own for reductions, the wanted one for increases.
            leverage: What the order carries where leverage is a field of the order.
            is_urgent: Ends the patience with which the order's outcome is asked for.
            while_settling: Entered when the order was sent and not refused, left when it is settled.

        Raises:
            core.model.failures.StorageFailure: If an increase could not be journaled; nothing was then sent.
        """
        repeated = self.repeatable(ledger) if trade.purpose.is_reduction else None
        if repeated:
            return await self._repeat(repeated.intent, is_urgent, while_settling)
        intent = make_intent(ledger, trade, instrument, margin_mode, leverage, self._journal.tag, self._journal.epoch)
        lost = find_resendable(ledger, intent)
        intent = lost.intent if lost else intent
        now = self._clock.now()
        event: Event = OrderIntended(intent.account, intent.symbol, now, intent)
        if lost:
            event = OrderResent(intent.account, intent.symbol, now, intent.client_order_id)
        if not await self._journal_before_send(event, intent):
            ledger = self._journal.ledger(intent.account, intent.symbol)
            return await self.trade(ledger, trade, instrument, margin_mode, leverage, is_urgent, while_settling)
        return await self._send(intent, is_urgent, while_settling)

    def repeatable(self, ledger: SymbolLedger) -> OrderRecord | None:
        """The unsettled reduction that the exchange does not know, where it may go out again under its own id."""
        if not self._exchange.capabilities.repeats_closes:
            return None
        for record in ledger.unsettled:
            flight = self._flights.get(record.intent.client_order_id)
            if record.intent.reduce_only and flight and flight.is_absent and not flight.is_there:
                return record
        return None

    async def settle(self, ledger: SymbolLedger) -> None:
        """Find out what became of every order that may still change the position, all at once."""
        await asyncio.gather(*(self._settle_order(record.intent, None) for record in ledger.unsettled))

    async def look_again(self, ledger: SymbolLedger) -> str:
        """Ask once more for orders that had never arrived, and journal the fill of one that did after all.

        Returns:
            Why nothing may be concluded yet (a question failed, an order still works), empty when all is told.
        """
        lookups = await asyncio.gather(*(self._find(record.intent) for record in ledger.lost))
        waits = ""
        for record, report in zip(ledger.lost, lookups, strict=True):
            if isinstance(report, UnknownOutcome):
                waits = f"a lost order {_describe(report)}"
            elif isinstance(report, OrderReport) and not disagreement(record, report, self._clock.now()):
                if report.state.is_final:
                    await self._note_settled(record.intent, report.signed_fill, report)
                else:
                    waits = f"a lost order is {_describe(report)}"
        return waits

    async def _journal_before_send(self, event: Event, intent: OrderIntent) -> bool:
        """Make the intent durable; False when a reduction must be meant anew under an id of the failed journal.

        Raises:
            core.model.failures.StorageFailure: If an increase could not be made durable.
        """
        if intent.reduce_only:
            epoch = self._journal.epoch
            if await self._journal.note(event) or epoch == self._journal.epoch:
                return True
            await self._note_refused(intent, RefusalReason.UNCHANGED, NOT_DURABLE)
            return False
        try:
            await self._journal.record(event)
        except StorageFailure:
            if any(record.intent == intent for record in self._ledger_of(intent).unsettled):
                await self._note_refused(intent, RefusalReason.UNCHANGED, NOT_DURABLE)
            raise
        return True

    async def _repeat(self, intent: OrderIntent, is_urgent: Hurry, while_settling: Around) -> TradeResult:
        """Send what is in flight once more: whichever arrives first, the exchange refuses the other.

        Another refusal is no proof: it tells of this copy alone, while the first may still be on its way.
        """
        flight = self._flights[intent.client_order_id]
        now = self._clock.now()
        await self._journal.note(OrderResent(intent.account, intent.symbol, now, intent.client_order_id))
        outcome = await self._exchange.submit_order(intent)
        if isinstance(outcome, RefusedOutcome):
            flight.is_there = outcome.reason is RefusalReason.DUPLICATE_CLIENT_ORDER_ID
            outcome = UnknownOutcome(f"sent again and refused: {outcome.reason}: {outcome.detail}")
        else:
            flight.began_seconds = asyncio.get_running_loop().time()
        return await self._take_outcome(intent, outcome, is_urgent, while_settling)

    async def _send(self, intent: OrderIntent, is_urgent: Hurry, while_settling: Around) -> TradeResult:
        try:
            outcome = await self._exchange.submit_order(intent)
        finally:
            self._flights[intent.client_order_id] = _Flight(asyncio.get_running_loop().time())
        return await self._take_outcome(intent, outcome, is_urgent, while_settling)

    async def _take_outcome(
        self, intent: OrderIntent, outcome: SubmitOutcome, is_urgent: Hurry, while_settling: Around
    ) -> TradeResult:
        account, symbol, client_order_id = intent.account, intent.symbol, intent.client_order_id
        if isinstance(outcome, RefusedOutcome) and outcome.reason is not RefusalReason.DUPLICATE_CLIENT_ORDER_ID:
            self._tell("order refused", intent, reason=outcome.reason, detail=outcome.detail)
            await self._note_refused(intent, outcome.reason, outcome.detail)
            return outcome
        now = self._clock.now()
        if isinstance(outcome, Accepted):
            await self._journal.note(OrderAccepted(account, symbol, now, client_order_id, outcome.exchange_order_id))
        else:
            self._tell("order outcome unknown", intent, detail=outcome.detail)
            await self._journal.note(OrderOutcomeUnknown(account, symbol, now, client_order_id, outcome.detail))
        async with while_settling():
            return await self._settle_order(intent, is_urgent)

    async def _settle_order(self, intent: OrderIntent, is_urgent: Hurry | None) -> TradeResult:
        """Ask for the order by its id until it is final, proven absent, or patience ends; once without patience."""
        loop = asyncio.get_running_loop()
        flight = self._flights.setdefault(intent.client_order_id, _Flight(loop.time()))
        delay_seconds = FIRST_LOOKUP_DELAY_SECONDS
        deadline = loop.time() + self._exchange.capabilities.read_lag_bound_seconds
        while True:
            report = await self._find(intent)
            flight.is_absent = isinstance(report, NotFound)
            result = await self._conclude(intent, report)
            if result:
                self._flights.pop(intent.client_order_id, None)
                return result
            pause_seconds = max(delay_seconds, _held_back_seconds(report) or 0.0)
            if is_urgent is None or is_urgent() or loop.time() + pause_seconds > deadline:
                return await self._leave_in_flight(intent, report)
            await asyncio.sleep(pause_seconds)
            delay_seconds = min(2 * delay_seconds, LONGEST_LOOKUP_DELAY_SECONDS)

    async def _conclude(self, intent: OrderIntent, report: OrderLookup) -> TradeResult | None:
        """What the answer proves, None when it proves nothing yet."""
        if isinstance(report, OrderReport):
            difference = disagreement(self._record(intent), report, self._clock.now())
            if difference:
                return await self._conclude_disagreement(intent, difference)
            if report.state.is_final:
                await self._note_settled(intent, report.signed_fill, report)
                await self._compare_leverage(intent, report)
                return Settled(report.signed_fill)
        if isinstance(report, NotFound) and self._window_has_closed(intent):
            self._tell("order never arrived", intent)
            await self._journal.note(
                OrderNeverArrived(intent.account, intent.symbol, self._clock.now(), intent.client_order_id)
            )
            return Settled()
        return None

    async def _compare_leverage(self, intent: OrderIntent, report: OrderReport) -> None:
        """Where leverage is a field of the order, its echo is the proof: another one, and nothing more is built up."""
        if not self._exchange.capabilities.leverage_in_order or intent.reduce_only or report.leverage is None:
            return
        if abs(report.leverage - intent.leverage) < ONE:
            return
        why = f"the exchange opened with leverage {report.leverage}, asked was {intent.leverage}"
        self._tell("order carries another leverage", intent, why=why)
        now = self._clock.now()
        await self._journal.note(
            StandingChanged(intent.account, intent.symbol, now, Standing.REDUCE_ONLY, "engine", why)
        )

    async def _conclude_disagreement(self, intent: OrderIntent, difference: str) -> TradeResult | None:
        """The exchange shows another order under our id; after the window it is proven that ours was not executed.

        An exchange executes an id once. Should it have done otherwise, the position is unexplained and told.
        """
        if not self._window_has_closed(intent):
            return None
        self._tell("order disagrees with its intent", intent, difference=difference)
        await self._note_settled(intent, ZERO, None)
        return Settled()

    def _window_has_closed(self, intent: OrderIntent) -> bool:
        """Whether a "not found" counts: an order that may still arrive has not been refused.

        Measured from the end of the send, or from the first question of this process, on the loop's own time: a
        step of the wall clock opens no window.
        """
        waited_seconds = asyncio.get_running_loop().time() - self._flights[intent.client_order_id].began_seconds
        return waited_seconds >= self._exchange.capabilities.not_found_after_seconds

    async def _leave_in_flight(self, intent: OrderIntent, report: OrderLookup) -> Unsettled:
        record = self._record(intent)
        difference = disagreement(record, report, self._clock.now()) if isinstance(report, OrderReport) else ""
        detail = f"the exchange shows another order under our id: {difference}" if difference else _describe(report)
        if record.phase is not OrderPhase.UNKNOWN or record.detail != detail:
            await self._journal.note(
                OrderOutcomeUnknown(intent.account, intent.symbol, self._clock.now(), intent.client_order_id, detail)
            )
        return Unsettled(detail, _held_back_seconds(report))

    async def _note_settled(self, intent: OrderIntent, filled: Decimal, report: OrderReport | None) -> None:
        price = report.average_price if report else None
        self._tell("order settled", intent, state=report.state if report else "other", filled=filled, price=price)
        now = self._clock.now()
        await self._journal.note(
            OrderSettled(intent.account, intent.symbol, now, intent.client_order_id, filled, price)
        )

    async def _note_refused(self, intent: OrderIntent, reason: RefusalReason, detail: str) -> None:
        self._flights.pop(intent.client_order_id, None)
        now = self._clock.now()
        await self._journal.note(
            OrderRefused(intent.account, intent.symbol, now, intent.client_order_id, reason, detail)
        )

    async def _find(self, intent: OrderIntent) -> OrderLookup:
        return await self._exchange.find_order(intent.symbol, intent.client_order_id)

    def _record(self, intent: OrderIntent) -> OrderRecord:
        return self._ledger_of(intent).record_of(intent.client_order_id)

    def _ledger_of(self, intent: OrderIntent) -> SymbolLedger:
        return self._journal.ledger(intent.account, intent.symbol)

    def _tell(self, event: str, intent: OrderIntent, **facts: object) -> None:
        self._telemetry.tell(
            event,
            account=str(intent.account),
            symbol=intent.symbol,
            client_order_id=intent.client_order_id,
            side=intent.side,
            quantity=intent.quantity,
            reduce_only=intent.reduce_only,
            decision=intent.decision,
            **facts,
        )


def _held_back_seconds(report: OrderLookup) -> float | None:
    return report.held_back_seconds if isinstance(report, UnknownOutcome) else None


def _describe(report: OrderLookup) -> str:
    if isinstance(report, OrderReport):
        return f"still {report.state} at the exchange"
    if isinstance(report, NotFound):
        return "not found yet; it may still arrive"
    return f"could not be looked up: {report.detail}"
