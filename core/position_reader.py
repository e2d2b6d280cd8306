"""Fresh reads of an account's positions, shared by all symbols that ask for one at about the same time."""

import asyncio
from collections.abc import Mapping

from core.model.identity import Symbol
from core.model.position import Position
from core.model.reading import Reading
from core.ports.exchange import Exchange

Positions = Reading[Mapping[Symbol, Position]]

GATHERING_SECONDS = 0.005
"""How long a read waits for others to join, small beside any exchange's round trip."""


class PositionReader:
    """Reads whose request starts after they were asked for, at most one per gathering time."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._gathering: asyncio.Task[Positions] | None = None

    async def read(self) -> Positions:
        """Positions that were requested after this call, and so have seen whatever was proven before it."""
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._gather_and_read())
        return await asyncio.shield(self._gathering)

    async def _gather_and_read(self) -> Positions:
        await asyncio.sleep(GATHERING_SECONDS)
        self._gathering = None
        return await self._exchange.read_positions()
