"""How soon after the healing of a simulated world everything must be where it should be."""

from collections.abc import Sequence

import pytest

from core.model.identity import AccountId, Symbol
from simulation.deadlines import Deadlines, window_seconds
from simulation.gaps import Gap

SYMBOL = Symbol("BTCUSDT")
EXCHANGES = ("bybit", "kucoin", "mexc", "blofin")


def gap(exchange: str, *, is_reduction: bool, waits_for_window: bool = False, is_paced: bool = False) -> Gap:
    return Gap(AccountId(exchange), SYMBOL, "told", is_reduction, waits_for_window, is_paced)


def told_at(gaps: Sequence[Gap | None], reopened: frozenset[tuple[str, Symbol]] = frozenset()) -> int | None:
    """The second after the healing at which a gap, as it was at each second, is called open for too long."""
    deadlines = Deadlines(reopened)
    for seconds, one in enumerate(gaps, start=1):
        if deadlines.look([one] if one else [], float(seconds)):
            return seconds
    return None


def test_the_windows_are_those_of_the_adapters() -> None:
    assert [window_seconds(exchange) for exchange in EXCHANGES] == [9.0, 9.0, 14.0, 64.0]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_reduction_may_take_30_seconds_and_an_increase_as_long_after_the_window(exchange: str) -> None:
    assert told_at([gap(exchange, is_reduction=True)] * 200) == 30
    assert told_at([gap(exchange, is_reduction=False)] * 200) == window_seconds(exchange) + 30


def test_a_lost_reduction_of_a_part_may_wait_where_the_window_alone_takes_all_the_time() -> None:
    assert told_at([gap("bybit", is_reduction=True, waits_for_window=True)] * 200) == 30
    waiting, goes_on = gap("blofin", is_reduction=True, waits_for_window=True), gap("blofin", is_reduction=True)
    assert told_at([waiting] * 200) == 64 + 30
    assert told_at([waiting] * 20 + [goes_on] * 200) == 20 + 30


def test_a_market_that_trades_again_has_a_full_check_more() -> None:
    reopened = frozenset({("bybit", SYMBOL)})

    assert told_at([gap("bybit", is_reduction=True)] * 200, reopened) == 90
    assert told_at([gap("bybit", is_reduction=False)] * 200, reopened) == 60 + 9 + 30
    assert told_at([gap("kucoin", is_reduction=True)] * 200, reopened) == 30


def test_an_increase_that_was_refused_may_wait_as_long_as_it_is_paced() -> None:
    paced, goes_on = gap("bybit", is_reduction=False, is_paced=True), gap("bybit", is_reduction=False)

    assert told_at([paced] * 200) == 130
    assert told_at([paced] * 20 + [goes_on] * 200) == 20 + 39
    assert told_at([paced] * 100 + [goes_on] * 200) == 130


def test_a_gap_that_opens_later_has_its_own_time() -> None:
    one = gap("bybit", is_reduction=True)

    assert told_at([None] * 10 + [one] * 200) == 10 + 30
    assert told_at([one] * 29 + [None] + [one] * 29) is None


def test_what_turns_into_a_reduction_has_its_time_from_then_on() -> None:
    assert told_at([gap("blofin", is_reduction=False)] * 10 + [gap("blofin", is_reduction=True)] * 90) == 10 + 30


def test_the_slowest_of_each_exchange_is_kept() -> None:
    deadlines = Deadlines(frozenset())
    deadlines.look([gap("bybit", is_reduction=False), gap("mexc", is_reduction=False)], 1.0)
    deadlines.look([gap("mexc", is_reduction=False)], 2.0)
    deadlines.look([], 3.0)

    assert deadlines.slowest == {"bybit": 1.0, "mexc": 2.0}
