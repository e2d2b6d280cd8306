"""Questions on plain lines, answered by a person or a pipe, about one file that is written once, at the end.

    console = standard_console()
    draft = FileDraft(home.signal_weights)
    stored = draft.load(parse_weights, ())
    leverage = console.ask("Enter leverage for BTCUSDT: ", parse_leverage)
    draft.save(format_json(...))

A dialog asks everything before it writes anything, so that Ctrl-C or the end of input leaves the file as it was.
"""

import getpass
import hashlib
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeVar

from config.file_guard import check_may_replace
from config.files import SHARED_MODE, write_atomically
from config.history import recorded
from core.model.failures import EngineError, InvalidConfig, InvalidInput

if TYPE_CHECKING:
    from rich.console import RenderableType

T = TypeVar("T")

DONE, FAILED, USAGE, CONFIGURATION = 0, 1, 2, 78
"""Exit codes: done, failed or given up, wrong usage, a configuration file that must be mended first."""

MASK = "********"
_SHOWN_OF_A_KEY = 4
_LENGTH_FROM_WHICH_AN_END_IS_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Console:
    """Lines in, lines out. Tests give it their own streams; scripts take `standard_console()`.

    Attributes:
        reader: Where answers come from.
        writer: Where questions, tables and messages go.
        complaints: Where the reason of a failure goes.
    """

    reader: TextIO
    writer: TextIO
    complaints: TextIO

    def say(self, text: str = "") -> None:
        """Write one line."""
        self._write(f"{text}\n")

    def complain(self, text: str) -> None:
        """Write one line about a failure."""
        self.complaints.write(f"{text}\n")
        self.complaints.flush()

    def show(self, table: "RenderableType") -> None:
        """Write a table of rich, without colours, so that a transcript reads like a file."""
        from rich.console import Console as RichConsole  # noqa: PLC0415 - questions start without it

        RichConsole(file=self.writer, color_system=None, highlight=False, markup=False).print(table)

    def ask(self, prompt: str, parse: Callable[[str], T]) -> T:
        """Ask until an answer is accepted.

        Args:
            prompt: The question, as it stands on the line.
            parse: Reads the answer, stripped and empty for a mere Enter; InvalidInput says why it is asked again.

        Raises:
            EOFError: At the end of input.
        """
        return self._ask(prompt, parse, self._read_line)

    def ask_secret(self, prompt: str, parse: Callable[[str], T]) -> T:
        """As `ask`, but what is typed at a terminal is not echoed."""
        return self._ask(prompt, parse, self._read_secret)

    def _ask(self, prompt: str, parse: Callable[[str], T], read: Callable[[str], str]) -> T:
        while True:
            answer = read(prompt).strip()
            try:
                return parse(answer)
            except InvalidInput as problem:
                self.say(str(problem))

    def _read_line(self, prompt: str) -> str:
        self._write(prompt)
        line = self.reader.readline()
        if not line:
            raise EOFError
        return line

    def _read_secret(self, prompt: str) -> str:
        if self.reader is sys.stdin and self.reader.isatty():
            return getpass.getpass(prompt, stream=self.writer)
        return self._read_line(prompt)

    def _write(self, text: str) -> None:
        self.writer.write(text)
        self.writer.flush()


def standard_console() -> Console:
    """The console of this process; bytes that are not text become a mark that no rule accepts."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    return Console(sys.stdin, sys.stdout, sys.stderr)


class FileDraft:
    """One configuration file under edit: read once, written at most once.

    Args:
        path: The file.
        mode: Its mode from the first byte.
        author: Who writes it, for the history; the running script by default.

    Raises:
        InvalidConfig: If the file is another user's, read-only or no ordinary file: better said before the questions.
    """

    def __init__(self, path: Path, mode: int = SHARED_MODE, author: str = "") -> None:
        check_may_replace(path)
        self._path = path
        self._mode = mode
        self._author = author or Path(sys.argv[0]).name
        self._content = _read_if_present(path)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def content(self) -> bytes | None:
        """Its bytes as they were loaded or last saved, None where there was no file."""
        return self._content

    def load(self, parse: Callable[[bytes, Path], T], empty: T, /) -> T:
        """What the file says, `empty` where there is none.

        Raises:
            InvalidConfig: If it breaks its rules; a copy has then been kept and the file left as it is.
        """
        if self._content is None:
            return empty
        try:
            return parse(self._content, self._path)
        except InvalidConfig as error:
            if error.path != str(self._path):
                raise
            copy = self._keep_copy(self._content)
            remedy = f"{error.remedy} It was left as it is; a copy is in {copy.name}."
            raise InvalidConfig(error.path, error.field, error.value, error.problem, remedy) from error

    def save(self, content: bytes) -> None:
        """Replace the file; a Ctrl-C that comes while it is replaced is too late and passes unheeded.

        Raises:
            EngineError: If the file is no longer the one that was loaded.
            InvalidConfig: If it is another's or read-only.
            StorageFailure: If it cannot be written.
        """
        self.check_unchanged()
        with interrupts_too_late():
            if self._mode == SHARED_MODE:
                with recorded(self._path, self._content, content, author=self._author):
                    write_atomically(self._path, content, self._mode)
            else:
                write_atomically(self._path, content, self._mode)
            self._content = content

    def check_unchanged(self) -> None:
        """Nothing, while the file is the one that was loaded and may be replaced.

        Raises:
            EngineError: If it is another one by now.
            InvalidConfig: If it is another user's or read-only.
        """
        if _read_if_present(self._path) != self._content:
            raise EngineError(f"{self._path} was changed by someone else meanwhile. Nothing was written; start again.")
        check_may_replace(self._path)

    def restrict(self) -> None:
        """Take away what others may do with the file beyond its mode; its content stays as it is."""
        if self._content is not None and stat.S_IMODE(self._path.stat().st_mode) & ~self._mode:
            self._path.chmod(self._mode)

    def _keep_copy(self, content: bytes) -> Path:
        digest = hashlib.sha256(content).hexdigest()[:8]
        copy = self._path.with_name(f"{self._path.name}.broken-{digest}")
        write_atomically(copy, content, self._mode)
        return copy


def run_dialog(console: Console, dialog: Callable[[], None]) -> int:
    """Run a dialog to its end and give the exit code.

    Ctrl-C and the end of input mean that nothing was written: a dialog writes last.
    """
    try:
        dialog()
    except (EOFError, KeyboardInterrupt):
        console.say()
        console.complain("Given up. Nothing was written.")
        return FAILED
    except InvalidConfig as error:
        console.complain(str(error))
        return CONFIGURATION
    except InvalidInput as error:
        console.complain(str(error))
        return USAGE
    except EngineError as error:
        console.complain(str(error))
        return FAILED
    return DONE


def prompt_line(question: str, *notes: str) -> str:
    """A prompt as the README writes it: the question, its notes in one pair of parentheses, a colon and a space."""
    noted = f" ({', '.join(note for note in notes if note)})" if any(notes) else ""
    return f"{question}{noted}: "


def current_value_note(shown: str | None) -> str:
    """The note that says what Enter keeps; empty where there is nothing to keep."""
    return f"press Enter for current value: {shown}" if shown is not None else ""


def choice(letters: str) -> Callable[[str], str]:
    """A parser of one of several letters, upper or lower case; an empty answer is the first letter."""

    def parse(answer: str) -> str:
        chosen = answer.lower() or letters[0]
        if len(chosen) != 1 or chosen not in letters:
            raise InvalidInput(f"Please answer {', '.join(letters[:-1])} or {letters[-1]}.")
        return chosen

    return parse


def two_decimals(number: Decimal) -> str:
    """The number with two decimals, or with as many as it needs: 0.10, 1.00, 0.125."""
    places = max(2, -int(number.normalize().as_tuple().exponent))
    return f"{number:.{places}f}"


def mask(secret: str) -> str:
    """Stars, and the end of a long key, by which its owner knows it."""
    return MASK + (secret[-_SHOWN_OF_A_KEY:] if len(secret) >= _LENGTH_FROM_WHICH_AN_END_IS_SHOWN else "")


@contextmanager
def interrupts_too_late() -> Iterator[None]:
    """Let Ctrl-C pass unheeded while the block runs: it came too late to mean that nothing is written."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Ctrl-C interrupts the main thread only
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _read_if_present(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidConfig(
            str(path), "", "", f"cannot be read: {error.strerror}", "Check its owner and mode."
        ) from error
