"""The circuit breaker of one exchange, shared by all accounts on it: one incident, one notice."""

from core.decisions.watch_exchange import ExchangeHealth, after_halted_order, after_order, after_read
from core.model.identity import Symbol
from core.model.order import RefusalReason, RefusedOutcome
from core.model.outcome import TradeResult, Unsettled
from core.ports.clock import Clock
from core.ports.telemetry import Telemetry


class ExchangeWatch:
    """Counts what failed in a row and says whether increases must wait."""

    def __init__(self, exchange: str, clock: Clock, telemetry: Telemetry) -> None:
        self._exchange = exchange
        self._clock = clock
        self._telemetry = telemetry
        self.health = ExchangeHealth()

    def trouble(self) -> str:
        """Why no increase may be sent now, empty when one may."""
        return self.health.trouble(self._clock.now())

    def saw_read(self, failure: str = "") -> None:
        """A read of positions came back; an empty failure is a good one."""
        self._become(after_read(self.health, self._clock.now(), failure))

    def saw_order(self, symbol: Symbol, result: TradeResult, *, is_tradable: bool) -> None:
        """An order came back; a clear answer is a good one, also a refusal.

        What may never have got there, since a budget or a ban held it back, tells nothing of the exchange, and neither
        does what comes of an order on a market that its rules call halted.
        """
        match result:
            case Unsettled(held_back_seconds=None):
                failure = f"order without a clear answer: {result.why}"
            case Unsettled() | RefusedOutcome(reason=RefusalReason.OUT_OF_BUDGET | RefusalReason.RATE_LIMITED):
                return
            case RefusedOutcome(reason=RefusalReason.MAINTENANCE):
                failure = result.told
            case _:
                failure = ""
        if is_tradable:
            self._become(after_order(self.health, self._clock.now(), symbol, failure))
        else:
            self._become(after_halted_order(self.health, symbol))

    def _become(self, health: ExchangeHealth) -> None:
        before, self.health = self.health, health
        if health.is_in_trouble and not before.is_in_trouble:
            self._telemetry.tell("exchange in trouble, increases pause", exchange=self._exchange, why=health.why)
        elif before.is_in_trouble and not health.is_in_trouble:
            self._telemetry.tell("exchange well again", exchange=self._exchange)
