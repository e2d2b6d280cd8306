"""From what is held to what should be held: the plan."""

from dataclasses import replace
from decimal import Decimal

from core.model.instrument import Instrument
from core.model.money import ZERO, plain, round_towards_zero
from core.model.order import Side
from core.model.plan import Plan, Purpose, Trade


def reconcile(held: Decimal, target: Decimal, instrument: Instrument, price: Decimal | None) -> Plan:
    """The trades that take a position to its target.

    A target of zero closes the exact quantity held, or as much of it as the exchange trades where its lot step has
    grown since. A change of sign closes first and opens in a second trade; less than one lot counts as flat then.
    A difference below one lot is no gap; one that the exchange cannot trade is left and named.

    Args:
        held: Signed base-asset quantity that a fresh read proved.
        target: Signed base-asset quantity to hold, a multiple of the lot step.
        instrument: The exchange's rules.
        price: For the minimum order value, None when unknown (reductions are not held to it).
    """
    if held == target:
        return Plan(())
    if target == ZERO:
        return _close(held, instrument)
    if held * target < ZERO:
        opening = reconcile(ZERO, target, instrument, price)
        return replace(opening, trades=(*_close(held, instrument).trades, *opening.trades))
    gap = round_towards_zero(target - held, instrument.lot_step)
    if gap == ZERO:
        return Plan(())
    if abs(target) < abs(held):
        return _reduce(gap, instrument)
    return _increase(gap, instrument, price)


def _close(held: Decimal, instrument: Instrument) -> Plan:
    tradable = round_towards_zero(held, instrument.lot_step)
    if tradable == ZERO:
        return Plan((), -held, f"{plain(abs(held))} is less than the exchange trades at once")
    return Plan((_trade(-tradable, Purpose.CLOSE),))


def _reduce(gap: Decimal, instrument: Instrument) -> Plan:
    if abs(gap) < instrument.min_quantity:
        return Plan((), gap, f"{plain(abs(gap))} is less than the exchange trades at once")
    return Plan((_trade(gap, Purpose.REDUCE),))


def _increase(gap: Decimal, instrument: Instrument, price: Decimal | None) -> Plan:
    if abs(gap) < instrument.min_quantity:
        return Plan((), gap, f"{plain(abs(gap))} is less than the exchange trades at once")
    if price is not None and abs(gap) * price < instrument.min_notional:
        worth = plain(round(abs(gap) * price, 2))
        return Plan((), gap, f"{worth} USDT is less than the exchange's minimum order value")
    return Plan((_trade(gap, Purpose.INCREASE),))


def _trade(signed_quantity: Decimal, purpose: Purpose) -> Trade:
    return Trade(Side.BUY if signed_quantity > ZERO else Side.SELL, abs(signed_quantity), purpose)
