"""KuCoin's spot host as far as ccxt asks it while it loads futures markets: account kind, coins, no margin."""

from paper.refusals import Reason, Refused
from paper.wire import Call, Route

_SETTLE = "USDT"


def read_account_mode(_: Call) -> object:
    """This is a classic account, not a unified one."""
    return {"selfAccountMode": "CLASSIC"}


def list_currencies(call: Call) -> object:
    """The coins of this world."""
    names = [_SETTLE, *dict.fromkeys(market.base for market in call.exchange.markets.values())]
    return [
        {
            "currency": name,
            "name": name,
            "fullName": name,
            "precision": 8,
            "confirms": None,
            "contractAddress": None,
            "isMarginEnabled": False,
            "isDebitEnabled": False,
            "chains": [],
        }
        for name in names
    ]


def list_cross_margin_symbols(call: Call) -> object:
    """No spot margin here."""
    return {"timestamp": call.exchange.now_ms(), "items": []}


def list_isolated_margin_symbols(_: Call) -> object:
    """No spot margin here."""
    return []


def read_is_high_frequency(_: Call) -> object:
    """Whether the spot account is of the high-frequency kind."""
    return True


def refuse_unified(_: Call) -> object:
    """Calls of the unified account, which a classic one may not make.

    Raises:
        Refused: Always.
    """
    raise Refused(Reason.NOT_SUPPORTED_FOR_ACCOUNT, "the account is a classic one", code="116104")


SPOT_ROUTES = (
    Route("GET", "/api/ua/v1/account/mode", "account_mode", read_account_mode, is_signed=True),
    Route("GET", "/api/v3/currencies", "currencies", list_currencies, weight=3),
    Route("GET", "/api/v3/margin/symbols", "spot_margin", list_cross_margin_symbols, weight=3),
    Route("GET", "/api/v1/isolated/symbols", "spot_margin", list_isolated_margin_symbols, weight=3),
    Route("POST", "/api/ua/v1/{mode}/order/place", "unified", refuse_unified, is_signed=True),
    Route("POST", "/api/ua/v1/{mode}/order/cancel", "unified", refuse_unified, is_signed=True),
    Route("GET", "/api/ua/v1/{mode}/position/open-list", "unified", refuse_unified, is_signed=True),
    Route("GET", "/api/v1/hf/accounts/opened", "spot_account", read_is_high_frequency, is_signed=True),
)
