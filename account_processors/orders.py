"""An exchange's orders in our words, and its unit of quantity in base asset and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from account_processors.clock_offset import ClockOffset
from account_processors.replies import MalformedReply, Row
from core.model.identity import ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.money import divide
from core.model.order import ExchangeOrderState, OrderReport, Side
from core.model.position import MarginMode


def exchange_amount(quantity: Decimal, instrument: Instrument) -> Decimal:
    """A base-asset quantity in the exchange's unit (contracts, or coins where the contract is one coin)."""
    return divide(quantity, instrument.contract_size)


def base_quantity(amount: Decimal, instrument: Instrument) -> Decimal:
    """An amount in the exchange's unit as base-asset quantity."""
    return (amount * instrument.contract_size).normalize() + 0


def symbol_of(exchange_symbol: str, asked: Instrument) -> Symbol:
    """The unified symbol of an order that was asked for by symbol.

    Raises:
        MalformedReply: If the exchange answered with another symbol's order.
    """
    if exchange_symbol != asked.exchange_symbol:
        raise MalformedReply(f"asked for {asked.exchange_symbol}, told of {exchange_symbol}")
    return asked.symbol


@dataclass(frozen=True, slots=True)
class OrderFields:
    """Where an exchange's order says what; an empty name is not told.

    Attributes:
        sides: The exchange's words for buy and sell.
        modes: Its words for the margin modes.
    """

    client_order_id: str
    exchange_order_id: str
    quantity: str
    filled: str
    average_price: str
    created_at: str
    sides: Mapping[str, Side]
    side: str = "side"
    symbol: str = "symbol"
    reduce_only: str = ""
    margin_mode: str = ""
    leverage: str = ""
    modes: Mapping[str, MarginMode] = field(default_factory=dict)

    def report(self, row: Row, asked: Instrument, state: ExchangeOrderState, clock: ClockOffset) -> OrderReport:
        """The order in our words.

        Raises:
            MalformedReply: If a field is missing, or the order is another symbol's.
            InvalidInput: If it is filled beyond its size.
        """
        filled = base_quantity(row.decimal(self.filled), asked)
        return OrderReport(
            client_order_id=ClientOrderId(row.text(self.client_order_id)),
            exchange_order_id=row.text(self.exchange_order_id),
            symbol=symbol_of(row.text(self.symbol), asked),
            side=row.choice(self.side, self.sides),
            quantity=base_quantity(row.decimal(self.quantity), asked),
            filled_quantity=filled,
            average_price=row.decimal(self.average_price) if filled else None,
            reduce_only=row.optional_flag(self.reduce_only) if self.reduce_only else None,
            margin_mode=row.choice(self.margin_mode, self.modes) if row.fields.get(self.margin_mode) else None,
            leverage=row.optional_decimal(self.leverage) if self.leverage else None,
            state=state,
            created_at=clock.to_ours(row.time(self.created_at)),
        )
