"""The shared listing: one fetch however many ask, fresh for an hour, old rules while a refresh fails."""

import asyncio
from decimal import Decimal

import pytest

from account_processors.instruments import (
    FIRST_RETRY_SECONDS,
    FRESH_SECONDS,
    LONGEST_WAIT_SECONDS,
    RETRY_SECONDS,
    InstrumentCache,
    Listing,
)
from account_processors.outcomes import CallFailed
from account_processors.replies import MalformedReply
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.reading import Known, Unknown
from simulation.virtual_time import VirtualClock, run_virtually


def rules_of(coin: str) -> Instrument:
    step = Decimal("0.001")
    return Instrument(Symbol(f"{coin}USDT"), f"{coin}-USDT", step, step, Decimal(100), Decimal(5), Decimal(50))


def listing_of(*coins: str) -> Listing:
    return Listing({Symbol(f"{coin}USDT"): rules_of(coin) for coin in coins}, frozenset({"BTC-USD"}))


class Fetches:
    """Counts fetches; the answers are set by the test."""

    def __init__(self, *answers: Listing | Exception, seconds: float = 0.1) -> None:
        self.answers = list(answers)
        self.seconds = seconds
        self.count = 0

    async def __call__(self) -> Listing:
        self.count += 1
        await asyncio.sleep(self.seconds)
        answer = self.answers[min(self.count, len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_twenty_concurrent_misses_cause_one_fetch() -> None:
    async def scene() -> None:
        clock, cache, fetch = VirtualClock(asyncio.get_running_loop()), InstrumentCache(), Fetches(listing_of("BTC"))
        readings = await asyncio.gather(*(cache.read(fetch, clock, owner) for owner in range(20)))
        assert fetch.count == 1
        assert all(isinstance(reading, Known) for reading in readings)

    run_virtually(scene())


def test_rules_are_fetched_again_after_exactly_an_hour_and_not_before() -> None:
    async def scene() -> None:
        clock, cache, fetch = VirtualClock(asyncio.get_running_loop()), InstrumentCache(), Fetches(listing_of("BTC"))
        await cache.read(fetch, clock, self_ := object())
        await asyncio.sleep(FRESH_SECONDS - 1)
        await cache.read(fetch, clock, self_)
        assert fetch.count == 1
        await asyncio.sleep(1)
        await cache.read(fetch, clock, self_)
        assert fetch.count == 2

    run_virtually(scene())


def test_a_failed_refresh_serves_the_old_rules_and_waits_before_the_next_try() -> None:
    async def scene() -> None:
        clock, cache = VirtualClock(asyncio.get_running_loop()), InstrumentCache()
        fetch = Fetches(listing_of("BTC"), CallFailed("timeout"))
        first = await cache.read(fetch, clock, 1)
        cache.drop()
        assert await cache.read(fetch, clock, 1) == first
        assert await cache.read(fetch, clock, 1) == first
        assert fetch.count == 2
        await asyncio.sleep(RETRY_SECONDS)
        await cache.read(fetch, clock, 1)
        assert fetch.count == 3

    run_virtually(scene())


def test_a_first_fetch_that_fails_is_unknown_and_tried_again_a_second_later() -> None:
    async def scene() -> None:
        clock, cache = VirtualClock(asyncio.get_running_loop()), InstrumentCache()
        fetch = Fetches(MalformedReply("field symbol is missing"), listing_of("BTC"))
        failure = Unknown("instruments: field symbol is missing")
        assert [await cache.read(fetch, clock, 1) for _ in range(3)] == [failure] * 3
        assert fetch.count == 1
        await asyncio.sleep(FIRST_RETRY_SECONDS)
        assert isinstance(await cache.read(fetch, clock, 1), Known)

    run_virtually(scene())


def test_a_refresh_that_hangs_holds_no_read_up_for_long() -> None:
    async def scene() -> None:
        clock, cache = VirtualClock(asyncio.get_running_loop()), InstrumentCache()
        first = await cache.read(Fetches(listing_of("BTC")), clock, 1)
        cache.drop()
        slow = Fetches(listing_of("BTC", "ETH"), seconds=20)
        began = asyncio.get_running_loop().time()
        assert await cache.read(slow, clock, 1) == first
        assert asyncio.get_running_loop().time() - began < LONGEST_WAIT_SECONDS + 0.1
        await asyncio.sleep(20)
        later = await cache.read(slow, clock, 1)
        assert isinstance(later, Known)
        assert Symbol("ETHUSDT") in later.value.instruments
        assert slow.count == 1

    run_virtually(scene())


def test_a_listing_is_doubted_at_most_every_thirty_seconds() -> None:
    async def scene() -> None:
        clock, cache, fetch = VirtualClock(asyncio.get_running_loop()), InstrumentCache(), Fetches(listing_of("BTC"))
        for expected in (1, 2):
            for _ in range(3):
                await cache.read(fetch, clock, 1)
                cache.doubt()
            assert fetch.count == expected
            await asyncio.sleep(RETRY_SECONDS)
            cache.doubt()

    run_virtually(scene())


def test_a_waiter_reads_unknown_when_the_account_that_fetches_is_closed() -> None:
    async def scene() -> None:
        clock, cache, fetch = VirtualClock(asyncio.get_running_loop()), InstrumentCache(), Fetches(listing_of("BTC"))
        first = asyncio.create_task(cache.read(fetch, clock, "first"))
        second = asyncio.create_task(cache.read(fetch, clock, "second"))
        await asyncio.sleep(0.05)
        await cache.close("second")
        assert not first.done()
        await cache.close("first")
        assert isinstance(await second, Unknown)
        assert isinstance(await first, Unknown)

    run_virtually(scene())


def test_what_leaves_the_listing_stays_readable_but_not_tradable() -> None:
    later = listing_of("ETH").after(listing_of("BTC", "ETH"))
    assert not later.instruments[Symbol("BTCUSDT")].tradable
    assert later.instruments[Symbol("ETHUSDT")].tradable
    found = later.instrument_of("BTC-USDT")
    assert found is not None
    assert found.contract_size == 1


def test_a_name_that_was_never_listed_is_malformed_and_other_contracts_are_left_out() -> None:
    listing = listing_of("BTC")
    assert listing.instrument_of("BTC-USD") is None
    with pytest.raises(MalformedReply, match="DOGE-USDT"):
        listing.instrument_of("DOGE-USDT")
