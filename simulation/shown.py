"""What every exchange showed lately of prices and of an account's worth, in its own numbers."""

from collections import defaultdict, deque
from decimal import Decimal

from paper.effects import MarketState
from simulation.scene import NEVER, Scene, unified

SHOWN_SECONDS = 20.0
"""So old may be what a target is sized from."""

KEPT_SECONDS = 120.0
"""So long what was shown is remembered: the longest window in which an order may arrive, and a slow pass before it."""

ROUNDED_SHARE = Decimal("0.000001")
"""By so much an exchange may round what it tells."""

PRICES, WORTH, RULES = "tickers", "balance", "markets"

RULES_SECONDS = 3600.0
"""So long rules that were read are believed."""


class Shown:
    """Remembers the exchange's own numbers of the moments at which it answered."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._told: defaultdict[tuple[str, str], deque[tuple[float, Decimal]]] = defaultdict(deque)
        self._left_out: dict[str, tuple[float, frozenset[str]]] = {}

    def take_answer(self, exchange: str, account: str, endpoint: str) -> None:
        """An answer of 200 left the exchange, made a moment ago."""
        venue = self._scene.house.exchanges[exchange]
        if endpoint == PRICES:
            for name, market in venue.markets.items():
                self._remember(exchange, unified(market.coin), venue.quote(name).last)
        elif endpoint == WORTH and account in venue.accounts:
            self._remember(exchange, "", venue.balance(venue.accounts[account]).equity)
        elif endpoint == RULES:
            gone = (market for name, market in venue.markets.items() if venue.state(name) is not MarketState.LIVE)
            self._left_out[exchange] = (self._scene.time(), frozenset(unified(market.coin) for market in gone))

    def was_left_out(self, exchange: str, symbol: str) -> bool:
        """Whether a symbol did not trade when the rules were read that are believed now."""
        at, left_out = self._left_out.get(exchange, (NEVER, frozenset[str]()))
        return symbol in left_out and self._scene.time() - at < RULES_SECONDS

    def was_shown(self, exchange: str, symbol: str, number: Decimal) -> bool:
        """Whether the exchange showed this price of a symbol lately, or this worth of the account, without a symbol."""
        since = self._scene.time() - SHOWN_SECONDS
        told = self._told[exchange, symbol]
        return any(at >= since and abs(number - true) <= true * ROUNDED_SHARE for at, true in told)

    def lately(self, exchange: str, symbol: str) -> str:
        """The last number shown, for messages."""
        told = self._told[exchange, symbol]
        return f"{told[-1][1]:f}" if told else "nothing"

    def lowest(self, exchange: str, symbol: str) -> Decimal:
        """The lowest price of a symbol that was shown in the time that is remembered, zero when none was."""
        return min((price for _, price in self._told[exchange, symbol]), default=Decimal(0))

    def _remember(self, exchange: str, symbol: str, number: Decimal) -> None:
        told, now = self._told[exchange, symbol], self._scene.time()
        told.append((now, number))
        while told[0][0] < now - KEPT_SECONDS:
            told.popleft()
