"""One account on one exchange, in the caller's words: base asset, signed, Decimal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from core.model.identity import AccountId, ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.order import OrderIntent, OrderLookup, SubmitOutcome
from core.model.position import AccountSnapshot, ClosingCause, MarginMode, Position, Quote, SymbolSettings
from core.model.reading import Reading

__all__ = ["Capabilities", "Exchange", "SymbolSettings"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What differs between exchanges as far as the shell must know.

    Attributes:
        leverage_in_order: Leverage is a field of the order (KuCoin isolated, MEXC), else a setting.
        margin_mode_in_order: The margin mode is a field of the order (BloFin, MEXC), else a setting.
        not_found_after_seconds: How long after its send an order may still appear, so that "not found" counts
            only later: the receive window plus a margin.
        read_lag_bound_seconds: How long position reads may trail behind fills before the symbol is unknown.
        repeats_closes: A close that was sent without an answer goes out again under its own id before "not found"
            counts: the exchange refuses an id that it knows, and the wait would be long.
    """

    leverage_in_order: bool
    margin_mode_in_order: bool
    not_found_after_seconds: float
    read_lag_bound_seconds: float = 3.0
    repeats_closes: bool = False


class Exchange(Protocol):
    """One account's view of one exchange. Reads never raise: they are Known or Unknown."""

    @property
    def account(self) -> AccountId:
        """Whose account this is."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What differs on this exchange."""
        ...

    async def read_snapshot(self) -> AccountSnapshot:
        """Value and all positions, in as few calls as the exchange allows, sent side by side."""
        ...

    async def read_positions(self) -> Reading[Mapping[Symbol, Position]]:
        """All positions without the value: the fresh read after an order."""
        ...

    async def read_recent_client_ids(self, symbol: Symbol) -> Reading[Sequence[str]]:
        """The client order ids of the symbol's newest orders, whoever sent them, newest first, at most 50.

        Asked only about a position that no fill of ours explains, to recognise another engine's orders by their tag.
        Orders without an id are left out.
        """
        ...

    async def read_closing_cause(self, symbol: Symbol, since: datetime) -> Reading[ClosingCause]:
        """Why the symbol's position became smaller after a moment, in the exchange's own words.

        Asked once, only about a position that shrank without us. Unknown where the exchange does not say, where it
        names something else than these causes, and where none of its records is that new.
        """
        ...

    async def read_quotes(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Reading[Quote]]:
        """Prices of the symbols, in one bulk call where there is one; every symbol asked for has an entry."""
        ...

    async def read_instruments(self) -> Reading[Mapping[Symbol, Instrument]]:
        """Rules of every listed USDT perpetual; cached for an hour, one fetch however many ask."""
        ...

    async def refresh_instruments(self) -> None:
        """Drop the cached rules, after a precision or size refusal."""
        ...

    async def submit_order(self, intent: OrderIntent) -> SubmitOutcome:
        """Send one market order once, under its client order id. Never re-sent below this call."""
        ...

    async def find_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> OrderLookup:
        """Fetch one of our orders by the id we gave it."""
        ...

    async def read_settings(self, symbol: Symbol) -> Reading[SymbolSettings]:
        """The margin mode and leverage that the exchange holds for the symbol."""
        ...

    async def set_leverage(self, symbol: Symbol, leverage: Decimal, margin_mode: MarginMode) -> SubmitOutcome:
        """Set the leverage in the exchange's own scope; "unchanged" is Accepted."""
        ...

    async def set_margin_mode(self, symbol: Symbol, margin_mode: MarginMode) -> SubmitOutcome:
        """Set the margin mode where its scope is the symbol; "unchanged" is Accepted.

        A mode whose scope is wider than the symbol is refused, never changed.
        """
        ...

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        ...
