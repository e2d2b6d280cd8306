"""The arithmetic of margin, profit and liquidation for linear perpetuals; pure, in USDT.

Notional is quantity x contract size x price. Maintenance margin is notional at mark x the rate of its tier. A position
is liquidated when what stands behind it plus its unrealized profit has fallen to the maintenance margin.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.model.money import ZERO
from core.model.position import MarginMode
from paper.account import Account, OrderStatus, PaperPosition
from paper.markets import PaperMarket

CENT = Decimal("1e-10")
"""What amounts of money are rounded to, so that sums of them are exact."""

Mark = Callable[[str], Decimal]
"""The mark price of a symbol."""


def money(amount: Decimal) -> Decimal:
    """An amount on the grid of 1e-10 USDT."""
    return amount.quantize(CENT)


def unrealized(market: PaperMarket, position: PaperPosition, mark: Decimal) -> Decimal:
    """Profit if the position were closed at the mark."""
    return money(position.quantity * market.contract_size * (mark - position.entry_price))


def maintenance(market: PaperMarket, position: PaperPosition, mark: Decimal) -> Decimal:
    """Margin below which the position is liquidated."""
    notional = abs(market.notional(position.quantity, mark))
    return money(notional * market.bracket(notional).maintenance_rate)


def initial(market: PaperMarket, position: PaperPosition, mark: Decimal) -> Decimal:
    """Margin bound by the position: what was set aside (isolated), or notional at mark over leverage (cross)."""
    if position.key.margin_mode is MarginMode.ISOLATED:
        return position.margin
    return money(abs(market.notional(position.quantity, mark)) / position.leverage)


def price_at_margin(market: PaperMarket, position: PaperPosition, behind: Decimal, rate: Decimal) -> Decimal:
    """The mark at which `behind` plus profit equals `rate` of notional; zero where no price does it.

    Solves behind + q c (P - entry) = |q| c P rate for P. With the tier's rate it is the liquidation price, with rate
    zero the bankruptcy price.
    """
    size = position.quantity * market.contract_size
    price = (size * position.entry_price - behind) / (size - abs(size) * rate)
    return max(price, ZERO)


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's money at one moment, in USDT.

    Attributes:
        wallet: Deposits + realized - fees + funding.
        unrealized: Of all positions.
        cross_unrealized: Of the cross positions.
        isolated_margin: Set aside for isolated positions.
        cross_initial: Bound by cross positions.
        cross_maintenance: Below which the cross positions are liquidated.
        isolated_maintenance: Sum over isolated positions.
        order_margin: Bound by open orders.
    """

    wallet: Decimal
    unrealized: Decimal
    cross_unrealized: Decimal
    isolated_margin: Decimal
    cross_initial: Decimal
    cross_maintenance: Decimal
    isolated_maintenance: Decimal
    order_margin: Decimal

    @property
    def equity(self) -> Decimal:
        """Wallet plus unrealized profit."""
        return self.wallet + self.unrealized

    @property
    def cross_equity(self) -> Decimal:
        """What stands behind the cross positions."""
        return self.wallet - self.isolated_margin + self.cross_unrealized

    @property
    def available(self) -> Decimal:
        """What new orders may bind; open losses count, open profit does not. Never below zero."""
        bound = self.isolated_margin + self.cross_initial + self.order_margin
        return max(self.wallet - bound + min(self.cross_unrealized, ZERO), ZERO)


def measure(account: Account, markets: dict[str, PaperMarket], mark: Mark) -> Balance:
    """The account's money at the marks given."""
    totals = {mode: _totals(account, markets, mark, mode) for mode in MarginMode}
    isolated, cross = totals[MarginMode.ISOLATED], totals[MarginMode.CROSS]
    return Balance(
        wallet=account.wallet,
        unrealized=isolated[0] + cross[0],
        cross_unrealized=cross[0],
        isolated_margin=isolated[1],
        cross_initial=cross[1],
        cross_maintenance=cross[2],
        isolated_maintenance=isolated[2],
        order_margin=_order_margin(account, markets, mark),
    )


def _totals(
    account: Account, markets: dict[str, PaperMarket], mark: Mark, mode: MarginMode
) -> tuple[Decimal, Decimal, Decimal]:
    profit = bound = needed = ZERO
    for position in account.positions.values():
        if position.key.margin_mode is mode:
            market, price = markets[position.key.symbol], mark(position.key.symbol)
            profit += unrealized(market, position, price)
            bound += initial(market, position, price)
            needed += maintenance(market, position, price)
    return profit, bound, needed


def _order_margin(account: Account, markets: dict[str, PaperMarket], mark: Mark) -> Decimal:
    total = ZERO
    for order in account.open_orders():
        asked = order.request
        if asked.reduce_only or order.status is OrderStatus.REJECTED:
            continue
        opening = opening_quantity(account.held(asked.symbol), order.remaining * asked.side.sign)
        price = asked.price or mark(asked.symbol)
        total += money(markets[asked.symbol].notional(opening, price) / (asked.leverage or 1))
    return total


def opening_quantity(held: Iterable[PaperPosition], change: Decimal) -> Decimal:
    """How much of a signed change would open rather than close, unsigned, seen against opposite positions."""
    closable = sum((abs(position.quantity) for position in held if position.quantity * change < 0), ZERO)
    return max(abs(change) - closable, ZERO)


def cross_backing(market: PaperMarket, position: PaperPosition, mark: Decimal, balance: Balance) -> Decimal:
    """What stands behind one cross position while all others stand still: the account, less what the others need."""
    own = position.quantity * market.contract_size * (mark - position.entry_price)
    others = balance.cross_maintenance - maintenance(market, position, mark)
    return balance.cross_equity - own - others


def liquidation_price(market: PaperMarket, position: PaperPosition, mark: Decimal, behind: Decimal) -> Decimal:
    """The mark at which the position is liquidated given what stands behind it, zero where none does it."""
    rate = market.bracket(market.notional(position.quantity, mark)).maintenance_rate
    return price_at_margin(market, position, behind, rate)
