"""`kill -9` of the real engine and endpoint under fire, with exchanges that outlive them."""

from pathlib import Path

import pytest

from simulation.real_kills import kill_for_real

pytestmark = pytest.mark.process


async def is_unharmed(folder: Path, kills: int, seed: int) -> None:
    report = await kill_for_real(folder, kills, seed)

    assert report.wrong == []
    assert report.kills == kills
    assert report.alerts > kills
    # How many orders get through depends on how busy the machine is; that kills meet orders is what must not be lost.
    assert report.orders >= kills // 5
    assert report.in_flight >= kills // 5


@pytest.mark.timeout(600)
async def test_ten_kills_lose_no_alert_and_double_no_order(tmp_path: Path) -> None:
    await is_unharmed(tmp_path, 10, seed=8)  # its plan kills the engine four times while it waits for an order


@pytest.mark.full
@pytest.mark.timeout(3600)
async def test_a_hundred_kills_lose_no_alert_and_double_no_order(tmp_path: Path) -> None:
    await is_unharmed(tmp_path, 100, seed=2)
