"""What a fill, a funding time and a liquidation do to an account. Losses never exceed what stands behind a position.

Laws (tested): wallet = deposits + realized - fees + funding, to the last digit; a position is the sum of its fills;
no margin is negative when an event is over.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from core.model.money import ZERO
from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Account, Fill, PaperPosition, PositionKey
from paper.margin import money
from paper.markets import PaperMarket


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill about to be applied.

    Attributes:
        order_id: Of the order it belongs to.
        client_order_id: Of the order it belongs to.
        key: The position it changes.
        side: Buy or sell.
        quantity: Unsigned.
        price: In USDT.
        leverage: For what it opens.
        fee_rate: Share of notional.
        is_maker: Whether the order was resting.
        kind: `trade`, `liquidation`, `deleverage` or `foreign`.
        at_ms: Unix milliseconds.
    """

    order_id: str
    client_order_id: str
    key: PositionKey
    side: Side
    quantity: Decimal
    price: Decimal
    leverage: Decimal
    fee_rate: Decimal
    is_maker: bool
    kind: str
    at_ms: int


def isolated_margin(account: Account) -> Decimal:
    """The USDT set aside for isolated positions."""
    return sum((position.margin for position in account.positions.values()), ZERO)


def apply_execution(account: Account, market: PaperMarket, execution: Execution, number: int) -> Fill:
    """Change wallet and position by one fill and remember it.

    Args:
        account: Whose; changed.
        market: Of the position's symbol.
        execution: What was filled.
        number: Of the fill, and of the position if it opens one.
    """
    held = account.positions.get(execution.key)
    change = execution.quantity * execution.side.sign
    closed = min(execution.quantity, abs(held.quantity)) if held and held.quantity * change < 0 else ZERO
    realized = ZERO
    position = held
    if held and closed:
        position, realized = _close(account, market, held, closed, execution)
    account.wallet += realized
    account.realized += realized
    account.put_position(execution.key, position, execution.at_ms)
    opened = execution.quantity - closed
    if opened:
        position = _open(market, position, opened, execution, number)
        account.put_position(execution.key, position, execution.at_ms)
    notional = market.notional(execution.quantity, execution.price)
    fee = _charge(account, money(notional * execution.fee_rate))
    if position is not None:
        account.positions[execution.key] = position = replace(position, realized=position.realized + realized - fee)
        account.put_position(execution.key, position, execution.at_ms)
    fill = Fill(
        number=number,
        order_id=execution.order_id,
        client_order_id=execution.client_order_id,
        symbol=execution.key.symbol,
        side=execution.side,
        leg=execution.key.leg,
        margin_mode=execution.key.margin_mode,
        quantity=execution.quantity,
        price=execution.price,
        notional=money(notional),
        fee=fee,
        fee_rate=execution.fee_rate,
        realized=realized,
        closed_quantity=closed,
        is_maker=execution.is_maker,
        kind=execution.kind,
        at_ms=execution.at_ms,
    )
    account.fills.append(fill)
    account.new_fills.append(fill)
    return fill


def pay_funding(account: Account, position: PaperPosition, payment: Decimal, at_ms: int) -> Decimal:
    """Receive (or pay, negative) funding; an isolated position pays out of its margin and never more than that."""
    is_isolated = position.key.margin_mode is MarginMode.ISOLATED
    backing = position.margin if is_isolated else max(account.wallet - isolated_margin(account), ZERO)
    paid = max(money(payment), -backing)
    account.wallet += paid
    account.funding += paid
    margin = position.margin + min(paid, ZERO) if is_isolated else position.margin
    changed = replace(position, margin=margin, realized=position.realized + paid, updated_ms=at_ms)
    account.put_position(position.key, changed, at_ms)
    return paid


def _close(
    account: Account, market: PaperMarket, held: PaperPosition, closed: Decimal, execution: Execution
) -> tuple[PaperPosition | None, Decimal]:
    sign = 1 if held.quantity > 0 else -1
    is_whole = closed == abs(held.quantity)
    released = held.margin if is_whole else money(held.margin * closed / abs(held.quantity))
    profit = money(closed * market.contract_size * (execution.price - held.entry_price) * sign)
    is_isolated = held.key.margin_mode is MarginMode.ISOLATED
    backing = released if is_isolated else max(account.wallet - isolated_margin(account), ZERO)
    realized = max(profit, -backing)
    if is_whole:
        return None, realized
    left = replace(
        held,
        quantity=held.quantity - closed * sign,
        margin=held.margin - released,
        updated_ms=execution.at_ms,
    )
    return left, realized


def _open(
    market: PaperMarket, held: PaperPosition | None, opened: Decimal, execution: Execution, number: int
) -> PaperPosition:
    change = opened * execution.side.sign
    added = ZERO
    if execution.key.margin_mode is MarginMode.ISOLATED:
        added = money(market.notional(opened, execution.price) / execution.leverage)
    if held is None:
        return PaperPosition(
            key=execution.key,
            number=number,
            quantity=change,
            entry_price=execution.price,
            leverage=execution.leverage,
            margin=added,
            realized=ZERO,
            opened_ms=execution.at_ms,
            updated_ms=execution.at_ms,
        )
    total = held.quantity + change
    return replace(
        held,
        quantity=total,
        entry_price=(held.quantity * held.entry_price + change * execution.price) / total,
        leverage=execution.leverage,
        margin=held.margin + added,
        updated_ms=execution.at_ms,
    )


def _charge(account: Account, fee: Decimal) -> Decimal:
    """Take a fee out of what is not set aside for isolated positions, as far as there is any."""
    free = max(account.wallet - isolated_margin(account), ZERO)
    taken = min(fee, free)
    account.wallet -= taken
    account.fees += taken
    return taken
