"""Bybit v5, unified trading account. Facts: margin mode is the account's, leverage the symbol's, sizes are in coins."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from account_processors import bybit_calls as calls
from account_processors import passport
from account_processors.books import Book, book_of
from account_processors.bybit_codes import CODES
from account_processors.closings import Closing
from account_processors.dialect import (
    ONE_WAY_REMEDY,
    RESET_EPOCH_MILLISECONDS,
    RETRY_AFTER_SECONDS,
    AccountValue,
    Call,
    Dialect,
    Profile,
    positions_of,
    quote_of,
    quotes_of,
    unified,
)
from account_processors.instruments import Listing, make_listing
from account_processors.orders import OrderFields
from account_processors.replies import Envelope, MalformedReply, Row
from account_processors.shared_question import SharedQuestion
from core.model.identity import ClientOrderId, Symbol
from core.model.instrument import Instrument
from core.model.money import ONE, ZERO, plain
from core.model.order import ExchangeOrderState, OrderIntent, OrderReport, RefusalReason, Side
from core.model.position import ClosingCause, MarginMode, Position, Quote
from core.ports.exchange import SymbolSettings

if TYPE_CHECKING:
    from account_processors.ccxt_client import CcxtClient

LINEAR = {"category": "linear"}
MARGIN_MODES = {
    "ISOLATED_MARGIN": MarginMode.ISOLATED,
    "REGULAR_MARGIN": MarginMode.CROSS,
    "PORTFOLIO_MARGIN": MarginMode.CROSS,
}
SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
STATES = {
    "New": ExchangeOrderState.OPEN,
    "PartiallyFilled": ExchangeOrderState.OPEN,
    "Untriggered": ExchangeOrderState.OPEN,
    "Filled": ExchangeOrderState.FILLED,
    "Cancelled": ExchangeOrderState.CANCELLED,
    "PartiallyFilledCanceled": ExchangeOrderState.CANCELLED,
    "Deactivated": ExchangeOrderState.CANCELLED,
    "Rejected": ExchangeOrderState.REJECTED,
}
ORDER = OrderFields(
    client_order_id="orderLinkId",
    exchange_order_id="orderId",
    quantity="qty",
    filled="cumExecQty",
    average_price="avgPrice",
    created_at="createdTime",
    sides=SIDES,
    reduce_only="reduceOnly",
)
MOST_PAGES = 20
ACCOUNT_WIDE = "the margin mode is the whole account's here; ./engine doctor --apply sets {mode} while it is flat"
UPGRADE = "upgrade it to a unified trading account at Bybit"
CREATED_BY = {
    "CreateByLiq": ClosingCause.LIQUIDATION,
    "CreateByTakeOver_PassThrough": ClosingCause.LIQUIDATION,
    "CreateByAdl_PassThrough": ClosingCause.DELEVERAGING,
}
"""Asked before `execType`: a liquidation in steps is an ordinary trade by that."""
EXECUTED_AS = {
    "BustTrade": ClosingCause.LIQUIDATION,
    "AdlTrade": ClosingCause.DELEVERAGING,
    "Trade": ClosingCause.ORDINARY,
    "BlockTrade": ClosingCause.ORDINARY,
    "MovePosition": ClosingCause.ORDINARY,
}
FUNDING = "Funding"
"""Stands among the executions and closes nothing."""
USE_ISOLATED = "bybit margin mode isolated"
USE_ONE_WAY = "bybit position mode one-way"


class Bybit(Dialect):
    """Bybit as it differs from the others."""

    profile = Profile(
        name="bybit",
        ccxt_id="bybit",
        receive_window_seconds=5.0,
        leverage_in_order=False,
        margin_mode_in_order=False,
        needs_passphrase=False,
        codes=CODES,
        budgets=calls.BUDGETS,
        options={"recvWindow": 5000},
        ban_codes=frozenset({"HTTP 403", "10018"}),
        reset_headers=(
            ("retry-after", RETRY_AFTER_SECONDS),
            ("x-bapi-limit-reset-timestamp", RESET_EPOCH_MILLISECONDS),
        ),
    )

    def __init__(self, client: "CcxtClient") -> None:
        super().__init__(client)
        self._margin_mode = SharedQuestion(self._ask_margin_mode)

    @staticmethod
    def envelope(body: object) -> Envelope:
        """{"retCode": 0, "retMsg": "OK", "result": {}, "time": 1}; 10001 has many meanings, told apart by its words."""
        row = Row(body, "answer")
        code, message = row.text("retCode"), row.optional_text("retMsg")
        if code == "10001" and "position idx" in message.lower():
            code = "10001 position mode"
        return Envelope(code, message, row.fields, ok=code == "0")

    @staticmethod
    def urls(base: str) -> Mapping[str, object]:
        """All of ccxt's sections at one address."""
        return dict.fromkeys(("spot", "futures", "v2", "public", "private"), base)

    async def ask_time(self) -> datetime:
        """The time that stands in every answer."""
        return _row(await self._client.read(calls.TIME)).time("time")

    async def list_instruments(self) -> Listing:
        """All linear contracts; sizes are in coins."""
        rows = await self._pages(calls.INSTRUMENTS, {**LINEAR, "limit": 1000})
        return make_listing(rows, "symbol", _is_usdt_perpetual, _instrument)

    async def read_value(self) -> AccountValue:
        """The USDT coin of the unified account."""
        accounts = (await self._result(calls.WALLET, {"accountType": "UNIFIED"})).rows("list")
        if len(accounts) != 1:
            raise MalformedReply(f"wallet-balance: {len(accounts)} accounts, expected one")
        for coin in accounts[0].rows("coin"):
            if coin.text("coin") == "USDT":
                bonus = coin.optional_decimal("bonus") or ZERO
                return AccountValue(coin.decimal("walletBalance") - bonus, coin.decimal("unrealisedPnl"))
        return AccountValue(ZERO, ZERO)

    async def read_positions(self, listing: Listing) -> dict[Symbol, Position]:
        """Every page; flat symbols come as rows of size zero."""
        rows = await self._pages(calls.POSITIONS, {**LINEAR, "settleCoin": "USDT", "limit": 200})
        return positions_of(rows, ("symbol", "avgPrice", "unrealisedPnl"), listing, _signed_size)

    async def read_quotes(self, instruments: Sequence[Instrument]) -> dict[str, Quote]:
        """One symbol, or all linear tickers in one call."""
        only = {"symbol": instruments[0].exchange_symbol} if len(instruments) == 1 else {}
        answer = _row(await self._client.read(calls.TICKERS, {**LINEAR, **only}))
        at = self._client.clock_offset.to_ours(answer.time("time"))
        names = ("lastPrice", "bid1Price", "ask1Price", "markPrice")
        rows = answer.row("result").rows("list")
        return quotes_of(rows, "symbol", instruments, lambda row: quote_of(row, at, *names))

    async def send(self, intent: OrderIntent, instrument: Instrument, amount: Decimal) -> str:
        """A market order in coins; positionIdx 0 is one-way mode."""
        order = {
            **LINEAR,
            "symbol": instrument.exchange_symbol,
            "side": intent.side.capitalize(),
            "orderType": "Market",
            "qty": plain(amount),
            "reduceOnly": intent.reduce_only,
            "positionIdx": 0,
            "orderLinkId": intent.client_order_id,
        }
        answer = await self._client.write(calls.REDUCE if intent.reduce_only else calls.CREATE, order)
        return _row(answer).row("result").text("orderId")

    async def find(self, instrument: Instrument, client_order_id: ClientOrderId) -> OrderReport | None:
        """The live list, which also shows the newest closed orders, then the history."""
        wanted = {**LINEAR, "symbol": instrument.exchange_symbol, "orderLinkId": client_order_id}
        for call in (calls.REALTIME, calls.HISTORY):
            rows = (await self._result(call, wanted)).rows("list")
            found = [row for row in rows if row.text("orderLinkId") == client_order_id]
            if len(found) != len(rows):
                raise MalformedReply(f"{call.path}: orders that were not asked for")
            if found:
                state = found[0].choice("orderStatus", STATES)
                return ORDER.report(found[0], instrument, state, self._client.clock_offset)
        return None

    async def cancel(self, instrument: Instrument, client_order_id: ClientOrderId) -> None:
        """By our id."""
        asked = {**LINEAR, "symbol": instrument.exchange_symbol, "orderLinkId": client_order_id}
        await self._client.write(calls.CANCEL, asked)

    async def read_book(self, instrument: Instrument) -> Book:
        """25 levels."""
        book = await self._result(calls.ORDERBOOK, {**LINEAR, "symbol": instrument.exchange_symbol, "limit": 25})
        return book_of(book, ("b", "a"), instrument, self._client.clock_offset.to_ours(book.time("ts")))

    async def recent_client_ids(self, instrument: Instrument) -> list[str]:
        """From the history, newest first."""
        asked = {**LINEAR, "symbol": instrument.exchange_symbol, "limit": 50}
        rows = (await self._result(calls.HISTORY, asked)).rows("list")
        return [row.optional_text("orderLinkId") for row in rows]

    async def closings(self, instrument: Instrument) -> list[Closing]:
        """The newest executions of the last seven days; without `execType` in the request all kinds are listed."""
        asked = {**LINEAR, "symbol": instrument.exchange_symbol, "limit": 100}
        rows = (await self._result(calls.EXECUTIONS, asked)).rows("list")
        return [self._closing(row) for row in rows if row.text("execType") != FUNDING]

    def _closing(self, row: Row) -> Closing:
        by, kind = row.optional_text("createType"), row.text("execType")
        at = self._client.clock_offset.to_ours(row.time("execTime"))
        return Closing(at, f"{kind} {by}".strip(), CREATED_BY.get(by) or EXECUTED_AS.get(kind))

    async def read_settings(self, instrument: Instrument) -> SymbolSettings:
        """The account's margin mode and the symbol's leverage, which its row tells also when flat."""
        asked = {**LINEAR, "symbol": instrument.exchange_symbol}
        mode, positions = await asyncio.gather(self._margin_mode.answer(), self._result(calls.LEVERAGE, asked))
        rows = positions.rows("list")
        if len(rows) != 1:
            raise MalformedReply(f"{instrument.symbol}: {ONE_WAY_REMEDY}" if rows else "position/list: no row")
        return SymbolSettings(mode, rows[0].decimal("leverage"))

    async def _ask_margin_mode(self) -> MarginMode:
        return (await self._result(calls.ACCOUNT_INFO)).choice("marginMode", MARGIN_MODES)

    async def set_leverage(self, instrument: Instrument, leverage: Decimal, margin_mode: MarginMode) -> None:
        """Both sides alike, as one-way mode wants it; "not modified" is 110043."""
        text = plain(leverage)
        asked = {**LINEAR, "symbol": instrument.exchange_symbol, "buyLeverage": text, "sellLeverage": text}
        await self._client.write(calls.SET_LEVERAGE, asked)

    async def set_margin_mode(self, instrument: Instrument, margin_mode: MarginMode) -> None:
        """Refused: on Bybit the mode is the whole account's."""
        raise self._client.refusal(RefusalReason.MARGIN_MODE_MISMATCH, ACCOUNT_WIDE.format(mode=margin_mode))

    async def inspect(self) -> list[passport.Finding]:
        """The key's rights, the account's kind, margin mode and position mode."""
        key = await self._result(calls.QUERY_API)
        mode = await self._ask_margin_mode()
        rows = (await self._result(calls.LEVERAGE, {**LINEAR, "symbol": "BTCUSDT"})).rows("list")
        rights = key.row("permissions").fields
        return [
            passport.trading_right(
                may_trade=key.text("readOnly") == "0" and "Order" in str(rights.get("ContractTrade"))
            ),
            passport.withdrawal_right(may_withdraw="Withdraw" in str(rights.get("Wallet"))),
            passport.account_kind(is_right=key.text("uta") == "1", kind="unified trading account", remedy=UPGRADE),
            passport.margin_mode_finding(mode, scope="the whole account", remedy_id=USE_ISOLATED),
            passport.position_mode_finding(is_one_way=len(rows) == 1, remedy_id=USE_ONE_WAY),
            passport.fee_tier(key.optional_text("vipLevel")),
        ]

    async def apply(self, remedy: str) -> None:
        """Isolated margin for the account, or one-way mode for all USDT symbols."""
        if remedy == USE_ISOLATED:
            await self._client.write(calls.SET_MARGIN_MODE, {"setMarginMode": "ISOLATED_MARGIN"})
        else:
            await self._client.write(calls.SWITCH_MODE, {**LINEAR, "coin": "USDT", "mode": 0})

    async def _result(self, call: Call, asked: Mapping[str, object] | None = None) -> Row:
        return _row(await self._client.read(call, asked)).row("result")

    async def _pages(self, call: Call, asked: Mapping[str, object]) -> list[Row]:
        rows: list[Row] = []
        cursor: dict[str, object] = {}
        for _ in range(MOST_PAGES):
            result = await self._result(call, {**asked, **cursor})
            rows += result.rows("list")
            next_cursor = result.optional_text("nextPageCursor")
            if not next_cursor:
                return rows
            cursor = {"cursor": next_cursor}
        raise MalformedReply(f"{call.path}: more than {MOST_PAGES} pages")


def _row(answer: Envelope) -> Row:
    return Row(answer.data, "answer")


def _signed_size(row: Row) -> Decimal:
    size = row.decimal("size")
    return size * row.choice("side", SIDES).sign if size else ZERO


def _is_usdt_perpetual(row: Row) -> bool:
    return row.text("contractType") == "LinearPerpetual" and row.text("settleCoin") == "USDT"


def _instrument(row: Row) -> Instrument:
    lot = row.row("lotSizeFilter")
    return Instrument(
        symbol=unified(row.text("baseCoin")),
        exchange_symbol=row.text("symbol"),
        lot_step=lot.decimal("qtyStep"),
        min_quantity=lot.decimal("minOrderQty"),
        max_market_quantity=lot.decimal("maxMktOrderQty"),
        min_notional=lot.optional_decimal("minNotionalValue") or ZERO,
        max_leverage=row.row("leverageFilter").decimal("maxLeverage"),
        contract_size=ONE,
        tradable=row.text("status") == "Trading",
    )
