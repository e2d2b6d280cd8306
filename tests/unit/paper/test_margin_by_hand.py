"""Fees, profit, funding, margin and liquidation against numbers that were worked out by hand."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Account, OrderRequest, OrderStatus, OrderType, PaperKeys, PaperPosition
from paper.effects import Effects
from paper.exchange import PaperExchange
from paper.interventions import deleverage, trade_from_elsewhere
from paper.prices import RecordedPrices
from paper.refusals import Reason, Refused
from paper.world import World
from simulation.paper_clients import SteadyClock

D = Decimal
ETH = "ETHUSDT"
START_MS = 1_772_443_800_000
"""2026-03-02 09:30 UTC, six and a half hours before the next funding at 16:00."""


@pytest.fixture
def world(clock: SteadyClock) -> World:
    world = World(clock)
    world.pin("ETH", D(2_000))
    world.pin("BTC", D(50_000))
    return world


@pytest.fixture
def bybit_exchange(world: World) -> PaperExchange:
    return PaperExchange("bybit", world)


@pytest.fixture
def account(bybit_exchange: PaperExchange) -> Account:
    """10,000 USDT, isolated; ETH at 2,000 trades at 1,999.8 / 2,000.2."""
    account = bybit_exchange.open_account("a", D(10_000), PaperKeys("key", "secret", "phrase"))
    bybit_exchange.set_margin_mode(account, MarginMode.ISOLATED)
    return account


def trade(exchange: PaperExchange, account: Account, side: Side, quantity: str, *, reduces: bool = False) -> None:
    exchange.place_order(account, OrderRequest(ETH, side, D(quantity), reduce_only=reduces))


def only(account: Account) -> PaperPosition:
    (position,) = account.positions.values()
    return position


def test_an_opening_pays_the_ask_and_the_taker_fee(bybit_exchange: PaperExchange, account: Account) -> None:
    trade(bybit_exchange, account, Side.BUY, "3")

    position = only(account)
    assert (position.quantity, position.entry_price) == (D(3), D("2000.2"))
    assert position.margin == D("600.06")  # 3 x 2000.2 / 10
    assert account.fees == D("3.30033")  # 3 x 2000.2 x 0.00055
    assert account.wallet == D("9996.69967")


def test_an_addition_averages_the_entry_by_quantity(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    trade(bybit_exchange, account, Side.BUY, "1")
    world.pin("ETH", D(2_300))
    trade(bybit_exchange, account, Side.BUY, "2")

    assert only(account).entry_price == (D("2000.2") + 2 * D("2300.23")) / 3
    assert only(account).margin == D("200.02") + D("460.046")


def test_a_partial_close_realizes_its_share_and_frees_its_margin(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    trade(bybit_exchange, account, Side.BUY, "4")
    world.pin("ETH", D(2_100))
    trade(bybit_exchange, account, Side.SELL, "1", reduces=True)

    assert account.realized == D("99.59")  # 2099.79 - 2000.2
    assert only(account).quantity == 3
    assert only(account).margin == D("600.06")  # three quarters of 4 x 200.02
    assert only(account).entry_price == D("2000.2")


def test_a_sale_beyond_the_position_closes_it_and_opens_the_other_side(
    bybit_exchange: PaperExchange, account: Account
) -> None:
    trade(bybit_exchange, account, Side.BUY, "1")
    trade(bybit_exchange, account, Side.SELL, "3")

    assert account.realized == D("-0.4")  # 1999.8 - 2000.2
    assert (only(account).quantity, only(account).entry_price) == (D(-2), D("1999.8"))
    assert only(account).margin == D("399.96")


def test_equity_follows_the_mark_and_available_does_not_grow_with_open_profit(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    trade(bybit_exchange, account, Side.BUY, "1")
    world.pin("ETH", D(2_500))

    balance = bybit_exchange.balance(account)

    assert balance.equity == balance.wallet + D("499.8")
    assert balance.available == balance.wallet - D("200.02")


def test_an_isolated_long_is_liquidated_where_margin_meets_maintenance(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    trade(bybit_exchange, account, Side.BUY, "1")
    # margin 200.02 + (P - 2000.2) = 0.005 P  =>  P = 1800.18 / 0.995 = 1809.2261...
    assert bybit_exchange.liquidation_price(account, only(account)).quantize(D("0.0001")) == D("1809.2261")

    world.pin("ETH", D("1809.23"))
    bybit_exchange.touch(account)
    assert account.positions

    world.pin("ETH", D("1809.22"))
    bybit_exchange.touch(account)
    assert not account.positions
    assert account.realized == D("-200.02")  # the margin, and no more
    assert account.fills[-1].kind == "liquidation"
    assert account.fills[-1].price == D("1800.18")


def test_an_isolated_short_is_liquidated_above_its_entry(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    trade(bybit_exchange, account, Side.SELL, "1")
    # margin 199.98 - (P - 1999.8) = 0.005 P  =>  P = 2199.78 / 1.005 = 2188.8358...
    assert bybit_exchange.liquidation_price(account, only(account)).quantize(D("0.0001")) == D("2188.8358")

    world.pin("ETH", D("2188.84"))
    bybit_exchange.touch(account)

    assert not account.positions


def test_cross_positions_stand_and_fall_with_the_whole_account(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    bybit_exchange.set_margin_mode(account, MarginMode.CROSS)
    trade(bybit_exchange, account, Side.BUY, "40")
    # wallet 10000 - 44.0044 fee; 9955.9956 + 40 (P - 2000.2) = 40 x 0.005 P  =>  P = 70052.0044 / 39.8 = 1760.1006...
    assert bybit_exchange.liquidation_price(account, only(account)).quantize(D("0.0001")) == D("1760.1006")

    world.pin("ETH", D("1760.11"))
    bybit_exchange.touch(account)
    assert account.positions

    world.pin("ETH", D("1760.10"))
    bybit_exchange.touch(account)
    assert not account.positions
    assert account.wallet == D("351.9956")  # 9955.9956 + 40 x (1760.1 - 2000.2)


def test_a_gap_through_the_liquidation_price_costs_no_more_than_what_stood_behind_it(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    bybit_exchange.set_margin_mode(account, MarginMode.CROSS)
    trade(bybit_exchange, account, Side.BUY, "40")
    world.pin("ETH", D(900))

    bybit_exchange.touch(account)

    assert account.wallet == 0


def test_longs_pay_shorts_at_the_funding_time_on_the_mark(
    bybit_exchange: PaperExchange, account: Account, clock: SteadyClock
) -> None:
    bybit_exchange.funding_overrides[ETH] = D("0.0001")
    trade(bybit_exchange, account, Side.BUY, "3")
    wallet, margin = account.wallet, only(account).margin

    clock.pass_seconds(6.5 * 3_600 - 1)
    bybit_exchange.touch(account)
    assert account.funding == 0

    clock.pass_seconds(1)
    bybit_exchange.touch(account)
    assert account.funding == D("-0.6")  # 3 x 2000 x 0.0001
    assert account.wallet == wallet - D("0.6")
    assert only(account).margin == margin - D("0.6")


def test_two_missed_funding_times_are_both_paid(
    bybit_exchange: PaperExchange, account: Account, clock: SteadyClock
) -> None:
    bybit_exchange.funding_overrides[ETH] = D("0.0001")
    trade(bybit_exchange, account, Side.SELL, "3")

    clock.pass_seconds(15 * 3_600)
    bybit_exchange.touch(account)

    assert account.funding == D("1.2")


def test_a_position_opened_after_the_funding_time_pays_nothing(
    bybit_exchange: PaperExchange, account: Account, clock: SteadyClock
) -> None:
    bybit_exchange.funding_overrides[ETH] = D("0.0001")
    clock.pass_seconds(6.5 * 3_600 + 1)
    trade(bybit_exchange, account, Side.BUY, "3")
    bybit_exchange.touch(account)

    assert account.funding == 0


def test_a_resting_order_that_is_reached_pays_the_maker_fee_at_its_own_price(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    request = OrderRequest(ETH, Side.BUY, D(2), OrderType.LIMIT, D(1_900))
    order = bybit_exchange.place_order(account, request)
    assert order.status is OrderStatus.OPEN
    assert bybit_exchange.balance(account).order_margin == 380

    world.pin("ETH", D(1_890))
    bybit_exchange.touch(account)

    assert (order.status, order.average_price) == (OrderStatus.FILLED, D(1_900))
    assert account.fees == D("0.76")  # 3800 x 0.0002


def test_an_order_that_needs_more_than_is_available_is_refused(bybit_exchange: PaperExchange, account: Account) -> None:
    # 49.7 x 2000.2 x (1/10 + 0.00055) = 9995.7; 49.8 would need 10015.8
    trade(bybit_exchange, account, Side.BUY, "49.7")
    bybit_exchange.place_order(account, OrderRequest(ETH, Side.SELL, D("49.7"), reduce_only=True))
    bybit_exchange.deposit(account, 10_000 - account.wallet)

    with pytest.raises(Refused) as refused:
        trade(bybit_exchange, account, Side.BUY, "49.8")
    assert refused.value.reason is Reason.INSUFFICIENT_MARGIN


def test_a_larger_tier_allows_less_leverage(bybit_exchange: PaperExchange, account: Account) -> None:
    bybit_exchange.deposit(account, D(10_000_000))
    bybit_exchange.set_leverage(account, ETH, D(100))

    with pytest.raises(Refused) as refused:
        trade(bybit_exchange, account, Side.BUY, "2100")  # 4.2 million, the first tier ends at 4 million

    assert refused.value.reason is Reason.RISK_LIMIT


def test_a_large_market_order_walks_the_book_and_averages(bybit_exchange: PaperExchange, account: Account) -> None:
    bybit_exchange.deposit(account, D(10_000_000))
    levels = [level for level, _ in zip(bybit_exchange.levels(ETH, "ask"), range(2), strict=False)]
    quantity = levels[0].quantity + 1

    order = bybit_exchange.place_order(account, OrderRequest(ETH, Side.BUY, quantity))

    spent = levels[0].quantity * levels[0].price + levels[1].price
    assert order.filled_notional == spent
    assert len(account.fills) == 2
    assert order.average_price is not None
    assert order.average_price.quantize(D("1e-9")) == (spent / quantity).quantize(D("1e-9"))


def test_a_partial_fill_leaves_the_rest_of_a_market_order_cancelled(
    bybit_exchange: PaperExchange, account: Account
) -> None:
    with bybit_exchange.under(Effects(fill_share=D("0.4"))):
        order = bybit_exchange.place_order(account, OrderRequest(ETH, Side.BUY, D("1")))

    assert (order.status, order.filled) == (OrderStatus.CANCELLED, D("0.4"))
    assert only(account).quantity == D("0.4")


def test_an_order_accepted_late_has_no_effect_until_it_is_due(
    bybit_exchange: PaperExchange, account: Account, clock: SteadyClock
) -> None:
    with bybit_exchange.under(Effects(accept_delay_ms=2_000)):
        order = bybit_exchange.place_order(account, OrderRequest(ETH, Side.BUY, D("40")))
    clock.pass_seconds(1)
    bybit_exchange.touch(account)
    assert (order.status, account.positions) == (OrderStatus.ACCEPTED, {})

    clock.pass_seconds(1)
    bybit_exchange.touch(account)
    assert order.status is OrderStatus.FILLED


def test_an_accepted_order_may_be_rejected_when_it_is_due(
    bybit_exchange: PaperExchange, account: Account, clock: SteadyClock, world: World
) -> None:
    with bybit_exchange.under(Effects(accept_delay_ms=2_000)):
        order = bybit_exchange.place_order(account, OrderRequest(ETH, Side.BUY, D("40")))
    world.pin("ETH", D(2_600))  # 40 x 2600.26 / 10 is more than there is
    clock.pass_seconds(2)
    bybit_exchange.touch(account)

    assert (order.status, order.reject_reason) == (OrderStatus.REJECTED, "insufficient_margin")


def test_position_reads_can_trail_behind_fills(
    bybit_exchange: PaperExchange, account: Account, clock: SteadyClock
) -> None:
    trade(bybit_exchange, account, Side.BUY, "1")
    clock.pass_seconds(5)
    trade(bybit_exchange, account, Side.BUY, "1")
    clock.pass_seconds(1)

    with bybit_exchange.under(Effects(position_lag_ms=2_000)):
        (stale,) = bybit_exchange.positions(account)
    with bybit_exchange.under(Effects(position_lag_ms=60_000)):
        before = bybit_exchange.positions(account)

    assert stale.quantity == 1
    assert not before
    assert bybit_exchange.positions(account)[0].quantity == 2


def test_deleveraging_takes_a_part_at_the_mark_without_fee(
    bybit_exchange: PaperExchange, account: Account, world: World
) -> None:
    trade(bybit_exchange, account, Side.BUY, "2")
    world.pin("ETH", D(3_000))
    fees = account.fees

    deleverage(bybit_exchange, account, ETH, D("0.5"))

    assert (only(account).quantity, account.fees) == (D("1.5"), fees)
    assert account.realized == D("499.9")  # 0.5 x (3000 - 2000.2)


def test_a_trade_from_elsewhere_changes_the_position_without_an_order(
    bybit_exchange: PaperExchange, account: Account
) -> None:
    trade_from_elsewhere(bybit_exchange, account, ETH, D("-0.7"))

    assert only(account).quantity == D("-0.7")
    assert not account.orders
    assert account.fills[-1].kind == "foreign"


def test_a_trade_from_elsewhere_needs_margin_like_any_other(bybit_exchange: PaperExchange, account: Account) -> None:
    with pytest.raises(Refused) as refused:
        trade_from_elsewhere(bybit_exchange, account, ETH, D(60))

    assert refused.value.reason is Reason.INSUFFICIENT_MARGIN


def test_a_fee_is_never_taken_out_of_the_margin_of_another_position(
    bybit_exchange: PaperExchange, account: Account
) -> None:
    trade(bybit_exchange, account, Side.BUY, "1")
    bybit_exchange.deposit(account, -bybit_exchange.balance(account).available)

    trade_from_elsewhere(bybit_exchange, account, ETH, D("-0.5"))

    assert account.wallet >= only(account).margin == D("100.01")


class Dip:
    """A price that falls for half an hour and comes back."""

    def __init__(self, from_ms: int) -> None:
        self._from_ms = from_ms

    def price(self, coin: str, at_ms: int) -> float:
        del coin
        return 1_500.0 if self._from_ms <= at_ms < self._from_ms + 1_800_000 else 2_000.0

    def moment(self, at_ms: int) -> int:
        return at_ms // 1_000

    def knows(self, coin: str) -> bool:
        return coin == "ETH"


def test_a_dip_that_nobody_watched_liquidates_all_the_same(clock: SteadyClock) -> None:
    exchange = PaperExchange("bybit", World(clock, source=Dip(START_MS + 3_600_000)))
    account = exchange.open_account("a", D(10_000), PaperKeys("key", "secret", "phrase"))
    exchange.set_margin_mode(account, MarginMode.ISOLATED)
    trade(exchange, account, Side.BUY, "1")
    resting = exchange.place_order(account, OrderRequest("ETHUSDT", Side.BUY, D(1), OrderType.LIMIT, D(1_600)))

    clock.pass_seconds(6 * 3_600)
    exchange.touch(account)

    assert [fill.kind for fill in account.fills] == ["trade", "trade", "liquidation"]
    assert resting.average_price == 1_600
    assert START_MS + 3_600_000 <= account.fills[-1].at_ms < START_MS + 5_400_000


def test_funding_falls_due_also_where_prices_stand_still(clock: SteadyClock, tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("time,coin,price\n1,ETH,2000\n")
    exchange = PaperExchange("bybit", World(clock, source=RecordedPrices(path)))
    exchange.funding_overrides[ETH] = D("0.0001")
    account = exchange.open_account("a", D(10_000), PaperKeys("key", "secret", "phrase"))
    trade(exchange, account, Side.BUY, "1")
    exchange.touch(account)

    clock.pass_seconds(7 * 3_600)
    exchange.touch(account)

    assert account.funding == D("-0.2")
