"""The order book and the cancel, which the engine's market orders do not need and other callers of an adapter do."""

from decimal import Decimal

import pytest

from account_processors.books import Book, levels_of
from core.model.failures import InvalidInput
from core.model.order import Accepted, ExchangeOrderState, OrderReport, RefusedOutcome, Side, UnknownOutcome
from core.model.reading import Known, Unknown
from paper.faults import Fault, FaultKind
from simulation.exchange_bench import BTC, EXCHANGES, Bench, must_know, play


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_book_is_in_base_asset_with_its_best_prices_first(name: str) -> None:
    async def scene(bench: Bench) -> None:
        book = must_know(await bench.exchange.read_book(BTC))
        rules = must_know(await bench.exchange.read_instruments())[BTC]
        venue = bench.house.exchanges[name]
        best = next(iter(venue.levels(rules.exchange_symbol, "bid")))
        assert book.bids[0] == (best.price, best.quantity * rules.contract_size)
        assert book.bids[0][0] < book.asks[0][0]
        assert len(book.bids) >= 5
        assert abs((book.at - bench.clock.now()).total_seconds()) < 1

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_a_subscription_hands_on_failures_and_goes_on(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.exchange.read_instruments()
        seen: list[bool] = []
        bench.break_next(Fault(FaultKind.TRUNCATED, endpoint="book", skip=1))
        async for book in bench.exchange.subscribe_book(BTC, every_seconds=5):
            seen.append(isinstance(book, Known))
            if len(seen) == 3:
                break
        assert seen == [True, False, True]

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_order_that_has_not_reached_the_book_can_be_cancelled(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        await bench.settle_settings()
        bench.break_next(Fault(FaultKind.ACCEPTED_LATE, endpoint="create_order", seconds=30.0))
        intent = bench.intent(Side.BUY, "0.02")
        assert isinstance(await bench.exchange.submit_order(intent), Accepted)
        waiting = await bench.exchange.find_order(BTC, intent.client_order_id)
        assert isinstance(waiting, OrderReport)
        assert waiting.state is ExchangeOrderState.OPEN
        assert await bench.exchange.cancel_order(BTC, intent.client_order_id) == Accepted("")
        report = await bench.settled(intent)
        assert report.state is ExchangeOrderState.CANCELLED
        assert report.filled_quantity == 0
        await bench.pause(60)
        assert await bench.position() is None

    play(name, scene)


@pytest.mark.parametrize("name", EXCHANGES)
def test_what_cannot_be_cancelled_is_never_said_to_be(name: str) -> None:
    async def scene(bench: Bench) -> None:
        await bench.ready()
        report = await bench.trade(Side.BUY, "0.02")
        outcome = await bench.exchange.cancel_order(BTC, report.client_order_id)
        assert isinstance(outcome, RefusedOutcome | UnknownOutcome), outcome
        bench.break_next(Fault(FaultKind.ANSWER_LOST, endpoint="cancel_order"))
        assert isinstance(
            await bench.exchange.cancel_order(BTC, report.client_order_id), UnknownOutcome | RefusedOutcome
        )

    play(name, scene)


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([["2", "1"], ["3", "1"]], [["4", "1"]]),
        ([["2", "1"]], [["4", "1"], ["3", "1"]]),
        ([["4", "1"]], [["4", "1"]]),
    ],
)
def test_a_book_out_of_order_is_refused(bids: list[list[str]], asks: list[list[str]]) -> None:
    async def scene(bench: Bench) -> None:
        rules = must_know(await bench.exchange.read_instruments())[BTC]
        with pytest.raises(InvalidInput, match="order"):
            Book(levels_of(bids, rules), levels_of(asks, rules), bench.clock.now())

    play("bybit", scene)


def test_an_unlisted_symbol_has_no_book_and_no_cancel() -> None:
    async def scene(bench: Bench) -> None:
        assert isinstance(await bench.exchange.read_book(bench.unlisted), Unknown)
        report = await (await bench.ready()).trade(Side.BUY, "0.02")
        assert isinstance(await bench.exchange.cancel_order(bench.unlisted, report.client_order_id), RefusedOutcome)
        assert report.filled_quantity == Decimal("0.02")

    play("kucoin", scene)
