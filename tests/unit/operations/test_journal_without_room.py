"""A start on a full disk, played by a limit on the size of this process's files: nothing is written, nothing grows.

One without a free inode is played by a VFS that makes no file.
"""

import asyncio
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from core.model.events import PositionAdopted
from core.model.failures import StorageFailure
from core.model.identity import AccountId, Symbol
from operations.engine_lock import AlreadyRunning, EngineLock, running_engine
from operations.journal_file import open_journal, read_only
from simulation.watched_sqlite import WatchedFile, WatchedFiles

EPOCH, LATER, LAST = "00" * 15 + "01", "00" * 15 + "02", "00" * 15 + "03"
ACCOUNT, BTC = AccountId("bybit"), Symbol("BTCUSDT")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HELD = PositionAdopted(ACCOUNT, BTC, NOW, Decimal("0.06"), "")
SCHEMA_1 = Path(__file__).parent / "journals" / "schema_0001.sql"


@contextmanager
def no_room() -> Iterator[None]:
    """No file of this process grows while the block runs, and none is written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def no_new_file() -> Iterator[None]:
    """SQLite can make no file while the block runs, and may write those that there are."""

    def open_file(name: Any, flags: Any) -> WatchedFile:  # noqa: ANN401 - apsw's types
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path and not Path(path).exists():
            raise apsw.CantOpenError("unable to open database file")
        return WatchedFile(name, flags)

    vfs = WatchedFiles("without_inode", open_file)
    try:
        yield
    finally:
        vfs.unregister()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal that an engine left in order."""
    path = tmp_path / "50% of #1?" / "journal.sqlite"
    journal = open_journal(path, EPOCH)
    asyncio.run(journal.record(HELD))
    journal.close()
    return path


async def test_a_journal_opens_on_a_full_disk_with_all_it_held_and_says_that_it_keeps_nothing(path: Path) -> None:
    with no_room():
        journal = open_journal(path, LATER)
        assert "could not be written" in journal.problem()
        assert journal.ledger(ACCOUNT, BTC).owned == Decimal("0.06")
        with pytest.raises(StorageFailure):
            await journal.record(HELD)
        assert not await journal.note(PositionAdopted(ACCOUNT, BTC, NOW, Decimal("0.05"), ""))
        assert journal.ledger(ACCOUNT, BTC).owned == Decimal("0.05")
        journal.close()

    anew = open_journal(path, LAST)
    assert (anew.problem(), anew.epoch, anew.ledger(ACCOUNT, BTC).owned) == ("", EPOCH, Decimal("0.06"))
    anew.close()


def test_orders_after_a_start_on_a_full_disk_have_ids_that_no_other_start_derives(path: Path) -> None:
    epochs = [EPOCH]
    with no_room():
        for chance in (LATER, LAST):
            journal = open_journal(path, chance)
            epochs.append(journal.epoch)
            assert journal.tag == "100000"
            journal.close()

    assert len(set(epochs)) == 3


def test_a_journal_that_a_killed_engine_left_opens_on_a_full_disk_with_its_log(path: Path) -> None:
    code = (
        "import asyncio, os, sys; from pathlib import Path; from operations.journal_file import open_journal\n"
        "from tests.unit.operations.test_journal_without_room import HELD, LATER; from dataclasses import replace\n"
        "journal = open_journal(Path(sys.argv[1]), LATER)\n"
        "asyncio.run(journal.record(replace(HELD, quantity=HELD.quantity / 2))); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, cwd=Path(__file__).parents[3])  # noqa: S603 - our own code
    with no_room():
        journal = open_journal(path, LAST)
        assert journal.ledger(ACCOUNT, BTC).owned == Decimal("0.03")
        assert not asyncio.run(journal.note(HELD))
        assert journal.problem()
        journal.close()

    anew = open_journal(path, LAST)
    assert anew.ledger(ACCOUNT, BTC).owned == Decimal("0.03")
    anew.close()


def test_a_journal_is_looked_at_on_a_full_disk_also_while_an_engine_runs_over_it(path: Path) -> None:
    with no_room():
        journal = open_journal(path, LATER)
        with read_only(path) as looked:
            assert looked.ledger(ACCOUNT, BTC).owned == Decimal("0.06")
        journal.close()


async def test_a_journal_left_in_order_opens_where_no_file_can_be_made_and_says_that_it_keeps_nothing(
    path: Path,
) -> None:
    with no_new_file():
        journal = open_journal(path, LATER)
        assert "could not be written: no file can be made beside it" in journal.problem()
        assert (journal.tag, journal.ledger(ACCOUNT, BTC).owned) == ("100000", Decimal("0.06"))
        assert not await journal.note(PositionAdopted(ACCOUNT, BTC, NOW, Decimal("0.05"), ""))
        assert journal.ledger(ACCOUNT, BTC).owned == Decimal("0.05")
        assert journal.epoch != EPOCH
        journal.close()
        assert list(path.parent.iterdir()) == [path]

    anew = open_journal(path, LAST)
    assert (anew.problem(), anew.epoch, anew.ledger(ACCOUNT, BTC).owned) == ("", EPOCH, Decimal("0.06"))
    anew.close()


def test_a_journal_left_in_order_is_looked_at_where_no_file_can_be_made(path: Path) -> None:
    with no_new_file(), read_only(path) as looked:
        assert looked.ledger(ACCOUNT, BTC).owned == Decimal("0.06")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("missing", "unable to open database file"),
        ("a folder", "cannot be opened|cannot be read"),
        ("damaged", "malformed"),
        ("no database", "not a database"),
        ("newer", "of schema 99, .* use the newer release"),
        ("older", "of schema 1, .* make room on the disk, then start the engine to bring it up to date"),
    ],
)
def test_what_is_no_sound_journal_of_this_release_is_refused_where_no_file_can_be_made(
    path: Path, state: str, told: str
) -> None:
    content = path.read_bytes()
    path.unlink()
    if state == "a folder":
        path.mkdir()
    elif state == "damaged":
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    elif state == "no database":
        path.write_bytes(b"\xff" * len(content))
    elif state in {"newer", "older"}:
        connection = apsw.Connection(str(path))
        connection.execute(SCHEMA_1.read_text())
        connection.pragma("user_version", 99 if state == "newer" else 1)
        connection.pragma("journal_mode", "wal")
        connection.close()
    with no_new_file():
        with pytest.raises(StorageFailure, match=told):
            open_journal(path, LATER)
        with pytest.raises(StorageFailure, match="no journal to read" if state == "missing" else told), read_only(path):
            pass


@pytest.mark.parametrize("is_new", [True, False])
def test_a_journal_that_must_be_made_or_upgraded_does_not_open_on_a_full_disk(tmp_path: Path, *, is_new: bool) -> None:
    path = tmp_path / "journal.sqlite"
    if not is_new:
        connection = apsw.Connection(str(path))
        connection.execute(SCHEMA_1.read_text())
        connection.close()
    with no_room(), pytest.raises(StorageFailure, match=rf"of schema {0 if is_new else 1}, .* make room on the disk"):
        open_journal(path, LATER)

    journal = open_journal(path, LAST)
    assert journal.problem() == ""
    journal.close()


def test_a_journal_that_needs_no_upgrade_is_not_written_by_opening_it(path: Path) -> None:
    before = path.read_bytes()
    journal = open_journal(path, LATER)
    log = path.with_name(f"{path.name}-wal")
    assert log.stat().st_size == 0
    journal.close()

    assert path.read_bytes() == before


def test_the_lock_is_held_on_a_full_disk_and_tells_its_holder_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "engine.lock"
    with no_room(), EngineLock(path):
        assert path.read_text() == ""
        assert running_engine(path) == os.getpid()
        with pytest.raises(AlreadyRunning), EngineLock(path):
            pass
    assert running_engine(path) is None
