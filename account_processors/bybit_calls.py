"""The requests that are made of Bybit, and their published limits."""

from account_processors.dialect import Call
from account_processors.limiter import Budget, Lane


def _public(path: str) -> Call:
    return Call("GET", ("public",), f"v5/market/{path}", ("address",), is_signed=False)


def _private(method: str, path: str, lane: Lane = Lane.ORDINARY) -> Call:
    """The budgets are per key and endpoint, and one per address."""
    return Call(method, ("private",), f"v5/{path}", (path, "address"), lane=lane)


TIME, TICKERS, INSTRUMENTS = _public("time"), _public("tickers"), _public("instruments-info")
ORDERBOOK = _public("orderbook")
WALLET = _private("GET", "account/wallet-balance")
ACCOUNT_INFO = _private("GET", "account/info")
POSITIONS = _private("GET", "position/list", Lane.LOOK_UP)
LEVERAGE = _private("GET", "position/list")
"""The same request for one symbol's leverage, which only increases ask for: exits need positions and go first."""

REALTIME = _private("GET", "order/realtime", Lane.LOOK_UP)
HISTORY = _private("GET", "order/history", Lane.LOOK_UP)
EXECUTIONS = _private("GET", "execution/list")
CREATE = _private("POST", "order/create")
REDUCE = _private("POST", "order/create", Lane.REDUCTION)
CANCEL = _private("POST", "order/cancel", Lane.LOOK_UP)
SET_LEVERAGE = _private("POST", "position/set-leverage")
SET_MARGIN_MODE = _private("POST", "account/set-margin-mode")
SWITCH_MODE = _private("POST", "position/switch-mode")
QUERY_API = _private("GET", "user/query-api")

READS = (WALLET, ACCOUNT_INFO, QUERY_API, EXECUTIONS)
LOOK_UPS = (REALTIME, HISTORY)
WRITES = (CREATE, CANCEL, SET_LEVERAGE, SET_MARGIN_MODE, SWITCH_MODE)

BUDGETS = (
    # Nothing urgent ever reads; what is left is for the time that requests are on their way.
    *(Budget(call.budgets[0], 10, 1.0, reserve=0.1) for call in READS),
    Budget(POSITIONS.budgets[0], 10, 1.0, reserve=0.4),
    *(Budget(call.budgets[0], 10, 1.0) for call in (*LOOK_UPS, *WRITES)),
    Budget("address", 600, 5.0, shared=True),
)
