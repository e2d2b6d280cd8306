"""The journal in and out of a backup: a consistent copy while the engine writes, and a new epoch after a restore."""

from pathlib import Path

import apsw

from core.model.failures import StorageFailure
from operations.journal_file import open_journal

UNPROVEN = "UPDATE ledgers SET payload = json_set(payload, '$.ever_traded', json('false'))"
"""After a restore the journal may have missed fills: what is held must be explained anew, or be adopted."""


def copy_journal(source: Path, target: Path) -> None:
    """Write one consistent copy of the journal, or of another database of ours, also while an engine commits to it.

    Args:
        source: The database.
        target: Must not exist.

    Raises:
        StorageFailure: If there is no journal, it cannot be read, or the copy cannot be written.
    """
    try:
        connection = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(5000)
            connection.execute("VACUUM INTO ?", (str(target),))
        finally:
            connection.close()
    except apsw.Error as error:
        raise StorageFailure(f"{source}: the journal cannot be copied: {error}") from error


def renew_epoch(path: Path, new_epoch: str) -> str:
    """Make a restored journal one that never meets its own past again.

    The epoch, and with it every future order id, is new; the installation's tag stays, so that orders from
    before the restore are still recognised as ours. No ledger counts as traded any more: a position that the
    restored fills do not explain is met as on the first day, and nothing is sent for it until it is adopted.

    Args:
        path: The restored journal, which no engine has open; upgraded if it is of an older schema.
        new_epoch: 32 hex characters of chance.

    Returns:
        The tag.

    Raises:
        StorageFailure: If the file is no sound journal, or comes from a newer release.
    """
    journal = open_journal(path, new_epoch)
    tag = journal.tag
    journal.close()
    try:
        connection = apsw.Connection(str(path))
        try:
            _check_soundness(connection, path)
            with connection:
                connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (new_epoch,))
                connection.execute(UNPROVEN)
            connection.execute("PRAGMA journal_mode=DELETE")
        finally:
            connection.close()
    except apsw.Error as error:
        raise StorageFailure(f"{path}: the journal's epoch cannot be renewed: {error}") from error
    return tag


def _check_soundness(connection: apsw.Connection, path: Path) -> None:
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise StorageFailure(f"{path}: the journal is damaged: {'; '.join(found)}")
