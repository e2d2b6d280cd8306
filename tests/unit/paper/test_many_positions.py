"""What many positions cost to show: an account's money is measured once for all rows of one answer, and never stale."""

from decimal import Decimal

import pytest

from core.model.order import Side
from paper import exchange as state_machine
from paper.account import Account, OrderRequest, PaperKeys
from paper.exchange import PaperExchange
from paper.margin import Balance, cross_backing, liquidation_price, measure
from paper.world import World
from simulation.paper_clients import SteadyClock

D = Decimal


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Balance]:
    """Every measurement of an account's money, as it is made."""
    made: list[Balance] = []

    def measure_and_note(*arguments: object) -> Balance:
        made.append(measure(*arguments))  # type: ignore[arg-type]  # handed on as they are
        return made[-1]

    monkeypatch.setattr(state_machine, "measure", measure_and_note)
    return made


def test_twenty_cross_positions_are_shown_with_one_measurement_and_a_change_is_seen_at_once(
    clock: SteadyClock, measured: list[Balance]
) -> None:
    exchange = PaperExchange("bybit", World(clock))
    account = exchange.open_account("a", D(10_000_000), PaperKeys("key", "secret", "phrase"))
    for market in list(exchange.markets.values())[:20]:
        exchange.place_order(account, OrderRequest(market.symbol, Side.SELL, market.lot_step * 1_000))
    assert len(account.positions) == 20
    measured.clear()

    before = prices(exchange, account)
    assert len(measured) == 1
    assert before == slowly(exchange, account)
    coin = exchange.markets[next(iter(account.positions)).symbol].coin
    changes = (
        lambda: exchange.deposit(account, D(1_000_000)),
        lambda: exchange.place_order(account, OrderRequest("ETHUSDT", Side.SELL, D(100))),
        lambda: exchange.world.shift(coin, D("0.9")),
        lambda: clock.pass_seconds(5),
    )
    for change in changes:
        change()
        now = prices(exchange, account)
        assert now == slowly(exchange, account)
        assert now != before
        before = now


def prices(exchange: PaperExchange, account: Account) -> list[Decimal]:
    return [exchange.liquidation_price(account, position) for position in account.positions.values()]


def slowly(exchange: PaperExchange, account: Account) -> list[Decimal]:
    """The same by a measurement for each."""
    found = []
    for position in account.positions.values():
        market, mark = exchange.markets[position.key.symbol], exchange.quote(position.key.symbol).mark
        behind = cross_backing(market, position, mark, exchange.balance(account))
        found.append(liquidation_price(market, position, mark, behind))
    return found
