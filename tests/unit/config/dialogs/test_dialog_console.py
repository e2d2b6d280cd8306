"""The console and the draft that every dialog stands on."""

import io
import signal
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from config import dialog
from config.dialog import (
    CONFIGURATION,
    DONE,
    FAILED,
    USAGE,
    Console,
    FileDraft,
    choice,
    current_value_note,
    mask,
    prompt_line,
    run_dialog,
    two_decimals,
)
from config.files import parse_json
from core.model.failures import EngineError, InvalidConfig, InvalidInput, StorageFailure


def console_with(typed: str) -> Console:
    return Console(io.StringIO(typed), io.StringIO(), io.StringIO())


def written(console: Console) -> str:
    assert isinstance(console.writer, io.StringIO)
    return console.writer.getvalue()


def complained(console: Console) -> str:
    assert isinstance(console.complaints, io.StringIO)
    return console.complaints.getvalue()


@pytest.mark.parametrize(
    ("notes", "prompt"),
    [
        ((), "Enter leverage for TAOUSDT: "),
        (("", ""), "Enter leverage for TAOUSDT: "),
        (("a", "", "b"), "Enter leverage for TAOUSDT (a, b): "),
        ((current_value_note("3"),), "Enter leverage for TAOUSDT (press Enter for current value: 3): "),
        ((current_value_note(None),), "Enter leverage for TAOUSDT: "),
    ],
)
def test_a_prompt_keeps_its_notes_in_one_pair_of_parentheses(notes: tuple[str, ...], prompt: str) -> None:
    assert prompt_line("Enter leverage for TAOUSDT", *notes) == prompt


@pytest.mark.parametrize(
    ("number", "shown"), [("0.1", "0.10"), ("1", "1.00"), ("0", "0.00"), ("0.125", "0.125"), ("0.100", "0.10")]
)
def test_a_weight_shows_two_decimals_or_as_many_as_it_needs(number: str, shown: str) -> None:
    assert two_decimals(Decimal(number)) == shown


def test_an_answer_that_breaks_a_rule_is_asked_again_with_the_reason() -> None:
    console = console_with("x\n\n m \n")
    assert console.ask("Choose (k/m/n): ", choice("kmn")) == "k"
    assert written(console) == "Choose (k/m/n): Please answer k, m or n.\nChoose (k/m/n): "
    assert console.ask("Choose (k/m/n): ", choice("kmn")) == "m"


def test_a_secret_is_never_shown_whole_and_a_short_one_not_at_all() -> None:
    assert mask("hunter2") == "********"
    assert mask("abcdefghijklmnop") == "********mnop"


def test_the_end_of_input_gives_up_and_says_that_nothing_was_written() -> None:
    console = console_with("")

    def ask() -> None:
        console.ask("Name: ", str)

    assert run_dialog(console, ask) == FAILED
    assert written(console) == "Name: \n"
    assert complained(console) == "Given up. Nothing was written.\n"


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (InvalidConfig("a.json", "field", "1", "problem", "remedy"), CONFIGURATION),
        (InvalidInput("bad flag"), USAGE),
        (StorageFailure("disk full"), FAILED),
        (KeyboardInterrupt(), FAILED),
    ],
)
def test_the_exit_code_tells_what_kind_of_failure_it_was(failure: BaseException, code: int) -> None:
    def fail() -> None:
        raise failure

    assert run_dialog(console_with(""), fail) == code
    assert run_dialog(console_with(""), lambda: None) == DONE


def test_a_missing_file_is_empty_and_a_broken_one_is_copied_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    assert FileDraft(path).load(parse_json, []) == []

    path.write_bytes(b'[{"symbol": "BTCUS')
    path.chmod(0o640)
    for _ in range(2):
        with pytest.raises(InvalidConfig, match=r"not valid JSON.* a copy is in weights.json.broken-[0-9a-f]{8}\."):
            FileDraft(path).load(parse_json, [])

    (copy,) = tmp_path.glob("*.broken-*")
    assert path.read_bytes() == copy.read_bytes() == b'[{"symbol": "BTCUS'


def test_the_copy_of_a_private_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_bytes(b"{")
    with pytest.raises(InvalidConfig):
        FileDraft(path, 0o600).load(parse_json, {})
    (copy,) = tmp_path.glob("*.broken-*")
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    draft = FileDraft(path)
    path.write_bytes(b"[1]")
    with pytest.raises(EngineError, match="changed by someone else"):
        draft.save(b"[2]")
    assert path.read_bytes() == b"[1]"


def test_ctrl_c_during_the_write_neither_tears_nor_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_interrupted(path: Path, content: bytes, _mode: int) -> None:
        # To this thread: a terminal's Ctrl-C reaches a script's only one, the test runner has others.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        path.write_bytes(content)

    monkeypatch.setattr(dialog, "write_atomically", write_interrupted)
    path = tmp_path / "weights.json"
    console = console_with("")
    assert run_dialog(console, lambda: FileDraft(path).save(b"[1]")) == DONE
    assert path.read_bytes() == b"[1]"
    assert complained(console) == ""
