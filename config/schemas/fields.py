"""Strict building blocks of the file models: nothing is converted, guessed or rounded on the way in."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from core.model.failures import InvalidInput
from core.model.identity import AccountId, parse_source, parse_symbol

NOTE_PREFIXES = ("_", "$")
"""Keys that begin so are the operator's notes (`_why`) or an editor's hint (`$schema`); they are not read."""


class StrictModel(BaseModel):
    """A frozen part of a file: unknown keys are refused, notes are skipped, types are never converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _skip_notes(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
        return without_notes(value)


def without_notes(value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """An object without the operator's notes; anything else as it is."""
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if not str(key).startswith(NOTE_PREFIXES)}


def _as_decimal(value: Any) -> Decimal:  # noqa: ANN401 - whatever the file holds
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not is_number or not Decimal(value).is_finite():
        raise ValueError("must be a finite number")
    return Decimal(value)


def _as_float(value: Any) -> float:  # noqa: ANN401 - whatever the file holds
    return value if isinstance(value, float) else float(_as_decimal(value))


def _check_whole(number: Decimal) -> Decimal:
    if number != number.to_integral_value():
        raise ValueError("must be a whole number")
    return number


Exact = Annotated[Decimal, BeforeValidator(_as_decimal)]
"""A decimal as written; bounds are given where it is used."""

Whole = Annotated[Exact, AfterValidator(_check_whole)]
"""A whole number as a decimal."""

Span = Annotated[float, BeforeValidator(_as_float)]
"""A duration in seconds or another number that is no money."""


def _checked_by(parse: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        try:
            parse(text)
        except InvalidInput as error:
            raise ValueError(str(error)) from None
        return text

    return AfterValidator(check)


SymbolText = Annotated[str, _checked_by(parse_symbol)]
"""A unified symbol such as BTCUSDT."""

SourceText = Annotated[str, _checked_by(parse_source)]
"""A source's name such as tradingview."""

AccountText = Annotated[str, _checked_by(AccountId.parse)]
"""An account's key: exchange, or exchange::label."""
