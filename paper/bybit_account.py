"""Bybit's signed endpoints about the account: key, wallet, positions, settings."""

from decimal import Decimal

from core.model.money import ZERO, plain, round_towards_zero
from core.model.position import MarginMode
from paper.account import Account, Leg, PaperPosition
from paper.bybit_market import is_linear, page, price_text
from paper.exchange import PaperExchange
from paper.margin import initial, maintenance, price_at_margin, unrealized
from paper.refusals import Reason, Refused
from paper.wire import Call, Route

MODES = {"ISOLATED_MARGIN": MarginMode.ISOLATED, "REGULAR_MARGIN": MarginMode.CROSS}
MODE_NAMES = {mode: name for name, mode in MODES.items()}
LEGS = {0: Leg.NET, 1: Leg.LONG, 2: Leg.SHORT}
LEG_NUMBERS = {leg: number for number, leg in LEGS.items()}


def read_key(call: Call) -> object:
    """What the key may do, and that the account is a unified one."""
    rights = call.account.permissions
    return {
        "id": "1",
        "note": call.account.label,
        "apiKey": call.account.keys.api_key,
        "readOnly": int(not rights.can_trade),
        "secret": "",
        "permissions": {
            "ContractTrade": ["Order", "Position"],
            "Spot": ["SpotTrade"],
            "Wallet": ["AccountTransfer"],
            "Options": ["OptionsTrade"],
            "Derivatives": [],
        },
        "ips": list(rights.allowed_addresses) or ["*"],
        "type": 1,
        "deadlineDay": 90,
        "expiredAt": "2099-01-01T00:00:00Z",
        "createdAt": "2024-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": 1,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "kycLevel": "LEVEL_DEFAULT",
        "kycRegion": "",
        "isMaster": True,
        "parentUid": "0",
    }


def read_account(call: Call) -> object:
    """The account-wide margin mode."""
    return {
        "marginMode": MODE_NAMES[call.account.margin_mode],
        "updatedTime": str(call.exchange.server_ms()),
        "unifiedMarginStatus": 6,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def read_coins(call: Call) -> object:
    """Coins that can be held: USDT alone trades here."""
    del call
    return {"rows": [{"name": "USDT", "coin": "USDT", "remainAmount": "1000000", "chains": []}]}


def read_wallet(call: Call) -> object:
    """The unified wallet; `availableToWithdraw` is empty, as recorded."""
    balance = call.exchange.balance(call.account)
    bound = balance.isolated_margin + balance.cross_initial
    needed = balance.isolated_maintenance + balance.cross_maintenance
    equity = plain(balance.equity)
    coin = {
        "coin": "USDT",
        "equity": equity,
        "usdValue": equity,
        "walletBalance": plain(balance.wallet),
        "locked": "0",
        "spotBorrow": "0",
        "borrowAmount": "0",
        "availableToBorrow": "",
        "accruedInterest": "0",
        "availableToWithdraw": "",
        "totalOrderIM": plain(balance.order_margin),
        "totalPositionIM": plain(bound),
        "totalPositionMM": plain(needed),
        "unrealisedPnl": plain(balance.unrealized),
        "cumRealisedPnl": plain(call.account.realized - call.account.fees + call.account.funding),
        "bonus": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
    }
    summary = {
        "accountType": "UNIFIED",
        "totalEquity": equity,
        "totalWalletBalance": plain(balance.wallet),
        "totalMarginBalance": equity,
        "totalAvailableBalance": plain(balance.available),
        "totalPerpUPL": plain(balance.unrealized),
        "totalInitialMargin": plain(bound + balance.order_margin),
        "totalMaintenanceMargin": plain(needed),
        "accountIMRate": _rate(bound + balance.order_margin, balance.equity),
        "accountMMRate": _rate(needed, balance.equity),
        "accountLTV": "0",
        "coin": [coin],
    }
    return {"list": [summary]}


def read_positions(call: Call) -> object:
    """Open positions; one symbol alone answers also when it is flat."""
    symbol = call.text("symbol")
    if not is_linear(call):
        return page([], call, 20, 200)
    if not symbol and not call.text("settleCoin"):
        raise Refused(Reason.BAD_REQUEST, "symbol or settleCoin is missing")
    if symbol:
        call.exchange.market(symbol)
    held = call.exchange.positions(call.account, symbol)
    rows = [_position(call.exchange, call.account, position) for position in held]
    if symbol and not rows:
        legs = [Leg.LONG, Leg.SHORT] if call.exchange.is_hedged(call.account, symbol) else [Leg.NET]
        rows = [_flat_position(call.exchange, call.account, symbol, leg) for leg in legs]
    return page(rows, call, 20, 200)


def set_leverage(call: Call) -> object:
    """Per symbol; both directions alike in one-way mode."""
    buy, sell = call.number("buyLeverage"), call.number("sellLeverage")
    if buy != sell:
        raise Refused(Reason.BAD_REQUEST, "buyLeverage and sellLeverage differ")
    call.exchange.set_leverage(call.account, call.required("symbol"), buy)
    return {}


def set_margin_mode(call: Call) -> object:
    """The whole account's."""
    name = call.required("setMarginMode")
    if name not in MODES:
        raise Refused(Reason.BAD_REQUEST, "setMarginMode")
    call.exchange.set_margin_mode(call.account, MODES[name])
    return {"reasons": []}


def refuse_isolated_switch(call: Call) -> object:
    """Not for unified accounts."""
    raise Refused(Reason.NOT_SUPPORTED_FOR_ACCOUNT, call.request.path)


def set_position_mode(call: Call) -> object:
    """Mode 0 is one-way, 3 is hedge; of a symbol, or of all by coin."""
    mode = call.text("mode", "0")
    if mode not in ("0", "3"):
        raise Refused(Reason.BAD_REQUEST, "mode")
    call.exchange.set_position_mode(call.account, call.text("symbol"), hedged=mode == "3")
    return {}


def _rate(amount: Decimal, equity: Decimal) -> str:
    return plain((amount / equity).quantize(Decimal("0.0001"))) if equity > ZERO else "0"


def _position(exchange: PaperExchange, account: Account, held: PaperPosition) -> dict[str, object]:
    market = exchange.market(held.key.symbol)
    mark = exchange.quote(held.key.symbol).mark
    size = abs(held.quantity)
    fee = market.notional(size, held.entry_price) * exchange.rules.taker_fee
    liquidation = exchange.liquidation_price(account, held)
    return {
        **_flat_position(exchange, account, held.key.symbol, held.key.leg),
        "side": "Buy" if held.quantity > 0 else "Sell",
        "size": plain(size),
        "avgPrice": price_text(held.entry_price),
        "positionValue": plain(market.notional(size, held.entry_price)),
        "leverage": plain(held.leverage),
        "positionBalance": plain(held.margin),
        "markPrice": plain(mark),
        "liqPrice": plain(round_towards_zero(liquidation, market.tick)) if liquidation else "",
        "bustPrice": plain(round_towards_zero(price_at_margin(market, held, held.margin, ZERO), market.tick)),
        "positionMM": plain(maintenance(market, held, mark)),
        "positionIM": plain((initial(market, held, mark) + fee).normalize()),
        "unrealisedPnl": plain(unrealized(market, held, mark)),
        "curRealisedPnl": plain(held.realized),
        "cumRealisedPnl": plain(held.realized),
        "adlRankIndicator": 2,
        "createdTime": str(held.opened_ms),
        "updatedTime": str(held.updated_ms),
    }


def _flat_position(exchange: PaperExchange, account: Account, symbol: str, leg: Leg) -> dict[str, object]:
    market = exchange.market(symbol)
    return {
        "positionIdx": LEG_NUMBERS[leg],
        "riskId": 1,
        "riskLimitValue": plain(market.brackets[0].up_to_notional),
        "symbol": symbol,
        "side": "",
        "size": "0",
        "avgPrice": "0",
        "positionValue": "0",
        "tradeMode": 0,
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 0,
        "leverage": plain(exchange.leverage(account, symbol, account.margin_mode)),
        "positionBalance": "0",
        "markPrice": plain(exchange.quote(symbol).mark),
        "liqPrice": "",
        "bustPrice": "",
        "positionMM": "0",
        "positionIM": "0",
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "unrealisedPnl": "0",
        "curRealisedPnl": "0",
        "cumRealisedPnl": "0",
        "seq": exchange.last_number,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "sessionAvgPrice": "",
        "createdTime": "0",
        "updatedTime": "0",
    }


ACCOUNT_ROUTES = (
    Route("GET", "/v5/user/query-api", "key_info", read_key, is_signed=True),
    Route("GET", "/v5/account/info", "account_info", read_account, is_signed=True),
    Route("GET", "/v5/asset/coin/query-info", "currencies", read_coins, is_signed=True),
    Route("GET", "/v5/account/wallet-balance", "balance", read_wallet, is_signed=True),
    Route("GET", "/v5/position/list", "positions", read_positions, is_signed=True),
    Route("POST", "/v5/position/set-leverage", "set_leverage", set_leverage, is_signed=True),
    Route("POST", "/v5/account/set-margin-mode", "set_margin_mode", set_margin_mode, is_signed=True),
    Route("POST", "/v5/position/switch-isolated", "set_margin_mode", refuse_isolated_switch, is_signed=True),
    Route("POST", "/v5/position/switch-mode", "set_position_mode", set_position_mode, is_signed=True),
)
