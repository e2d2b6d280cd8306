"""Every fault on demand: whom it meets, how often, and what a client sees and the exchange does."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from core.model.failures import InvalidInput
from paper.faults import Fault, FaultKind, Faults
from paper.house import PaperHouse
from simulation.paper_clients import open_client
from simulation.virtual_time import VirtualClock, run_virtually

ETH = "ETH/USDT:USDT"
Scene = Callable[[PaperHouse, ccxt.bybit], Awaitable[None]]


def play(scene: Scene, exchange: str = "bybit") -> None:
    """A scene with one unmodified ccxt client, in virtual time."""

    async def whole() -> None:
        house = PaperHouse(VirtualClock(asyncio.get_running_loop()), seed=3)
        client = await open_client(house, exchange)
        if exchange == "bybit":
            await client.set_margin_mode("isolated")
        try:
            await scene(house, client)
        finally:
            await client.close()
            await house.close()

    run_virtually(whole())


async def buy(client: ccxt.bybit, quantity: float = 1.0, **params: object) -> dict[str, Any]:
    order: dict[str, Any] = await client.create_order(ETH, "market", "buy", quantity, None, params)
    return order


def held(house: PaperHouse) -> Decimal:
    return sum((position.quantity for position in house.account("bybit", "main").positions.values()), Decimal(0))


def seconds() -> float:
    return asyncio.get_running_loop().time()


def test_latency_delays_the_answer_and_nothing_else() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.LATENCY, endpoint="create_order", seconds=3))
        begun = seconds()
        await buy(client)
        assert 3 <= seconds() - begun < 3.1
        assert held(house) == 1

    play(scene)


def test_lognormal_latency_scatters_around_its_median_and_repeats_with_the_seed() -> None:
    fault = Fault(FaultKind.LATENCY, seconds=0.1, sigma=0.5, count=None)
    one, other = Faults(1), Faults(1)
    drawn = [one.latency_seconds([fault]) for _ in range(400)]

    assert drawn == [other.latency_seconds([fault]) for _ in range(400)]
    assert 0.08 < sorted(drawn)[200] < 0.12
    assert min(drawn) < 0.05
    assert max(drawn) > 0.2


def test_a_hanging_request_ends_in_the_clients_timeout_and_was_not_processed() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.HANG, endpoint="create_order"))
        begun = seconds()
        with pytest.raises(ccxt.RequestTimeout):
            await buy(client)
        assert 10 <= seconds() - begun < 10.1
        assert held(house) == 0
        assert house.doors["bybit"].in_flight == 0

    play(scene)


def test_a_connection_cut_before_processing_leaves_no_order() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.CUT_BEFORE, endpoint="create_order"))
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await buy(client)
        assert held(house) == 0

    play(scene)


def test_a_lost_answer_leaves_an_order_that_can_be_looked_up() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.ANSWER_LOST, endpoint="create_order"))
        with pytest.raises(ccxt.ExchangeNotAvailable):
            await buy(client, orderLinkId="lost1")
        (order,) = await client.fetch_open_orders(ETH, params={"orderLinkId": "lost1"})
        assert (order["status"], order["filled"]) == ("closed", 1)

    play(scene)


def test_a_late_request_lands_after_the_clients_timeout() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.LATE, endpoint="create_order", seconds=12))
        client.options["recvWindow"] = 60_000
        with pytest.raises(ccxt.RequestTimeout):
            await buy(client)
        assert held(house) == 0
        await asyncio.sleep(3)
        assert held(house) == 1

    play(scene)


def test_a_late_request_is_refused_where_its_receive_window_has_passed() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.LATE, endpoint="create_order", seconds=12))
        with pytest.raises(ccxt.RequestTimeout):
            await buy(client)
        await asyncio.sleep(3)
        assert held(house) == 0
        (entry,) = house.ledger.entries("refused_request")
        assert entry.facts["reason"] == "bad_timestamp"

    play(scene)


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Fault(FaultKind.RATE_LIMITED), ccxt.RateLimitExceeded),
        (Fault(FaultKind.RATE_LIMITED, status=429), ccxt.RateLimitExceeded),
        (Fault(FaultKind.BANNED), ccxt.RateLimitExceeded),
        (Fault(FaultKind.MAINTENANCE), ccxt.ExchangeError),
        (Fault(FaultKind.SERVER_ERROR), ccxt.ExchangeNotAvailable),
        (Fault(FaultKind.SERVER_ERROR, status=504), ccxt.RequestTimeout),
        (Fault(FaultKind.HTML_PAGE), ccxt.RateLimitExceeded),
        (Fault(FaultKind.HTML_PAGE, status=503), ccxt.ExchangeNotAvailable),
        (Fault(FaultKind.REVOKED_KEY), ccxt.AuthenticationError),
        (Fault(FaultKind.CLOCK_SKEW, seconds=30), ccxt.InvalidNonce),
        (Fault(FaultKind.CLOCK_SKEW, seconds=-30), ccxt.InvalidNonce),
        (Fault(FaultKind.REFUSED, reason="insufficient_margin"), ccxt.InsufficientFunds),
        (Fault(FaultKind.REFUSED, code="110094"), ccxt.InvalidOrder),
    ],
    ids=lambda value: f"{value.kind}-{value.status}{value.code}" if isinstance(value, Fault) else value.__name__,
)
def test_what_stands_in_front_of_the_exchange_answers_and_changes_nothing(
    fault: Fault, raised: type[Exception]
) -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(fault)
        with pytest.raises(raised):
            await buy(client)
        assert held(house) == 0
        await buy(client)
        assert held(house) == 1

    play(scene)


def test_truncated_json_is_no_balance_to_ccxt_and_raises_nothing() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.TRUNCATED, endpoint="balance"))
        broken = await client.fetch_balance()
        assert isinstance(broken["info"], str)
        assert "USDT" not in broken
        assert (await client.fetch_balance())["USDT"]["total"] == 10_000

    play(scene)


def test_fields_can_be_wrong_or_missing() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.WRONG_FIELD, endpoint="balance", field="equity", value="NaN"))
        house.faults.add(Fault(FaultKind.MISSING_FIELD, endpoint="positions", field="size"))
        await buy(client)
        balance, (position,) = await client.fetch_balance(), await client.fetch_positions()
        assert balance["info"]["result"]["list"][0]["coin"][0]["equity"] == "NaN"
        assert "size" not in position["info"]

    play(scene)


def test_a_list_can_be_cut_short() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        for symbol in ("BTC/USDT:USDT", ETH, "SOL/USDT:USDT", "XRP/USDT:USDT"):
            await client.create_order(symbol, "market", "buy", 100 if "XRP" in symbol else 1, None)
        house.faults.add(Fault(FaultKind.SHORT_LIST, endpoint="positions", share=Decimal("0.5")))
        assert len(await client.fetch_positions()) == 2
        assert len(await client.fetch_positions()) == 4

    play(scene)


def test_partial_fills_rejections_and_late_acceptance_reach_the_order_alone() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.PARTIAL_FILL, share=Decimal("0.3")))
        first = await client.fetch_order((await buy(client))["id"], ETH, {"acknowledged": True})
        assert (first["filled"], first["info"]["orderStatus"]) == (0.3, "PartiallyFilledCanceled")

        house.faults.add(Fault(FaultKind.REJECTED_LATER, seconds=1, reason="risk"))
        second = await buy(client)
        await asyncio.sleep(1.1)
        told = await client.fetch_order(second["id"], ETH, {"acknowledged": True})
        assert (told["info"]["orderStatus"], told["filled"]) == ("Rejected", 0)

        house.faults.add(Fault(FaultKind.ACCEPTED_LATE, seconds=2))
        third = await buy(client)
        pending = await client.fetch_order(third["id"], ETH, {"acknowledged": True})
        await asyncio.sleep(2)
        done = await client.fetch_order(third["id"], ETH, {"acknowledged": True})
        assert (pending["filled"], done["filled"]) == (0, 1)

    play(scene)


def test_stale_position_reads_show_the_past() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        await buy(client)
        house.faults.add(Fault(FaultKind.STALE_POSITIONS, endpoint="positions", seconds=5))
        assert await client.fetch_positions() == []
        assert len(await client.fetch_positions()) == 1

    play(scene)


def test_a_liquidation_a_deleveraging_or_a_foreign_trade_strikes_at_the_chosen_request() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        await buy(client)
        house.faults.add(Fault(FaultKind.LIQUIDATION, endpoint="positions", symbol="", skip=1))
        assert len(await client.fetch_positions()) == 1
        assert await client.fetch_positions() == []

        await buy(client)
        taken = Fault(FaultKind.DELEVERAGING, endpoint="positions", symbol="ETHUSDT", quantity=Decimal("0.4"))
        house.faults.add(taken)
        assert (await client.fetch_position(ETH))["contracts"] == 0.6
        await client.create_order(ETH, "market", "sell", 0.6, None, {"reduceOnly": True})

        struck = Fault(FaultKind.FOREIGN_TRADE, endpoint="positions", symbol="ETHUSDT", quantity=Decimal("-0.3"))
        house.faults.add(struck)
        position = await client.fetch_position(ETH)
        assert (position["side"], position["contracts"]) == ("short", 0.3)

    play(scene)


def test_a_fault_meets_what_it_names_and_only_as_often_as_it_says() -> None:
    faults = Faults()
    faults.add(Fault(FaultKind.HANG, "bybit", "main", "create_order", "ETHUSDT", count=2, skip=1))

    def meets(exchange: str, account: str, endpoint: str, symbol: str) -> bool:
        return bool(faults.draw(exchange, account, endpoint, symbol, now_ms=0))

    fitting = ("bybit", "main", "create_order", "ETHUSDT")
    assert not meets("mexc", "main", "create_order", "ETHUSDT")
    assert not meets("bybit", "other", "create_order", "ETHUSDT")
    assert not meets("bybit", "main", "positions", "ETHUSDT")
    assert not meets("bybit", "main", "create_order", "BTCUSDT")
    assert [meets(*fitting) for _ in range(4)] == [False, True, True, False]


def test_a_fault_can_wait_for_its_moment_and_be_taken_back() -> None:
    faults = Faults()
    number = faults.add(Fault(FaultKind.HANG, count=None, not_before_ms=1_000))

    assert not faults.draw("bybit", "", "time", "", 999)
    assert faults.draw("bybit", "", "time", "", 1_000)
    faults.remove(number)
    assert not faults.draw("bybit", "", "time", "", 1_000)
    assert not faults.in_force()


def test_a_fault_that_could_never_work_is_refused_when_it_is_made() -> None:
    with pytest.raises(InvalidInput, match="probability"):
        Fault(FaultKind.HANG, probability=1.5)
    with pytest.raises(InvalidInput, match=r"nonsense.*insufficient_margin"):
        Fault(FaultKind.REFUSED, reason="nonsense")


def test_probability_decides_by_the_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add(Fault(FaultKind.HANG, count=None, probability=0.3))
        return [bool(faults.draw("bybit", "", "time", "", 0)) for _ in range(300)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 60 < sum(drawn(1)) < 120


def test_the_ledger_holds_requests_in_order_with_times_and_how_many_were_inside() -> None:
    async def scene(house: PaperHouse, client: ccxt.bybit) -> None:
        house.faults.add(Fault(FaultKind.LATENCY, endpoint="tickers", seconds=1, count=None))
        await asyncio.gather(*(client.fetch_ticker(ETH) for _ in range(5)))
        asked = house.ledger.entries("request", "bybit", where=lambda entry: entry.facts["endpoint"] == "tickers")
        assert [entry.facts["in_flight"] for entry in asked] == [1, 2, 3, 4, 5]
        assert [entry.facts["symbol"] for entry in asked] == ["ETHUSDT"] * 5
        assert house.ledger.count("fault") == 5

    play(scene)
