"""What happens to an account from outside: a forced liquidation, deleveraging, another client's trade."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from core.model.money import ZERO
from core.model.order import Side
from paper.account import Account, Leg, OrderRequest, PositionKey
from paper.events import liquidate
from paper.execution import check_margin, force_fill
from paper.refusals import Reason, Refused

if TYPE_CHECKING:
    from paper.exchange import PaperExchange


def liquidate_now(exchange: PaperExchange, account: Account, symbol: str = "") -> None:
    """Liquidate the account's positions of one symbol, or all of them, whatever their margin."""
    for position in list(account.positions.values()):
        if not symbol or position.key.symbol == symbol:
            liquidate(exchange, account, position)
    exchange.on_change(account)


def deleverage(exchange: PaperExchange, account: Account, symbol: str, quantity: Decimal) -> None:
    """Take part of a winning position away at the mark, without fee (ADL).

    Args:
        exchange: Where.
        account: Whose.
        symbol: The exchange's own.
        quantity: Unsigned; never more than what is held.

    Raises:
        Refused: If nothing is held.
    """
    held = next(iter(account.held(symbol)), None)
    if held is None:
        raise Refused(Reason.NOTHING_TO_REDUCE, "no position to deleverage")
    taken = min(quantity, abs(held.quantity))
    change = -taken if held.quantity > 0 else taken
    force_fill(exchange, account, held.key, change, exchange.quote(symbol).mark, "deleverage")
    exchange.on_change(account)


def trade_from_elsewhere(exchange: PaperExchange, account: Account, symbol: str, quantity: Decimal) -> None:
    """A trade of the same account by hand or another program, at the last price, with the taker fee.

    Args:
        exchange: Where.
        account: Whose.
        symbol: The exchange's own.
        quantity: Signed; in hedge mode it opens the leg of its sign.

    Raises:
        Refused: If there is no such market, or too little margin for what it would open.
    """
    exchange.market(symbol)
    leg = Leg.NET
    if exchange.is_hedged(account, symbol):
        leg = Leg.LONG if quantity > ZERO else Leg.SHORT
    held = next((position for position in account.held(symbol) if position.key.leg is leg), None)
    key = held.key if held else PositionKey(symbol, leg, exchange.margin_mode(account, symbol))
    check_margin(exchange, account, _as_request(exchange, account, key, quantity), abs(quantity))
    price = exchange.quote(symbol).last
    force_fill(exchange, account, key, quantity, price, "foreign", exchange.rules.taker_fee)
    exchange.on_change(account)


def _as_request(exchange: PaperExchange, account: Account, key: PositionKey, quantity: Decimal) -> OrderRequest:
    return OrderRequest(
        symbol=key.symbol,
        side=Side.BUY if quantity > ZERO else Side.SELL,
        quantity=abs(quantity),
        leg=key.leg,
        margin_mode=key.margin_mode,
        leverage=exchange.leverage(account, key.symbol, key.margin_mode, key.leg),
    )
