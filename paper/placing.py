"""How an order comes in and goes out: checked, filled in, accepted, executed; or cancelled."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from paper import settings
from paper.account import Account, OrderRequest, OrderStatus, PaperOrder
from paper.effects import MarketState
from paper.execution import check_margin, execute, finish, position_key
from paper.order_rules import check_form, check_leg, choose_mode, fit_reduction, is_reducing
from paper.refusals import Reason, Refused
from paper.rules import DuplicateId

if TYPE_CHECKING:
    from paper.exchange import PaperExchange


def place_order(exchange: PaperExchange, account: Account, request: OrderRequest) -> PaperOrder:
    """See PaperExchange.place_order."""
    try:
        existing = _existing(exchange, account, request)
        if existing is not None:
            return existing
        accepted = _accept(exchange, account, request)
    except Refused as refused:
        exchange.record("refusal", account, reason=refused.reason, **_facts(request))
        raise
    number = exchange.next_number()
    now_ms, effects = exchange.now_ms(), exchange.effects
    order = PaperOrder(
        order_id=exchange.make_order_id(number),
        number=number,
        request=accepted,
        status=OrderStatus.ACCEPTED,
        created_ms=now_ms,
        updated_ms=now_ms,
        due_ms=now_ms + effects.accept_delay_ms,
        fill_share=effects.fill_share,
        reject_reason=effects.reject_later,
    )
    account.put_order(order)
    exchange.record("order", account, order_id=order.order_id, **_facts(accepted))
    if not effects.accept_delay_ms and not effects.reject_later:
        execute(exchange, account, order, is_maker=False)
    exchange.on_change(account)
    return order


def cancel_order(exchange: PaperExchange, account: Account, order: PaperOrder) -> PaperOrder:
    """See PaperExchange.cancel_order."""
    if order.status.is_done:
        raise Refused(Reason.ORDER_ALREADY_DONE, f"the order is {order.status}")
    finish(exchange, account, order, OrderStatus.CANCELLED, "by_client")
    exchange.on_change(account)
    return order


def _existing(exchange: PaperExchange, account: Account, request: OrderRequest) -> PaperOrder | None:
    if request.client_order_id not in account.by_client_id:
        return None
    if exchange.rules.duplicate_id is DuplicateId.RETURN_EXISTING:
        return exchange.find_order(account, client_order_id=request.client_order_id)
    raise Refused(Reason.DUPLICATE_CLIENT_ORDER_ID, "the client order id was used before")


def _accept(exchange: PaperExchange, account: Account, request: OrderRequest) -> OrderRequest:
    """The request with everything filled in that the exchange fills in, after all its checks."""
    market = exchange.market(request.symbol)
    if exchange.state(request.symbol) is not MarketState.LIVE:
        raise Refused(Reason.SYMBOL_HALTED, f"{request.symbol} does not trade now")
    check_form(request, market, exchange.rules, request.price or exchange.quote(request.symbol).last)
    check_leg(request, hedged=exchange.is_hedged(account, request.symbol))
    mode = choose_mode(request, account, exchange.rules)
    leverage = settings.order_leverage(exchange, account, request, mode)
    filled_in = replace(request, margin_mode=mode, leverage=leverage)
    if is_reducing(filled_in):
        return fit_reduction(filled_in, account, position_key(filled_in), exchange.rules)
    check_margin(exchange, account, filled_in, filled_in.quantity)
    return filled_in


def _facts(request: OrderRequest) -> dict[str, object]:
    return {
        "symbol": request.symbol,
        "side": request.side,
        "quantity": request.quantity,
        "order_type": request.order_type,
        "price": request.price,
        "reduce_only": request.reduce_only,
        "leg": request.leg,
        "margin_mode": request.margin_mode,
        "leverage": request.leverage,
        "client_order_id": request.client_order_id,
    }
