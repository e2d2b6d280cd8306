"""KuCoin Futures, the account: overview, positions, cross leverage and margin mode per symbol, position mode."""

from decimal import Decimal

from core.model.failures import InvalidInput
from core.model.money import ZERO, divide, finite_decimal, plain
from core.model.position import MarginMode
from paper.account import Account, Leg, PaperPosition
from paper.exchange import PaperExchange
from paper.margin import initial, maintenance, price_at_margin, unrealized
from paper.markets import PaperMarket
from paper.refusals import Reason, Refused
from paper.wire import Call, Route

FIRST_POSITION_ID = 500_000_000_000_000_000
MODES = {"CROSS": MarginMode.CROSS, "ISOLATED": MarginMode.ISOLATED}
LEG_NAMES = {Leg.NET: "BOTH", Leg.LONG: "LONG", Leg.SHORT: "SHORT"}


def read_overview(call: Call) -> object:
    """The account's money in one currency; without `currency` the exchange answers for XBT, where there is none."""
    currency = call.text("currency", "XBT")
    if currency != "USDT":
        return dict.fromkeys(("accountEquity", "unrealisedPNL", "marginBalance", "positionMargin", "orderMargin",
                              "frozenFunds", "availableBalance"), 0) | {"currency": currency}  # fmt: skip
    balance = call.exchange.balance(call.account)
    needed = balance.cross_maintenance + balance.isolated_maintenance
    return {
        "accountEquity": balance.equity,
        "unrealisedPNL": balance.unrealized,
        "marginBalance": balance.wallet,
        "positionMargin": balance.isolated_margin + balance.cross_initial,
        "orderMargin": balance.order_margin,
        "frozenFunds": 0,
        "availableBalance": balance.available,
        "currency": currency,
        "riskRatio": round(divide(needed, balance.equity), 10) if balance.equity > ZERO else 0,
        "maxWithdrawAmount": balance.available,
    }


def list_positions(call: Call) -> object:
    """Every open position."""
    exchange = call.exchange
    return [position_row(exchange, call.account, position) for position in exchange.positions(call.account)]


def read_position(call: Call) -> object:
    """The position of one symbol; a flat symbol answers a row with size 0."""
    rows = _symbol_rows(call)
    return rows[0] if rows else _flat_row(call)


def list_symbol_positions(call: Call) -> object:
    """The position of one symbol, or its two legs in hedge mode."""
    return _symbol_rows(call)


def read_cross_leverage(call: Call) -> object:
    """The leverage that cross orders of a symbol get."""
    symbol = call.required("symbol")
    leverage = call.exchange.leverage(call.account, symbol, MarginMode.CROSS)
    return {"symbol": symbol, "leverage": plain(leverage)}


def change_cross_leverage(call: Call) -> object:
    """Set the leverage of cross orders of a symbol; isolated leverage comes with each order."""
    leverage = number(call.required("leverage"), "leverage")
    call.exchange.set_leverage(call.account, call.required("symbol"), leverage, MarginMode.CROSS)
    return True


def read_margin_mode(call: Call) -> object:
    """The margin mode that orders of a symbol must name."""
    symbol = call.required("symbol")
    call.exchange.market(symbol)
    return _mode_row(call.exchange, call.account, symbol)


def change_margin_mode(call: Call) -> object:
    """Set the margin mode of a symbol; refused while the symbol has a position or an order."""
    symbol = call.required("symbol")
    call.exchange.set_margin_mode(call.account, margin_mode(call.required("marginMode")), symbol)
    return _mode_row(call.exchange, call.account, symbol)


def change_margin_modes(call: Call) -> object:
    """Set the margin mode of several symbols; those that are held are reported, the others changed."""
    mode, symbols = margin_mode(call.required("marginMode")), call.params.get("symbols")
    if not isinstance(symbols, list):
        raise Refused(Reason.BAD_REQUEST, "symbols is not a list")
    errors = []
    for symbol in map(str, symbols):
        try:
            call.exchange.set_margin_mode(call.account, mode, symbol)
        except Refused:
            errors.append({"code": "50002", "msg": "exist.order.or.position", "symbol": symbol})
    modes = {symbol: call.exchange.margin_mode(call.account, symbol).upper() for symbol in map(str, symbols)}
    return {"marginMode": modes, "errors": errors}


def read_position_mode(call: Call) -> object:
    """0 one-way, 1 hedge; of the whole account."""
    return {"positionMode": int(call.exchange.is_hedged(call.account, ""))}


def switch_position_mode(call: Call) -> object:
    """Set one-way (0) or hedge (1) mode of the whole account."""
    wanted = call.required("positionMode")
    if wanted not in {"0", "1"}:
        raise Refused(Reason.BAD_REQUEST, "positionMode is neither 0 nor 1")
    call.exchange.set_position_mode(call.account, hedged=wanted == "1")
    return {"positionMode": int(wanted)}


def number(text: object, name: str) -> Decimal:
    """A finite decimal out of a request.

    Raises:
        Refused: If it is none.
    """
    try:
        return finite_decimal(text, name)
    except InvalidInput as error:
        raise Refused(Reason.BAD_REQUEST, str(error)) from None


def margin_mode(text: str) -> MarginMode:
    """CROSS or ISOLATED.

    Raises:
        Refused: If it is neither.
    """
    mode = MODES.get(text)
    if mode is None:
        raise Refused(Reason.BAD_REQUEST, f"marginMode {text} is neither CROSS nor ISOLATED")
    return mode


def position_row(exchange: PaperExchange, account: Account, position: PaperPosition) -> dict[str, object]:
    """One position; quantity, cost and value are signed, `leverage` of an isolated one is what it is now.

    The exchange keeps fees and funding of a position apart; here `realisedCost` carries both.
    """
    market = exchange.market(position.key.symbol)
    mark = exchange.quote(market.symbol).mark
    cost = market.notional(position.quantity, position.entry_price)
    profit = unrealized(market, position, mark)
    is_cross = position.key.margin_mode is MarginMode.CROSS
    bound = divide(abs(cost), position.leverage)
    liquidation = round(exchange.liquidation_price(account, position), 8)
    row: dict[str, object] = {
        "id": str(FIRST_POSITION_ID + position.number),
        "symbol": market.symbol,
        "crossMode": is_cross,
        "delevPercentage": 0.5,
        "openingTimestamp": position.opened_ms,
        "currentTimestamp": exchange.now_ms(),
        "currentQty": int(position.quantity),
        "currentCost": cost,
        "currentComm": -position.realized,
        "unrealisedCost": cost,
        "realisedGrossCost": 0.0,
        "realisedCost": -position.realized,
        "isOpen": True,
        "markPrice": mark,
        "markValue": market.notional(position.quantity, mark),
        "posCost": cost,
        "posInit": round(bound, 10),
        "posMargin": initial(market, position, mark),
        "posMaint": maintenance(market, position, mark),
        "realisedGrossPnl": 0.0,
        "realisedPnl": position.realized,
        "unrealisedPnl": profit,
        "unrealisedPnlPcnt": round(divide(profit, abs(cost)), 4),
        "unrealisedRoePcnt": round(divide(profit, bound), 4),
        "avgEntryPrice": round(position.entry_price, 12),
        "liquidationPrice": liquidation,
        "bankruptPrice": round(_bankruptcy_price(market, position, liquidation), 8),
        "settleCurrency": "USDT",
        "isInverse": False,
        "marginMode": position.key.margin_mode.upper(),
        "positionSide": LEG_NAMES[position.key.leg],
        "leverage": int(position.leverage),
        "maintainMargin": _maintenance_rate(market, position, mark),
    }
    return row if is_cross else row | _isolated_fields(market, position, mark, profit)


def _isolated_fields(market: PaperMarket, position: PaperPosition, mark: Decimal, profit: Decimal) -> dict[str, object]:
    behind = position.margin + profit
    value = abs(market.notional(position.quantity, mark))
    tier = market.bracket(value)
    effective = round(divide(value, behind), 2) if behind > ZERO else ZERO
    return {
        "autoDeposit": False,
        "maintMarginReq": _maintenance_rate(market, position, mark),
        "riskLimit": int(tier.up_to_notional),
        "riskLimitLevel": market.brackets.index(tier) + 1,
        "realLeverage": effective,
        "leverage": effective,
        "posCross": 0.0,
        "posCrossMargin": 0.0,
        "posComm": 0.0,
        "posCommCommon": 0.0,
        "posLoss": 0.0,
        "posFunding": 0.0,
        "maintMargin": behind,
    }


def _bankruptcy_price(market: PaperMarket, position: PaperPosition, liquidation: Decimal) -> Decimal:
    """Where the margin is gone; a cross position is told its liquidation price, since the account stands behind it."""
    if position.key.margin_mode is MarginMode.CROSS:
        return liquidation
    return price_at_margin(market, position, position.margin, ZERO)


def _maintenance_rate(market: PaperMarket, position: PaperPosition, mark: Decimal) -> Decimal:
    return round(market.bracket(market.notional(position.quantity, mark)).maintenance_rate, 10)


def _symbol_rows(call: Call) -> list[dict[str, object]]:
    symbol = call.required("symbol")
    call.exchange.market(symbol)
    held = call.exchange.positions(call.account, symbol)
    return [position_row(call.exchange, call.account, position) for position in held]


def _flat_row(call: Call) -> dict[str, object]:
    symbol = call.required("symbol")
    mode = call.exchange.margin_mode(call.account, symbol)
    return {
        "id": str(FIRST_POSITION_ID),
        "symbol": symbol,
        "autoDeposit": False,
        "crossMode": mode is MarginMode.CROSS,
        "maintMarginReq": round(call.exchange.market(symbol).brackets[0].maintenance_rate, 10),
        "currentTimestamp": call.exchange.now_ms(),
        "currentQty": 0,
        "isOpen": False,
        "markPrice": call.exchange.quote(symbol).mark,
        "markValue": 0,
        "posCost": 0,
        "posInit": 0,
        "posMargin": 0,
        "realisedPnl": 0,
        "unrealisedPnl": 0,
        "avgEntryPrice": 0,
        "settleCurrency": "USDT",
        "isInverse": False,
        "marginMode": mode.upper(),
        "positionSide": "BOTH",
    }


def _mode_row(exchange: PaperExchange, account: Account, symbol: str) -> dict[str, object]:
    return {"symbol": symbol, "marginMode": exchange.margin_mode(account, symbol).upper()}


ACCOUNT_ROUTES = (
    Route("GET", "/api/v1/account-overview", "balance", read_overview, is_signed=True, weight=5),
    Route("GET", "/api/v1/positions", "positions", list_positions, is_signed=True, weight=2),
    Route("GET", "/api/v1/position", "positions", read_position, is_signed=True, weight=2),
    Route("GET", "/api/v2/position", "positions", list_symbol_positions, is_signed=True, weight=2),
    Route("GET", "/api/v2/getCrossUserLeverage", "leverage", read_cross_leverage, is_signed=True, weight=2),
    Route("POST", "/api/v2/changeCrossUserLeverage", "set_leverage", change_cross_leverage, is_signed=True, weight=2),
    Route("GET", "/api/v2/position/getMarginMode", "margin_mode", read_margin_mode, is_signed=True, weight=2),
    Route("POST", "/api/v2/position/changeMarginMode", "set_margin_mode", change_margin_mode, is_signed=True, weight=2),
    Route(
        "POST",
        "/api/v2/position/batchChangeMarginMode",
        "set_margin_mode",
        change_margin_modes,
        is_signed=True,
        weight=3,
    ),
    Route("GET", "/api/v2/position/getPositionMode", "position_mode", read_position_mode, is_signed=True, weight=2),
    Route(
        "POST",
        "/api/v2/position/switchPositionMode",
        "set_position_mode",
        switch_position_mode,
        is_signed=True,
        weight=2,
    ),
)
