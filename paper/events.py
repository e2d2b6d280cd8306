"""What happens by itself as time passes: orders arrive, limits are reached, funding falls due, margin runs out."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.money import ZERO
from core.model.position import MarginMode
from paper.account import Account, OrderStatus, PaperOrder, PaperPosition
from paper.clearing import pay_funding
from paper.effects import MarketState
from paper.execution import check_margin, execute, finish, force_fill, is_marketable
from paper.margin import maintenance, price_at_margin, unrealized
from paper.refusals import Refused
from paper.world import FUNDING_INTERVAL_MS

if TYPE_CHECKING:
    from paper.exchange import PaperExchange


CATCH_UP_MS = 60_000
"""Prices of a time that nobody looked at are visited at this distance, or further apart when it was long."""


def moments_to_visit(account: Account, now_ms: int, steps: int) -> list[int]:
    """The moments at which an account is to be looked at: now, and before it those since it was last looked at.

    Args:
        account: Whose; without positions and orders only now counts.
        now_ms: The last of the moments.
        steps: How many moments at most lie before it.
    """
    if not account.positions and not account.open_ids:
        return [now_ms]
    distance = max(CATCH_UP_MS, (now_ms - account.settled_ms) // steps)
    return [*range(account.settled_ms + distance, now_ms, distance), now_ms]


def advance(exchange: PaperExchange, account: Account) -> None:
    """Bring one account to the present: orders, funding, liquidation, in this order."""
    _arrive(exchange, account)
    _reach_limits(exchange, account)
    _fund(exchange, account)
    liquidate_where_due(exchange, account)
    account.settled_ms = exchange.now_ms()


def liquidate_where_due(exchange: PaperExchange, account: Account) -> None:
    """Close what has fallen to its maintenance margin."""
    for position in list(account.positions.values()):
        if position.key.margin_mode is MarginMode.ISOLATED and _is_isolated_spent(exchange, position):
            liquidate(exchange, account, position)
    balance = exchange.balance(account)
    cross = [held for held in account.positions.values() if held.key.margin_mode is MarginMode.CROSS]
    if cross and balance.cross_equity <= balance.cross_maintenance:
        for position in cross:
            liquidate(exchange, account, position)


def liquidate(exchange: PaperExchange, account: Account, position: PaperPosition) -> None:
    """Take a position over at its bankruptcy price (isolated) or at the mark (cross), and cancel its orders."""
    for order in account.open_orders(position.key.symbol):
        finish(exchange, account, order, OrderStatus.CANCELLED, "liquidation")
    market = exchange.markets[position.key.symbol]
    mark = exchange.quote(position.key.symbol).mark
    price = mark
    if position.key.margin_mode is MarginMode.ISOLATED:
        price = price_at_margin(market, position, position.margin, ZERO)
    exchange.record(
        "liquidation", account, symbol=position.key.symbol, leg=position.key.leg, quantity=position.quantity,
        mark=mark, price=price,
    )  # fmt: skip
    force_fill(exchange, account, position.key, -position.quantity, price, "liquidation")


def _is_isolated_spent(exchange: PaperExchange, position: PaperPosition) -> bool:
    market = exchange.markets[position.key.symbol]
    mark = exchange.quote(position.key.symbol).mark
    return position.margin + unrealized(market, position, mark) <= maintenance(market, position, mark)


def _is_halted(exchange: PaperExchange, order: PaperOrder) -> bool:
    return exchange.state(order.request.symbol) is not MarketState.LIVE


def _arrive(exchange: PaperExchange, account: Account) -> None:
    now_ms = exchange.now_ms()
    for order in account.open_orders():
        if order.status is not OrderStatus.ACCEPTED or order.due_ms > now_ms or _is_halted(exchange, order):
            continue
        if order.reject_reason:
            finish(exchange, account, order, OrderStatus.REJECTED, order.reject_reason)
            continue
        # What the order itself has bound so far must not stand in its own way.
        del account.open_ids[order.order_id]
        try:
            check_margin(exchange, account, order.request, order.request.quantity)
        except Refused as refused:
            finish(exchange, account, order, OrderStatus.REJECTED, str(refused.reason))
        else:
            execute(exchange, account, order, is_maker=False)


def _reach_limits(exchange: PaperExchange, account: Account) -> None:
    for order in account.open_orders():
        if (
            order.status is OrderStatus.OPEN
            and not _is_halted(exchange, order)
            and is_marketable(exchange, order.request)
        ):
            execute(exchange, account, order, is_maker=True)


def _fund(exchange: PaperExchange, account: Account) -> None:
    now_ms = exchange.now_ms()
    due = (account.settled_ms // FUNDING_INTERVAL_MS + 1) * FUNDING_INTERVAL_MS
    while due <= now_ms and account.positions:
        for position in list(account.positions.values()):
            if position.opened_ms < due:
                _pay(exchange, account, position, due)
        due += FUNDING_INTERVAL_MS


def _pay(exchange: PaperExchange, account: Account, position: PaperPosition, due_ms: int) -> None:
    market = exchange.markets[position.key.symbol]
    mark = exchange.world.quote(exchange.name, market, due_ms).mark
    rate = exchange.funding_rate(position.key.symbol, due_ms)
    payment: Decimal = -market.notional(position.quantity, mark) * rate
    paid = pay_funding(account, position, payment, exchange.now_ms())
    exchange.record(
        "funding", account, symbol=position.key.symbol, quantity=position.quantity, rate=rate, mark=mark, paid=paid
    )
