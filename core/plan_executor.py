"""One order at a time: journal, send, settle. An unknown outcome is turned into a known one by asking for its id."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
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
)
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.ledger import OrderPhase, OrderRecord, SymbolLedger
from core.model.money import ZERO
from core.model.order import (
    Accepted,
    NotFound,
    OrderIntent,
    OrderReport,
    RefusalReason,
    RefusedOutcome,
    SubmitOutcome,
    UnknownOutcome,
)
from core.model.plan import Trade
from core.model.position import MarginMode
from core.model.reading import Unknown
from core.ports.clock import Clock
from core.ports.exchange import Exchange
from core.ports.journal import Journal
from core.ports.telemetry import Telemetry

FIRST_LOOKUP_DELAY_SECONDS = 0.05
LONGEST_LOOKUP_DELAY_SECONDS = 0.8


@dataclass(frozen=True, slots=True)
class Settled:
    """The order can fill no further; the journal has its fill.

    Attributes:
        filled: Signed base-asset quantity; zero when the order was cancelled, rejected later or never arrived.
    """

    filled: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The order may still change the position; only a reduction may be sent beside it."""

    why: str


TradeResult = Settled | RefusedOutcome | Unsettled


class PlanExecutor:
    """Sends the orders of one account."""

    def __init__(self, exchange: Exchange, journal: Journal, clock: Clock, telemetry: Telemetry) -> None:
        self._exchange = exchange
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry

    async def trade(
        self, ledger: SymbolLedger, trade: Trade, instrument: Instrument, margin_mode: MarginMode, leverage: Decimal
    ) -> TradeResult:
        """Journal, send and settle the next order of a trade.

        Raises:
            core.model.failures.StorageFailure: If the intent could not be journaled; nothing was then sent.
        """
        intent = make_intent(ledger, trade, instrument, margin_mode, leverage, self._journal.tag, self._journal.epoch)
        lost = find_resendable(ledger, intent)
        now = self._clock.now()
        if lost:
            intent = lost.intent
            await self._journal.record(OrderResent(intent.account, intent.symbol, now, intent.client_order_id))
        else:
            await self._journal.record(OrderIntended(intent.account, intent.symbol, now, intent))
        return await self._send(intent)

    async def settle(self, ledger: SymbolLedger) -> TradeResult:
        """Find out what became of every order that may still change the position, in their order."""
        for record in ledger.unsettled:
            result = await self._settle_order(record.intent, patient=False)
            if not isinstance(result, Settled):
                return result
        return Settled()

    async def look_again(self, ledger: SymbolLedger) -> bool:
        """Ask once more for orders that had never arrived; whether one of them did after all."""
        for record in ledger.lost:
            report = await self._exchange.find_order(ledger.symbol, record.intent.client_order_id)
            if isinstance(report, OrderReport) and report.state.is_final and not disagreement(record, report):
                await self._record_settled(record.intent, report)
                return True
        return False

    async def settle_settings(self, symbol: Symbol, margin_mode: MarginMode, leverage: Decimal) -> str:
        """Bring the exchange's settings to what an increase needs, proven by a read.

        Returns:
            Why they are not settled, empty when a read proved them.
        """
        for attempt in ("read", "proof"):
            settings = await self._exchange.read_settings(symbol)
            if isinstance(settings, Unknown):
                return f"margin mode and leverage could not be read: {settings.reason}"
            steps: list[SubmitOutcome] = []
            if settings.value.margin_mode not in (None, margin_mode):
                steps.append(await self._exchange.set_margin_mode(symbol, margin_mode))
            if settings.value.leverage not in (None, leverage):
                steps.append(await self._exchange.set_leverage(symbol, leverage, margin_mode))
            if not steps:
                return ""
            refusals = [step.detail for step in steps if not isinstance(step, Accepted)]
            if refusals or attempt == "proof":
                return f"margin mode or leverage not settled: {'; '.join(refusals) or 'the setting did not take'}"
        return ""

    async def _send(self, intent: OrderIntent) -> TradeResult:
        outcome = await self._exchange.submit_order(intent)
        account, symbol, client_order_id = intent.account, intent.symbol, intent.client_order_id
        now = self._clock.now()
        event: Event
        if isinstance(outcome, RefusedOutcome) and outcome.reason is not RefusalReason.DUPLICATE_CLIENT_ORDER_ID:
            self._tell("order refused", intent, reason=outcome.reason, detail=outcome.detail)
            event = OrderRefused(account, symbol, now, client_order_id, outcome.reason, outcome.detail)
            await self._journal.record(event)
            return outcome
        if isinstance(outcome, Accepted):
            event = OrderAccepted(account, symbol, now, client_order_id, outcome.exchange_order_id)
        else:
            self._tell("order outcome unknown", intent, detail=outcome.detail)
            event = OrderOutcomeUnknown(account, symbol, now, client_order_id, outcome.detail)
        await self._journal.record(event)
        return await self._settle_order(intent, patient=True)

    async def _settle_order(self, intent: OrderIntent, *, patient: bool) -> TradeResult:
        """Ask for the order by its id until it is final, proven absent, or patience ends."""
        delay_seconds = FIRST_LOOKUP_DELAY_SECONDS
        deadline = asyncio.get_running_loop().time() + self._exchange.capabilities.read_lag_bound_seconds
        while True:
            record = self._record(intent)
            report = await self._exchange.find_order(intent.symbol, intent.client_order_id)
            result = await self._conclude(record, report)
            if result:
                return result
            out_of_patience = asyncio.get_running_loop().time() + delay_seconds > deadline
            if not patient or out_of_patience:
                return await self._leave_in_flight(record, report)
            await asyncio.sleep(delay_seconds)
            delay_seconds = min(2 * delay_seconds, LONGEST_LOOKUP_DELAY_SECONDS)

    async def _conclude(
        self, record: OrderRecord, report: OrderReport | NotFound | UnknownOutcome
    ) -> TradeResult | None:
        """What the answer proves, None when it proves nothing yet."""
        intent = record.intent
        if isinstance(report, OrderReport):
            difference = disagreement(record, report)
            if difference:
                self._tell("order disagrees with its intent", intent, difference=difference)
                return Unsettled(f"the exchange shows another order under our id: {difference}")
            if report.state.is_final:
                await self._record_settled(intent, report)
                return Settled(report.signed_fill)
        if isinstance(report, NotFound) and self._window_has_closed(record):
            self._tell("order never arrived", intent)
            await self._journal.record(
                OrderNeverArrived(intent.account, intent.symbol, self._clock.now(), intent.client_order_id)
            )
            return Settled()
        return None

    def _window_has_closed(self, record: OrderRecord) -> bool:
        """Whether a "not found" counts: an order that may still arrive has not been refused."""
        window = timedelta(seconds=self._exchange.capabilities.not_found_after_seconds)
        return self._clock.now() >= record.sent_at + window

    async def _leave_in_flight(self, record: OrderRecord, report: OrderReport | NotFound | UnknownOutcome) -> Unsettled:
        detail = _describe(report)
        if record.phase is not OrderPhase.UNKNOWN or record.detail != detail:
            intent = record.intent
            await self._journal.record(
                OrderOutcomeUnknown(intent.account, intent.symbol, self._clock.now(), intent.client_order_id, detail)
            )
        return Unsettled(detail)

    async def _record_settled(self, intent: OrderIntent, report: OrderReport) -> None:
        self._tell("order settled", intent, state=report.state, filled=report.signed_fill, price=report.average_price)
        await self._journal.record(
            OrderSettled(
                intent.account,
                intent.symbol,
                self._clock.now(),
                intent.client_order_id,
                report.signed_fill,
                report.average_price,
            )
        )

    def _record(self, intent: OrderIntent) -> OrderRecord:
        return self._journal.ledger(intent.account, intent.symbol).record_of(intent.client_order_id)

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


def _describe(report: OrderReport | NotFound | UnknownOutcome) -> str:
    if isinstance(report, OrderReport):
        return f"still {report.state} at the exchange"
    if isinstance(report, NotFound):
        return "not found yet; it may still arrive"
    return f"could not be looked up: {report.detail}"
