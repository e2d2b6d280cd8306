"""One trade cut into orders that the exchange takes."""

from decimal import Decimal

from core.model.instrument import Instrument
from core.model.money import round_towards_zero


def slice_order(quantity: Decimal, instrument: Instrument) -> Decimal:
    """The quantity of the next order of a trade; what remains follows after it has settled.

    Args:
        quantity: What is still to trade, base asset, greater than zero.
        instrument: Its market maximum is a largest order size; a last slice below the minimum is avoided
            by making this one smaller.
    """
    largest = round_towards_zero(instrument.max_market_quantity, instrument.lot_step)
    if quantity <= largest:
        return quantity
    rest = quantity - largest
    if rest < instrument.min_quantity:
        return round_towards_zero(quantity - instrument.min_quantity, instrument.lot_step)
    return largest
