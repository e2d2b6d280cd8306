"""Strict reading of an exchange's answers: what is missing or malformed is an error, never a default."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from core.model.failures import ExchangeFailure, InvalidInput
from core.model.money import finite_decimal

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = (str, int, float)


class MalformedReply(ExchangeFailure):
    """An answer lacks a field or holds something that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What every exchange wraps its answers in.

    Attributes:
        code: The exchange's code as text.
        message: The exchange's words.
        data: What was asked for, still raw.
        ok: Whether the code means success.
    """

    code: str
    message: str
    data: object
    ok: bool


class Row:
    """One JSON object of an answer.

    Args:
        fields: The object; anything else is malformed.
        place: Where it stood, for errors.
    """

    __slots__ = ("_fields", "_place")

    def __init__(self, fields: object, place: str) -> None:
        if not isinstance(fields, Mapping):
            raise MalformedReply(f"{place}: expected an object, found {type(fields).__name__}")
        self._fields = fields
        self._place = place

    @property
    def fields(self) -> Mapping[str, object]:
        """The object as it came."""
        return self._fields

    def text(self, name: str) -> str:
        """A field that must be there and not be empty; numbers become their text."""
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, _WORDS) or value == "":
            raise MalformedReply(f"{self._place}: field {name} is missing or empty")
        return str(value)

    def optional_text(self, name: str) -> str:
        """A field that may be missing, null or empty; then empty."""
        value = self._fields.get(name)
        return "" if value is None else str(value)

    def decimal(self, name: str) -> Decimal:
        """A number that must be there."""
        return self._decimal(self.text(name), name)

    def optional_decimal(self, name: str) -> Decimal | None:
        """A number that may be missing, null or empty; then None."""
        value = self._fields.get(name)
        return None if value in (None, "") else self._decimal(self.text(name), name)

    def flag(self, name: str) -> bool:
        """A truth value, or its text."""
        value = self._fields.get(name)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value in ("true", "false"):
            return value == "true"
        raise MalformedReply(f"{self._place}: field {name} is neither true nor false")

    def optional_flag(self, name: str) -> bool | None:
        """A truth value that may be missing or null; then None."""
        return None if self._fields.get(name) in (None, "") else self.flag(name)

    def time(self, name: str, per_millisecond: int = 1) -> datetime:
        """Milliseconds since 1970, or a finer unit, as UTC time of the exchange's clock."""
        text = self.text(name)
        if not text.isdecimal():
            raise MalformedReply(f"{self._place}: field {name} is no time: {text!r}")
        try:
            return moment(int(text) // per_millisecond)
        except (OverflowError, ValueError):
            raise MalformedReply(f"{self._place}: field {name} is no time: {text!r}") from None

    def choice(self, name: str, meanings: Mapping[str, T]) -> T:
        """A word of the exchange, translated by a table; a word outside it is malformed."""
        word = self.text(name)
        if word not in meanings:
            raise MalformedReply(f"{self._place}: {name} {word!r} is not one of {', '.join(meanings)}")
        return meanings[word]

    def row(self, name: str) -> "Row":
        """An object inside this one."""
        return Row(self._fields.get(name), f"{self._place}.{name}")

    def rows(self, name: str) -> list["Row"]:
        """A list of objects inside this one."""
        return rows_of(self._fields.get(name), f"{self._place}.{name}")

    def _decimal(self, text: str, name: str) -> Decimal:
        try:
            return finite_decimal(text, name)
        except InvalidInput as error:
            raise MalformedReply(f"{self._place}: {error}") from None


def rows_of(data: object, place: str) -> list[Row]:
    """A list of objects; anything else is malformed."""
    if not isinstance(data, list):
        raise MalformedReply(f"{place}: expected a list, found {type(data).__name__}")
    return [Row(item, f"{place}[{index}]") for index, item in enumerate(data)]


def moment(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as UTC time, without a float in between."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds_of(at: datetime) -> int:
    """UTC time as whole milliseconds since 1970."""
    return (at - _EPOCH) // timedelta(milliseconds=1)
