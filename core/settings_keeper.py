"""Margin mode and leverage before an increase: set where they differ, and proven by a read."""

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
