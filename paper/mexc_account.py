"""MEXC contracts, the account: assets, positions by direction, leverage per mode and direction, position mode."""

from decimal import Decimal

from core.model.failures import InvalidInput
from core.model.money import ONE, ZERO, divide, finite_decimal
from core.model.position import MarginMode
from paper.account import Account, Leg, PaperPosition
from paper.exchange import PaperExchange
from paper.margin import Balance, initial
from paper.markets import PaperMarket
from paper.refusals import Reason, Refused
from paper.wire import Call, Route

OPEN_TYPES = {"1": MarginMode.ISOLATED, "2": MarginMode.CROSS}
OPEN_TYPE_NUMBERS = {mode: int(number) for number, mode in OPEN_TYPES.items()}
POSITION_TYPES = {"1": Leg.LONG, "2": Leg.SHORT}
HEDGE, ONE_WAY = 1, 2


def list_assets(call: Call) -> object:
    """The account's money, a row per currency."""
    return [_asset_row(call.exchange.balance(call.account))]


def read_asset(call: Call) -> object:
    """The account's money in one currency."""
    if call.path_values["currency"] != "USDT":
        raise Refused(Reason.BAD_REQUEST, "no such currency")
    return _asset_row(call.exchange.balance(call.account))


def list_open_positions(call: Call) -> object:
    """Every open position, or those of one symbol; flat symbols have no row."""
    exchange = call.exchange
    rows = [
        position_row(exchange, call.account, position)
        for position in exchange.positions(call.account, call.text("symbol"))
    ]
    wanted = call.text("positionId")
    return [row for row in rows if not wanted or str(row["positionId"]) == wanted]


def read_leverage(call: Call) -> object:
    """The leverage settings of a symbol: isolated and cross, long and short."""
    symbol = call.required("symbol")
    market = call.exchange.market(symbol)
    return [
        _leverage_row(call, market, mode, leg)
        for mode in (MarginMode.ISOLATED, MarginMode.CROSS)
        for leg in (Leg.LONG, Leg.SHORT)
    ]


def change_leverage(call: Call) -> object:
    """Set the leverage of one margin mode and direction of a symbol, or of an open position by its id."""
    leverage = number(call.required("leverage"), "leverage")
    if leverage % ONE:
        raise Refused(Reason.LEVERAGE_OUT_OF_RANGE, "leverage is a whole number")
    symbol, mode, leg = _leverage_scope(call)
    call.exchange.set_leverage(call.account, symbol, leverage, mode, leg)
    return None


def read_position_mode(call: Call) -> object:
    """1 hedge, 2 one-way; of the whole account."""
    return HEDGE if call.exchange.is_hedged(call.account, "") else ONE_WAY


def change_position_mode(call: Call) -> object:
    """Set hedge (1) or one-way (2) mode; refused while there is a position or an order."""
    wanted = call.required("positionMode")
    if wanted not in {str(HEDGE), str(ONE_WAY)}:
        raise Refused(Reason.BAD_REQUEST, "positionMode is neither 1 nor 2")
    call.exchange.set_position_mode(call.account, hedged=wanted == str(HEDGE))
    return None


def number(value: object, name: str) -> Decimal:
    """A finite decimal out of a request.

    Raises:
        Refused: If it is none.
    """
    try:
        return finite_decimal(value, name)
    except InvalidInput as error:
        raise Refused(Reason.BAD_REQUEST, str(error)) from None


def open_type(text: str) -> MarginMode:
    """1 isolated, 2 cross.

    Raises:
        Refused: If it is neither.
    """
    mode = OPEN_TYPES.get(text)
    if mode is None:
        raise Refused(Reason.BAD_REQUEST, "openType is neither 1 nor 2", code="2002")
    return mode


def position_row(exchange: PaperExchange, account: Account, position: PaperPosition) -> dict[str, object]:
    """One position; `holdVol` has no sign, and there is neither mark price nor profit."""
    market = exchange.market(position.key.symbol)
    mark = exchange.quote(market.symbol).mark
    entry = round(position.entry_price, 12)
    margin = initial(market, position, mark)
    return {
        "positionId": position.number,
        "symbol": market.symbol,
        "positionType": 1 if position.quantity > ZERO else 2,
        "openType": OPEN_TYPE_NUMBERS[position.key.margin_mode],
        "state": 1,
        "holdVol": abs(position.quantity),
        "frozenVol": _frozen(account, position),
        "closeVol": 0,
        "holdAvgPrice": entry,
        "openAvgPrice": entry,
        "closeAvgPrice": 0,
        "liquidatePrice": round(exchange.liquidation_price(account, position), 8),
        "oim": round(divide(abs(market.notional(position.quantity, entry)), position.leverage), 10),
        "im": margin,
        "holdFee": 0,
        "realised": position.realized,
        "leverage": int(position.leverage),
        "createTime": position.opened_ms,
        "updateTime": position.updated_ms,
        "autoAddIm": False,
    }


def _asset_row(balance: Balance) -> dict[str, object]:
    return {
        "currency": "USDT",
        "positionMargin": balance.isolated_margin + balance.cross_initial,
        "availableBalance": balance.available,
        "cashBalance": balance.available,
        "frozenBalance": balance.order_margin,
        "equity": balance.equity,
        "unrealized": balance.unrealized,
        "bonus": 0,
    }


def _frozen(account: Account, position: PaperPosition) -> Decimal:
    """What resting orders would close of the position."""
    return sum(
        (
            order.remaining
            for order in account.open_orders(position.key.symbol)
            if order.request.leg is position.key.leg and order.request.side.sign * position.quantity < ZERO
        ),
        ZERO,
    )


def _leverage_row(call: Call, market: PaperMarket, mode: MarginMode, leg: Leg) -> dict[str, object]:
    tier = market.brackets[0]
    quote = call.exchange.quote(market.symbol)
    return {
        "level": 1,
        "maxVol": int(divide(tier.up_to_notional, quote.last * market.contract_size)),
        "mmr": round(tier.maintenance_rate, 6),
        "imr": round(divide(ONE, tier.max_leverage), 6),
        "positionType": 1 if leg is Leg.LONG else 2,
        "openType": OPEN_TYPE_NUMBERS[mode],
        "leverage": int(call.exchange.leverage(call.account, market.symbol, mode, leg)),
        "limitBySys": False,
        "currentMmr": round(tier.maintenance_rate, 6),
    }


def _leverage_scope(call: Call) -> tuple[str, MarginMode, Leg]:
    if wanted := call.text("positionId"):
        for held in call.account.positions.values():
            if str(held.number) == wanted:
                return held.key.symbol, held.key.margin_mode, Leg.LONG if held.quantity > ZERO else Leg.SHORT
        raise Refused(Reason.NOTHING_TO_REDUCE, "no such position")
    leg = POSITION_TYPES.get(call.required("positionType"))
    if leg is None:
        raise Refused(Reason.BAD_REQUEST, "positionType is neither 1 nor 2", code="2022")
    return call.required("symbol"), open_type(call.required("openType")), leg


ACCOUNT_ROUTES = (
    Route("GET", "/api/v1/private/account/assets", "balance", list_assets, is_signed=True),
    Route("GET", "/api/v1/private/account/asset/{currency}", "balance", read_asset, is_signed=True),
    Route("GET", "/api/v1/private/position/open_positions", "positions", list_open_positions, is_signed=True),
    Route("GET", "/api/v1/private/position/leverage", "leverage", read_leverage, is_signed=True),
    Route("POST", "/api/v1/private/position/change_leverage", "set_leverage", change_leverage, is_signed=True),
    Route("GET", "/api/v1/private/position/position_mode", "position_mode", read_position_mode, is_signed=True),
    Route(
        "POST",
        "/api/v1/private/position/change_position_mode",
        "set_position_mode",
        change_position_mode,
        is_signed=True,
    ),
)
