import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core.decisions.judge_position import Whose, judge_position
from core.model.events import OrderIntended, OrderSettled
from core.model.failures import StorageFailure
from core.model.identity import AccountId, ClientOrderId, Symbol, derive_client_order_id
from core.model.instrument import Instrument
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from operations.journal_copy import copy_journal, renew_epoch
from operations.journal_file import JournalFile, open_journal

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
ACCOUNT, BTC = AccountId("bybit"), Symbol("BTCUSDT")
EPOCH, NEW_EPOCH = "00112233445566778899aabbccddeeff", "aa" * 16
LOT = Decimal("0.001")


async def buy(journal: JournalFile) -> ClientOrderId:
    """Send and settle one order for 0.1, under the id that the journal gives it."""
    step = journal.ledger(ACCOUNT, BTC).steps
    order_id = derive_client_order_id(journal.tag, journal.epoch, ACCOUNT, BTC, 1, step)
    intent = OrderIntent(
        order_id, ACCOUNT, BTC, Side.BUY, Decimal("0.1"), False, MarginMode.ISOLATED, Decimal(3), decision=1
    )
    await journal.record(OrderIntended(ACCOUNT, BTC, NOW, intent))
    await journal.record(OrderSettled(ACCOUNT, BTC, NOW, order_id, Decimal("0.1"), Decimal(60000)))
    return order_id


async def test_a_copy_made_while_the_engine_commits_holds_whole_transactions(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.sqlite", EPOCH)
    for number in range(5):
        await buy(journal)
        copy_journal(tmp_path / "journal.sqlite", tmp_path / f"copy{number}.sqlite")
    journal.close()

    for number in range(5):
        copied = open_journal(tmp_path / f"copy{number}.sqlite", NEW_EPOCH)
        assert copied.ledger(ACCOUNT, BTC).owned == Decimal("0.1") * (number + 1)
        assert len(copied.history(ACCOUNT, BTC)) == 2 * (number + 1)
        copied.close()


async def test_a_restored_journal_never_gives_an_id_that_was_given_before(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.sqlite", EPOCH)
    await buy(journal)
    copy_journal(tmp_path / "journal.sqlite", tmp_path / "old.sqlite")
    given_after_the_backup = [await buy(journal) for _ in range(3)]
    tag = journal.tag
    journal.close()

    assert renew_epoch(tmp_path / "old.sqlite", NEW_EPOCH) == tag
    restored = open_journal(tmp_path / "old.sqlite", EPOCH)
    given_after_the_restore = [await buy(restored) for _ in range(3)]

    assert not set(given_after_the_backup) & set(given_after_the_restore)
    assert {order_id[:6] for order_id in given_after_the_restore} == {tag}
    assert restored.epoch == NEW_EPOCH
    restored.close()


async def test_after_a_restore_what_the_fills_do_not_explain_is_first_sight(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.sqlite", EPOCH)
    await buy(journal)
    journal.close()
    instrument = Instrument(BTC, "BTCUSDT", LOT, LOT, Decimal(100), Decimal(5), Decimal(50))

    renew_epoch(tmp_path / "journal.sqlite", NEW_EPOCH)

    restored = open_journal(tmp_path / "journal.sqlite", EPOCH)
    ledger = restored.ledger(ACCOUNT, BTC)
    restored.close()
    assert judge_position(ledger, Decimal("0.1"), instrument, NOW).whose is Whose.OURS
    assert judge_position(ledger, Decimal("0.3"), instrument, NOW).whose is Whose.FIRST_SIGHT
    assert judge_position(ledger, Decimal(0), instrument, NOW).whose is Whose.FIRST_SIGHT


def test_a_damaged_journal_is_not_restored(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = open_journal(path, EPOCH)
    asyncio.run(buy(journal))
    journal.close()
    content = bytearray(path.read_bytes())
    content[5 * 4096 : 7 * 4096] = b"\xff" * 2 * 4096
    path.write_bytes(content)

    with pytest.raises(StorageFailure):
        renew_epoch(path, NEW_EPOCH)


def test_there_must_be_a_journal_to_copy(tmp_path: Path) -> None:
    with pytest.raises(StorageFailure, match="cannot be copied"):
        copy_journal(tmp_path / "journal.sqlite", tmp_path / "copy.sqlite")
