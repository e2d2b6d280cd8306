"""The benchmark of the paper exchanges measures what it says: a replay whose answers are those of the recording."""

import pytest

from benchmarks.paper_exchange import measure
from simulation.paper_clients import CLASSES


@pytest.mark.parametrize("exchange", CLASSES)
async def test_a_replay_on_a_house_of_the_same_seed_gets_the_recorded_answers(exchange: str) -> None:
    measured = await measure(exchange, orders=3, reads=2, lists=2)

    assert min(measured.orders, measured.reads, measured.lists) > 0
