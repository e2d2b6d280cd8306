from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from core.model.identity import AccountId, Symbol
from core.model.standing import Scope, Verb
from operations.command_files import CommandFiles, give_command
from simulation.bare_world import ToldFacts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = Scope(AccountId("bybit", "main"), Symbol("BTCUSDT"))


def give(folder: Path, verb: Verb = Verb.HALT, last_applied: int = 0) -> int:
    return give_command(folder, verb, SCOPE, "anna", NOW, "maintenance", last_applied)


def test_a_command_reads_back_as_given_and_only_once(tmp_path: Path) -> None:
    inbox = CommandFiles(tmp_path / "commands", ToldFacts())
    assert inbox.pending(0) == []

    number = give(tmp_path / "commands")

    (command,) = inbox.pending(0)
    assert (command.number, command.verb, command.scope, command.by) == (number, Verb.HALT, SCOPE, "anna")
    assert inbox.pending(number) == []


def test_numbers_go_on_after_those_already_applied(tmp_path: Path) -> None:
    assert give(tmp_path, last_applied=7) == 8
    assert give(tmp_path, last_applied=0) == 9


def test_commands_given_at_once_get_numbers_of_their_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda _: give(tmp_path), range(40)))

    assert sorted(numbers) == list(range(1, 41))
    assert [command.number for command in CommandFiles(tmp_path, ToldFacts()).pending(0)] == list(range(1, 41))


def test_an_unreadable_command_is_told_once_and_hides_no_other(tmp_path: Path) -> None:
    told = ToldFacts()
    inbox = CommandFiles(tmp_path, told)
    give(tmp_path)
    (tmp_path / "0000000002.json").write_text("{")
    give(tmp_path)

    assert [command.number for command in inbox.pending(0)] == [1, 3]
    assert [command.number for command in inbox.pending(0)] == [1, 3]
    assert told.names() == ["operator command unreadable"]
