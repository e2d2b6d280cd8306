"""What an account holds, read together, once per pass."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from core.model.identity import AccountId, Symbol
from core.model.money import finite_decimal, positive_decimal
from core.model.reading import Reading


class MarginMode(StrEnum):
    """How a position's margin is kept."""

    ISOLATED = "isolated"
    CROSS = "cross"


class ClosingCause(StrEnum):
    """Why an exchange says that it closed something of a position.

    LIQUIDATION: the margin was used up. DELEVERAGING: auto-deleveraging (ADL), the other side of somebody's bankruptcy.
    ORDINARY: an order of the account's owner, by hand or by another program.
    """

    LIQUIDATION = "liquidation"
    DELEVERAGING = "deleveraging"
    ORDINARY = "ordinary"


@dataclass(frozen=True, slots=True)
class Position:
    """A held position.

    Attributes:
        symbol: The unified symbol.
        quantity: Signed base-asset quantity; negative is short; never zero (flat is absence).
        margin_mode: The position's own mode, None where the exchange does not say.
        entry_price: Average entry price in USDT, None where the exchange does not say.
        unrealized_profit: In USDT, None where the exchange does not say.
        unclear: Why the quantity does not say what is held, and what to do; empty where it does.
    """

    symbol: Symbol
    quantity: Decimal
    margin_mode: MarginMode | None = None
    entry_price: Decimal | None = None
    unrealized_profit: Decimal | None = None
    unclear: str = ""

    def __post_init__(self) -> None:
        finite_decimal(self.quantity, f"{self.symbol} position quantity")


@dataclass(frozen=True, slots=True)
class Quote:
    """The prices of one symbol at one moment, in USDT.

    Attributes:
        last: Last trade, the price that sizes are computed from.
        bid: Best bid, None where not told.
        ask: Best ask, None where not told.
        mark: Mark price, None where not told.
        at: UTC time of the quote.
    """

    last: Decimal
    at: datetime
    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None

    def __post_init__(self) -> None:
        positive_decimal(self.last, "last price")


@dataclass(frozen=True, slots=True)
class SymbolSettings:
    """The settings the exchange holds for a symbol, None where they are fields of the order.

    Attributes:
        margin_mode: The mode a new order on the symbol would get.
        leverage: The leverage a new order on the symbol would get.
    """

    margin_mode: MarginMode | None
    leverage: Decimal | None


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """One account's value and positions, each part known with its time or unknown.

    Attributes:
        account: Whose it is.
        equity: USDT wallet plus unrealized profit of USDT perpetuals (design decision "account value").
        positions: All open positions by symbol; a symbol that is absent from a known mapping is flat.
    """

    account: AccountId
    equity: Reading[Decimal]
    positions: Reading[Mapping[Symbol, Position]]
