"""Exactly at the limit: what a decision does there, and on either side of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.decisions.measure_volatility import Volatility, observe_price, volatility_scale
from core.decisions.pace_retries import RetryPace, after_failure, reduction_retry_seconds
from core.decisions.risk_rules import price_problem
from core.decisions.size_position import size_position
from core.decisions.slice_order import slice_order
from core.decisions.watch_exchange import (
    ExchangeHealth,
    after_order,
    after_read,
    barred_pause_seconds,
    read_pause_seconds,
)
from core.decisions.watch_value import loss_breach
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.policy import RetryLimits
from core.model.position import Quote
from core.model.reading import Known
from core.model.risk import RiskLimits, ValueMarks

D = Decimal
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOT = Instrument(Symbol("BTCUSDT"), "BTCUSDT", D("0.1"), D("0.3"), D("10.05"), D(5), D(100))


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0.5), (1, 0.5), (2, 1), (3, 2), (4, 4), (5, 5), (500, 5)])
def test_a_reduction_is_tried_again_soon_however_often_it_failed(failures: int, seconds: float) -> None:
    assert reduction_retry_seconds(failures) == seconds


def test_an_increase_waits_until_its_time_and_not_longer() -> None:
    limits = RetryLimits(first_delay_seconds=2.0, longest_delay_seconds=60.0)
    pace = after_failure(RetryPace(), NOW, "why", limits)

    assert pace == RetryPace(1, NOW + timedelta(seconds=2), "why", NOW)
    assert pace.is_waiting(NOW)
    assert not pace.is_waiting(NOW - timedelta(seconds=1))  # the clock was stepped back
    assert pace.is_waiting(NOW + timedelta(seconds=1.9))
    assert not pace.is_waiting(NOW + timedelta(seconds=2))
    assert after_failure(pace, NOW, "why", limits).next_try_at == NOW + timedelta(seconds=4)
    assert after_failure(pace, NOW, "why", limits, 90.0).next_try_at == NOW + timedelta(seconds=90)
    assert after_failure(RetryPace(), NOW, "why", RetryLimits(0.5, 60.0)).next_try_at == NOW + timedelta(seconds=0.5)
    assert after_failure(RetryPace(9_999), NOW, "why", limits).next_try_at == NOW + timedelta(seconds=60)


def test_the_third_failed_read_is_an_incident_and_one_good_read_ends_it() -> None:
    health = ExchangeHealth()
    for second in range(3):
        assert not health.is_in_trouble
        assert health.trouble(NOW) == ""
        health = after_read(health, NOW + timedelta(seconds=second), f"failure {second}")

    assert health == ExchangeHealth(failed_reads=3, since=NOW, why="failure 2")
    assert health.is_in_trouble
    assert health.trouble(NOW) == "the exchange is in trouble since 00:00:00 UTC: failure 2"
    assert after_read(health, NOW, "") == ExchangeHealth()


@pytest.mark.parametrize(
    ("failed", "pause"), [(1, None), (2, None), (3, 10), (4, 20), (5, 40), (6, 80), (7, 120), (99, 120)]
)
def test_increases_pause_longer_with_every_order_that_has_no_clear_answer(failed: int, pause: float | None) -> None:
    health = after_order(ExchangeHealth(failed_orders=failed - 1), NOW, LOT.symbol, "no answer")

    assert (health.failed_orders, health.since, health.why) == (failed, NOW, "no answer")
    if pause is None:
        assert health.orders_pause_until is None
        return
    until = NOW + timedelta(seconds=pause)
    assert health.orders_pause_until == until
    assert health.trouble(until - timedelta(seconds=1)) != ""
    assert health.trouble(until) == ""
    assert health.trouble(NOW - timedelta(seconds=1)) == ""  # the clock was stepped back
    assert after_order(health, NOW, LOT.symbol, "") == ExchangeHealth()


def test_a_good_order_does_not_hide_reads_that_fail() -> None:
    health = ExchangeHealth(failed_reads=3, failed_orders=1, since=NOW, why="down")

    assert after_order(health, NOW, LOT.symbol, "") == ExchangeHealth(failed_reads=3, since=NOW, why="down")


@pytest.mark.parametrize(
    ("failed", "longest", "for_exit"), [(0, 1, 1), (1, 1, 1), (2, 2, 2), (4, 8, 5), (5, 15, 5), (99, 15, 5)]
)
def test_reads_pause_up_to_a_limit_that_is_shorter_for_an_exit(failed: int, longest: float, for_exit: float) -> None:
    for account in ("a", "b", "c"):
        assert 0.8 * longest < read_pause_seconds(failed, account, has_exit=False) <= longest
        assert 0.8 * for_exit < read_pause_seconds(failed, account, has_exit=True) <= for_exit


@pytest.mark.parametrize(("times", "seconds"), [(1, 60), (2, 300), (3, 900), (4, 900)])
def test_refused_credentials_are_left_alone_longer_each_time(times: int, seconds: float) -> None:
    assert barred_pause_seconds(times) == seconds


def test_a_loss_of_exactly_the_limit_is_within_it() -> None:
    limits = RiskLimits(max_daily_loss_percent=D(5), max_drawdown_percent=D(10))

    assert loss_breach(ValueMarks("d", D(100), D(100)), D(95), limits) == ""
    assert loss_breach(ValueMarks("d", D(90), D(100)), D(90), limits) == ""
    assert loss_breach(ValueMarks("d", D(100), D(100)), D("94.99"), limits) != ""
    assert loss_breach(ValueMarks("d", D(90), D(100)), D("89.99"), limits) != ""


def test_volatility_is_the_mean_move_of_a_day_once_half_an_hour_was_seen() -> None:
    first = observe_price(None, D(100), NOW)
    assert first == Volatility(D(100), NOW)
    assert observe_price(first, D(200), NOW + timedelta(seconds=29)) is first

    second = observe_price(first, D(101), NOW + timedelta(seconds=864))
    assert second == Volatility(D(101), NOW + timedelta(seconds=864), D("0.01"), 864.0)
    assert second.daily_percent is None

    third = observe_price(second, D(101), NOW + timedelta(seconds=1_800))
    assert third.seen_seconds == 1_800
    assert third.daily_variance == pytest.approx(D("0.0048"))
    assert third.daily_percent is not None
    assert observe_price(third, D(100), NOW) == Volatility(D(100), NOW)


def test_older_moves_fade_out_over_six_hours() -> None:
    seen = Volatility(D(100), NOW, D("0.01"), 21_600.0)

    faded = observe_price(seen, D(100), NOW + timedelta(seconds=2_160))

    assert faded.daily_variance == D("0.009")
    assert faded.seen_seconds == 23_760


def test_a_position_keeps_its_size_up_to_the_target_volatility() -> None:
    assert volatility_scale(D(3), D(3)) == 1
    assert volatility_scale(D(6), D(3)) == D("0.5")


@pytest.mark.parametrize(
    ("depth", "quantity"), [("0.3", "0.3"), ("0.299", "0"), ("-0.3", "-0.3"), ("1", "1"), ("-1", "-1")]
)
def test_a_size_of_exactly_the_minimum_is_held(depth: str, quantity: str) -> None:
    assert size_position(D(20), D(depth), D(1), D(20), LOT).quantity == D(quantity)


@pytest.mark.parametrize(("price", "quantity"), [("5", "1"), ("4.99", "0")])
def test_a_size_worth_exactly_the_minimum_value_is_held(price: str, quantity: str) -> None:
    assert size_position(D(price), D(1), D(1), D(price), LOT).quantity == D(quantity)


@pytest.mark.parametrize(
    ("quantity", "first"),
    [("10", "10"), ("10.1", "9.8"), ("10.2", "9.9"), ("10.3", "10"), ("10.4", "10"), ("25", "10")],
)
def test_a_slice_leaves_a_rest_that_can_still_be_traded(quantity: str, first: str) -> None:
    assert slice_order(D(quantity), LOT) == D(first)


LIMITS = RiskLimits(max_quote_age_seconds=30.0, max_spread_percent=D(1), max_mark_gap_percent=D(2))


@pytest.mark.parametrize(
    ("quote", "told"),
    [
        (Quote(D(100), NOW - timedelta(seconds=30)), ""),
        (Quote(D(100), NOW - timedelta(seconds=31)), "price is 31 s old"),
        (Quote(D(100), NOW, D("99.5"), D("100.5")), ""),
        (Quote(D(100), NOW, D("99.5"), D("100.51")), "bid 99.5 and ask 100.51 are 1.01 % apart"),
        (Quote(D(100), NOW, D(100), D(100)), ""),
        (Quote(D(100), NOW, D("100.01"), D(100)), "bid 100.01 and ask 100 are -0.01 % apart"),
        (Quote(D(100), NOW, None, D(500)), ""),
        (Quote(D(100), NOW, D(5), None), ""),
        (Quote(D(102), NOW, mark=D(100)), ""),
        (Quote(D(98), NOW, mark=D(100)), ""),
        (Quote(D("97.9"), NOW, mark=D(100)), "last price 97.9 is 2.10 % from the mark price 100"),
        (Quote(D(100), NOW, mark=D(0)), "last price 100 is 100.00 % from the mark price 0"),
    ],
)
def test_a_price_is_odd_beyond_each_limit_and_not_at_it(quote: Quote, told: str) -> None:
    assert price_problem(Known(quote, NOW), NOW, LIMITS) == told
