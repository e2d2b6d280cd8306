"""What KuCoin Futures' codes prove. Sources: ccxt 4.5.90 (kucoin.py, exceptions), Kucoin.Net's error table."""

from account_processors.outcomes import Absence, CodeTable, Unproven
from core.model.order import RefusalReason as Why

CODES: CodeTable = {
    "100001": Unproven.AMBIGUOUS,
    "100001 not found": Absence.NOT_FOUND,
    "200004": Why.INSUFFICIENT_MARGIN,
    "260100": Why.INSUFFICIENT_MARGIN,
    "300003": Why.INSUFFICIENT_MARGIN,
    "300005": Why.RISK_LIMIT,
    "300009": Why.NOTHING_TO_REDUCE,
    "300011": Why.INVALID_REQUEST,
    "300012": Why.INVALID_REQUEST,
    "300016": Why.LEVERAGE_REJECTED,
    "300018": Why.DUPLICATE_CLIENT_ORDER_ID,
    "330002": Why.MARGIN_MODE_MISMATCH,
    "330005": Why.MARGIN_MODE_MISMATCH,
    "330008": Why.INSUFFICIENT_MARGIN,
    "330011": Why.POSITION_MODE_MISMATCH,
    "330012": Why.POSITION_MODE_MISMATCH,
    "400001": Why.AUTHENTICATION,
    "400002": Why.CLOCK,
    "400003": Why.AUTHENTICATION,
    "400004": Why.AUTHENTICATION,
    "400005": Why.AUTHENTICATION,
    "400006": Why.AUTHENTICATION,
    "400007": Why.PERMISSION,
    "411100": Why.AUTHENTICATION,
    "400100": Why.INVALID_REQUEST,
    "429": Why.RATE_LIMITED,
    "429000": Why.RATE_LIMITED,
    "500": Unproven.BUSY,
    "500000": Unproven.BUSY,
    "503": Unproven.BUSY,
}
