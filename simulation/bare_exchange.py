"""An account at the port, without protocol or matching: for tests of the shell alone, with faults on demand."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.money import ZERO
from core.model.order import (
    Accepted,
    ExchangeOrderState,
    NotFound,
    OrderIntent,
    OrderLookup,
    OrderReport,
    RefusalReason,
    RefusedOutcome,
    SubmitOutcome,
    UnknownOutcome,
)
from core.model.position import AccountSnapshot, ClosingCause, MarginMode, Position, Quote
from core.model.reading import Barred, HeldBack, Known, Reading, Unknown
from core.ports.clock import Clock
from core.ports.exchange import Capabilities, SymbolSettings


class Fault(StrEnum):
    """What may go wrong with one call."""

    READ_FAILS = "read_fails"
    ORDER_NEVER_ARRIVES = "order_never_arrives"
    ANSWER_LOST = "answer_lost"
    LANDS_LATE = "lands_late"
    PARTIAL_FILL = "partial_fill"
    REJECTED_LATER = "rejected_later"
    REFUSED = "refused"
    LOOKUP_FAILS = "lookup_fails"
    LOOKUP_LAGS = "lookup_lags"
    STALE_POSITIONS = "stale_positions"
    POSITIONS_FAIL = "positions_fail"
    BARRED = "barred"
    HANGS = "hangs"
    DOWN = "down"
    NO_PERMISSION = "no_permission"
    TOO_PRECISE = "too_precise"
    DUPLICATE = "duplicate"
    STILL_OPEN = "still_open"
    HELD_BACK = "held_back"


CAPABILITIES = Capabilities(leverage_in_order=True, margin_mode_in_order=True, not_found_after_seconds=8.0)
SETTING_CAPABILITIES = Capabilities(leverage_in_order=False, margin_mode_in_order=False, not_found_after_seconds=8.0)
LATE_SECONDS = 6.0
"""Inside the window after which "not found" counts."""

HANGING_SECONDS = 10.0
HELD_BACK_SECONDS = 4.0
"""How long our own budget has no room."""

REFUSALS = {
    Fault.REFUSED: RefusalReason.INSUFFICIENT_MARGIN,
    Fault.DOWN: RefusalReason.MAINTENANCE,
    Fault.NO_PERMISSION: RefusalReason.PERMISSION,
    Fault.TOO_PRECISE: RefusalReason.PRECISION,
    Fault.DUPLICATE: RefusalReason.DUPLICATE_CLIENT_ORDER_ID,
}
_HELD_BACK = RefusedOutcome(RefusalReason.OUT_OF_BUDGET, "our budget", HELD_BACK_SECONDS)


@dataclass
class BareExchange:
    """core.ports.exchange.Exchange over plain dictionaries; every order it ever executed stays in `executed`.

    Attributes:
        account: Whose.
        clock: For the times in answers.
        rules: The listed instruments.
        prices: Last price by symbol.
        equity: What the account is worth in USDT; it does not move with prices.
        positions: Signed quantity by symbol, zero included.
        faults: Per kind of call (`read`, `submit`, `find`), the faults of the next calls.
        latency_seconds: How long every call takes.
        strangers: Client order ids of orders that somebody else sent.
        causes: Why positions became smaller, by symbol; where none is given, nothing is told.
        quotes: Whole quotes where the last price alone is not enough.
        unclear: Why a position does not say what is held, by symbol.
        settings: Margin mode and leverage by symbol, where they are settings of the exchange.
        refuses_leverage: Whether another leverage is refused while a position is open.
        echoed_leverage: What its orders say they were opened with, None for what was asked.
        capabilities: What the exchange tells of itself.
    """

    account: AccountId
    clock: Clock
    rules: dict[Symbol, Instrument]
    prices: dict[Symbol, Decimal]
    equity: Decimal = Decimal(10_000)
    positions: dict[Symbol, Decimal] = field(default_factory=dict)
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    latency_seconds: float = 0.05
    executed: list[OrderIntent] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    causes: dict[Symbol, ClosingCause] = field(default_factory=dict)
    quotes: dict[Symbol, Quote] = field(default_factory=dict)
    unclear: dict[Symbol, str] = field(default_factory=dict)
    settings: dict[Symbol, SymbolSettings] = field(default_factory=dict)
    refuses_leverage: bool = False
    echoed_leverage: Decimal | None = None
    capabilities: Capabilities = CAPABILITIES
    refreshes: int = 0
    value_reads: int = 0
    on_submit: Callable[[OrderIntent], None] = lambda _: None

    def __post_init__(self) -> None:
        self._orders: dict[ClientOrderId, OrderReport] = {}
        self._before: dict[Symbol, Decimal] = {}
        self._late: set[asyncio.Task[None]] = set()

    async def read_snapshot(self) -> AccountSnapshot:
        """Value and positions, together."""
        self.value_reads += 1
        return await self._snapshot()

    async def _snapshot(self) -> AccountSnapshot:
        at = self.clock.now()
        fault = await self._call("read")
        if fault is Fault.READ_FAILS:
            return AccountSnapshot(self.account, Unknown("timeout"), Unknown("timeout"))
        if fault is Fault.HELD_BACK:
            return AccountSnapshot(self.account, Known(self.equity, at), HeldBack("our budget", HELD_BACK_SECONDS))
        if fault is Fault.POSITIONS_FAIL:
            return AccountSnapshot(self.account, Known(self.equity, at), Unknown("timeout"))
        if fault is Fault.BARRED:
            return AccountSnapshot(self.account, Barred("key expired"), Barred("key expired"))
        seen = self._before if fault is Fault.STALE_POSITIONS else self.positions
        positions = {
            symbol: Position(symbol, held, MarginMode.ISOLATED, unclear=self.unclear.get(symbol, ""))
            for symbol, held in seen.items()
            if held
        }
        return AccountSnapshot(self.account, Known(self.equity, at), Known(positions, at))

    async def read_positions(self) -> Reading[Mapping[Symbol, Position]]:
        """Positions alone."""
        return (await self._snapshot()).positions

    async def read_recent_client_ids(self, symbol: Symbol) -> Reading[Sequence[str]]:
        """The ids of every order on the symbol, ours and strangers', newest first; unknown with a fault."""
        if await self._call("recent_ids") is Fault.READ_FAILS:
            return Unknown("timeout")
        ours = [order_id for order_id, report in self._orders.items() if report.symbol == symbol]
        return Known([*self.strangers, *reversed(ours)], self.clock.now())

    async def read_closing_cause(self, symbol: Symbol, since: datetime) -> Reading[ClosingCause]:
        """What a test said, whenever it was; unknown otherwise, and with a fault."""
        del since
        if await self._call("closing_cause") is Fault.READ_FAILS:
            return Unknown("timeout")
        return Known(self.causes[symbol], self.clock.now()) if symbol in self.causes else Unknown("not told")

    async def read_quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Reading[Quote]]:
        """Last prices."""
        at = self.clock.now()
        await asyncio.sleep(self.latency_seconds)
        return {symbol: self._quote(symbol, at) for symbol in symbols}

    def _quote(self, symbol: Symbol, at: datetime) -> Reading[Quote]:
        if symbol in self.quotes:
            return Known(self.quotes[symbol], at)
        return Known(Quote(self.prices[symbol], at), at) if symbol in self.prices else Unknown("no price")

    async def read_instruments(self) -> Reading[Mapping[Symbol, Instrument]]:
        """The rules, without a call."""
        return Known(self.rules, self.clock.now())

    async def refresh_instruments(self) -> None:
        """Nothing is cached here; the wish is counted."""
        self.refreshes += 1

    async def submit_order(self, intent: OrderIntent) -> SubmitOutcome:
        """Execute at once, unless a fault says otherwise."""
        self.on_submit(intent)
        fault = await self._call("submit")
        if fault is Fault.HELD_BACK:
            return _HELD_BACK
        if fault in REFUSALS:
            return RefusedOutcome(REFUSALS[fault], f"the exchange said {fault}")
        if fault is Fault.ORDER_NEVER_ARRIVES:
            return UnknownOutcome("connection cut")
        if fault is Fault.LANDS_LATE:
            self._land_late(intent)
            return UnknownOutcome("timeout")
        outcome = self._execute(intent, fault)
        return UnknownOutcome("answer lost") if fault is Fault.ANSWER_LOST else outcome

    async def find_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderLookup:
        """The order under our id."""
        fault = await self._call("find")
        if fault is Fault.HELD_BACK:
            return UnknownOutcome("our budget", HELD_BACK_SECONDS)
        if fault in (Fault.LOOKUP_FAILS, Fault.HANGS):
            return UnknownOutcome("timeout")
        if fault is Fault.LOOKUP_LAGS:
            return NotFound()
        report = self._orders.get(client_order_id)
        if report and fault is Fault.STILL_OPEN:
            report = replace(report, state=ExchangeOrderState.OPEN)
        return report if report and report.symbol == symbol else NotFound()

    async def read_settings(self, symbol: Symbol) -> Reading[SymbolSettings]:
        """The settings as set, or none where they are fields of the order."""
        if self.capabilities.leverage_in_order and self.capabilities.margin_mode_in_order:
            return Known(SymbolSettings(None, None), self.clock.now())
        fault = await self._call("settings")
        if fault is Fault.HELD_BACK:
            return HeldBack("our budget", HELD_BACK_SECONDS)
        if fault is Fault.READ_FAILS:
            return Unknown("timeout")
        return Known(self.settings.get(symbol, SymbolSettings(None, None)), self.clock.now())

    async def set_leverage(self, symbol: Symbol, leverage: Decimal, margin_mode: MarginMode) -> SubmitOutcome:
        """Take the leverage, unless a position stands in its way."""
        del margin_mode
        fault = await self._call("set_leverage")
        if fault is Fault.HELD_BACK:
            return _HELD_BACK
        if fault is Fault.ANSWER_LOST:
            return UnknownOutcome("timeout")
        if fault in REFUSALS:
            return RefusedOutcome(REFUSALS[fault], "injected")
        if self.refuses_leverage and self.positions.get(symbol, ZERO) != ZERO:
            return RefusedOutcome(RefusalReason.LEVERAGE_REJECTED, "a position is open")
        self.settings[symbol] = replace(self.settings[symbol], leverage=leverage)
        return Accepted("")

    async def set_margin_mode(self, symbol: Symbol, margin_mode: MarginMode) -> SubmitOutcome:
        """Refused unless it is the mode in force: its scope is wider than the symbol."""
        await self._call("set_margin_mode")
        if self.settings[symbol].margin_mode is not margin_mode:
            return RefusedOutcome(RefusalReason.MARGIN_MODE_MISMATCH, "the whole account would change")
        return Accepted("")

    async def close(self) -> None:
        """Drop what would have landed late."""
        for task in self._late:
            task.cancel()

    def inject(self, call: str, *faults: Fault) -> None:
        """Let the next calls of a kind go wrong, one fault a call."""
        self.faults.setdefault(call, deque()).extend(faults)

    async def _call(self, kind: str) -> Fault | None:
        self.calls.append(kind)
        queue = self.faults.get(kind)
        fault = queue.popleft() if queue else None
        await asyncio.sleep(HANGING_SECONDS if fault is Fault.HANGS else self.latency_seconds)
        return fault

    def _execute(self, intent: OrderIntent, fault: Fault | None = None) -> SubmitOutcome:
        if intent.client_order_id in self._orders:
            return RefusedOutcome(RefusalReason.DUPLICATE_CLIENT_ORDER_ID, "duplicate")
        held = self.positions.get(intent.symbol, ZERO)
        quantity = intent.quantity
        if intent.reduce_only:
            quantity = min(quantity, abs(held)) if held * intent.side.sign < 0 else ZERO
            if quantity == ZERO:
                return RefusedOutcome(RefusalReason.NOTHING_TO_REDUCE, "no position to reduce")
        step = self.rules[intent.symbol].lot_step
        filled = {Fault.PARTIAL_FILL: quantity / 2 // step * step, Fault.REJECTED_LATER: ZERO}.get(fault, quantity)  # type: ignore[arg-type]  # None finds the default
        self._before = dict(self.positions)
        self.positions[intent.symbol] = held + filled * intent.side.sign
        if filled:
            self.executed.append(replace(intent, quantity=filled))
        self._orders[intent.client_order_id] = self._report(intent, filled, self.clock.now())
        return Accepted(str(len(self._orders)))

    def _report(self, intent: OrderIntent, filled: Decimal, at: datetime) -> OrderReport:
        return OrderReport(
            client_order_id=intent.client_order_id,
            exchange_order_id=str(len(self._orders) + 1),
            symbol=intent.symbol,
            side=intent.side,
            quantity=intent.quantity,
            filled_quantity=filled,
            average_price=self.prices.get(intent.symbol) if filled else None,
            reduce_only=intent.reduce_only,
            margin_mode=intent.margin_mode,
            leverage=self.echoed_leverage or intent.leverage,
            state=ExchangeOrderState.FILLED if filled == intent.quantity else ExchangeOrderState.CANCELLED,
            created_at=at,
        )

    def _land_late(self, intent: OrderIntent) -> None:
        async def land() -> None:
            await asyncio.sleep(LATE_SECONDS)
            self._execute(intent)

        task = asyncio.get_running_loop().create_task(land())
        self._late.add(task)
        task.add_done_callback(self._late.discard)
