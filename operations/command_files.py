"""Operator commands as files: written whole by the command line, read by the engine, one file a command."""

import os
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from config.files import PRIVATE_MODE, sync_directory, write_atomically
from core.model.failures import InvalidInput, StorageFailure
from core.model.standing import OperatorCommand, Scope, Verb
from core.ports.telemetry import Telemetry

_NAME = re.compile(r"(\d{10})\.json")


class CommandFiles:
    """core.ports.command_inbox.CommandInbox over a folder."""

    def __init__(self, folder: Path, telemetry: Telemetry) -> None:
        self._folder = folder
        self._telemetry = telemetry
        self._set_aside: set[int] = set()

    def pending(self, after: int) -> Sequence[OperatorCommand]:
        """The commands with a number above `after`, in order; an unreadable one is told once and skipped."""
        commands = []
        for number in _numbers(self._folder):
            if number > after and number not in self._set_aside:
                command = self._read(number)
                if command:
                    commands.append(command)
        return commands

    def _read(self, number: int) -> OperatorCommand | None:
        path = _path(self._folder, number)
        try:
            command = msgspec.json.decode(path.read_bytes(), type=OperatorCommand)
        except (OSError, msgspec.MsgspecError, InvalidInput) as error:
            self._set_aside.add(number)
            self._telemetry.tell("operator command unreadable", path=str(path), why=str(error))
            return None
        return command if command.number == number else None


def give_command(folder: Path, verb: Verb, scope: Scope, by: str, at: datetime, why: str, last_applied: int) -> int:
    """Leave a command for the engine, also for one that is not running now; its number.

    Args:
        folder: The home's command folder; created with mode 0700.
        verb: What is asked.
        scope: About what.
        by: Who asks.
        at: UTC time.
        why: The reason, for those who read later.
        last_applied: Number of the last command that the journal applied; the new one is higher.

    Raises:
        StorageFailure: If it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = max([last_applied, *_numbers(folder)]) + 1
        while True:
            command = OperatorCommand(number, verb, scope, by, at, why)
            draft = folder / f".draft.{os.getpid()}.{secrets.token_hex(4)}"
            write_atomically(draft, msgspec.json.encode(command), PRIVATE_MODE)
            try:
                _path(folder, number).hardlink_to(draft)
            except FileExistsError:
                number += 1
                continue
            finally:
                draft.unlink(missing_ok=True)
            sync_directory(folder)
            return number
    except OSError as error:
        raise StorageFailure(f"{folder}: the command cannot be left: {error.strerror or error}") from error


def _numbers(folder: Path) -> list[int]:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return []
    return [int(match.group(1)) for name in names if (match := _NAME.fullmatch(name))]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:010}.json"
