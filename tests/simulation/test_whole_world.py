"""The whole engine in virtual time, from a webhook's body to the exchanges' own books."""

import asyncio
from decimal import Decimal
from pathlib import Path

from simulation.virtual_time import run_virtually
from simulation.whole_world import Plan, WholeWorld


def hold_after_one_alert(folder: Path, seed: int) -> tuple[dict[str, Decimal], str]:
    """What every exchange itself holds half a minute after an alert, and the ledger's digest."""

    async def main() -> tuple[dict[str, Decimal], str]:
        plan = Plan(seed, symbols=("ETHUSDT",), network_symbols=())
        world = WholeWorld(folder, plan)
        async with world.running():
            answer = await world.alert("ETHUSDT", Decimal("0.5"))
            assert answer.status == 200
            await asyncio.sleep(30)
        books = {name: world.house.account(name).positions.values() for name in plan.exchanges}
        held = {name: sum((row.quantity for row in rows), Decimal(0)) for name, rows in books.items()}
        return held, world.house.ledger.digest()

    return run_virtually(main())


def test_an_alert_in_the_body_becomes_a_position_in_every_exchange_s_own_book(tmp_path: Path) -> None:
    held, _ = hold_after_one_alert(tmp_path, seed=1)

    assert set(held) == {"bybit", "blofin", "kucoin", "mexc"}
    assert all(quantity > 0 for quantity in held.values()), held


def test_the_same_seed_leaves_the_same_ledger_to_the_byte(tmp_path: Path) -> None:
    first = hold_after_one_alert(tmp_path / "a", seed=7)
    second = hold_after_one_alert(tmp_path / "b", seed=7)
    other = hold_after_one_alert(tmp_path / "c", seed=8)

    assert first == second
    assert first[1] != other[1]
