"""Where the world's prices come from, by name, the same way for the engine and for every command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from paper.live_prices import LivePrices
from paper.markets import listed_coins
from paper.prices import PriceSource, RecordedPrices

WALK, LIVE = "walk", "live"


@asynccontextmanager
async def open_prices(choice: str, begin_ms: int) -> AsyncIterator[PriceSource | None]:
    """The source of a name, fetching while it is open; None for the seeded walk, which every world has.

    Args:
        choice: `walk`, `live`, or the path of a recorded file.
        begin_ms: When the first row of a recorded file is played, in unix milliseconds.

    Raises:
        InvalidInput: If the live exchange cannot be reached.
        InvalidConfig: If the file cannot be read.
    """
    if choice == WALK:
        yield None
    elif choice == LIVE:
        live = LivePrices(listed_coins())
        await live.start()
        try:
            yield live
        finally:
            await live.stop()
    else:
        yield RecordedPrices(Path(choice), begin_ms)
