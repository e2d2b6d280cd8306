"""Prices of a live exchange's public data through ccxt: without a key, and refused clearly without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import ccxt.async_support as ccxt

from core.model.failures import InvalidInput
from paper.markets import Coin

FETCH_SECONDS = 2.0


class LivePrices:
    """paper.prices.PriceSource over the last prices of one live exchange, fetched every two seconds.

    A coin whose price was never told keeps the price where its walk would begin. What a fetch that fails leaves
    standing is the last good one.
    """

    def __init__(self, coins: Sequence[Coin], client: Any | None = None) -> None:  # noqa: ANN401 - ccxt has no types
        self._client = client or ccxt.bybit({"options": {"fetchMarkets": {"types": ["linear"]}}, "timeout": 5_000})
        self._multiples = {coin.name: coin.bybit[0] if coin.bybit else 1 for coin in coins}
        self._prices = {coin.name: float(coin.price) for coin in coins}
        self._fetches = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fetch once, then go on in the background.

        Raises:
            InvalidInput: If the exchange cannot be reached.
        """
        try:
            await self._fetch()
        except ccxt.BaseError as error:
            await self._client.close()
            raise InvalidInput(
                f"live prices: {self._client.id} cannot be reached ({type(error).__name__}). "
                "Use the seeded walk (paper.prices of engine_config.json, or --prices walk), or a recorded file"
            ) from error
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Fetch no more; safe to call twice."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._client.close()

    def price(self, coin: str, at_ms: int) -> float:
        """The last fetched price, whatever the moment."""
        del at_ms
        return self._prices[coin]

    def moment(self, at_ms: int) -> int:
        """The number of the last good fetch."""
        del at_ms
        return self._fetches

    def knows(self, coin: str) -> bool:
        """Whether the coin is asked for."""
        return coin in self._prices

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FETCH_SECONDS)
            with suppress(ccxt.BaseError):
                await self._fetch()

    async def _fetch(self) -> None:
        tickers: Mapping[str, Mapping[str, Any]] = await self._client.fetch_tickers()
        for coin, multiple in self._multiples.items():
            base = coin if multiple == 1 else f"{multiple}{coin}"
            last = tickers.get(f"{base}/USDT:USDT", {}).get("last")
            if last:
                self._prices[coin] = float(last) / multiple
        self._fetches += 1
