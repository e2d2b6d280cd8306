"""Each exchange's own rules: what it takes, clips or refuses, and which scope its settings have."""

from decimal import Decimal

import pytest

from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Account, Leg, OrderRequest, OrderStatus, OrderType, PaperKeys, TimeInForce
from paper.effects import MarketState
from paper.exchange import PaperExchange
from paper.markets import listed_coins, markets_of
from paper.refusals import Reason, Refused
from paper.rules import EXCHANGE_NAMES
from paper.world import World
from simulation.paper_clients import SteadyClock

D = Decimal
BTC = {"bybit": "BTCUSDT", "blofin": "BTC-USDT", "kucoin": "XBTUSDTM", "mexc": "BTC_USDT"}


class Trader:
    """One account on one exchange in one-way mode; every order isolated at 5x unless it says otherwise."""

    def __init__(self, name: str, clock: SteadyClock) -> None:
        self.exchange = PaperExchange(name, World(clock))
        self.account: Account = self.exchange.open_account("a", D(1_000_000), PaperKeys("key", "secret", "phrase"))
        self.symbol = BTC[name]
        self.market = self.exchange.market(self.symbol)
        if self.account.hedged:
            self.exchange.set_position_mode(self.account, hedged=False)
        if name == "bybit":
            self.exchange.set_margin_mode(self.account, MarginMode.ISOLATED)

    def order(self, side: Side, lots: int, **changes: object) -> OrderRequest:
        details: dict[str, object] = {"margin_mode": MarginMode.ISOLATED, "leverage": D(5), **changes}
        return OrderRequest(self.symbol, side, lots * self.market.lot_step, **details)  # type: ignore[arg-type]  # the fields of the request

    def place(self, side: Side, lots: int, **changes: object) -> OrderStatus:
        return self.exchange.place_order(self.account, self.order(side, lots, **changes)).status

    def refusal(self, side: Side, lots: int, **changes: object) -> Reason:
        before = (self.account.wallet, dict(self.account.positions), len(self.account.orders))
        with pytest.raises(Refused) as refused:
            self.place(side, lots, **changes)
        assert (self.account.wallet, dict(self.account.positions), len(self.account.orders)) == before
        return refused.value.reason


@pytest.fixture(params=EXCHANGE_NAMES)
def trader(request: pytest.FixtureRequest, clock: SteadyClock) -> Trader:
    return Trader(request.param, clock)


def test_the_same_coin_has_sizes_of_its_own_on_every_exchange() -> None:
    sizes = {name: markets_of(name)[BTC[name]].contract_size for name in EXCHANGE_NAMES}

    assert sizes == {"bybit": 1, "blofin": D("0.001"), "kucoin": D("0.001"), "mexc": D("0.0001")}
    assert markets_of("bybit")["1000PEPEUSDT"].coin_multiple == 1000


def test_every_exchange_lists_25_perpetuals_and_one_coin_only_two_do() -> None:
    assert all(len(markets_of(name)) >= 25 for name in EXCHANGE_NAMES)
    listing = [name for name in EXCHANGE_NAMES if any(market.coin == "KAS" for market in markets_of(name).values())]
    assert listing == ["kucoin", "mexc"]


def test_a_world_for_load_tests_lists_as_many_as_asked() -> None:
    assert len(markets_of("mexc", listed_coins(500))) == 500


def test_the_market_maximum_is_not_that_of_limit_orders_except_on_mexc(trader: Trader) -> None:
    market = trader.market
    lots = int(market.max_market_quantity / market.lot_step)

    assert trader.refusal(Side.BUY, lots + 1) is Reason.ABOVE_MAX_MARKET_QUANTITY
    assert (market.max_limit_quantity > market.max_market_quantity) == (trader.exchange.name != "mexc")


def test_what_is_not_a_multiple_of_the_step_is_refused(trader: Trader) -> None:
    request = trader.order(Side.BUY, 1)
    with pytest.raises(Refused) as refused:
        trader.exchange.place_order(
            trader.account, OrderRequest(request.symbol, Side.BUY, trader.market.lot_step * D("1.5"))
        )
    assert refused.value.reason is Reason.QUANTITY_STEP


def test_only_bybit_has_a_smallest_value(trader: Trader) -> None:
    trader.exchange.world.pin("BTC", D(600))
    if trader.exchange.name == "bybit":
        assert trader.refusal(Side.BUY, 1) is Reason.BELOW_MIN_NOTIONAL
    else:
        assert trader.place(Side.BUY, 1) is OrderStatus.FILLED


def test_a_reduction_is_not_held_to_the_smallest_value(clock: SteadyClock) -> None:
    trader = Trader("bybit", clock)
    trader.place(Side.BUY, 1)
    trader.exchange.world.pin("BTC", D(600))

    assert trader.place(Side.SELL, 1, reduce_only=True) is OrderStatus.FILLED


def test_a_naked_reduction_is_refused_everywhere(trader: Trader) -> None:
    assert trader.refusal(Side.SELL, 1, reduce_only=True) is Reason.NOTHING_TO_REDUCE


def test_a_reduction_of_the_wrong_side_is_refused(trader: Trader) -> None:
    trader.place(Side.BUY, 10)

    assert trader.refusal(Side.BUY, 1, reduce_only=True) is Reason.NOTHING_TO_REDUCE


def test_an_oversize_reduction_is_clipped_except_on_mexc_which_refuses_it(trader: Trader) -> None:
    trader.place(Side.BUY, 10)
    if trader.exchange.name == "mexc":
        assert trader.refusal(Side.SELL, 11, reduce_only=True) is Reason.REDUCE_EXCEEDS_POSITION
        return
    order = trader.exchange.place_order(trader.account, trader.order(Side.SELL, 11, reduce_only=True))

    assert (order.status, order.filled) == (OrderStatus.FILLED, 10 * trader.market.lot_step)
    assert not trader.account.positions


def test_a_repeated_client_id_is_refused_except_on_mexc_which_answers_the_first_order(trader: Trader) -> None:
    first = trader.exchange.place_order(trader.account, trader.order(Side.BUY, 2, client_order_id="one"))
    if trader.exchange.name == "mexc":
        again = trader.exchange.place_order(trader.account, trader.order(Side.SELL, 9, client_order_id="one"))
        assert again is first
    else:
        assert trader.refusal(Side.SELL, 9, client_order_id="one") is Reason.DUPLICATE_CLIENT_ORDER_ID
    (position,) = trader.account.positions.values()
    assert position.quantity == 2 * trader.market.lot_step


@pytest.mark.parametrize(
    ("name", "longest", "wrong"),
    [("bybit", 36, "a.b"), ("blofin", 32, "a-b"), ("kucoin", 40, "a b"), ("mexc", 32, "a.b")],
)
def test_client_ids_have_each_exchanges_length_and_letters(
    name: str, longest: int, wrong: str, clock: SteadyClock
) -> None:
    trader = Trader(name, clock)

    assert trader.place(Side.BUY, 2, client_order_id="x" * longest) is OrderStatus.FILLED
    assert trader.refusal(Side.BUY, 2, client_order_id="x" * (longest + 1)) is Reason.BAD_CLIENT_ORDER_ID
    assert trader.refusal(Side.BUY, 2, client_order_id=wrong) is Reason.BAD_CLIENT_ORDER_ID


def test_bybits_margin_mode_is_the_accounts_whatever_the_order_says(clock: SteadyClock) -> None:
    trader = Trader("bybit", clock)
    trader.place(Side.BUY, 2, margin_mode=MarginMode.CROSS)

    assert [key.margin_mode for key in trader.account.positions] == [MarginMode.ISOLATED]
    with pytest.raises(Refused) as refused:
        trader.exchange.set_margin_mode(trader.account, MarginMode.CROSS)
    assert refused.value.reason is Reason.MARGIN_MODE_BLOCKED


def test_blofin_keeps_isolated_and_cross_apart(clock: SteadyClock) -> None:
    trader = Trader("blofin", clock)
    trader.place(Side.BUY, 2)
    trader.place(Side.SELL, 3, margin_mode=MarginMode.CROSS)

    assert sorted(position.quantity for position in trader.account.positions.values()) == [D("-0.3"), D("0.2")]
    trader.place(Side.SELL, 2, reduce_only=True)
    assert trader.refusal(Side.SELL, 1, reduce_only=True) is Reason.NOTHING_TO_REDUCE


def test_kucoin_wants_the_symbols_mode_repeated_in_every_order(clock: SteadyClock) -> None:
    trader = Trader("kucoin", clock)
    assert trader.refusal(Side.BUY, 2, margin_mode=MarginMode.CROSS) is Reason.MARGIN_MODE_MISMATCH

    trader.exchange.set_margin_mode(trader.account, MarginMode.CROSS, trader.symbol)

    assert trader.place(Side.BUY, 2, margin_mode=MarginMode.CROSS) is OrderStatus.FILLED
    assert trader.refusal(Side.BUY, 2, margin_mode=None) is Reason.MARGIN_MODE_MISMATCH


def test_mexc_takes_no_order_of_the_other_mode_while_a_position_is_held(clock: SteadyClock) -> None:
    trader = Trader("mexc", clock)
    trader.place(Side.BUY, 2)

    assert trader.refusal(Side.BUY, 2, margin_mode=MarginMode.CROSS) is Reason.OTHER_MARGIN_MODE_HELD


def test_isolated_orders_carry_their_leverage_on_kucoin_and_mexc_and_nowhere_else(trader: Trader) -> None:
    carries = trader.exchange.name in ("kucoin", "mexc")
    if carries:
        assert trader.refusal(Side.BUY, 2, leverage=None) is Reason.LEVERAGE_OUT_OF_RANGE
    else:
        trader.exchange.set_leverage(trader.account, trader.symbol, D(7), MarginMode.ISOLATED)
    trader.place(Side.BUY, 2, leverage=D(5))

    (position,) = trader.account.positions.values()
    assert position.leverage == (5 if carries else 7)


def test_leverage_is_kept_in_each_exchanges_scope(trader: Trader) -> None:
    exchange, account, symbol = trader.exchange, trader.account, trader.symbol
    exchange.set_leverage(account, symbol, D(4), MarginMode.ISOLATED, Leg.LONG)

    other_mode = exchange.leverage(account, symbol, MarginMode.CROSS, Leg.LONG)
    other_leg = exchange.leverage(account, symbol, MarginMode.ISOLATED, Leg.SHORT)

    assert (other_mode == 4) == (exchange.name == "bybit")
    assert (other_leg == 4) == (exchange.name != "mexc")


def test_unchanged_leverage_is_an_error_on_bybit_alone(trader: Trader) -> None:
    trader.exchange.set_leverage(trader.account, trader.symbol, D(4))
    if trader.exchange.name == "bybit":
        with pytest.raises(Refused) as refused:
            trader.exchange.set_leverage(trader.account, trader.symbol, D(4))
        assert refused.value.reason is Reason.LEVERAGE_UNCHANGED
    else:
        trader.exchange.set_leverage(trader.account, trader.symbol, D(4))


@pytest.mark.parametrize("leverage", ["0", "0.5", "201", "NaN"])
def test_leverage_outside_the_markets_range_is_refused(trader: Trader, leverage: str) -> None:
    with pytest.raises(Refused) as refused:
        trader.exchange.set_leverage(trader.account, trader.symbol, D(leverage))
    assert refused.value.reason is Reason.LEVERAGE_OUT_OF_RANGE


def test_lower_leverage_on_an_open_position_sets_more_margin_aside_or_is_refused(clock: SteadyClock) -> None:
    trader = Trader("bybit", clock)
    trader.exchange.set_leverage(trader.account, trader.symbol, D(20))
    trader.place(Side.BUY, 100_000)
    trader.place(Side.BUY, 100_000)
    with pytest.raises(Refused) as refused:
        trader.exchange.set_leverage(trader.account, trader.symbol, D(5))
    assert refused.value.reason is Reason.LEVERAGE_MARGIN_SHORT

    trader.exchange.set_leverage(trader.account, trader.symbol, D(16))
    (position,) = trader.account.positions.values()
    assert position.margin == (200 * position.entry_price / 16).quantize(D("1e-10"))


def test_position_modes_do_not_mix(trader: Trader) -> None:
    assert trader.refusal(Side.BUY, 2, leg=Leg.LONG) is Reason.POSITION_MODE_MISMATCH

    trader.exchange.set_position_mode(trader.account, trader.symbol, hedged=True)

    assert trader.refusal(Side.BUY, 2) is Reason.POSITION_MODE_MISMATCH


def test_a_hedged_account_holds_both_sides_and_each_close_reduces_its_own(trader: Trader) -> None:
    trader.exchange.set_position_mode(trader.account, trader.symbol, hedged=True)
    trader.place(Side.BUY, 5, leg=Leg.LONG)
    trader.place(Side.SELL, 3, leg=Leg.SHORT)
    trader.place(Side.SELL, 5, leg=Leg.LONG)

    (short,) = trader.account.positions.values()
    assert (short.key.leg, short.quantity) == (Leg.SHORT, -3 * trader.market.lot_step)
    assert trader.refusal(Side.SELL, 1, leg=Leg.LONG) is Reason.NOTHING_TO_REDUCE


def test_position_mode_cannot_change_while_something_is_open(trader: Trader) -> None:
    trader.place(Side.BUY, 2)

    with pytest.raises(Refused) as refused:
        trader.exchange.set_position_mode(trader.account, trader.symbol, hedged=True)
    assert refused.value.reason is Reason.POSITION_MODE_BLOCKED


def test_bybits_position_mode_is_the_symbols_and_the_others_are_the_accounts(trader: Trader) -> None:
    other = next(symbol for symbol, market in trader.exchange.markets.items() if market.coin == "ETH")
    trader.exchange.set_position_mode(trader.account, trader.symbol, hedged=True)

    assert trader.exchange.is_hedged(trader.account, other) == (trader.exchange.name != "bybit")


def test_a_halted_market_takes_nothing_and_trades_again_when_resumed(trader: Trader) -> None:
    trader.exchange.set_state(trader.symbol, MarketState.HALTED)
    assert trader.refusal(Side.BUY, 2) is Reason.SYMBOL_HALTED

    trader.exchange.set_state(trader.symbol, MarketState.LIVE)
    assert trader.place(Side.BUY, 2) is OrderStatus.FILLED


def test_a_resting_order_is_not_filled_while_its_market_is_halted(trader: Trader) -> None:
    tick, last = trader.market.tick, trader.exchange.quote(trader.symbol).last
    order = trader.order(Side.BUY, 2, order_type=OrderType.LIMIT, price=last * D("0.9") // tick * tick)
    resting = trader.exchange.place_order(trader.account, order)
    trader.exchange.set_state(trader.symbol, MarketState.HALTED)
    trader.exchange.world.pin("BTC", last * D("0.8"))
    trader.exchange.touch(trader.account)
    while_halted = resting.status
    trader.exchange.set_state(trader.symbol, MarketState.LIVE)
    trader.exchange.world.pin("BTC", last * D("0.85"))
    trader.exchange.touch(trader.account)

    assert (while_halted, resting.status) == (OrderStatus.OPEN, OrderStatus.FILLED)


def test_delisting_settles_positions_at_the_mark_and_cancels_orders(trader: Trader) -> None:
    trader.place(Side.BUY, 2)
    tick, last = trader.market.tick, trader.exchange.quote(trader.symbol).last
    order = trader.order(Side.BUY, 2, order_type=OrderType.LIMIT, price=last * D("0.9") // tick * tick)
    resting = trader.exchange.place_order(trader.account, order)

    trader.exchange.set_state(trader.symbol, MarketState.DELISTED)

    assert not trader.account.positions
    assert resting.status is OrderStatus.CANCELLED
    assert trader.account.fills[-1].kind == "settlement"


@pytest.mark.parametrize(
    ("force", "at", "status"),
    [
        (TimeInForce.GTC, "0.9", OrderStatus.OPEN),
        (TimeInForce.GTC, "1.1", OrderStatus.FILLED),
        (TimeInForce.IOC, "0.9", OrderStatus.CANCELLED),
        (TimeInForce.FOK, "0.9", OrderStatus.CANCELLED),
        (TimeInForce.FOK, "1.1", OrderStatus.FILLED),
        (TimeInForce.POST_ONLY, "1.1", OrderStatus.CANCELLED),
        (TimeInForce.POST_ONLY, "0.9", OrderStatus.OPEN),
    ],
)
def test_time_in_force_decides_what_a_limit_order_does_at_its_price(
    trader: Trader, force: TimeInForce, at: str, status: OrderStatus
) -> None:
    tick = trader.market.tick
    price = trader.exchange.quote(trader.symbol).last * D(at) // tick * tick

    assert trader.place(Side.BUY, 2, order_type=OrderType.LIMIT, price=price, time_in_force=force) is status


def test_a_done_order_cannot_be_cancelled_and_an_unknown_one_is_not_found(trader: Trader) -> None:
    order = trader.exchange.place_order(trader.account, trader.order(Side.BUY, 2))
    with pytest.raises(Refused) as done:
        trader.exchange.cancel_order(trader.account, order_id=order.order_id)
    with pytest.raises(Refused) as unknown:
        trader.exchange.cancel_order(trader.account, client_order_id="never")

    assert (done.value.reason, unknown.value.reason) == (Reason.ORDER_ALREADY_DONE, Reason.ORDER_NOT_FOUND)


def test_the_same_trade_earns_the_same_in_every_unit_of_quantity(trader: Trader) -> None:
    trader.exchange.world.pin("BTC", D(50_000))
    coins = D(2) / trader.market.contract_size / trader.market.lot_step
    trader.place(Side.BUY, int(coins), leverage=D(10))
    (position,) = trader.account.positions.values()
    trader.exchange.world.pin("BTC", D(51_000))
    profit = trader.exchange.balance(trader.account).unrealized
    trader.place(Side.SELL, int(coins), reduce_only=True)

    # 2 coins bought at 50,005 and sold at 50,994.9; fees are each exchange's own share of both notionals.
    assert position.quantity * trader.market.contract_size == 2
    assert profit == 1_990
    assert trader.account.realized == D("1979.8")
    assert trader.account.fees == (D(100_010) + D("101989.8")) * trader.exchange.rules.taker_fee


def test_mexcs_leverage_of_one_direction_leaves_a_position_of_the_other_alone(clock: SteadyClock) -> None:
    trader = Trader("mexc", clock)
    trader.place(Side.BUY, 1_000)
    trader.exchange.set_leverage(trader.account, trader.symbol, D(9), MarginMode.ISOLATED, Leg.SHORT)
    (unchanged,) = trader.account.positions.values()
    trader.exchange.set_leverage(trader.account, trader.symbol, D(8), MarginMode.ISOLATED, Leg.LONG)
    (changed,) = trader.account.positions.values()

    assert (unchanged.leverage, changed.leverage) == (D(5), D(8))
    assert changed.margin < unchanged.margin
