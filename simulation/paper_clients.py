"""Unmodified ccxt clients in front of a paper house, under a clock that stands still until it is moved."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt

from paper.house import PaperHouse

CLASSES = {"bybit": ccxt.bybit, "blofin": ccxt.blofin, "kucoin": ccxt.kucoinfutures, "mexc": ccxt.mexc}
OPTIONS: dict[str, dict[str, object]] = {
    "bybit": {"fetchMarkets": {"types": ["linear"]}},
    "mexc": {"defaultType": "swap"},
}


@dataclass(slots=True)
class SteadyClock:
    """core.ports.clock.Clock that a test moves."""

    at: datetime = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def now(self) -> datetime:
        """The time it was set to."""
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        """Move it."""
        self.at += timedelta(seconds=seconds)


async def open_client(house: PaperHouse, exchange: str, balance: Decimal = Decimal(10_000), base_url: str = "") -> Any:  # noqa: ANN401 - ccxt ships no types
    """A client of a new account `main`, markets loaded, throttle off, its timestamps from the house's clock.

    Args:
        house: What answers.
        exchange: bybit, blofin, kucoin or mexc.
        balance: USDT of the account.
        base_url: Where the house is served over HTTP; empty for the session in process.
    """
    keys = house.open_account(exchange, "main", balance)
    client = CLASSES[exchange](
        {
            "apiKey": keys.api_key,
            "secret": keys.secret,
            "password": keys.passphrase,
            "enableRateLimit": False,
            "options": OPTIONS.get(exchange, {}),
        }
        | ({} if base_url else {"session": house.session(), "ssl_context": False})
    )
    client.urls["api"] = house.urls(exchange, base_url)
    client.timeout_on_exit = 0
    client.milliseconds = house.world.now_ms
    await client.load_markets()
    return client
