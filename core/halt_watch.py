"""Which markets are halted, asked of the exchange's rules anew while some are or may be."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

from core.decisions.find_halted import find_halted
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.reading import Known, Reading
from core.ports.exchange import Exchange
from core.ports.settings import LiveSettings


class HaltWatch:
    """Looks at the rules of one account's exchange once per full check, when there is a reason.

    Args:
        exchange: Of the account.
        settings: Tell how often a full check is made.
        on_change: Called when a market turned out to be halted, or to trade again.
    """

    def __init__(self, exchange: Exchange, settings: LiveSettings, on_change: Callable[[], None]) -> None:
        self._exchange = exchange
        self._settings = settings
        self._on_change = on_change
        self._next_look = 0.0

    async def look(
        self,
        wanted: Iterable[Symbol],
        listed: Reading[Mapping[Symbol, Instrument]],
        ledgers: Sequence[SymbolLedger],
        *,
        has_unclear_orders: bool,
    ) -> float:
        """Read the rules anew if a market is halted, or orders get no clear answer, which a halt may be the cause of.

        Args:
            wanted: Symbols with a target.
            listed: The rules as this pass knows them, at most an hour old.
            ledgers: Of the account.
            has_unclear_orders: Whether several orders in a row got no clear answer.

        Returns:
            Seconds until the next such look.
        """
        symbols = list(wanted)
        halted = find_halted(symbols, listed, ledgers)
        if not halted and not has_unclear_orders:
            return self._settings.full_check_seconds()
        now = asyncio.get_running_loop().time()
        if now >= self._next_look:
            self._next_look = now + self._settings.full_check_seconds()
            await self._exchange.refresh_instruments()
            anew = await self._exchange.read_instruments()
            if isinstance(anew, Known) and set(find_halted(symbols, anew, ledgers)) != set(halted):
                self._on_change()
        return self._next_look - now
