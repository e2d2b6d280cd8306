"""Lists cut into numbered pages, as KuCoin (`currentPage`, `pageSize`) and MEXC (`page_num`, `page_size`) answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from paper.refusals import Reason, Refused
from paper.wire import Call

Row = TypeVar("Row")
LARGEST_PAGE_NUMBER = 100_000


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list.

    Attributes:
        rows: What is on it.
        number: 1 for the first.
        size: Rows that fit on a page.
        total: Rows on all pages.
    """

    rows: Sequence[Row]
    number: int
    size: int
    total: int

    @property
    def count(self) -> int:
        """How many pages there are."""
        return -(-self.total // self.size)


def cut_page(rows: Sequence[Row], number: int, size: int) -> Page[Row]:
    """The page of that number; one beyond the end is empty."""
    first = (number - 1) * size
    return Page(rows[first : first + size], number, size, len(rows))


def is_between(call: Call, start_name: str, end_name: str, at_ms: int) -> bool:
    """Whether a moment lies in the range that the request names, in milliseconds, both ends included.

    Raises:
        Refused: If an end is not a whole number.
    """
    return _bound(call, start_name, 0) <= at_ms <= _bound(call, end_name, at_ms)


def _bound(call: Call, name: str, default: int) -> int:
    text = call.text(name)
    if text and not text.isdecimal():
        raise Refused(Reason.BAD_REQUEST, f"parameter {name} is not a time in milliseconds")
    return int(text) if text else default
