"""The rules of one perpetual on one exchange, in base asset whatever unit the exchange itself uses."""

from dataclasses import dataclass
from decimal import Decimal

from core.model.identity import Symbol
from core.model.money import positive_decimal

NOT_TRADED = "the exchange does not trade this symbol now"
"""What an operator is told of an instrument that is not tradable."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A USDT-margined linear perpetual.

    Attributes:
        symbol: The unified symbol.
        exchange_symbol: The exchange's own name for it.
        lot_step: Smallest change of a position, in base asset.
        min_quantity: Smallest order, in base asset.
        max_market_quantity: Largest market order, in base asset; larger ones are sliced.
        min_notional: Smallest order value in USDT, zero where the exchange sets none.
        max_leverage: Highest leverage the exchange accepts.
        contract_size: Base asset per contract of the exchange (1 where orders are in coins).
        tradable: False while delisted, halted or in settlement.
    """

    symbol: Symbol
    exchange_symbol: str
    lot_step: Decimal
    min_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal
    max_leverage: Decimal
    contract_size: Decimal = Decimal(1)
    tradable: bool = True

    def __post_init__(self) -> None:
        for field in ("lot_step", "min_quantity", "max_market_quantity", "max_leverage", "contract_size"):
            positive_decimal(getattr(self, field), f"{self.exchange_symbol} {field}")
