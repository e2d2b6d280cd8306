"""Margin mode and leverage before an increase: set where they differ, and proven by a read."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.model.identity import Symbol
from core.model.order import Accepted, RefusalReason, RefusedOutcome, UnknownOutcome
from core.model.position import MarginMode
from core.model.reading import HeldBack, Reading, Unknown
from core.ports.exchange import Exchange, SymbolSettings

SAYING_NOTHING_OF_THE_SETTING = frozenset(
    {
        RefusalReason.RATE_LIMITED,
        RefusalReason.OUT_OF_BUDGET,
        RefusalReason.CLOCK,
        RefusalReason.MAINTENANCE,
        RefusalReason.AUTHENTICATION,
        RefusalReason.PERMISSION,
    }
)
"""Any request may be refused for these: no position stands in the way of the leverage."""


@dataclass(frozen=True, slots=True)
class Unproven:
    """The settings are not what an increase needs.

    Attributes:
        why: In words.
        is_leverage_refused: Whether the exchange refused to set the leverage.
        held_back_seconds: How long our own budget keeps them from being settled, None where it does not.
    """

    why: str
    is_leverage_refused: bool = False
    held_back_seconds: float | None = None


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
            why = f"margin mode and leverage could not be read: {settings.reason}"
            return Unproven(why, held_back_seconds=_held_back_seconds(settings))
        mode_differs = settings.value.margin_mode not in (None, margin_mode)
        leverage_differs = settings.value.leverage not in (None, leverage)
        if not mode_differs and not leverage_differs:
            return None
        if is_proof:
            return Unproven("margin mode or leverage not settled: the setting did not take")
        if mode_differs:
            outcome = await exchange.set_margin_mode(symbol, margin_mode)
            if not isinstance(outcome, Accepted):
                return _not_settled("margin mode", outcome)
        if leverage_differs:
            outcome = await exchange.set_leverage(symbol, leverage, margin_mode)
            if not isinstance(outcome, Accepted):
                return _not_settled("leverage", outcome)
        settings = await exchange.read_settings(symbol)
    return None


def _not_settled(what: str, outcome: RefusedOutcome | UnknownOutcome) -> Unproven:
    why, held_back_seconds = f"{what} not settled: {outcome.detail or 'refused'}", outcome.held_back_seconds
    is_refused = isinstance(outcome, RefusedOutcome) and outcome.reason not in SAYING_NOTHING_OF_THE_SETTING
    return Unproven(why, is_refused and what == "leverage", held_back_seconds)


def _held_back_seconds(settings: Unknown) -> float | None:
    return settings.retry_after_seconds if isinstance(settings, HeldBack) else None
