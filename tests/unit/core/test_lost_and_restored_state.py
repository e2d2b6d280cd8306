"""The state is deleted, or an old copy of it comes back: no order is ever taken for another, and nothing is doubled."""

import asyncio
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.identity import AccountId, Symbol
from core.model.order import OrderIntent
from core.model.standing import Verb
from operations.journal_copy import copy_journal, renew_epoch
from simulation.bare_world import World, live

BTC = Symbol("BTCUSDT")
D = Decimal
BYBIT = AccountId("bybit")
Loss = Callable[[Path, Path], None]


def delete(journal: Path, backup: Path) -> None:
    del backup
    _remove(journal)


def restore(journal: Path, backup: Path) -> None:
    _remove(journal)
    shutil.copy(backup, journal)
    renew_epoch(journal, "f" * 32)


def copy_back_by_hand(journal: Path, backup: Path) -> None:
    _remove(journal)
    shutil.copy(backup, journal)


def _remove(journal: Path) -> None:
    for path in journal.parent.glob(f"{journal.name}*"):
        path.unlink()


@pytest.mark.parametrize("loss", [delete, restore, copy_back_by_hand])
def test_no_order_is_taken_for_another_after_the_state_was_lost(tmp_path: Path, loss: Loss) -> None:
    journal, backup = tmp_path / "journal.sqlite", tmp_path / "backup.sqlite"

    async def story(world: World) -> None:
        sent: list[OrderIntent] = []
        world.exchange.on_submit = sent.append
        for depth in ("0.1", "0.2"):
            world.sources.say(BTC=depth)
            await world.cycle()
        copy_journal(journal, backup)
        for depth in ("0.3", "0.1"):
            world.sources.say(BTC=depth)
            await world.cycle()
        assert world.held() == D("0.06")
        executed = len(world.exchange.executed)
        world.journal.close()
        loss(journal, backup)
        world.start()
        await asyncio.sleep(10)
        for depth in ("0.3", "0.1"):
            world.sources.say(BTC=depth)
            await world.cycle(2)

        assert world.held() == D("0.06"), "what no fill explains was traded"
        world.commands.give(Verb.ADOPT, account="bybit", symbol="BTCUSDT")
        world.commands.give(Verb.RESUME, account="bybit")
        for depth in ("0.3", "0.05", "-0.1", "0.1"):
            world.sources.say(BTC=depth)
            for _ in range(15):
                await world.cycle()
                await asyncio.sleep(1)
            assert world.held() == D(depth) * D("0.6")

        new = world.exchange.executed[executed:]
        assert len({order.client_order_id for order in world.exchange.executed}) == len(world.exchange.executed)
        assert world.ledger().owned == world.held()
        assert sum(order.signed_quantity for order in new) == 0

    live(tmp_path, story)
