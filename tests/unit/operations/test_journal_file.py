import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from core.model.events import OrderAccepted, OrderIntended, OrderSettled
from core.model.failures import StorageFailure
from core.model.identity import AccountId, ClientOrderId, SourceName, Symbol
from core.model.ledger import IllegalTransition, OrderPhase
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from operations.committers import Commit, WriterThread
from operations.journal_file import open_journal, read_only

NOW = datetime(2026, 1, 1, 12, 30, 0, 123456, tzinfo=UTC)
ACCOUNT, BTC = AccountId("bybit", "main"), Symbol("BTCUSDT")
EPOCH = "00112233445566778899aabbccddeeff"


def intended(number: int, symbol: Symbol = BTC) -> OrderIntended:
    client_order_id = ClientOrderId(f"{number:032}")
    quantity = Decimal("0.123456789012345678")
    intent = OrderIntent(
        client_order_id, ACCOUNT, symbol, Side.BUY, quantity, False, MarginMode.ISOLATED, Decimal(3), 1
    )
    return OrderIntended(ACCOUNT, symbol, NOW, intent)


async def test_what_was_recorded_is_there_after_reopening(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "state" / "journal.sqlite", EPOCH)
    await journal.record(intended(1), OrderAccepted(ACCOUNT, BTC, NOW, ClientOrderId(f"{1:032}"), "77"))
    written = journal.ledger(ACCOUNT, BTC)
    journal.close()

    reopened = open_journal(tmp_path / "state" / "journal.sqlite", "ff" * 16)

    assert reopened.ledger(ACCOUNT, BTC) == written
    assert written.orders[0].phase is OrderPhase.ACCEPTED
    assert written.orders[0].intent.quantity == Decimal("0.123456789012345678")
    assert (reopened.epoch, reopened.tag) == (EPOCH, journal.tag)
    assert [type(event).__name__ for event in reopened.history(ACCOUNT, BTC)] == ["OrderIntended", "OrderAccepted"]
    assert reopened.history(ACCOUNT, BTC)[0] == intended(1)
    reopened.close()


async def test_everything_ready_in_one_turn_shares_one_commit(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.sqlite", EPOCH)
    before = journal.commits

    await asyncio.gather(*(journal.record(intended(number, Symbol(f"S{number}USDT"))) for number in range(80)))

    assert journal.commits - before == 1
    assert len(journal.ledgers(ACCOUNT)) == 80
    journal.close()


async def test_an_illegal_event_writes_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.sqlite", EPOCH)
    settled = OrderSettled(ACCOUNT, BTC, NOW, ClientOrderId("x" * 32), Decimal(1), None)

    with pytest.raises(IllegalTransition):
        await journal.record(intended(1), settled)

    assert journal.history(ACCOUNT, BTC) == []
    assert journal.ledger(ACCOUNT, BTC).orders == ()
    journal.close()


async def test_after_a_failed_commit_every_record_is_refused(tmp_path: Path) -> None:
    failing = False

    async def commit_or_fail(commit: Commit) -> None:
        if failing:
            raise apsw.IOError("disk")
        commit()

    journal = open_journal(tmp_path / "journal.sqlite", EPOCH, commit_or_fail)
    await journal.record(intended(1))
    failing = True
    with pytest.raises(StorageFailure, match="could not be written"):
        await journal.record(intended(2, Symbol("ETHUSDT")))
    failing = False

    with pytest.raises(StorageFailure, match="could not be written"):
        await journal.record(intended(3, Symbol("TAOUSDT")))
    journal.close()


async def test_what_comes_while_a_commit_runs_shares_the_next_one(tmp_path: Path) -> None:
    goes_on = asyncio.Event()

    async def slow(commit: Commit) -> None:
        await goes_on.wait()
        commit()

    journal = open_journal(tmp_path / "journal.sqlite", EPOCH, slow)
    before, writing = journal.commits, []
    for number in range(6):
        writing.append(asyncio.create_task(journal.record(intended(number, Symbol(f"S{number}USDT")))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    goes_on.set()
    await asyncio.gather(*writing)

    assert journal.commits - before == 2
    journal.close()


async def test_one_commit_keeps_more_events_than_one_statement_holds_in_order_and_the_last_ledger(
    tmp_path: Path,
) -> None:
    journal = open_journal(tmp_path / "journal.sqlite", EPOCH)
    count = 700
    for_one_commit = [intended(number) for number in range(count)]

    await journal.record(*for_one_commit)

    journal.close()
    reopened = open_journal(tmp_path / "journal.sqlite", EPOCH)
    assert reopened.history(ACCOUNT, BTC, count + 1) == for_one_commit
    assert reopened.ledger(ACCOUNT, BTC).steps == count
    reopened.close()


async def test_the_writer_thread_keeps_the_order_of_commits(tmp_path: Path) -> None:
    thread = WriterThread()
    journal = open_journal(tmp_path / "journal.sqlite", EPOCH, thread)
    for number in range(20):
        await journal.record(intended(number))

    numbers = [int(event.intent.client_order_id) for event in journal.history(ACCOUNT, BTC) if hasattr(event, "intent")]
    thread.close()
    journal.close()

    assert numbers == list(range(20))


async def test_the_newest_frame_of_a_source_survives(tmp_path: Path) -> None:
    source = SourceName("tradingview")
    signal = SourceSignal(source, "BTCUSDT", Decimal("0.058"), NOW, Decimal(3), None, "r1")
    frame = SourceFrame(source, 7, NOW, NOW, None, SourceStatus.OK, "", authenticated=True, signals=(signal,))
    journal = open_journal(tmp_path / "journal.sqlite", EPOCH)
    await journal.remember_frame(frame)
    journal.close()

    with read_only(tmp_path / "journal.sqlite") as reader:
        assert reader.last_frames() == {source: frame}


def test_a_damaged_file_is_a_storage_failure_and_not_a_fresh_journal(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"not a database, but long enough to look like one" * 100)

    with pytest.raises(StorageFailure, match="cannot be opened"):
        open_journal(tmp_path / "journal.sqlite", EPOCH)


def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    open_journal(tmp_path / "journal.sqlite", EPOCH).close()
    connection = apsw.Connection(str(tmp_path / "journal.sqlite"))
    connection.pragma("user_version", 99)
    connection.close()

    with pytest.raises(StorageFailure, match="newer release"):
        open_journal(tmp_path / "journal.sqlite", EPOCH)
