"""Leverage, margin mode and position mode, each in the scope that the exchange gives it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.money import ZERO
from core.model.position import MarginMode
from paper.account import Account, Leg, OrderRequest, OrderStatus, PaperPosition
from paper.effects import MarketState
from paper.execution import finish, force_fill
from paper.margin import money
from paper.order_rules import check_leverage, is_reducing
from paper.refusals import Reason, Refused
from paper.rules import ExchangeRules, MarginModeScope

if TYPE_CHECKING:
    from paper.exchange import PaperExchange


def leverage_key(rules: ExchangeRules, symbol: str, mode: MarginMode, leg: Leg) -> tuple[str, str, str]:
    """Under which name a leverage is kept; what is not part of the exchange's scope is empty."""
    return symbol, mode.value if rules.leverage_by_mode else "", leg.value if rules.leverage_by_leg else ""


def order_leverage(exchange: PaperExchange, account: Account, request: OrderRequest, mode: MarginMode) -> Decimal:
    """The leverage an order gets: its own where isolated orders carry it, else the setting.

    Raises:
        Refused: If it is out of the market's range, or an isolated order lacks it.
    """
    carries = exchange.rules.is_leverage_in_isolated_order and mode is MarginMode.ISOLATED
    if not carries:
        leg = request.leg
        if leg is Leg.NET and exchange.rules.leverage_by_leg:
            leg = Leg.LONG if request.side.sign > 0 else Leg.SHORT
        return exchange.leverage(account, request.symbol, mode, leg)
    if request.leverage is None:
        if is_reducing(request):
            return exchange.leverage(account, request.symbol, mode, request.leg)
        raise Refused(Reason.LEVERAGE_OUT_OF_RANGE, "an isolated order carries its leverage")
    check_leverage(request.leverage, exchange.market(request.symbol))
    return request.leverage


def set_leverage(
    exchange: PaperExchange, account: Account, symbol: str, leverage: Decimal, mode: MarginMode, leg: Leg
) -> None:
    """See PaperExchange.set_leverage."""
    market = exchange.market(symbol)
    check_leverage(leverage, market)
    rules = exchange.rules
    if rules.is_unchanged_refused and exchange.leverage(account, symbol, mode, leg) == leverage:
        raise Refused(Reason.LEVERAGE_UNCHANGED, "leverage not modified")
    touched = [
        held
        for held in account.held(symbol)
        if (not rules.leverage_by_mode or held.key.margin_mode is mode)
        and (not rules.leverage_by_leg or leg in (Leg.NET, _direction(held)))
    ]
    changed, extra = [], ZERO
    for held in touched:
        notional = abs(market.notional(held.quantity, held.entry_price))
        if leverage > market.bracket(notional).max_leverage:
            raise Refused(Reason.LEVERAGE_OUT_OF_RANGE, "the position is too large for that leverage")
        is_isolated = held.key.margin_mode is MarginMode.ISOLATED
        margin = money(notional / leverage) if is_isolated else ZERO
        extra += margin - held.margin if is_isolated else money(notional / leverage - notional / held.leverage)
        changed.append(replace(held, leverage=leverage, margin=margin))
    if extra > exchange.balance(account).available:
        raise Refused(Reason.LEVERAGE_MARGIN_SHORT, "not enough margin for that leverage")
    for position in changed:
        account.put_position(position.key, position, exchange.now_ms())
    account.leverages[leverage_key(rules, symbol, mode, leg)] = leverage
    exchange.record("setting", account, name="leverage", symbol=symbol, mode=mode, leg=leg, value=leverage)
    exchange.on_change(account)


def set_margin_mode(exchange: PaperExchange, account: Account, mode: MarginMode, symbol: str) -> None:
    """See PaperExchange.set_margin_mode."""
    by_symbol = exchange.rules.margin_mode_scope is MarginModeScope.SYMBOL
    if by_symbol:
        exchange.market(symbol)
    scope = symbol if by_symbol else ""
    current = account.symbol_modes.get(symbol, account.margin_mode) if by_symbol else account.margin_mode
    if current is mode:
        if exchange.rules.is_unchanged_refused:
            raise Refused(Reason.MARGIN_MODE_UNCHANGED, "margin mode not modified")
        return
    if exchange.rules.margin_mode_scope is not MarginModeScope.ORDER and _is_busy(account, scope):
        raise Refused(Reason.MARGIN_MODE_BLOCKED, "close positions and cancel orders first")
    if by_symbol:
        account.symbol_modes[symbol] = mode
    else:
        account.margin_mode = mode
    exchange.record("setting", account, name="margin_mode", symbol=scope, value=mode)
    exchange.on_change(account)


def set_position_mode(exchange: PaperExchange, account: Account, symbol: str, *, hedged: bool) -> None:
    """See PaperExchange.set_position_mode."""
    scope = symbol if exchange.rules.is_position_mode_by_symbol else ""
    if scope:
        exchange.market(scope)
    current = exchange.is_hedged(account, scope) if scope else account.hedged
    if current == hedged:
        if exchange.rules.is_unchanged_refused:
            raise Refused(Reason.POSITION_MODE_UNCHANGED, "position mode not modified")
        return
    if _is_busy(account, scope):
        raise Refused(Reason.POSITION_MODE_BLOCKED, "close positions and cancel orders first")
    if scope:
        account.symbol_hedged[scope] = hedged
    else:
        account.hedged = hedged
        account.symbol_hedged.clear()
    exchange.record("setting", account, name="hedged", symbol=scope, value=hedged)
    exchange.on_change(account)


def set_state(exchange: PaperExchange, symbol: str, state: MarketState) -> None:
    """See PaperExchange.set_state."""
    exchange.market(symbol)
    exchange.states[symbol] = state
    exchange.record("market_state", None, symbol=symbol, state=state)
    if state is not MarketState.DELISTED:
        return
    mark = exchange.quote(symbol).mark
    for account in exchange.accounts.values():
        for order in account.open_orders(symbol):
            finish(exchange, account, order, OrderStatus.CANCELLED, "delisted")
        for held in account.held(symbol):
            force_fill(exchange, account, held.key, -held.quantity, mark, "settlement")
        exchange.on_change(account)


def _direction(held: PaperPosition) -> Leg:
    return Leg.LONG if held.quantity > ZERO else Leg.SHORT


def _is_busy(account: Account, symbol: str) -> bool:
    has_position = any(not symbol or key.symbol == symbol for key in account.positions)
    return has_position or bool(account.open_orders(symbol))
