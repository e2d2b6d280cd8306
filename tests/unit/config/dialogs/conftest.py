"""Conversations without a terminal."""

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pytest

from config.dialog import Console, run_dialog


@dataclass(frozen=True, slots=True)
class Talk:
    """What came of one conversation."""

    code: int
    shown: str
    complaint: str
    questions: int


class Answers(io.StringIO):
    """Lines given one by one, Enter for ever when they are used up, or an end at one of the questions."""

    def __init__(self, lines: Iterable[str], *, cut_at: int | None, end: Callable[[], str]) -> None:
        super().__init__()
        self._lines: Iterator[str] = iter(lines)
        self._cut_at = cut_at
        self._end = end
        self.asked = 0

    def readline(self, _size: int | None = -1, /) -> str:  # type: ignore[override]  # typeshed mixes bytes into io
        if self.asked == self._cut_at:
            return self._end()
        self.asked += 1
        return next(self._lines, "") + "\n"


def hold(
    dialog: Callable[[Console], None],
    answers: Iterable[str] = (),
    *,
    cut_at: int | None = None,
    end: Callable[[], str] = str,
) -> Talk:
    """Hold a conversation, cut off instead of the answer number `cut_at` if that is given."""
    reader = Answers(answers, cut_at=cut_at, end=end)
    shown, complaints = io.StringIO(), io.StringIO()
    console = Console(reader, shown, complaints)
    code = run_dialog(console, lambda: dialog(console))
    return Talk(code, shown.getvalue(), complaints.getvalue(), reader.asked)


@pytest.fixture(scope="session")
def talk() -> Callable[..., Talk]:
    return hold


def interrupt() -> str:
    raise KeyboardInterrupt


@pytest.fixture(params=[str, interrupt], ids=["end of input", "Ctrl-C"])
def ending(request: pytest.FixtureRequest) -> Callable[[], str]:
    """The two ways of giving up."""
    end: Callable[[], str] = request.param
    return end
