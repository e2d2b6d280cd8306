"""Which markets are halted, asked of the exchange's rules anew while some are or may be."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from core.decisions.find_halted import find_halted
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.reading import Known, Reading
from core.ports.exchange import Exchange
from core.ports.settings import LiveSettings

DOUBT_SECONDS = 10.0
"""How often the rules are read while orders get no clear answer."""


class HaltWatch:
    """Looks at the rules of one account's exchange when there is a reason: once per full check, in doubt more often.

    Args:
        exchange: Of the account.
        settings: Tell how often a full check is made.
        on_change: Called when a market turned out to be halted, or to trade again.
    """

    def __init__(self, exchange: Exchange, settings: LiveSettings, on_change: Callable[[], None]) -> None:
        self._exchange = exchange
        self._settings = settings
        self._on_change = on_change
        self._last_look = -math.inf

    async def look(
        self,
        traded: Iterable[Symbol],
        listed: Reading[Mapping[Symbol, Instrument]],
        ledgers: Sequence[SymbolLedger],
        doubted: frozenset[Symbol],
    ) -> float:
        """Read the rules anew if a market is halted, or if the account's orders meet one that may be.

        Args:
            traded: Symbols with a target or something left to trade.
            listed: The rules as this pass knows them, at most an hour old.
            ledgers: Of the account.
            doubted: Symbols where orders of this or other accounts on the exchange get no clear answer.

        Returns:
            Seconds until the next such look.
        """
        symbols, full_check_seconds = list(traded), self._settings.full_check_seconds()
        halted = find_halted(symbols, listed, ledgers)
        is_doubtful = any(ledger.symbol in doubted and not ledger.is_confirmed for ledger in ledgers)
        if not halted and not is_doubtful:
            return full_check_seconds
        now = asyncio.get_running_loop().time()
        seconds = min(DOUBT_SECONDS, full_check_seconds) if is_doubtful else full_check_seconds
        if now >= self._last_look + seconds:
            self._last_look = now
            await self._exchange.refresh_instruments()
            anew = await self._exchange.read_instruments()
            if isinstance(anew, Known) and set(find_halted(symbols, anew, ledgers)) != set(halted):
                self._on_change()
        return self._last_look + seconds - now
