"""What is known of further exchanges, from ccxt 4.5.90 and the exchanges' papers; none of them was ever asked."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from account_processors.outcomes import Absence, CodeTable, Unproven
from account_processors.replies import MalformedReply, Row
from core.model.order import RefusalReason as Why

ValueParts = tuple[Decimal, Decimal]
Place = Callable[[Any, Mapping[str, object]], Awaitable[str]]
"""ccxt's object, and symbol, type, side, amount, price and params as createOrder has them."""


@dataclass(frozen=True, slots=True)
class Traits:
    """How one exchange departs from ccxt's unified picture.

    Attributes:
        settle: The coin that perpetuals are settled in.
        margin_mode_in_order: Whether the order carries the margin mode.
        needs_price: Whether a market order carries a price that bounds it.
        are_settings_told: Whether margin mode and leverage can be read; if not, they are set before every increase.
        has_hex_ids: Whether client ids are 128 bits in hex.
        key_names: What ccxt calls the parts of a key.
        value_of: Wallet and unrealized profit out of the raw balance, None for ccxt's total.
        codes: What its codes prove; a code that is not here proves nothing.
        receive_window_seconds: How long a request stays valid.
        options: Further options of the ccxt class.
        place: Sends an order without ccxt's own unified call; returns the exchange's id.
        error_of: Code and words of an error's body, None for the general way.
    """

    settle: str = "USDT"
    margin_mode_in_order: bool = False
    needs_price: bool = False
    are_settings_told: bool = True
    has_hex_ids: bool = False
    key_names: tuple[str, str, str] = ("apiKey", "secret", "password")
    value_of: Callable[[object], ValueParts] | None = None
    codes: CodeTable = field(default_factory=dict)
    receive_window_seconds: float = 10.0
    options: Mapping[str, object] = field(default_factory=dict)
    place: Place | None = None
    error_of: Callable[[Row], tuple[str, str]] | None = None


def _binance_value(info: object) -> ValueParts:
    for asset in Row(info, "account").rows("assets"):
        if asset.text("asset") == "USDT":
            return asset.decimal("walletBalance"), asset.decimal("unrealizedProfit")
    raise MalformedReply("account: no USDT")


def _okx_value(info: object) -> ValueParts:
    for account in Row(info, "balance").rows("data"):
        for detail in account.rows("details"):
            if detail.text("ccy") == "USDT":
                profit = detail.decimal("upl")
                return detail.decimal("eq") - profit, profit
    raise MalformedReply("balance: no USDT")


def _hyperliquid_value(info: object) -> ValueParts:
    state = Row(info, "clearinghouseState")
    profit = sum((row.row("position").decimal("unrealizedPnl") for row in state.rows("assetPositions")), Decimal(0))
    return state.row("marginSummary").decimal("accountValue") - profit, profit


async def _hyperliquid_place(exchange: Any, order: Mapping[str, object]) -> str:  # noqa: ANN401 - ccxt is untyped
    """Ccxt's createOrder would first sign an approval of its builder's fee and set a referrer, unasked."""
    answer = Row(await exchange.privatePostExchange(exchange.create_orders_request([dict(order)])), "answer")
    statuses = answer.row("response").row("data").rows("statuses")
    if len(statuses) != 1:
        raise MalformedReply(f"order: {len(statuses)} answers to one order")
    told = statuses[0]
    return told.row("filled" if "filled" in told.fields else "resting").text("oid")


def _hyperliquid_error(body: Row) -> tuple[str, str]:
    """It has sentences instead of codes; the table holds their telling parts."""
    message = body.optional_text("status")
    if message == "err":
        message = body.text("response")
    elif message == "ok":
        message = body.row("response").row("data").rows("statuses")[0].text("error")
    return next((telling for telling in _HYPERLIQUID_CODES if telling in message), message), message


_BINANCE_CODES: CodeTable = {
    "-1000": Unproven.BUSY,
    "-1001": Unproven.BUSY,
    "-1003": Why.RATE_LIMITED,
    "-1006": Unproven.BUSY,
    "-1007": Unproven.BUSY,
    "-1008": Unproven.BUSY,
    "-1015": Why.RATE_LIMITED,
    "-1021": Why.CLOCK,
    "-1022": Why.AUTHENTICATION,
    "-1102": Why.INVALID_REQUEST,
    "-1111": Why.PRECISION,
    "-1121": Why.NOT_TRADABLE,
    "-2013": Absence.NOT_FOUND,
    "-2014": Why.AUTHENTICATION,
    "-2015": Why.AUTHENTICATION,
    "-2018": Why.INSUFFICIENT_MARGIN,
    "-2019": Why.INSUFFICIENT_MARGIN,
    "-2022": Why.NOTHING_TO_REDUCE,
    "-2027": Why.RISK_LIMIT,
    "-2028": Why.LEVERAGE_REJECTED,
    "-4003": Why.BELOW_MINIMUM,
    "-4005": Why.ABOVE_MAXIMUM,
    "-4028": Why.LEVERAGE_REJECTED,
    "-4046": Why.UNCHANGED,
    "-4047": Why.MARGIN_MODE_MISMATCH,
    "-4048": Why.MARGIN_MODE_MISMATCH,
    "-4061": Why.POSITION_MODE_MISMATCH,
    "-4116": Why.DUPLICATE_CLIENT_ORDER_ID,
    "-4164": Why.BELOW_MINIMUM,
}

_OKX_CODES: CodeTable = {
    "50001": Unproven.BUSY,
    "50004": Unproven.BUSY,
    "50011": Why.RATE_LIMITED,
    "50013": Unproven.BUSY,
    "50026": Unproven.BUSY,
    "50061": Why.RATE_LIMITED,
    "50101": Why.AUTHENTICATION,
    "50102": Why.CLOCK,
    "50105": Why.AUTHENTICATION,
    "50110": Why.PERMISSION,
    "50111": Why.AUTHENTICATION,
    "50112": Why.CLOCK,
    "50113": Why.AUTHENTICATION,
    "50120": Why.PERMISSION,
    "51000": Why.INVALID_REQUEST,
    "51001": Why.NOT_TRADABLE,
    "51004": Why.RISK_LIMIT,
    "51008": Why.INSUFFICIENT_MARGIN,
    "51016": Why.DUPLICATE_CLIENT_ORDER_ID,
    "51020": Why.BELOW_MINIMUM,
    "51121": Why.PRECISION,
    "51169": Why.NOTHING_TO_REDUCE,
    "51202": Why.ABOVE_MAXIMUM,
    "51603": Absence.NOT_FOUND,
    "59102": Why.LEVERAGE_REJECTED,
}

_HYPERLIQUID_CODES: CodeTable = {
    "unknownOid": Absence.NOT_FOUND,
    "Insufficient margin": Why.INSUFFICIENT_MARGIN,
    "Reduce only": Why.NOTHING_TO_REDUCE,
    "minimum value": Why.BELOW_MINIMUM,
    "Cloid already exists": Why.DUPLICATE_CLIENT_ORDER_ID,
}

TRAITS: Mapping[str, Traits] = {
    "binanceusdm": Traits(
        value_of=_binance_value, codes=_BINANCE_CODES, options={"fetchMarkets": {"types": ["linear"]}}
    ),
    "okx": Traits(
        margin_mode_in_order=True,
        value_of=_okx_value,
        codes=_OKX_CODES,
        receive_window_seconds=30.0,
        options={"fetchMarkets": {"types": ["swap"]}},
    ),
    "hyperliquid": Traits(
        settle="USDC",
        needs_price=True,
        are_settings_told=False,
        has_hex_ids=True,
        receive_window_seconds=60.0,  # Its nonces are good for days; only a request still on its way can land late.
        key_names=("walletAddress", "privateKey", ""),
        value_of=_hyperliquid_value,
        codes=_HYPERLIQUID_CODES,
        options={"fetchMarkets": {"types": ["swap"]}, "refSet": True, "builderFee": False},
        place=_hyperliquid_place,
        error_of=_hyperliquid_error,
    ),
}
"""By ccxt id; an exchange that is not here has the plain traits."""

ALIASES: Mapping[str, str] = {"binance": "binanceusdm"}
"""Names whose perpetuals ccxt keeps in another class."""
