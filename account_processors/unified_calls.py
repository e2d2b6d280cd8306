"""What is asked through ccxt's unified methods: weighed by what it costs, and what is told of the account at start."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from account_processors.dialect import ONE_WAY_REMEDY, Call, Dialect
from account_processors.generic_traits import Traits
from account_processors.limiter import Lane
from account_processors.outcomes import CallFailed
from account_processors.passport import (
    WITHDRAWAL,
    Finding,
    Severity,
    fee_tier,
    margin_mode_finding,
    position_mode_finding,
    trading_right,
    withdrawal_right,
)
from account_processors.replies import MalformedReply, Row
from core.model.position import MarginMode

USE_ONE_WAY = "position mode one-way"
READ, BALANCE, TICKERS = (Call("GET", (), kind, ("calls",)) for kind in ("read", "balance", "tickers"))
TIME, MARKETS = (Call("GET", (), kind, ("calls",), is_signed=False) for kind in ("time", "markets"))
SETTLE = Call("GET", (), "look-up", ("calls",), lane=Lane.LOOK_UP)
SETTLE_IN_TURN = Call("GET", (), "look-up", ("calls",))
"""Of one symbol's settings, which only increases ask for: exits need positions and go first."""
WRITE = Call("POST", (), "write", ("calls",))
REDUCE = Call("POST", (), "write", ("calls",), lane=Lane.REDUCTION)


class UnifiedCalls(Dialect):
    """Calls of one account; what they bring is read by the dialect over them."""

    traits: ClassVar[Traits]

    async def inspect(self) -> list[Finding]:
        """The balance, which needs a good key, then what the exchange tells of the key and the position mode."""
        await self.read_value()
        why = "it was never tried against the real exchange; begin with mode sandbox and its testnet"
        adapter = Finding(Severity.WARNING, "adapter", "the general one, by what ccxt says of the exchange", why)
        scope = "every order" if self.traits.margin_mode_in_order else "each symbol, set before its first order"
        modes = [margin_mode_finding(MarginMode.ISOLATED, scope=scope, remedy_id=""), *await self._position_mode()]
        return [adapter, *await self._looks(), *modes, fee_tier("")]

    async def apply(self, remedy: str) -> None:
        """One-way mode for the account."""
        await self._markets()
        symbol = self._any_symbol()
        await self._set(WRITE, lambda exchange: exchange.set_position_mode(hedged=False, symbol=symbol))

    async def _looks(self) -> list[Finding]:
        """What the exchange tells of itself; what it does not tell here is left out, but for the key's rights."""
        found: list[Finding] = []
        for look in self.traits.looks:
            with suppress(CallFailed, MalformedReply):
                found += await self._ask(READ, look)
        is_told = any(finding.topic == WITHDRAWAL for finding in found)
        return found if is_told else [trading_right(may_trade=None), withdrawal_right(may_withdraw=None), *found]

    async def _position_mode(self) -> list[Finding]:
        """Nothing where ccxt cannot ask for it, as on exchanges that have one mode only."""
        if not self._client.raw().has.get("fetchPositionMode"):
            return []
        try:
            await self._markets()
            symbol = self._any_symbol()
            told = Row(await self._ask(READ, lambda exchange: exchange.fetch_position_mode(symbol)), "position mode")
            return [position_mode_finding(is_one_way=not told.flag("hedged"), remedy_id=USE_ONE_WAY)]
        except (CallFailed, MalformedReply) as error:
            return [Finding(Severity.WARNING, "position mode", f"not told: {error}", ONE_WAY_REMEDY)]

    def _any_symbol(self) -> str:
        """Some exchanges want a symbol where they mean all of them."""
        markets: Mapping[str, Any] = self._client.raw().markets
        for symbol, market in markets.items():
            if self._is_ours(Row(market, symbol)):
                return symbol
        raise MalformedReply("markets: none of ours")

    async def _ask(self, call: Call, ask: Callable[[Any], Awaitable[Any]]) -> Any:  # noqa: ANN401 - ccxt has no types
        await self._markets()
        return await self._client.read_with(self._weighed(call), ask)

    async def _set(self, call: Call, ask: Callable[[Any], Awaitable[Any]]) -> None:
        await self._markets()
        await self._client.write_with(self._weighed(call), ask)

    async def _markets(self) -> None:
        """Ccxt's unified methods need its own table of markets, once per object."""
        if not self._client.raw().markets:
            await self._client.read_with(self._weighed(MARKETS), lambda exchange: exchange.load_markets())

    def _weighed(self, call: Call) -> Call:
        own = self.traits.write_budget if call.path == "write" else None
        budgets = (own.name,) if own else call.budgets
        return replace(call, weight=self.traits.weights.get(call.path, call.weight), budgets=budgets)

    def _is_ours(self, row: Row) -> bool:
        market = row.fields
        return bool(market.get("swap") and market.get("linear") and market.get("settle") == self.traits.settle)
