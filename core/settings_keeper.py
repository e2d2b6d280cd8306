"""Margin mode and leverage before an increase: set where they differ, and proven by a read."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.model.identity import Symbol
from core.model.order import Accepted, RefusedOutcome, SubmitOutcome
from core.model.position import MarginMode
from core.model.reading import Reading, Unknown
from core.ports.exchange import Exchange, SymbolSettings


@dataclass(frozen=True, slots=True)
class Unproven:
    """The settings are not what an increase needs.

    Attributes:
        why: In words.
        is_leverage_refused: Whether the exchange refused to set the leverage.
    """

    why: str
    is_leverage_refused: bool = False


class SettingsAhead:
    """Settings that a pass asks for beside its other reads; whoever increases a symbol waits for its own alone."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._asked: dict[Symbol, asyncio.Task[Reading[SymbolSettings]]] = {}

    def begin(self, symbols: Iterable[Symbol]) -> None:
        """Ask for these; what was asked for before and nobody took is dropped."""
        self.drop()
        self._asked = {symbol: asyncio.create_task(self._exchange.read_settings(symbol)) for symbol in symbols}

    async def take(self, symbol: Symbol) -> Reading[SymbolSettings] | None:
        """What was asked for, once; None where nothing was, or the answer did not come."""
        asked = self._asked.pop(symbol, None)
        settings = await asked if asked else None
        return None if isinstance(settings, Unknown) else settings

    def drop(self) -> None:
        """Ask no further."""
        for asked in self._asked.values():
            asked.cancel()
        self._asked.clear()


async def settle_settings(
    exchange: Exchange,
    symbol: Symbol,
    margin_mode: MarginMode,
    leverage: Decimal,
    read_before: Reading[SymbolSettings] | None,
) -> Unproven | None:
    """Bring the exchange's settings to what an increase needs.

    Args:
        exchange: The account.
        symbol: Which symbol.
        margin_mode: The mode that the new position is to have.
        leverage: The leverage that it is to have.
        read_before: What this pass read of the settings already, None when nothing.

    Returns:
        None when a read proved them, else why not.
    """
    settings = read_before if read_before is not None else await exchange.read_settings(symbol)
    for is_proof in (False, True):
        if isinstance(settings, Unknown):
            return Unproven(f"margin mode and leverage could not be read: {settings.reason}")
        mode_differs = settings.value.margin_mode not in (None, margin_mode)
        leverage_differs = settings.value.leverage not in (None, leverage)
        if not mode_differs and not leverage_differs:
            return None
        if is_proof:
            return Unproven("margin mode or leverage not settled: the setting did not take")
        if mode_differs:
            refused = _refusal(await exchange.set_margin_mode(symbol, margin_mode))
            if refused:
                return Unproven(f"margin mode not settled: {refused}")
        if leverage_differs:
            outcome = await exchange.set_leverage(symbol, leverage, margin_mode)
            refused = _refusal(outcome)
            if refused:
                return Unproven(f"leverage not settled: {refused}", isinstance(outcome, RefusedOutcome))
        settings = await exchange.read_settings(symbol)
    return None


def _refusal(outcome: SubmitOutcome) -> str:
    return "" if isinstance(outcome, Accepted) else outcome.detail or "refused"
