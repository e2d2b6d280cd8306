"""The way back to an earlier version of one of the operator's files."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from config.file_guard import check_may_replace
from config.files import write_atomically
from config.history import BY_HAND, ConfigHistory, Version, digest_of
from config.home import Home
from config.operator_files import OperatorFile, operator_files
from config.schemas.reading import read_bytes
from core.model.failures import InvalidConfig, InvalidInput

AUTHOR = "config undo"


@dataclass(frozen=True, slots=True)
class Undo:
    """One way back, not gone yet.

    Attributes:
        path: The file.
        before: What it holds now, None when it is gone.
        version: The version to bring back.
    """

    path: Path
    before: bytes | None
    version: Version

    @property
    def difference(self) -> str:
        """A unified diff from now to then."""
        now = (self.before or b"").decode(errors="replace").splitlines(keepends=True)
        then = self.version.content.splitlines(keepends=True)
        return "".join(difflib.unified_diff(now, then, f"{self.path.name} now", f"version {self.version.number}"))


def plan_undo(home: Home, file: OperatorFile | None = None, number: int | None = None) -> Undo:
    """What an undo would bring back.

    Args:
        home: Whose.
        file: Which; the one that changed last by default.
        number: The version to go back to; the one before the present one by default.

    Raises:
        InvalidInput: If there is no such version.
        InvalidConfig: If the version is not valid any more.
    """
    history = ConfigHistory(home)
    file = file or _changed_last(home, history)
    if not file.is_undoable:
        raise InvalidInput(f"{file.name} holds secrets, so its versions are not kept; restore a backup")
    path = file.path(home)
    content = read_bytes(path, "") if path.exists() else None
    if content is not None:
        _keep_if_valid(file, path, content, history)
    version = history.before(path, content or b"")
    if number is not None:
        version = next((known for known in history.versions(file.name) if known.number == number), None)
    if version is None:
        raise InvalidInput(f"{file.name}: no earlier version is known; see `./engine config history {file.name}`")
    file.check(version.content.encode(), Path(f"version {version.number} of {file.name}"))
    return Undo(path, content, version)


def apply_undo(home: Home, undo: Undo) -> Path | None:
    """Bring the version back; a content that was never in force is kept beside the file, and its path returned.

    Raises:
        InvalidInput: If the file changed since the plan was made.
        InvalidConfig: If the file is another's or read-only.
        core.model.failures.StorageFailure: If it cannot be written; the old file is then in place.
    """
    path = undo.path
    check_may_replace(path)
    now = path.read_bytes() if path.exists() else None
    if now != undo.before:
        raise InvalidInput(f"{path} was changed meanwhile; nothing was written, start again")
    history = ConfigHistory(home)
    copy = None
    if now is not None and all(version.digest != digest_of(now) for version in history.versions(path.name)):
        copy = path.with_name(f"{path.name}.undone-{digest_of(now)}")
        write_atomically(copy, now)
    content = undo.version.content.encode()
    write_atomically(path, content)
    history.record(path, content, AUTHOR, restores=undo.version.effective)
    return copy


def _keep_if_valid(file: OperatorFile, path: Path, content: bytes, history: ConfigHistory) -> None:
    """An edit by hand that no running engine has seen yet is a version too, if it is valid."""
    try:
        file.check(content, path)
    except InvalidConfig:
        return
    history.record(path, content, BY_HAND)


def _changed_last(home: Home, history: ConfigHistory) -> OperatorFile:
    """The file that differs from its newest version, else the one whose newest version is the newest of all."""
    files = [file for file in operator_files() if file.is_undoable]
    newest = {version.file: version for version in history.versions()}
    for file in files:
        path, version = file.path(home), newest.get(file.name)
        if version and (not path.exists() or digest_of(path.read_bytes()) != version.digest):
            return file
    known = [file for file in files if file.name in newest]
    if not known:
        raise InvalidInput("no version of any file is known yet")
    return max(known, key=lambda file: newest[file.name].number)
