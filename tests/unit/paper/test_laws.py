"""Whatever happens to an account: money is conserved, positions are the sum of their fills, no margin is negative, no
reduction grows anything and no client id is executed twice."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Leg, OrderRequest, OrderType, PaperKeys, PositionKey, TimeInForce
from paper.effects import Effects, MarketState
from paper.exchange import PaperExchange
from paper.interventions import deleverage, liquidate_now, trade_from_elsewhere
from paper.refusals import Refused
from paper.rules import EXCHANGE_NAMES
from paper.world import World
from simulation.paper_clients import SteadyClock

COINS = ("BTC", "ETH", "DOGE")


class AccountLife(RuleBasedStateMachine):
    """One account on one exchange, through anything."""

    @initialize(name=st.sampled_from(EXCHANGE_NAMES), seed=st.integers(1, 5))
    def begin(self, name: str, seed: int) -> None:
        self.clock = SteadyClock()
        self.world = World(self.clock, seed)
        self.exchange = PaperExchange(name, self.world)
        self.exchange.catch_up_steps = 3
        self.sent = 0
        self.account = self.exchange.open_account("a", Decimal(20_000), PaperKeys("key", "secret", "phrase"))
        self.symbols = [m.symbol for m in self.exchange.markets.values() if m.coin in COINS]

    @rule(
        pick=st.integers(0, 2),
        side=st.sampled_from(Side),
        value=st.sampled_from([10, 700, 9_000, 150_000, 2_000_000]),
        leverage=st.sampled_from([1, 3, 20, 75]),
        mode=st.sampled_from(MarginMode),
        reduces=st.booleans(),
        limit=st.sampled_from([None, "0.97", "1", "1.03"]),
        force=st.sampled_from(TimeInForce),
        closes_leg=st.booleans(),
        effects=st.sampled_from([
            Effects(), Effects(), Effects(fill_share=Decimal("0.4")), Effects(accept_delay_ms=500),
            Effects(accept_delay_ms=500, reject_later="no"),
        ]),
    )  # fmt: skip
    def order(
        self, pick: int, side: Side, value: int, leverage: int, mode: MarginMode, *, reduces: bool, limit: str | None,
        force: TimeInForce, closes_leg: bool, effects: Effects,
    ) -> None:  # fmt: skip
        symbol = self.symbols[pick]
        market, quote = self.exchange.markets[symbol], self.exchange.quote(symbol)
        quantity = max(value / (quote.last * market.contract_size) // market.lot_step, Decimal(1)) * market.lot_step
        price = quote.last * Decimal(limit) // market.tick * market.tick if limit else None
        leg = Leg.NET
        if self.exchange.is_hedged(self.account, symbol):
            leg = Leg.LONG if (side is Side.BUY) != closes_leg else Leg.SHORT
        request = OrderRequest(
            symbol, side, quantity, OrderType.LIMIT if limit else OrderType.MARKET, price, force, reduces, leg, mode,
            Decimal(leverage), f"c{self.sent}",
        )  # fmt: skip
        self.sent += 1
        if self.exchange.name == "kucoin":
            self._try(lambda: self.exchange.set_margin_mode(self.account, mode, symbol))
        self._try(lambda: self.exchange.set_leverage(self.account, symbol, Decimal(leverage), mode, leg))
        with self.exchange.under(effects):
            self._try(lambda: self.exchange.place_order(self.account, request))

    @rule(pick=st.integers(0, 2), side=st.sampled_from(Side), mode=st.sampled_from(MarginMode), closes=st.booleans())
    def trade(self, pick: int, side: Side, mode: MarginMode, *, closes: bool) -> None:
        """A plain market order at high leverage, which most accounts can take."""
        self.order(
            pick, side, 9_000, 20, mode, reduces=False, limit=None, force=TimeInForce.GTC, closes_leg=closes,
            effects=Effects(),
        )  # fmt: skip

    @precondition(lambda self: self.account.orders)
    @rule(data=st.data(), side=st.sampled_from(Side), reduces=st.booleans())
    def repeat(self, data: st.DataObject, side: Side, *, reduces: bool) -> None:
        """A client id that was used before: the first order is what there is, whatever the second one asks."""
        account = self.account
        first = data.draw(st.sampled_from(list(account.orders.values())))
        before = (list(account.orders), len(account.fills), account.wallet, replace(first))
        request = replace(first.request, side=side, quantity=3 * first.request.quantity, reduce_only=reduces)
        self._try(lambda: self.exchange.place_order(account, request))
        assert before == (list(account.orders), len(account.fills), account.wallet, first)

    @rule(seconds=st.sampled_from([1, 60, 3_600, 8 * 3_600, 3 * 86_400]))
    def wait(self, seconds: int) -> None:
        self.clock.pass_seconds(seconds)
        self.exchange.touch(self.account)

    @rule(coin=st.sampled_from(COINS), factor=st.sampled_from(["0.5", "0.9", "0.99", "1.01", "1.1", "2"]))
    def jump(self, coin: str, factor: str) -> None:
        self.world.shift(coin, Decimal(factor))
        self.exchange.touch(self.account)

    @rule(amount=st.sampled_from([500, -500, -100_000]))
    def deposit(self, amount: int) -> None:
        self._try(lambda: self.exchange.deposit(self.account, Decimal(amount)))

    @rule(hedged=st.booleans(), mode=st.sampled_from(MarginMode), pick=st.integers(0, 2))
    def set_modes(self, mode: MarginMode, pick: int, *, hedged: bool) -> None:
        self._try(lambda: self.exchange.set_position_mode(self.account, self.symbols[pick], hedged=hedged))
        self._try(lambda: self.exchange.set_margin_mode(self.account, mode, self.symbols[pick]))

    @rule(rate=st.sampled_from(["-0.3", "0.0005", "0.9"]), pick=st.integers(0, 2))
    def charge_funding(self, rate: str, pick: int) -> None:
        self.exchange.funding_overrides[self.symbols[pick]] = Decimal(rate)
        self.wait(8 * 3_600)

    @precondition(lambda self: self.account.open_ids)
    @rule()
    def cancel(self) -> None:
        self.exchange.cancel_order(self.account, order_id=next(iter(self.account.open_ids)))

    @precondition(lambda self: self.account.positions)
    @rule(how=st.sampled_from(["liquidation", "deleverage", "elsewhere", "delisting"]))
    def strike(self, how: str) -> None:
        position = next(iter(self.account.positions.values()))
        symbol = position.key.symbol
        if how == "liquidation":
            liquidate_now(self.exchange, self.account, symbol)
        elif how == "deleverage":
            deleverage(self.exchange, self.account, symbol, abs(position.quantity) / 2)
        elif how == "elsewhere":
            self._try(lambda: trade_from_elsewhere(self.exchange, self.account, symbol, -position.quantity / 2))
        else:
            self.exchange.set_state(symbol, MarketState.DELISTED)
            self.exchange.set_state(symbol, MarketState.LIVE)

    @invariant()
    def money_is_conserved(self) -> None:
        account = self.account
        assert account.wallet == account.deposited + account.realized - account.fees + account.funding
        assert account.realized == sum((fill.realized for fill in account.fills), Decimal(0))
        assert account.fees == sum((fill.fee for fill in account.fills), Decimal(0))

    @invariant()
    def positions_are_the_sum_of_their_fills(self) -> None:
        sums: dict[PositionKey, Decimal] = defaultdict(Decimal)
        reductions = {order.order_id for order in self.account.orders.values() if order.request.reduce_only}
        for fill in self.account.fills:
            key = PositionKey(fill.symbol, fill.leg, fill.margin_mode)
            before = sums[key]
            sums[key] += fill.quantity * fill.side.sign
            if fill.order_id in reductions:
                assert abs(sums[key]) < abs(before), "a reduction that grew a position"
                assert sums[key] * before >= 0, "a reduction that turned a position"
        held = {key: position.quantity for key, position in self.account.positions.items()}
        assert {key: quantity for key, quantity in sums.items() if quantity} == held

    @invariant()
    def no_margin_is_negative(self) -> None:
        balance = self.exchange.balance(self.account)
        assert all(position.margin >= 0 for position in self.account.positions.values())
        assert balance.wallet >= balance.isolated_margin
        assert balance.available >= 0

    @invariant()
    def orders_fill_at_most_what_they_ask(self) -> None:
        for order in self.account.orders.values():
            assert 0 <= order.filled <= order.request.quantity
            assert order.status.is_done == (order.order_id not in self.account.open_ids)

    @staticmethod
    def _try(act: Callable[[], object]) -> None:
        with suppress(Refused):
            act()


AccountLife.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, database=None, derandomize=True
)
TestAccountLife = AccountLife.TestCase


class LongAccountLife(AccountLife):
    """The same, longer, and other lives every time."""


LongAccountLife.TestCase.settings = settings(max_examples=600, stateful_step_count=40, deadline=None, database=None)
TestLongAccountLife = pytest.mark.full(pytest.mark.timeout(600)(LongAccountLife.TestCase))
