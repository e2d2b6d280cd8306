"""What is known of further exchanges, from ccxt 4.5.90 and the exchanges' papers; none of them was ever asked."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from account_processors.generic_codes import BINANCE_CODES, HYPERLIQUID_CODES, OKX_CODES
from account_processors.limiter import Budget
from account_processors.outcomes import CodeTable
from account_processors.passport import Finding, account_kind, trading_right, withdrawal_right
from account_processors.replies import MalformedReply, Row

SPOT_LEVEL = "1"
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
        balance: Reads the raw balance otherwise than by ccxt's unified call.
        looks: What the exchange tells of the key and the account, each in a call of its own.
        positions_place: The members of an answer that lead to the list of positions, None where that is not known.
        size_place: The members of a row of that list that lead to the position's size.
        signed_size_field: Where a position's own row has its signed size, empty where side and size are taken.
        market_limit_field: Where a market's own row has the largest market order, empty where ccxt reads it.
        is_mode_told: Whether every position tells its margin mode, so that one without cannot be read.
        has_mode_in_leverage: Whether the leverage call takes the margin mode.
        budget: The published limit, None for one call in ccxt's pause.
        write_budget: The published limit of orders and settings where it is one of its own.
        weights: What markets, time, balance, tickers, another read, a look-up and a write cost of it, else 1.
        ban_codes: Codes that may mean that the address is banned for a while.
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
    balance: Callable[[Any], Awaitable[Any]] | None = None
    looks: tuple[Callable[[Any], Awaitable[list[Finding]]], ...] = ()
    positions_place: tuple[str, ...] | None = None
    size_place: tuple[str, ...] = ()
    signed_size_field: str = ""
    market_limit_field: str = ""
    is_mode_told: bool = False
    has_mode_in_leverage: bool = True
    budget: Budget | None = None
    write_budget: Budget | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    ban_codes: frozenset[str] = frozenset()


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


async def _hyperliquid_balance(exchange: Any) -> Any:  # noqa: ANN401 - ccxt is untyped
    """Ccxt would take an account whose kind cannot be read for a standard one; then its value would be wrong."""
    asked = {"type": "userAbstraction", "user": exchange.walletAddress}
    kind = str(await exchange.publicPostInfo(asked)).strip('"')
    if kind in ("unifiedAccount", "portfolioMargin"):
        raise MalformedReply(
            f"the account is of the kind {kind}, whose value stands among its spot balances: make it a standard one"
        )
    return await exchange.fetch_balance()


async def _binance_rights(exchange: Any) -> list[Finding]:  # noqa: ANN401 - ccxt is untyped
    told = Row(await exchange.sapiGetAccountApiRestrictions(), "apiRestrictions")
    return [
        trading_right(may_trade=told.flag("enableFutures")),
        withdrawal_right(may_withdraw=told.flag("enableWithdrawals")),
    ]


async def _binance_assets(exchange: Any) -> list[Finding]:  # noqa: ANN401 - ccxt is untyped
    told = Row(await exchange.fapiPrivateGetMultiAssetsMargin(), "multiAssetsMargin")
    remedy = "switch it to single-asset mode at Binance: in multi-assets mode there is no isolated margin"
    is_single = not told.flag("multiAssetsMargin")
    return [account_kind(is_right=is_single, kind="account in single-asset mode", remedy=remedy)]


async def _okx_rights(exchange: Any) -> list[Finding]:  # noqa: ANN401 - ccxt is untyped
    (told,) = Row(await exchange.privateGetAccountConfig(), "config").rows("data")
    rights = told.text("perm").split(",")
    return [
        trading_right(may_trade="trade" in rights),
        withdrawal_right(may_withdraw="withdraw" in rights),
        account_kind(
            is_right=told.text("acctLv") != SPOT_LEVEL,
            kind="account that can hold perpetuals",
            remedy="switch its mode from spot to futures at OKX",
        ),
    ]


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
    return next((telling for telling in HYPERLIQUID_CODES if telling in message), message), message


TRAITS: Mapping[str, Traits] = {
    "binanceusdm": Traits(
        value_of=_binance_value,
        codes=BINANCE_CODES,
        options={"fetchMarkets": {"types": ["linear"]}},
        looks=(_binance_rights, _binance_assets),
        positions_place=(),
        size_place=("positionAmt",),
        is_mode_told=True,
        signed_size_field="positionAmt",
        has_mode_in_leverage=False,
        budget=Budget("calls", 2400, 60.0, shared=True),
        weights={"balance": 5, "tickers": 40, "read": 10, "look-up": 5},
        ban_codes=frozenset({"-1003", "HTTP 418"}),
    ),
    "okx": Traits(
        margin_mode_in_order=True,
        value_of=_okx_value,
        codes=OKX_CODES,
        receive_window_seconds=30.0,
        options={"fetchMarkets": {"types": ["swap"]}},
        looks=(_okx_rights,),
        positions_place=("data",),
        size_place=("pos",),
        is_mode_told=True,
        market_limit_field="maxMktSz",
        budget=Budget("calls", 20, 2.0),
        write_budget=Budget("writes", 60, 2.0),
    ),
    "hyperliquid": Traits(
        settle="USDC",
        needs_price=True,
        are_settings_told=False,
        has_hex_ids=True,
        receive_window_seconds=60.0,  # Its nonces are good for days; only a request still on its way can land late.
        key_names=("walletAddress", "privateKey", ""),
        value_of=_hyperliquid_value,
        codes=HYPERLIQUID_CODES,
        options={
            "fetchMarkets": {"types": ["swap"]},
            "refSet": True,
            "builderFee": False,
            "enableUnifiedMargin": False,
        },
        balance=_hyperliquid_balance,
        positions_place=("assetPositions",),
        size_place=("position", "szi"),
        is_mode_told=True,
        budget=Budget("calls", 1200, 60.0, shared=True),
        weights={"markets": 20, "time": 2, "balance": 22, "tickers": 20, "read": 20, "look-up": 2},
        place=_hyperliquid_place,
        error_of=_hyperliquid_error,
    ),
}
"""By ccxt id; an exchange that is not here has the plain traits."""

ALIASES: Mapping[str, str] = {"binance": "binanceusdm"}
"""Names whose perpetuals ccxt keeps in another class."""
