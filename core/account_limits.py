"""The risk limits of one account: what they are measured on, and what they let through."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from core.decisions.check_risk import TRADE_RULES, Allowed, check_risk
from core.decisions.make_decision import Readings, price_of
from core.decisions.measure_volatility import Volatility, observe_price
from core.decisions.risk_rules import Proposal
from core.decisions.watch_value import loss_breach, mark_value, value_jumped
from core.model.decision import Decision
from core.model.identity import AccountId, Symbol
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.money import ZERO, plain, round_towards_zero
from core.model.plan import Trade
from core.model.position import Quote
from core.model.reading import Known, Reading, Unknown
from core.model.risk import RiskLimits
from core.model.standing import Scope, SetStanding, Standing
from core.ports.clock import Clock
from core.ports.journal import Journal
from core.ports.telemetry import Telemetry

MINUTE_SECONDS = 60.0

_Size = SymbolLedger | Decision
_Values = dict[Symbol, tuple[_Size, Decimal]]

Limits = Callable[[], RiskLimits]
"""The limits in force now; they may change while the engine runs."""


class AccountLimits:
    """Watches one account's value and passes its increases through the risk gate."""

    def __init__(
        self, account: AccountId, limits: Limits, journal: Journal, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._account = account
        self._limits = limits
        self._journal = journal
        self._clock = clock
        self._telemetry = telemetry
        self._last_value: Decimal | None = None
        self._increases: deque[float] = deque()
        self._prices: dict[Symbol, Volatility] = {}
        self._decided_values: _Values = {}
        self._held_values: _Values = {}

    @property
    def current(self) -> RiskLimits:
        """The limits in force now."""
        return self._limits()

    def believe(self, equity: Reading[Decimal]) -> Reading[Decimal]:
        """The account value, or unknown where it jumped and no second read has agreed yet."""
        if not isinstance(equity, Known):
            return equity
        previous, self._last_value = self._last_value, equity.value
        if not value_jumped(previous, equity.value, self.current):
            return equity
        return Unknown(
            f"it moved from {plain(previous or ZERO)} to {plain(equity.value)} USDT; a second read must agree"
        )

    def watch_prices(self, quotes: Mapping[Symbol, Reading[Quote]]) -> Mapping[Symbol, Decimal]:
        """Take the prices in; the daily volatility in percent of every symbol of which enough was seen."""
        for symbol, quote in quotes.items():
            if isinstance(quote, Known):
                self._prices[symbol] = observe_price(self._prices.get(symbol), quote.value.last, quote.read_at)
        known = {symbol: self._prices[symbol].daily_percent for symbol in quotes if symbol in self._prices}
        return {symbol: percent for symbol, percent in known.items() if percent is not None}

    async def watch_losses(self, equity: Reading[Decimal]) -> None:
        """Mark the value, and let the account only reduce once it is beyond a loss limit."""
        if not isinstance(equity, Known) or equity.value <= ZERO:
            return
        marks = self._journal.value_marks(self._account)
        marked = mark_value(marks, equity.value, self._clock.now())
        if marked != marks:
            await self._journal.remember_marks(self._account, marked)
        breach = loss_breach(marked, equity.value, self.current)
        if breach and await restrict_account(self._journal, self._account, self._clock.now(), breach):
            self._telemetry.tell("loss limit reached, account may only reduce", account=str(self._account), why=breach)

    async def forgive(self) -> None:
        """Begin to measure losses anew, after the operator resumed the account."""
        await self._journal.remember_marks(self._account, None)

    def count_increase(self) -> float:
        """Remember that an increase is being sent, and since when."""
        now = asyncio.get_running_loop().time()
        self._increases.append(now)
        return now

    def take_back_increase(self, counted_at: float) -> None:
        """An increase that was counted did not leave this machine."""
        if counted_at in self._increases:
            self._increases.remove(counted_at)

    def others_decided(
        self, symbol: Symbol, readings: Readings, pending: Mapping[Symbol, Decision]
    ) -> Reading[Decimal]:
        """Value in USDT of the account's other positions once every decision is carried out.

        Args:
            symbol: The one that is not counted.
            readings: For the price of what has no decision.
            pending: Decisions of this pass that the journal does not have yet.
        """
        ledgers = self._journal.ledgers(self._account)
        decided: dict[Symbol, _Size] = {ledger.symbol: ledger.decision or ledger for ledger in ledgers}
        decided.update(pending)
        return self._total(symbol, decided, self._decided_values, readings)

    def others_notional(self, symbol: Symbol, readings: Readings) -> Reading[Decimal]:
        """Value in USDT of the account's other positions now: held, on its way or decided, whichever is largest."""
        held = {ledger.symbol: ledger for ledger in self._journal.ledgers(self._account)}
        return self._total(symbol, held, self._held_values, readings)

    def _total(
        self, symbol: Symbol, sizes: Mapping[Symbol, _Size], values: _Values, readings: Readings
    ) -> Reading[Decimal]:
        """The value of all but one symbol; each is worked out once for as long as it follows from the same object."""
        total = ZERO
        for name, size in sizes.items():
            if name == symbol:
                continue
            kept = values.get(name)
            if kept is None or kept[0] is not size:
                value, is_lasting = _value_of(name, size, readings)
                if value is None:
                    return Unknown(f"the value of {name} is unknown")
                kept = (size, value)
                if is_lasting:
                    values[name] = kept
            total += kept[1]
        return Known(total, self._clock.now())

    def permit(
        self, ledger: SymbolLedger, decision: Decision, held: Decimal, instrument: Instrument, readings: Readings
    ) -> Allowed:
        """How much of a decided position may be built up now; what is held stays allowed."""
        quote: Reading[Quote] = readings.quotes.get(ledger.symbol, Unknown("not read"))
        price = _price(decision) or price_of(readings, ledger.symbol)
        if price is None:
            return Allowed(held, "price unknown")
        proposal = Proposal(
            symbol=ledger.symbol,
            target=decision.quantity,
            held=held,
            depth=decision.depth,
            leverage=min(decision.leverage, instrument.max_leverage),
            price=price,
            equity=readings.snapshot.equity,
            others_notional=self.others_notional(ledger.symbol, readings),
            quote=quote,
            increases_last_minute=self._count_of_last_minute(),
            now=self._clock.now(),
        )
        return check_risk(proposal, self.current, TRADE_RULES, instrument, keeps_held=True)

    def cut_order(self, trade: Trade, price: Decimal | None, instrument: Instrument) -> Trade | None:
        """An increase cut to the largest order allowed, None when that is less than the exchange trades at once."""
        notional = self.current.max_order_notional
        if notional is None or price is None or trade.quantity <= notional / price:
            return trade
        quantity = round_towards_zero(notional / price, instrument.lot_step)
        return None if quantity < instrument.min_quantity else replace(trade, quantity=quantity)

    def _count_of_last_minute(self) -> int:
        now = asyncio.get_running_loop().time()
        while self._increases and now - self._increases[0] > MINUTE_SECONDS:
            self._increases.popleft()
        return len(self._increases)


async def restrict_account(journal: Journal, account: AccountId, now: datetime, why: str) -> bool:
    """Let an account only reduce, until the operator resumes it; whether that is news."""
    entry = SetStanding(Scope(account), Standing.REDUCE_ONLY, "engine", now, why)
    if not journal.standings().tightens(entry):
        return False
    await journal.record_standing(entry)
    return True


def _value_of(symbol: Symbol, size: _Size, readings: Readings) -> tuple[Decimal | None, bool]:
    """The value in USDT, None when there is no price; and whether it stays so, whatever prices do."""
    decision = size.decision if isinstance(size, SymbolLedger) else size
    quantity = _largest_quantity(size) if isinstance(size, SymbolLedger) else abs(size.quantity)
    if quantity == ZERO:
        return ZERO, True
    if _is_gone(symbol, readings):
        return ZERO, False
    decided_price = _price(decision)
    price = decided_price or price_of(readings, symbol)
    return (None if price is None else quantity * price), bool(decided_price)


def _is_gone(symbol: Symbol, readings: Readings) -> bool:
    """Whether the exchange neither lists a symbol nor holds a position in it: what was ours there is no more."""
    instruments, positions = readings.instruments, readings.snapshot.positions
    if isinstance(instruments, Unknown) or isinstance(positions, Unknown):
        return False
    return symbol not in instruments.value and symbol not in positions.value


def _largest_quantity(ledger: SymbolLedger) -> Decimal:
    """Held or decided, or what is held once an increase on its way has filled, whatever was decided since."""
    decided = abs(ledger.decision.quantity) if ledger.decision else ZERO
    increases = [record.intent for record in ledger.unsettled if not record.intent.reduce_only]
    arriving = sum((intent.side.sign * intent.quantity for intent in increases), ZERO)
    return max(decided, abs(ledger.owned), abs(ledger.owned + arriving))


def _price(decision: Decision | None) -> Decimal | None:
    return decision.price if decision else None
