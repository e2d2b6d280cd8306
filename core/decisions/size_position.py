"""Account value x depth x leverage / price: the quantity an account should hold."""

from dataclasses import dataclass
from decimal import Decimal

from core.model.failures import InvalidInput
from core.model.instrument import Instrument
from core.model.money import ZERO, divide, plain, positive_decimal, round_towards_zero


@dataclass(frozen=True, slots=True)
class Sizing:
    """How a target quantity came about.

    Attributes:
        equity: Account value in USDT.
        margin: equity x depth, signed, in USDT.
        leverage: What the margin is multiplied by.
        notional: margin x leverage, signed, in USDT.
        price: What the notional is divided by.
        quantity: Signed base-asset quantity, rounded towards zero to the lot step; zero when unreachable.
        unreachable: Why nothing can be held, empty when something can.
    """

    equity: Decimal
    margin: Decimal
    leverage: Decimal
    notional: Decimal
    price: Decimal
    quantity: Decimal
    unreachable: str = ""


def size_position(equity: Decimal, depth: Decimal, leverage: Decimal, price: Decimal, instrument: Instrument) -> Sizing:
    """Size one target from one account value.

    Args:
        equity: Account value in USDT, greater than zero.
        depth: Merged depth, -1..1.
        leverage: Greater than zero.
        price: In USDT, greater than zero.
        instrument: The exchange's rules; the quantity never exceeds the exact one and is never bumped up.

    Raises:
        InvalidInput: If equity, leverage or price is not positive and finite, or depth is outside -1..1.
    """
    positive_decimal(equity, "account value")
    positive_decimal(leverage, "leverage")
    positive_decimal(price, "price")
    if abs(depth) > 1:
        raise InvalidInput(f"depth: {depth} is outside -1..1")
    margin = equity * depth
    notional = margin * leverage
    quantity = round_towards_zero(divide(notional, price), instrument.lot_step)
    unreachable = _why_unreachable(notional, quantity, price, instrument)
    return Sizing(equity, margin, leverage, notional, price, ZERO if unreachable else quantity, unreachable)


def _why_unreachable(notional: Decimal, quantity: Decimal, price: Decimal, instrument: Instrument) -> str:
    if notional == ZERO:
        return ""
    if abs(quantity) < instrument.min_quantity:
        smallest = plain(instrument.min_quantity)
        return f"below the exchange's minimum of {smallest} (wanted {plain(round(abs(divide(notional, price)), 8))})"
    if abs(quantity) * price < instrument.min_notional:
        value = plain(round(abs(quantity) * price, 2))
        return f"below the exchange's minimum value of {plain(instrument.min_notional)} USDT (worth {value})"
    return ""
