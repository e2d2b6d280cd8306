"""Fresh reads of an account, shared by all symbols that ask for one at about the same time."""

import asyncio

from core.model.position import AccountSnapshot
from core.ports.exchange import Exchange

GATHERING_SECONDS = 0.005
"""How long a read waits for others to join, small beside any exchange's round trip."""


class PositionReader:
    """Reads whose request starts after they were asked for, at most one per gathering time."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._gathering: asyncio.Task[AccountSnapshot] | None = None

    async def read(self) -> AccountSnapshot:
        """A snapshot that was requested after this call, and so has seen whatever was proven before it."""
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._gather_and_read())
        return await asyncio.shield(self._gathering)

    async def _gather_and_read(self) -> AccountSnapshot:
        await asyncio.sleep(GATHERING_SECONDS)
        self._gathering = None
        return await self._exchange.read_snapshot()
