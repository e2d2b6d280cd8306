"""Exact decimals: checked where they enter, rounded only towards zero."""

from decimal import Decimal, InvalidOperation, localcontext

from core.model.failures import InvalidInput

ZERO = Decimal(0)
ONE = Decimal(1)

_MAGNITUDE_LIMIT = Decimal("1e18")
_DIGITS = 60
_NUMBERS = (Decimal, int, float, str)
"""Named once: a union written where it is asked for is made anew each time, which costs more than the question."""


def finite_decimal(value: object, field: str) -> Decimal:
    """Read a number of the outside world as an exact decimal.

    Args:
        value: A Decimal, int or text. Floats are taken by their shortest text (0.1 stays 0.1).
        field: The name to use in the error.

    Raises:
        InvalidInput: If the value is a bool, not a number, not finite or beyond 1e18 in magnitude.
    """
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        raise InvalidInput(f"{field}: {value!r} is not a number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise InvalidInput(f"{field}: {value!r} is not a number") from None
    if not number.is_finite():
        raise InvalidInput(f"{field}: {value!r} is not finite")
    if number.copy_abs() > _MAGNITUDE_LIMIT:
        raise InvalidInput(f"{field}: {value!r} is out of range")
    return number


def positive_decimal(value: object, field: str) -> Decimal:
    """As finite_decimal, and greater than zero."""
    number = finite_decimal(value, field)
    if number <= 0:
        raise InvalidInput(f"{field}: {value!r} must be greater than zero")
    return number


def round_towards_zero(quantity: Decimal, step: Decimal) -> Decimal:
    """The multiple of step nearest to quantity that is not larger in magnitude.

    Args:
        quantity: Any finite decimal.
        step: The exchange's lot or tick step, greater than zero.
    """
    with localcontext() as context:
        context.prec = _DIGITS
        steps = (quantity / step).to_integral_value(rounding="ROUND_DOWN")
        return (steps * step).normalize() + ZERO


def is_smaller(quantity: Decimal, than: Decimal) -> bool:
    """Whether a signed quantity is a part of another one: nothing, or less on the same side."""
    return abs(quantity) < abs(than) and quantity * than >= ZERO


def divide(dividend: Decimal, divisor: Decimal) -> Decimal:
    """Division with 60 significant digits, so that rounding to a lot step afterwards is exact."""
    with localcontext() as context:
        context.prec = _DIGITS
        return dividend / divisor


def plain(number: Decimal) -> str:
    """The number as text without exponent or trailing zeros: 0.058, 7500, -0.02342."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text
