"""The benchmark of the paper exchanges runs and refuses to count refusals."""

import pytest

from benchmarks.paper_rate import measure
from paper.rules import EXCHANGE_NAMES


@pytest.mark.parametrize("exchange", EXCHANGE_NAMES)
async def test_every_exchange_can_be_measured(exchange: str) -> None:
    rates = await measure(exchange, requests=8)

    assert [rate.call for rate in rates] == ["create_order", "one_position", "many_positions"]
    assert all(rate.own_per_second > 0 and rate.with_ccxt_per_second > 0 for rate in rates)
