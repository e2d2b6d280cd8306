"""The end of a journal whose last commit is still on its way to a slow disk."""

import asyncio
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from core.model.events import PositionAdopted
from core.model.identity import AccountId, Symbol
from operations.committers import WriterThread
from operations.journal_file import open_journal

BYBIT, BTC = AccountId("bybit"), Symbol("BTCUSDT")


async def test_a_commit_whose_asker_was_cancelled_ends_before_the_file_is_closed(tmp_path: Path) -> None:
    writer, begun, may_end = WriterThread(), threading.Event(), threading.Event()
    journal = open_journal(tmp_path / "journal.sqlite", "1" * 32, writer)

    def wait_inside(*_: object) -> int:
        begun.set()
        may_end.wait(10)
        return 0

    journal._connection.create_scalar_function("wait_inside", wait_inside, 1)
    commit = journal._commit
    journal._commit = lambda rows: commit([*rows, ("SELECT wait_inside(1)", ())])  # type: ignore[method-assign]
    adopted = PositionAdopted(BYBIT, BTC, datetime(2026, 1, 1, tzinfo=UTC), Decimal(1), "told to")
    asker = asyncio.create_task(journal.note(adopted))
    while not begun.is_set():  # noqa: ASYNC110 - it is set by another thread
        await asyncio.sleep(0.01)
    asker.cancel()
    asyncio.get_running_loop().call_later(0.05, may_end.set)
    await journal.drain()
    journal.close()
    writer.close()

    assert open_journal(tmp_path / "journal.sqlite", "2" * 32).ledger(BYBIT, BTC).owned == 1
