"""What a backup holds, taken while everything runs, and how it is put back."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from config.files import sync_directory
from config.home import Home
from core.model.failures import InvalidInput, StorageFailure
from core.model.standing import Scope, Verb
from operations.backup_archive import Manifest, unpack_archive, write_archive
from operations.command_files import give_command
from operations.engine_lock import EngineLock
from operations.journal_copy import copy_journal, renew_epoch
from operations.journal_file import read_only

PAPER_ACCOUNTS = "accounts.sqlite"
LEFT_ASIDE = "before_restore"
WHY_REDUCE_ONLY = "a backup was restored: look at ./engine status and ./engine doctor, then ./engine resume"
_PRIVATE_FOLDER = 0o700


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did, or would do.

    Attributes:
        made_at: When the backup was made, UTC as ISO text.
        files: What is put back, by name relative to the home.
        kept: What the home has in a newer state, and keeps.
        aside: The folder that holds what was replaced.
    """

    made_at: str
    files: tuple[str, ...]
    kept: tuple[str, ...]
    aside: Path


def make_backup(home: Home, target: Path, at: datetime) -> Manifest:
    """Copy configuration, journal, paper accounts and the sources' records into one archive, also while all runs.

    Not in it: the key of the credentials, `.env`, consents to live orders, logs, and what is only a view.

    Args:
        home: Whose.
        target: The archive; must not exist.
        at: UTC time.

    Raises:
        InvalidInput: If the target exists.
        StorageFailure: If something cannot be read or written.
    """
    if target.exists():
        raise InvalidInput(f"{target}: exists already; name another file")
    with tempfile.TemporaryDirectory(prefix="trade-engine.") as folder:
        files = dict(_plain_files(home))
        for name, path in _databases(home).items():
            if path.exists():
                copy = Path(folder) / path.name
                copy_journal(path, copy)
                files[name] = copy
        return write_archive(target, files, at.isoformat())


def restore_backup(home: Home, archive: Path, at: datetime, new_epoch: str, by: str, *, is_rehearsal: bool) -> Restored:
    """Put a backup back. Whatever it replaces is moved aside; the engine then only reduces until it is resumed.

    A source's record that the home still has is newer than the backup, and is kept.

    Args:
        home: Where to.
        archive: The backup.
        at: UTC time.
        new_epoch: 32 hex characters of chance, for the journal.
        by: Who restores.
        is_rehearsal: Check everything and change nothing.

    Raises:
        AlreadyRunning: If an engine, or something else that holds the paper accounts, runs on this home.
        InvalidInput: If the archive is no backup, or is damaged.
        StorageFailure: If something cannot be read or written.
    """
    home.state.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
    with ExitStack() as stack:
        stack.enter_context(EngineLock(home.engine_lock))
        if (home.paper / PAPER_ACCOUNTS).exists():
            stack.enter_context(EngineLock(home.paper / "accounts.lock"))
        staged = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=home.state, prefix=".restore.")))
        manifest = unpack_archive(archive, staged)
        names = _known(archive, manifest, home)
        kept = _records_to_keep(home, names)
        names = [name for name in names if name not in kept]
        journal = staged / _name(home, home.journal)
        if journal.exists():
            renew_epoch(journal, new_epoch)
        aside = home.state / f"{LEFT_ASIDE}_{at:%Y%m%dT%H%M%SZ}"
        if not is_rehearsal:
            _put_back(home, staged, names, aside)
            _restrict(home, at, by)
    return Restored(manifest.made_at, tuple(names), tuple(sorted(kept)), aside)


def _databases(home: Home) -> dict[str, Path]:
    """SQLite files, which are copied through SQLite; the journal first, so that it never knows more than exchanges."""
    return {_name(home, path): path for path in (home.journal, home.paper / PAPER_ACCOUNTS)}


def _settings(home: Home) -> tuple[Path, ...]:
    return (
        home.credentials, home.asset_mapping, home.signal_weights, home.bittensor_settings, home.engine_settings,
        home.webhook_keys,
    )  # fmt: skip


def _plain_files(home: Home) -> Iterator[tuple[str, Path]]:
    """Settings, their history, then of every source its memory before its record, which may so only be newer."""
    yield from ((_name(home, path), path) for path in _settings(home) if path.is_file())
    yield from _tree(home, home.config_history)
    records = dict(_tree(home, home.path / "raw_signals"))
    for name in sorted(records, key=lambda name: (PurePosixPath(name).suffix != ".json", name)):
        yield name, records[name]


def _tree(home: Home, folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            yield _name(home, path), path


def _name(home: Home, path: Path) -> str:
    return path.relative_to(home.path).as_posix()


def _known(archive: Path, manifest: Manifest, home: Home) -> list[str]:
    """The archive's names, all of which must be such as a backup holds."""
    single = {*(_name(home, path) for path in _settings(home)), *_databases(home)}
    folders = (f"{_name(home, home.config_history)}/", "raw_signals/")
    for name in manifest.files:
        if name not in single and not name.startswith(folders):
            raise InvalidInput(f"{archive}: holds {name}, which is no part of a backup")
    return sorted(manifest.files)


def _records_to_keep(home: Home, names: list[str]) -> set[str]:
    return {
        name
        for name in names
        if name.startswith("raw_signals/") and any(home.raw_signals(name.split("/")[1]).glob("[!.]*"))
    }


def _put_back(home: Home, staged: Path, names: list[str], aside: Path) -> None:
    replaced = [home.path / name for name in names]
    for database in (home.path / name for name in names if name in _databases(home)):
        replaced += [database.with_name(f"{database.name}{end}") for end in ("-wal", "-shm")]
    replaced += [home.operator_commands, home.last_passes, home.account_depths]
    try:
        for path in replaced:
            if path.exists():
                _move(path, aside / path.relative_to(home.path))
        for name in names:
            _move(staged / name, home.path / name)
    except OSError as error:
        remedy = f"what was replaced lies in {aside}; move it back, or restore again"
        raise StorageFailure(f"{home.path}: not wholly restored: {error.strerror or error}; {remedy}") from error


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
    shutil.move(source, target)
    sync_directory(target.parent)


def _restrict(home: Home, at: datetime, by: str) -> None:
    """Halts of after the backup are not in its journal: let nothing grow until a person has looked."""
    last_applied = 0
    if home.journal.exists():
        with read_only(home.journal) as journal:
            last_applied = journal.last_command()
    give_command(home.operator_commands, Verb.REDUCE_ONLY, Scope(), by, at, WHY_REDUCE_ONLY, last_applied)
