"""Whether an exchange takes an order, and as what: its own limits, modes and client ids. Nothing is changed here."""

from dataclasses import replace
from decimal import Decimal

from core.model.money import ONE, ZERO, round_towards_zero
from core.model.order import Side
from core.model.position import MarginMode
from paper.account import Account, Leg, OrderRequest, OrderType, PositionKey
from paper.markets import PaperMarket
from paper.refusals import Reason, Refused
from paper.rules import ExchangeRules, MarginModeScope, OversizeReduce


def check_form(request: OrderRequest, market: PaperMarket, rules: ExchangeRules, price: Decimal) -> None:
    """Size, price and client id against the market's rules.

    Args:
        request: What is asked.
        market: Its market.
        rules: The exchange's semantics.
        price: What the order is valued at: its own limit, else the last price.

    Raises:
        Refused: With the first rule that it breaks.
    """
    quantity = request.quantity
    if not quantity.is_finite() or quantity <= ZERO:
        raise Refused(Reason.BELOW_MIN_QUANTITY, "the quantity is not above zero")
    if quantity < market.min_quantity:
        raise Refused(Reason.BELOW_MIN_QUANTITY, f"the smallest order is {market.min_quantity}")
    _check_maximum(request, market)
    if quantity % market.lot_step:
        raise Refused(Reason.QUANTITY_STEP, f"the quantity is not a multiple of {market.lot_step}")
    if request.order_type is OrderType.LIMIT:
        _check_price(request.price, market)
    if not request.reduce_only and market.notional(quantity, price) < market.min_notional:
        raise Refused(Reason.BELOW_MIN_NOTIONAL, f"the smallest order value is {market.min_notional} USDT")
    if request.client_order_id and not rules.client_id_pattern.fullmatch(request.client_order_id):
        raise Refused(Reason.BAD_CLIENT_ORDER_ID, "the client order id has a wrong form")


def choose_mode(request: OrderRequest, account: Account, rules: ExchangeRules) -> MarginMode:
    """The margin mode an order gets, in the exchange's own scope.

    Raises:
        Refused: If the order names another mode than the symbol has (KuCoin), or the symbol is held in the other
            mode in the same direction (MEXC).
    """
    if rules.margin_mode_scope is MarginModeScope.ACCOUNT:
        return account.margin_mode
    if rules.margin_mode_scope is MarginModeScope.SYMBOL:
        setting = account.symbol_modes.get(request.symbol, rules.default_margin_mode)
        named = request.margin_mode or rules.default_margin_mode
        if rules.must_order_mode_match and named is not setting:
            raise Refused(Reason.MARGIN_MODE_MISMATCH, f"the symbol is in {setting} mode")
        return setting
    mode = request.margin_mode or account.margin_mode
    if not rules.keeps_modes_apart:
        same_direction = [held for held in account.held(request.symbol) if held.key.leg is request.leg]
        if any(held.key.margin_mode is not mode for held in same_direction):
            raise Refused(Reason.OTHER_MARGIN_MODE_HELD, "the symbol is held in the other margin mode")
    return mode


def check_leg(request: OrderRequest, *, hedged: bool) -> None:
    """An order for one position mode in an account of the other is refused.

    Raises:
        Refused: If leg and position mode do not fit.
    """
    if hedged == (request.leg is Leg.NET):
        mode = "hedge" if hedged else "one-way"
        raise Refused(Reason.POSITION_MODE_MISMATCH, f"the account is in {mode} mode")


def is_reducing(request: OrderRequest) -> bool:
    """Whether the order can only shrink a position: by flag, or by closing a leg of a hedged account."""
    closes_leg = (request.leg is Leg.LONG and request.side is Side.SELL) or (
        request.leg is Leg.SHORT and request.side is Side.BUY
    )
    return request.reduce_only or closes_leg


def fit_reduction(request: OrderRequest, account: Account, key: PositionKey, rules: ExchangeRules) -> OrderRequest:
    """A reducing order as the exchange takes it: unchanged, clipped to the position, or refused.

    Raises:
        Refused: If there is nothing to reduce, or less than asked where the exchange does not clip.
    """
    held = account.positions.get(key)
    if held is None or held.quantity * request.side.sign > 0:
        raise Refused(Reason.NOTHING_TO_REDUCE, "no position to reduce")
    if request.quantity <= abs(held.quantity):
        return request
    if rules.oversize_reduce is OversizeReduce.REFUSE:
        raise Refused(Reason.REDUCE_EXCEEDS_POSITION, f"only {abs(held.quantity)} can be closed")
    return replace(request, quantity=abs(held.quantity))


def check_leverage(leverage: Decimal, market: PaperMarket) -> None:
    """Leverage between 1 and the market's highest.

    Raises:
        Refused: If it is outside.
    """
    if not leverage.is_finite() or not ONE <= leverage <= market.max_leverage:
        raise Refused(Reason.LEVERAGE_OUT_OF_RANGE, f"leverage must be between 1 and {market.max_leverage}")


def _check_maximum(request: OrderRequest, market: PaperMarket) -> None:
    if request.order_type is OrderType.MARKET and request.quantity > market.max_market_quantity:
        raise Refused(Reason.ABOVE_MAX_MARKET_QUANTITY, f"the largest market order is {market.max_market_quantity}")
    if request.quantity > market.max_limit_quantity:
        raise Refused(Reason.ABOVE_MAX_LIMIT_QUANTITY, f"the largest order is {market.max_limit_quantity}")


def _check_price(price: Decimal | None, market: PaperMarket) -> None:
    if price is None or not price.is_finite() or price <= ZERO:
        raise Refused(Reason.PRICE_OUT_OF_RANGE, "a limit order needs a price above zero")
    if price > market.max_price:
        raise Refused(Reason.PRICE_OUT_OF_RANGE, f"the highest price is {market.max_price}")
    if round_towards_zero(price, market.tick) != price:
        raise Refused(Reason.PRICE_STEP, f"the price is not a multiple of {market.tick}")
