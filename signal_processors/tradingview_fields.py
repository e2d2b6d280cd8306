"""The fields of a JSON message as text, bounded, so that numbers and quoted numbers read alike."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NoReturn

from core.model.failures import EngineError

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(?:[eE][+-]?[0-9]{1,2})?")
_EPOCH = re.compile(r"[0-9]{10}(?:[0-9]{3})?")
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT_TEXT = 128
_MILLISECOND_DIGITS = 13


class AlertRefused(EngineError):
    """The message will not be used; the text says why and repeats none of it."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The scalar fields of one message; those that are missing or null are empty."""

    values: Mapping[str, str]

    def text(self, name: str) -> str:
        """A field without the space around it."""
        return self.values.get(name, "").strip()

    def short_text(self, name: str) -> str:
        """A field of at most 128 printable characters.

        Raises:
            AlertRefused: If it is longer or not printable.
        """
        text = self.text(name)
        if len(text) > _SHORT_TEXT or not text.isprintable():
            raise AlertRefused(f"{name} is not at most {_SHORT_TEXT} printable characters")
        return text

    def flag(self, name: str) -> bool:
        """Whether a field says true."""
        return self.text(name).lower() in {"true", "1", "yes"}

    def number(self, name: str) -> Decimal | None:
        """A finite number with at most 30 digits, None when the field is empty.

        Raises:
            AlertRefused: If it is anything else.
        """
        text = self.text(name)
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            raise AlertRefused(f"{name} is not a number")
        return Decimal(text)

    def time(self, name: str) -> datetime | None:
        """A time as ISO-8601 (UTC when it names no zone) or as seconds or milliseconds since 1970.

        Raises:
            AlertRefused: If it is anything else.
        """
        text = self.text(name)
        if not text:
            return None
        try:
            if _EPOCH.fullmatch(text):
                milliseconds = int(text) * (1 if len(text) == _MILLISECOND_DIGITS else 1000)
                return _EPOCH_START + timedelta(milliseconds=milliseconds)
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise AlertRefused(f"{name} is not a time") from None


def read_fields(body: bytes) -> Fields:
    """Read a JSON object of scalars.

    Raises:
        AlertRefused: If it is anything else, or names a field twice.
    """
    try:
        message = json.loads(
            body.decode("utf-8-sig"),
            parse_float=str,
            parse_int=str,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError:
        raise AlertRefused("the message is not UTF-8 text") from None
    except RecursionError:
        raise AlertRefused("the message is nested too deeply") from None
    except ValueError:
        raise AlertRefused("the message is not valid JSON") from None
    if not isinstance(message, dict):
        raise AlertRefused("the message is not a JSON object")
    return Fields({name: _scalar(value) for name, value in message.items() if value is not None})


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise AlertRefused("a field holds an object or a list")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise AlertRefused("a field is given twice")
    return fields


def _refuse_constant(_text: str) -> NoReturn:
    raise AlertRefused("a number is not finite")
