"""Every version of the operator's files that came into force: what, when, by a script or by hand; and the way back.

One file a version under `state/config_history`, written whole and not changed but to name the script that wrote it. No
file with secrets is kept here.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, TypeAdapter

from config.files import PRIVATE_MODE, format_json, sync_directory, write_atomically
from config.home import Home
from config.schemas.fields import StrictModel
from config.schemas.reading import parse_model
from core.model.failures import InvalidConfig, StorageFailure

BY_HAND = "hand"
DIGEST_LENGTH = 12
KEPT_VERSIONS = 500
_NAME = re.compile(r"(\d{10})\.json")


class Version(StrictModel):
    """One version of one file.

    Attributes:
        number: Grows with every version of this installation.
        file: The file's name.
        at: UTC time at which the file was written, ISO 8601.
        author: The script that wrote it, or `hand`.
        digest: Of the content.
        content: The whole file.
        restores: The version that an undo brought back, None for a new one.
    """

    number: int = Field(ge=1)
    file: str
    at: str
    author: str
    digest: str
    content: str
    restores: int | None = None

    @property
    def effective(self) -> int:
        """The number of the version whose content this is."""
        return self.restores or self.number


_VERSION = TypeAdapter(Version)


def digest_of(content: bytes) -> str:
    """Tells contents apart."""
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]


@dataclass(frozen=True, slots=True)
class ConfigHistory:
    """The versions of one home."""

    home: Home

    def versions(self, file: str = "") -> Sequence[Version]:
        """All readable versions, oldest first.

        Args:
            file: Only of the file with this name; empty for all.

        Raises:
            StorageFailure: If the folder cannot be read.
        """
        found = (self._read(number) for number in _numbers(self.home.config_history))
        return [version for version in found if version and file in ("", version.file)]

    def newest(self, file: str) -> Version | None:
        """The newest readable version of one file, None when there is none.

        Raises:
            StorageFailure: If the folder cannot be read.
        """
        return self._newest(file, _numbers(self.home.config_history))

    def _newest(self, file: str, numbers: Sequence[int]) -> Version | None:
        found = (self._read(number) for number in reversed(numbers))
        return next((version for version in found if version and version.file == file), None)

    def record(self, path: Path, content: bytes, author: str, restores: int | None = None) -> Version | None:
        """Keep a version that is now in the file; None when it is the newest one already.

        Args:
            path: The file; its time of change is the version's.
            content: What it holds.
            author: The script that wrote it, or `hand`.
            restores: The version that an undo brought back.

        Raises:
            StorageFailure: If it cannot be kept.
        """
        at = datetime.fromtimestamp(_changed_at(path), UTC).isoformat(timespec="seconds")
        digest, text = digest_of(content), content.decode()
        draft = Version(number=1, file=path.name, at=at, author=author, digest=digest, content=text, restores=restores)
        kept = None
        while kept is None:
            numbers = _numbers(self.home.config_history)
            newest = self._newest(path.name, numbers)
            if newest is None or newest.digest != digest:
                version = draft.model_copy(update={"number": max([0, *numbers]) + 1})
            elif newest.author == BY_HAND != author and newest.effective != restores:
                # A running service saw what the script wrote before the script could tell.
                version = newest.model_copy(update={"author": author, "restores": restores})
            else:
                return None
            kept = self._keep(version, numbers)
        return kept

    def before(self, path: Path, content: bytes) -> Version | None:
        """The version that an undo would bring back, None when there is none.

        Args:
            path: The file.
            content: What it holds now; when that never came into force, the newest version is meant.
        """
        versions = self.versions(path.name)
        if not versions or versions[-1].digest != digest_of(content):
            return versions[-1] if versions else None
        earlier = [version for version in versions if version.number < versions[-1].effective]
        return earlier[-1] if earlier else None

    def _read(self, number: int) -> Version | None:
        path = _path(self.home.config_history, number)
        try:
            return parse_model(_VERSION, path.read_bytes(), path)
        except (OSError, InvalidConfig):
            return None

    def _keep(self, version: Version, known: Sequence[int]) -> Version | None:
        """Write one version; None when another process took its number meanwhile."""
        folder = self.home.config_history
        content = format_json(version.model_dump())
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if version.number in known:
                write_atomically(_path(folder, version.number), content, PRIVATE_MODE)
                return version
            hidden = folder / f".draft.{os.getpid()}.{secrets.token_hex(4)}"
            write_atomically(hidden, content, PRIVATE_MODE)
            try:
                _path(folder, version.number).hardlink_to(hidden)
            except FileExistsError:
                return None
            finally:
                hidden.unlink(missing_ok=True)
            for old in known[: max(0, len(known) + 1 - KEPT_VERSIONS)]:
                _path(folder, old).unlink(missing_ok=True)
            sync_directory(folder)
        except OSError as error:
            raise StorageFailure(f"{folder}: a version cannot be kept: {error.strerror or error}") from error
        return version


@contextmanager
def recorded(path: Path, before: bytes | None, after: bytes, author: str) -> Iterator[None]:
    """Keep what a script replaces, if that was not kept yet, and what it has written when the block is done.

    A full disk loses no configuration: the version is then recorded by the engine, as written by hand.

    Args:
        path: The file, in its home.
        before: What it holds before, None when there is none.
        after: What it holds once the block is done.
        author: The script, such as `config/signal_weights.py`.
    """
    history = ConfigHistory(Home(path.parent))
    with suppress(StorageFailure, UnicodeDecodeError):
        if before is not None:
            history.record(path, before, BY_HAND)
    yield
    with suppress(StorageFailure, UnicodeDecodeError):
        history.record(path, after, author)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _numbers(folder: Path) -> list[int]:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageFailure(f"{folder}: cannot be read: {error.strerror or error}") from error
    return [int(match.group(1)) for name in names if (match := _NAME.fullmatch(name))]


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:010}.json"
