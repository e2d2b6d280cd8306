"""A journal whose process is killed at any moment has the state that it last said it had, or the next one."""

import subprocess
import sys
from pathlib import Path

import pytest

from operations.journal_file import open_journal

EPOCH = "00112233445566778899aabbccddeeff"
WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from core.model.events import OrderIntended, OrderSettled
from core.model.identity import AccountId, Symbol, derive_client_order_id
from core.model.order import OrderIntent, Side
from core.model.position import MarginMode
from operations.committers import WriterThread
from operations.journal_file import open_journal

async def main():
    journal = open_journal(Path(sys.argv[1]), sys.argv[2], WriterThread())
    account, now = AccountId("bybit"), datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(int(sys.argv[3]), 10**9):
        symbol = Symbol(f"C{number % 7}USDT")
        order_id = derive_client_order_id(journal.tag, journal.epoch, account, symbol, 1, number)
        quantity, leverage = Decimal("0.1"), Decimal(3)
        intent = OrderIntent(order_id, account, symbol, Side.BUY, quantity, False, MarginMode.ISOLATED, leverage, 1)
        await journal.record(OrderIntended(account, symbol, now, intent))
        print(journal.state_hash(), flush=True)
        await journal.note(OrderSettled(account, symbol, now, order_id, Decimal("0.1"), Decimal(1)))
        print(journal.state_hash(), flush=True)

asyncio.run(main())
"""


@pytest.mark.process
@pytest.mark.parametrize("lives", [(5, 37, 12, 20)])
def test_after_kill_9_the_state_hash_is_the_last_one_told_or_the_next(tmp_path: Path, lives: tuple[int, ...]) -> None:
    path, told = tmp_path / "journal.sqlite", [""]
    for life, lines in enumerate(lives):
        command = [sys.executable, "-c", WRITER, str(path), EPOCH, str(life * 10**6)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:  # noqa: S603 - our own code
            assert writer.stdout
            told += [writer.stdout.readline().strip() for _ in range(lines)]
            writer.kill()
            told += [line.strip() for line in writer.stdout if len(line.strip()) == 64]
        assert len(told[-1]) == 64

        journal = open_journal(path, EPOCH)
        found = journal.state_hash()
        journal.close()
        assert found == told[-1] or found not in told, "the state went back"
        reopened = open_journal(path, EPOCH)
        assert reopened.state_hash() == found
        reopened.close()
