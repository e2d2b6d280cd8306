"""What we may say about anything read from outside: a value with its time, or unknown. Unknown is never flat."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """A value that was read, complete and well-formed.

    Attributes:
        value: What was read.
        read_at: UTC time at which the request was sent, so that age is never understated.
    """

    value: T_co
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Unknown:
    """A read that failed, was partial or malformed; it never trades and never counts as zero."""

    reason: str


@dataclass(frozen=True, slots=True)
class Absent(Unknown):
    """The read was complete and there is nothing there yet: a source that has never spoken."""


@dataclass(frozen=True, slots=True)
class Barred(Unknown):
    """The exchange does not accept the credentials; asking again soon is of no use."""


@dataclass(frozen=True, slots=True)
class HeldBack(Unknown):
    """Not asked: our own budget of calls is used up for so many seconds."""

    retry_after_seconds: float


Reading = Known[T_co] | Unknown
