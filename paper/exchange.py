"""One exchange as a pure state machine: no socket, no thread, no clock of its own; time is asked of the world.

Everything is in the exchange's own words for symbols and quantities (coins on Bybit, contracts elsewhere) and in our
words for the rest. Protocol files call the methods; every method either does the whole thing or raises `Refused` and
changes nothing. Call `touch(account)` (the door does it before every signed request) to let happen what is due.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

from core.model.money import ZERO
from core.model.position import MarginMode
from paper import placing, settings
from paper.account import (
    Account,
    Fill,
    Leg,
    OrderRequest,
    OrderStatus,
    PaperKeys,
    PaperOrder,
    PaperPosition,
    Permissions,
)
from paper.effects import Effects, MarketState
from paper.events import advance, moments_to_visit
from paper.ledger import Ledger
from paper.margin import Balance, cross_backing, liquidation_price, measure
from paper.markets import PaperMarket, markets_of
from paper.refusals import Reason, Refused
from paper.rules import RULES
from paper.world import FUNDING_INTERVAL_MS, Level, PaperQuote, World

__all__ = ["Effects", "MarketState", "PaperExchange"]

FIRST_ORDER_NUMBER = 10_000_000
CATCH_UP_STEPS = 120


class PaperExchange:
    """Accounts and markets of one exchange.

    Attributes:
        name: bybit, blofin, kucoin or mexc.
        rules: Its semantics.
        world: Prices and time.
        markets: What it lists, by its own symbols.
        accounts: By label.
        states: Markets that do not trade.
        catch_up_steps: At how many moments at most an account is looked at that nobody asked about for long.
        effects: In force now; `with exchange.under(effects):` sets them for a while.
    """

    def __init__(self, name: str, world: World, ledger: Ledger | None = None) -> None:
        self.name = name
        self.rules = RULES[name]
        self.world = world
        self.ledger = ledger or Ledger()
        self.markets: dict[str, PaperMarket] = markets_of(name, world.coins)
        self.accounts: dict[str, Account] = {}
        self.states: dict[str, MarketState] = {}
        self.effects = Effects()
        self.funding_overrides: dict[str, Decimal] = {}
        self.on_change: Callable[[Account], None] = forget_changes
        self.last_number = 0
        self._by_key: dict[str, Account] = {}
        self.catch_up_steps = CATCH_UP_STEPS
        self._present_ms = 0
        self._touched: dict[str, tuple[object, ...]] = {}
        self._cross_money: dict[str, tuple[tuple[object, ...], Balance]] = {}

    # ------------------------------------------------------------------ time, prices, markets

    def now_ms(self) -> int:
        """Unix milliseconds of the world."""
        return self._present_ms or self.world.now_ms()

    def server_ms(self) -> int:
        """Unix milliseconds of the exchange's own clock, which timestamps of requests are compared with."""
        return self.world.now_ms() + self.effects.clock_skew_ms

    def market(self, symbol: str) -> PaperMarket:
        """A listed market.

        Raises:
            Refused: If there is none of that name.
        """
        market = self.markets.get(symbol)
        if market is None:
            raise Refused(Reason.UNKNOWN_SYMBOL, f"no market {symbol}")
        return market

    def state(self, symbol: str) -> MarketState:
        """Whether the market trades."""
        return self.states.get(symbol, MarketState.LIVE)

    def quote(self, symbol: str) -> PaperQuote:
        """The market's prices now."""
        return self.world.quote(self.name, self.market(symbol), self.now_ms())

    def levels(self, symbol: str, side: str) -> Iterator[Level]:
        """One side of the book now, `bid` or `ask`, best first."""
        return self.world.levels(self.name, self.market(symbol), self.now_ms(), side)

    def funding_rate(self, symbol: str, due_ms: int) -> Decimal:
        """What longs pay shorts at one funding time, as a share of notional."""
        if symbol in self.funding_overrides:
            return self.funding_overrides[symbol]
        return self.world.funding_rate(self.name, self.market(symbol), due_ms)

    def set_state(self, symbol: str, state: MarketState) -> None:
        """Halt, delist or resume a market; delisting cancels its orders and settles its positions at the mark."""
        settings.set_state(self, symbol, state)

    # ------------------------------------------------------------------ accounts

    def open_account(self, label: str, balance: Decimal, keys: PaperKeys) -> Account:
        """Make an account with its first deposit.

        Raises:
            ValueError: If the label or the key is taken.
        """
        if label in self.accounts or keys.api_key in self._by_key:
            raise ValueError(f"{self.name} has an account {label!r} or its key already")
        account = Account(self.name, label, keys, self.rules.default_margin_mode, self.rules.default_hedged)
        account.settled_ms = self.now_ms()
        self.adopt(account)
        self.deposit(account, balance)
        return account

    def adopt(self, account: Account) -> None:
        """Take an account as it is, for instance from storage."""
        self.accounts[account.label] = account
        self._by_key[account.keys.api_key] = account

    def close_account(self, account: Account) -> None:
        """Forget an account and its key."""
        self.accounts.pop(account.label, None)
        self._by_key.pop(account.keys.api_key, None)

    def change_keys(self, account: Account, keys: PaperKeys) -> None:
        """Give an account other keys; the ones before are refused from now on."""
        self._by_key.pop(account.keys.api_key, None)
        account.keys = keys
        self._by_key[keys.api_key] = account
        self.record("keys", account)
        self.on_change(account)

    def account_by_key(self, api_key: str) -> Account | None:
        """The account of an API key, None where there is none or the key was revoked."""
        account = self._by_key.get(api_key)
        return None if account is None or account.permissions.is_revoked else account

    def set_permissions(self, account: Account, permissions: Permissions) -> None:
        """Change what the account's key may do."""
        account.permissions = permissions
        self.record("permissions", account, is_revoked=permissions.is_revoked, can_trade=permissions.can_trade)
        self.on_change(account)

    def deposit(self, account: Account, amount: Decimal) -> None:
        """Add USDT (negative: withdraw).

        Raises:
            Refused: If a withdrawal is more than what is available.
        """
        if amount < ZERO and -amount > self.balance(account).available:
            raise Refused(Reason.INSUFFICIENT_MARGIN, "more than what is available")
        account.wallet += amount
        account.deposited += amount
        self.record("deposit", account, amount=amount)
        self.on_change(account)

    def touch(self, account: Account) -> None:
        """Let happen to the account what is due by now, also what would have happened while nobody asked."""
        now_ms = self.now_ms()
        mark = (self.world.moment(now_ms), len(account.open_ids), now_ms // FUNDING_INTERVAL_MS)
        has_waiting = any(account.orders[order_id].status is OrderStatus.ACCEPTED for order_id in account.open_ids)
        if self._touched.get(account.label) == mark and not has_waiting:
            return
        before = account.funding
        for at_ms in moments_to_visit(account, now_ms, self.catch_up_steps):
            with self._as_of(at_ms):
                advance(self, account)
        self._touched[account.label] = mark
        if account.changed_orders or account.new_fills or account.funding != before:
            self.on_change(account)

    def touch_all(self) -> None:
        """Let happen to every account what is due by now."""
        for account in list(self.accounts.values()):
            self.touch(account)

    # ------------------------------------------------------------------ reads

    def balance(self, account: Account) -> Balance:
        """The account's money at the present marks."""
        return measure(account, self.markets, self._mark)

    def positions(self, account: Account, symbol: str = "") -> list[PaperPosition]:
        """Open positions as a client sees them: under lag, as they stood a while ago."""
        lag = self.effects.position_lag_ms
        positions: Sequence[PaperPosition] = (
            account.positions_at(self.now_ms() - lag) if lag else tuple(account.positions.values())
        )
        return [position for position in positions if not symbol or position.key.symbol == symbol]

    def liquidation_price(self, account: Account, position: PaperPosition) -> Decimal:
        """The mark at which the position is liquidated, zero where none does it."""
        market = self.markets[position.key.symbol]
        mark, behind = self._mark(position.key.symbol), position.margin
        if position.key.margin_mode is MarginMode.CROSS:
            behind = cross_backing(market, position, mark, self.cross_money(account))
        return liquidation_price(market, position, mark, behind)

    def cross_money(self, account: Account) -> Balance:
        """The account's money as far as cross positions need it, measured once for all rows of one answer.

        Margin of open orders is left out of what it stands on, so `available` may be of an earlier moment.
        """
        stands_on = (self.world.moment(self.now_ms()), account.wallet, tuple(account.positions.values()))
        known = self._cross_money.get(account.label)
        if known is None or known[0] != stands_on:
            known = (stands_on, self.balance(account))
            self._cross_money[account.label] = known
        return known[1]

    def find_order(self, account: Account, *, order_id: str = "", client_order_id: str = "") -> PaperOrder:
        """One order, by either id; the order id wins where both are given.

        Raises:
            Refused: If there is none, or it is too old to be kept.
        """
        wanted = order_id or account.by_client_id.get(client_order_id, "")
        order = account.orders.get(wanted)
        if order is None:
            raise Refused(Reason.ORDER_NOT_FOUND, "no such order")
        return order

    def orders(self, account: Account, symbol: str = "") -> list[PaperOrder]:
        """Every order still kept, newest first."""
        kept = reversed(account.orders.values())
        return [order for order in kept if not symbol or order.request.symbol == symbol]

    def fills(self, account: Account, symbol: str = "") -> list[Fill]:
        """Executions still kept, newest first."""
        return [fill for fill in reversed(account.fills) if not symbol or fill.symbol == symbol]

    def is_hedged(self, account: Account, symbol: str) -> bool:
        """The position mode of a symbol."""
        if self.rules.is_position_mode_by_symbol:
            return account.symbol_hedged.get(symbol, account.hedged)
        return account.hedged

    def margin_mode(self, account: Account, symbol: str) -> MarginMode:
        """The mode that an order on the symbol gets when it names none."""
        return account.symbol_modes.get(symbol, account.margin_mode)

    def leverage(self, account: Account, symbol: str, mode: MarginMode, leg: Leg = Leg.NET) -> Decimal:
        """The leverage that an order on the symbol gets when it names none."""
        default = min(self.rules.default_leverage, self.market(symbol).max_leverage)
        return account.leverages.get(settings.leverage_key(self.rules, symbol, mode, leg), default)

    # ------------------------------------------------------------------ orders

    def place_order(self, account: Account, request: OrderRequest) -> PaperOrder:
        """Check, accept and execute one order.

        Returns:
            The order; on an exchange that returns the existing order for a repeated client id, that one.

        Raises:
            Refused: If the exchange does not take it; nothing was changed.
        """
        return placing.place_order(self, account, request)

    def cancel_order(self, account: Account, *, order_id: str = "", client_order_id: str = "") -> PaperOrder:
        """Cancel one order that is still open.

        Raises:
            Refused: If there is none, or it is done.
        """
        order = self.find_order(account, order_id=order_id, client_order_id=client_order_id)
        return placing.cancel_order(self, account, order)

    # ------------------------------------------------------------------ settings

    def set_leverage(
        self, account: Account, symbol: str, leverage: Decimal, mode: MarginMode | None = None, leg: Leg = Leg.NET
    ) -> None:
        """Set leverage in the exchange's own scope; open positions in that scope take it at once.

        Raises:
            Refused: Unchanged (where that is an error), out of range, or more margin needed than available.
        """
        settings.set_leverage(self, account, symbol, leverage, mode or self.margin_mode(account, symbol), leg)

    def set_margin_mode(self, account: Account, mode: MarginMode, symbol: str = "") -> None:
        """Set the margin mode of the account, or of a symbol where that is the scope.

        Raises:
            Refused: Unchanged (where that is an error), or blocked by positions or orders in the scope.
        """
        settings.set_margin_mode(self, account, mode, symbol)

    def set_position_mode(self, account: Account, symbol: str = "", *, hedged: bool) -> None:
        """Set one-way or hedge mode of the account, or of a symbol where that is the scope.

        Raises:
            Refused: Unchanged (where that is an error), or blocked by positions or orders in the scope.
        """
        settings.set_position_mode(self, account, symbol, hedged=hedged)

    # ------------------------------------------------------------------ for the neighbours in this room

    @contextmanager
    def under(self, effects: Effects) -> Iterator[None]:
        """Let effects be in force for the calls inside."""
        before, self.effects = self.effects, effects
        try:
            yield
        finally:
            self.effects = before

    @contextmanager
    def _as_of(self, at_ms: int) -> Iterator[None]:
        """Let the present be a moment that has passed, for what is caught up with."""
        before, self._present_ms = self._present_ms, at_ms
        try:
            yield
        finally:
            self._present_ms = before

    def next_number(self) -> int:
        """The next number of an order or fill."""
        self.last_number += 1
        return self.last_number

    def make_order_id(self, number: int) -> str:
        """An id in the exchange's own style."""
        if self.rules.order_id_style == "uuid":
            return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name} {self.world.seed} {number}"))
        return str(FIRST_ORDER_NUMBER + number)

    def record(self, kind: str, account: Account | None, **facts: object) -> None:
        """Write one fact into the world's ledger."""
        plain = {name: str(value) for name, value in facts.items() if value is not None}
        self.ledger.record(self.now_ms(), kind, self.name, account.label if account else "", plain)

    def _mark(self, symbol: str) -> Decimal:
        return self.quote(symbol).mark


def forget_changes(account: Account) -> None:
    """Nothing is kept, so nothing waits to be written."""
    account.changed_orders.clear()
    account.new_fills.clear()
