"""The one world that the four exchanges share: index prices, and each exchange's quotes and book around them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.model.failures import InvalidInput
from core.model.money import ONE, ZERO, round_towards_zero
from core.ports.clock import Clock
from paper.markets import COINS, Coin, PaperMarket
from paper.prices import PriceSource, SeededWalk, chance

BASIS_SHARE = Decimal("0.0003")
"""How far an exchange's own price may stand from the index."""

HALF_SPREAD_SHARE = Decimal("0.0001")
LEVEL_GAP_SHARE = Decimal("0.0001")
LEVEL_NOTIONAL = 40_000
"""USDT in one level of the book of a coin of liquidity 1, between half and three halves of it."""

BOOK_LEVELS = 100
BASIS_PERIOD_MS = 300_000
HOUR_MS = 3_600_000
FUNDING_INTERVAL_MS = 8 * HOUR_MS
LARGEST_FUNDING_RATE = Decimal("0.0003")


@dataclass(frozen=True, slots=True)
class PaperQuote:
    """The prices of one market at one moment, on its tick.

    Attributes:
        last: Last trade.
        bid: Best bid.
        ask: Best ask, above the bid.
        mark: Mark price, by which profit, margin and liquidation are computed.
        index: The world's price.
        at_ms: Unix milliseconds.
    """

    last: Decimal
    bid: Decimal
    ask: Decimal
    mark: Decimal
    index: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Level:
    """One price of a book and what is offered at it, in the market's unit of quantity."""

    price: Decimal
    quantity: Decimal


class World:
    """Index prices of all coins, the same for every exchange; what a test pins stands over the source.

    Attributes:
        seed: From which walk, basis, books and funding follow.
        coins: Everything that exists here.
    """

    def __init__(
        self,
        clock: Clock,
        seed: int = 1,
        coins: Sequence[Coin] = COINS,
        source: PriceSource | None = None,
        walk_seconds: float = 1.0,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self._source = source or SeededWalk(seed, coins, walk_seconds)
        self.coins = tuple(coin for coin in coins if self._source.knows(coin.name))
        self._names = frozenset(coin.name for coin in self.coins)
        self._pins: dict[str, Decimal] = {}
        self._shifts: dict[str, Decimal] = {}
        self._interventions = 0
        self._days_before: dict[tuple[str, str], tuple[tuple[int, int], Decimal]] = {}
        self._quotes: dict[tuple[str, str], tuple[tuple[int, int], PaperQuote]] = {}

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return int(self.clock.now().timestamp() * 1000)

    def moment(self, at_ms: int) -> tuple[int, int]:
        """Changes exactly when a price may have changed."""
        return self._source.moment(at_ms), self._interventions

    def pin(self, coin: str, price: Decimal) -> None:
        """Hold a coin at a price until it is released.

        Raises:
            InvalidInput: If there is no such coin or the price is not above zero.
        """
        self._check(coin)
        if not price.is_finite() or price <= ZERO:
            raise InvalidInput(f"{coin} price: {price} is not above zero")
        self._pins[coin] = price
        self._interventions += 1

    def shift(self, coin: str, factor: Decimal) -> None:
        """Multiply a coin's price from now on, as a crash or a rally does.

        Raises:
            InvalidInput: If there is no such coin or the factor is not above zero.
        """
        self._check(coin)
        if not factor.is_finite() or factor <= ZERO:
            raise InvalidInput(f"{coin} factor: {factor} is not above zero")
        self._shifts[coin] = self._shifts.get(coin, ONE) * factor
        self._interventions += 1

    def release(self, coin: str) -> None:
        """Let the source move the coin again, without shift."""
        self._check(coin)
        self._pins.pop(coin, None)
        self._shifts.pop(coin, None)
        self._interventions += 1

    def intervene(self, kept: Mapping[str, Mapping[str, str]]) -> None:
        """Take up interventions that were kept."""
        for coin, price in kept.get("pins", {}).items():
            self.pin(coin, Decimal(price))
        for coin, factor in kept.get("shifts", {}).items():
            self.shift(coin, Decimal(factor))

    def interventions(self) -> Mapping[str, Mapping[str, str]]:
        """Pins and shifts, as text, to be kept across restarts."""
        return {
            "pins": {coin: str(price) for coin, price in self._pins.items()},
            "shifts": {coin: str(factor) for coin, factor in self._shifts.items()},
        }

    def index(self, coin: str, at_ms: int) -> Decimal:
        """The world's price of one coin in USDT, 10 significant digits."""
        if coin in self._pins:
            return self._pins[coin]
        price = Decimal(f"{self._source.price(coin, at_ms):.10g}")
        return price * self._shifts.get(coin, ONE)

    def day_before(self, exchange: str, market: PaperMarket, at_ms: int) -> Decimal:
        """The market's last price a day before the running hour began, which tickers compare with."""
        moment = (at_ms // HOUR_MS, self._interventions)
        known = self._days_before.get((exchange, market.symbol))
        if known is None or known[0] != moment:
            known = (moment, self._make_quote(exchange, market, moment[0] * HOUR_MS - 24 * HOUR_MS).last)
            self._days_before[exchange, market.symbol] = known
        return known[1]

    def quote(self, exchange: str, market: PaperMarket, at_ms: int) -> PaperQuote:
        """One market's prices: near the index by a small basis of the exchange, with a small spread."""
        moment = self.moment(at_ms)
        known = self._quotes.get((exchange, market.symbol))
        if known is not None and known[0] == moment:
            return known[1]
        made = self._make_quote(exchange, market, at_ms)
        self._quotes[exchange, market.symbol] = (moment, made)
        return made

    def levels(self, exchange: str, market: PaperMarket, at_ms: int, side: str) -> Iterator[Level]:
        """One side of the book (`bid` or `ask`), best first; it does not remember what was taken from it."""
        quote = self.quote(exchange, market, at_ms)
        moment = self.moment(at_ms)
        gap = max(_on_tick(quote.last * LEVEL_GAP_SHARE, market.tick), market.tick)
        best, step = (quote.bid, -gap) if side == "bid" else (quote.ask, gap)
        for number in range(BOOK_LEVELS):
            price = best + step * number
            if price <= ZERO:
                return
            share = Decimal(str(round(0.5 + chance(self.seed, exchange, market.symbol, side, moment, number), 3)))
            notional = LEVEL_NOTIONAL * market.liquidity * share
            quantity = round_towards_zero(notional / (price * market.contract_size), market.lot_step)
            yield Level(price, max(quantity, market.lot_step))

    def funding_rate(self, exchange: str, market: PaperMarket, due_ms: int) -> Decimal:
        """What longs pay shorts, as a share of notional, at one funding time."""
        share = chance(self.seed, "funding", exchange, market.coin, due_ms // FUNDING_INTERVAL_MS)
        return (LARGEST_FUNDING_RATE * Decimal(str(round(share * 2 - 0.8, 4)))).quantize(Decimal("0.000001"))

    def _make_quote(self, exchange: str, market: PaperMarket, at_ms: int) -> PaperQuote:
        index = self.index(market.coin, at_ms) * market.coin_multiple
        period = at_ms // BASIS_PERIOD_MS
        swing = Decimal(str(round(chance(self.seed, exchange, market.coin, period) * 2 - 1, 4)))
        middle = index if market.coin in self._pins else index * (ONE + BASIS_SHARE * swing)
        last = max(_on_tick(middle, market.tick), market.tick)
        half = max(_on_tick(last * HALF_SPREAD_SHARE, market.tick), market.tick)
        return PaperQuote(
            last=last,
            bid=max(last - half, market.tick),
            ask=last + half,
            mark=max(_on_tick(index, market.tick), market.tick),
            index=index,
            at_ms=at_ms,
        )

    def _check(self, coin: str) -> None:
        if coin not in self._names:
            raise InvalidInput(f"coin: {coin!r} is not in this world")


def _on_tick(price: Decimal, tick: Decimal) -> Decimal:
    return price // tick * tick
