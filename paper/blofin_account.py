"""BloFin's signed endpoints about the account: balance, positions, leverage, margin mode, position mode."""

from decimal import Decimal

from core.model.money import ZERO, plain
from core.model.position import MarginMode
from paper.account import Account, Leg, PaperPosition
from paper.blofin_market import long_text
from paper.exchange import PaperExchange
from paper.margin import initial, maintenance, unrealized
from paper.refusals import Reason, Refused
from paper.wire import Call, Route

LEGS = {"net": Leg.NET, "long": Leg.LONG, "short": Leg.SHORT}
POSITION_MODES = {"net_mode": False, "long_short_mode": True}
LARGEST_BATCH = 20


def read_margin_mode_name(text: str) -> MarginMode:
    """`cross` or `isolated`.

    Raises:
        Refused: If it is neither.
    """
    try:
        return MarginMode(text)
    except ValueError:
        raise Refused(Reason.BAD_REQUEST, "marginMode") from None


def read_currencies(call: Call) -> object:
    """Coins that can be held."""
    del call
    return []


def read_balance(call: Call) -> object:
    """The futures account; one USDT is one US dollar here."""
    exchange, account = call.exchange, call.account
    balance = exchange.balance(account)
    isolated = [held for held in account.positions.values() if held.key.margin_mode is MarginMode.ISOLATED]
    profits = [unrealized(exchange.markets[held.key.symbol], held, _mark(exchange, held)) for held in isolated]
    isolated_profit = sum(profits, ZERO)
    bound = balance.isolated_margin + balance.cross_initial + balance.order_margin
    row = {
        "currency": "USDT",
        "equity": long_text(balance.equity),
        "balance": long_text(balance.wallet),
        "ts": str(exchange.server_ms()),
        "isolatedEquity": long_text(balance.isolated_margin + isolated_profit),
        "available": long_text(balance.available),
        "availableEquity": long_text(balance.available),
        "frozen": long_text(bound),
        "orderFrozen": long_text(balance.order_margin),
        "equityUsd": long_text(balance.equity),
        "isolatedUnrealizedPnl": long_text(isolated_profit),
        "bonus": "0",
    }
    return {
        "ts": str(exchange.server_ms()),
        "totalEquity": long_text(balance.equity),
        "isolatedEquity": row["isolatedEquity"],
        "details": [row],
    }


def read_asset_balances(call: Call) -> object:
    """The balance of one account type in the older form; only `futures` holds anything."""
    if call.text("accountType", "futures") != "futures":
        return []
    balance = call.exchange.balance(call.account)
    bound = balance.isolated_margin + balance.cross_initial + balance.order_margin
    return [
        {
            "currency": "USDT",
            "balance": long_text(balance.wallet),
            "available": long_text(balance.available),
            "frozen": long_text(bound),
            "bonus": long_text(ZERO),
        }
    ]


def read_positions(call: Call) -> object:
    """Open positions only; an empty list when flat."""
    wanted = call.text("instId")
    if wanted:
        call.exchange.market(wanted)
    held = call.exchange.positions(call.account, wanted)
    return [_position(call.exchange, call.account, position) for position in held]


def read_leverage(call: Call) -> object:
    """Of one symbol and margin mode."""
    mode = read_margin_mode_name(call.required("marginMode"))
    return _leverage_row(call, call.required("instId"), mode)


def read_leverages(call: Call) -> object:
    """Of up to 20 symbols."""
    symbols = call.required("instId").split(",")
    if len(symbols) > LARGEST_BATCH:
        raise Refused(Reason.BAD_REQUEST, "instId", code="152015")
    mode = read_margin_mode_name(call.required("marginMode"))
    return [_leverage_row(call, symbol, mode) for symbol in symbols]


def set_leverage(call: Call) -> object:
    """Per symbol and margin mode; unchanged is a silent success."""
    symbol = call.required("instId")
    mode = read_margin_mode_name(call.required("marginMode"))
    call.exchange.set_leverage(call.account, symbol, call.number("leverage"), mode)
    return _leverage_row(call, symbol, mode)


def read_margin_mode(call: Call) -> object:
    """What an order gets that names none."""
    return {"marginMode": call.account.margin_mode.value}


def set_margin_mode(call: Call) -> object:
    """The account's default; each order carries its own."""
    mode = read_margin_mode_name(call.required("marginMode"))
    call.exchange.set_margin_mode(call.account, mode)
    return {"marginMode": mode.value}


def read_position_mode(call: Call) -> object:
    """Net or long and short."""
    return {"positionMode": "long_short_mode" if call.account.hedged else "net_mode"}


def set_position_mode(call: Call) -> object:
    """Of the account; only without positions and orders."""
    mode = call.required("positionMode")
    if mode not in POSITION_MODES:
        raise Refused(Reason.BAD_REQUEST, "positionMode")
    call.exchange.set_position_mode(call.account, hedged=POSITION_MODES[mode])
    return {"positionMode": mode}


def _leverage_row(call: Call, symbol: str, mode: MarginMode) -> dict[str, object]:
    leverage = call.exchange.leverage(call.account, symbol, mode)
    side = call.text("positionSide", "net")
    return {"leverage": plain(leverage), "marginMode": mode.value, "instId": symbol, "positionSide": side}


def _position(exchange: PaperExchange, account: Account, held: PaperPosition) -> dict[str, object]:
    market = exchange.market(held.key.symbol)
    mark = _mark(exchange, held)
    profit = unrealized(market, held, mark)
    bound, needed = initial(market, held, mark), maintenance(market, held, mark)
    shown = held.quantity if held.key.leg is Leg.NET else abs(held.quantity)
    behind = bound if held.key.margin_mode is MarginMode.ISOLATED else exchange.cross_money(account).cross_equity
    margin_name = "margin" if held.key.margin_mode is MarginMode.ISOLATED else "initialMargin"
    return {
        "positionId": str(held.number),
        "instId": held.key.symbol,
        "instType": "SWAP",
        "marginMode": held.key.margin_mode.value,
        "positionSide": held.key.leg.value,
        "adl": "2",
        "positions": plain(shown),
        "availablePositions": plain(shown),
        "averagePrice": long_text(held.entry_price),
        margin_name: long_text(bound),
        "markPrice": plain(mark),
        "marginRatio": long_text(behind / needed) if needed else "0",
        "liquidationPrice": long_text(exchange.liquidation_price(account, held)),
        "unrealizedPnl": plain(profit),
        "unrealizedPnlRatio": long_text(profit / bound) if bound else "0",
        "maintenanceMargin": plain(needed),
        "realizedPnl": plain(held.realized),
        "createTime": str(held.opened_ms),
        "updateTime": str(held.updated_ms),
        "leverage": plain(held.leverage),
    }


def _mark(exchange: PaperExchange, held: PaperPosition) -> Decimal:
    return exchange.quote(held.key.symbol).mark


ACCOUNT_ROUTES = (
    Route("GET", "/api/v1/asset/currencies", "currencies", read_currencies, is_signed=True),
    Route("GET", "/api/v1/account/balance", "balance", read_balance, is_signed=True),
    Route("GET", "/api/v1/asset/balances", "balance", read_asset_balances, is_signed=True),
    Route("GET", "/api/v1/account/positions", "positions", read_positions, is_signed=True),
    Route("GET", "/api/v1/account/leverage-info", "leverage", read_leverage, is_signed=True),
    Route("GET", "/api/v1/account/batch-leverage-info", "leverage", read_leverages, is_signed=True),
    Route("POST", "/api/v1/account/set-leverage", "set_leverage", set_leverage, is_signed=True),
    Route("GET", "/api/v1/account/margin-mode", "margin_mode", read_margin_mode, is_signed=True),
    Route("POST", "/api/v1/account/set-margin-mode", "set_margin_mode", set_margin_mode, is_signed=True),
    Route("GET", "/api/v1/account/position-mode", "position_mode", read_position_mode, is_signed=True),
    Route("POST", "/api/v1/account/set-position-mode", "set_position_mode", set_position_mode, is_signed=True),
)
