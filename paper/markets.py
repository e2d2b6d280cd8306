"""The perpetuals each exchange lists: the same coins with sizes, steps and limits that differ as they really do.

The units are certain (Bybit trades coins, the others contracts of the given size); minimums, steps and brackets are
near what the exchanges publish and are this paper world's own numbers.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from core.model.money import ONE, ZERO, divide, round_towards_zero

LISTED_AT_MS = 1_600_000_000_000
MAX_PRICE_TICKS = 10_000_000
MARKET_NOTIONAL_LIMIT = Decimal(1_000_000)
LIMIT_ORDER_FACTOR = {"bybit": 2, "blofin": 100, "kucoin": 3, "mexc": 1}
"""How many times a limit order may be larger than a market order."""


@dataclass(frozen=True, slots=True)
class Bracket:
    """One risk tier.

    Attributes:
        up_to_notional: Position value in USDT up to which the tier holds.
        max_leverage: Highest leverage in the tier.
        maintenance_rate: Share of notional that must remain as margin.
    """

    up_to_notional: Decimal
    max_leverage: Decimal
    maintenance_rate: Decimal


@dataclass(frozen=True, slots=True)
class PaperMarket:
    """One listed perpetual. Quantities are in the exchange's own order unit: coins on Bybit, contracts elsewhere.

    Attributes:
        symbol: The exchange's own name.
        base: The base coin as the exchange spells it (XBT on KuCoin, 1000PEPE on Bybit).
        coin: The coin of the world it follows.
        coin_multiple: Coins of the world in one base coin (1000 for 1000PEPE).
        contract_size: Base coins in one unit of quantity.
        lot_step: Smallest change of quantity.
        min_quantity: Smallest order.
        max_market_quantity: Largest market order.
        max_limit_quantity: Largest limit order.
        min_notional: Smallest order value in USDT, zero where none is listed.
        tick: Smallest change of price.
        brackets: Risk tiers, smallest first.
        liquidity: Factor on the depth of its book.
    """

    symbol: str
    base: str
    coin: str
    coin_multiple: Decimal
    contract_size: Decimal
    lot_step: Decimal
    min_quantity: Decimal
    max_market_quantity: Decimal
    max_limit_quantity: Decimal
    min_notional: Decimal
    tick: Decimal
    brackets: tuple[Bracket, ...]
    liquidity: Decimal

    @property
    def max_leverage(self) -> Decimal:
        """The highest leverage of any tier."""
        return self.brackets[0].max_leverage

    @property
    def max_price(self) -> Decimal:
        """The highest price of a limit order."""
        return self.tick * MAX_PRICE_TICKS

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """Value in USDT of an unsigned or signed quantity."""
        return quantity * self.contract_size * price

    def bracket(self, notional: Decimal) -> Bracket:
        """The tier of a position value; the last tier has no end."""
        return next((tier for tier in self.brackets if abs(notional) <= tier.up_to_notional), self.brackets[-1])


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin of the world and how each exchange sells it.

    Attributes:
        name: The coin.
        price: Where its walk begins, in USDT.
        bybit: (coins per base coin, quantity step in base coins); None where not listed, as below.
        blofin: (coins per contract, quantity step in contracts).
        kucoin: Coins per contract; whole contracts only.
        mexc: Coins per contract; whole contracts only.
        max_leverage: On Bybit; the others scale it.
        liquidity: Factor on the depth of the books.
    """

    name: str
    price: Decimal
    bybit: tuple[int, str] | None
    blofin: tuple[str, str] | None
    kucoin: str | None
    mexc: str | None
    max_leverage: int = 50
    liquidity: int = 1


def _coin(
    name: str,
    price: str,
    bybit: tuple[int, str] | None,
    blofin: tuple[str, str] | None,
    kucoin: str | None,
    mexc: str | None,
    max_leverage: int = 50,
    liquidity: int = 1,
) -> Coin:
    return Coin(name, Decimal(price), bybit, blofin, kucoin, mexc, max_leverage, liquidity)


COINS: tuple[Coin, ...] = (
    _coin("BTC", "64000", (1, "0.001"), ("0.001", "0.1"), "0.001", "0.0001", 100, 12),
    _coin("ETH", "3100", (1, "0.01"), ("0.01", "0.1"), "0.01", "0.01", 100, 8),
    _coin("SOL", "148", (1, "0.1"), ("1", "0.1"), "0.1", "0.1", 75, 5),
    _coin("XRP", "0.52", (1, "0.1"), ("100", "0.1"), "10", "1", 75, 4),
    _coin("DOGE", "0.124", (1, "1"), ("1000", "0.1"), "100", "100", 75, 4),
    _coin("TAO", "412", (1, "0.001"), ("0.1", "0.1"), "0.01", "0.01", 25),
    _coin("ADA", "0.45", (1, "1"), ("100", "0.1"), "10", "1", 75, 2),
    _coin("LTC", "83.5", (1, "0.1"), ("1", "1"), "0.1", "0.01", 50, 2),
    _coin("LINK", "14.3", (1, "0.1"), ("1", "0.1"), "0.1", "0.1", 50, 2),
    _coin("AVAX", "35.2", (1, "0.1"), ("1", "0.1"), "0.1", "0.1", 50, 2),
    _coin("DOT", "6.7", (1, "0.1"), ("1", "1"), "1", "0.1", 50),
    _coin("BNB", "590", (1, "0.01"), ("0.01", "1"), "0.01", "0.01", 50, 3),
    _coin("TRX", "0.121", (1, "1"), ("1000", "0.1"), "100", "10", 50),
    _coin("BCH", "455", (1, "0.01"), ("0.1", "0.1"), "0.01", "0.01", 50),
    _coin("UNI", "7.6", (1, "0.1"), ("1", "0.1"), "1", "0.1", 50),
    _coin("ATOM", "8.3", (1, "0.1"), ("1", "0.1"), "0.1", "0.1", 50),
    _coin("NEAR", "6.9", (1, "0.1"), ("10", "0.1"), "0.1", "1", 50),
    _coin("APT", "8.9", (1, "0.01"), ("1", "0.1"), "0.1", "0.1", 50),
    _coin("ARB", "1.02", (1, "0.1"), ("10", "0.1"), "1", "1", 50),
    _coin("OP", "2.6", (1, "0.1"), ("10", "0.1"), "1", "0.1", 50),
    _coin("SUI", "1.05", (1, "10"), ("1", "1"), "1", "1", 50),
    _coin("FIL", "5.8", (1, "0.1"), ("1", "0.1"), "0.1", "0.1", 50),
    _coin("INJ", "24.7", (1, "0.1"), ("1", "0.1"), "0.1", "0.1", 25),
    _coin("PEPE", "0.00000842", (1000, "100"), ("1000000", "0.1"), "1000000", "10000000", 50, 2),
    _coin("SHIB", "0.0000243", (1000, "10"), ("1000000", "0.1"), "100000", "1000", 50, 2),
    _coin("BONK", "0.0000241", (1000, "100"), ("100000", "0.1"), "100000", "100000", 25),
    _coin("FLOKI", "0.000171", (1000, "10"), ("10000", "1"), "10000", "10000", 25),
    _coin("RENDER", "7.4", (1, "0.1"), ("1", "0.1"), "0.1", "0.1", 25),
    _coin("KAS", "0.124", None, None, "10", "10", 25),
)  # fmt: skip
"""The lists of the four exchanges, and where the prices begin; KAS is listed on two of them only."""


def listed_coins(count: int | None = None, names: Collection[str] = ()) -> tuple[Coin, ...]:
    """The coins of a world: all of the table, or those named; more are made up (X1, X2, ...) for load tests."""
    if names:
        return tuple(coin for coin in COINS if coin.name in names)
    if count is None or count <= len(COINS):
        return COINS
    extra = range(1, count - len(COINS) + 1)
    return COINS + tuple(
        Coin(f"X{number}", ONE + number, (1, "0.1"), ("1", "0.1"), "0.1", "0.1", 25) for number in extra
    )


def markets_of(exchange: str, coins: tuple[Coin, ...] = COINS) -> dict[str, PaperMarket]:
    """One exchange's list by its own symbols; the caller's own dictionary."""
    return {market.symbol: market for market in _made(exchange, coins)}


@lru_cache(maxsize=64)
def _made(exchange: str, coins: tuple[Coin, ...]) -> tuple[PaperMarket, ...]:
    made = (_MAKERS[exchange](coin) for coin in coins)
    return tuple(market for market in made if market is not None)


def _bybit(coin: Coin) -> PaperMarket | None:
    if coin.bybit is None:
        return None
    multiple, step = coin.bybit
    base = coin.name if multiple == 1 else f"{multiple}{coin.name}"
    return _market("bybit", f"{base}USDT", base, coin, Decimal(multiple), ONE, Decimal(step), Decimal(5), ONE)


def _blofin(coin: Coin) -> PaperMarket | None:
    if coin.blofin is None:
        return None
    size, step = coin.blofin
    return _market(
        "blofin", f"{coin.name}-USDT", coin.name, coin, ONE, Decimal(size), Decimal(step), ZERO, Decimal("1.25")
    )


def _kucoin(coin: Coin) -> PaperMarket | None:
    if coin.kucoin is None:
        return None
    base = "XBT" if coin.name == "BTC" else coin.name
    return _market("kucoin", f"{base}USDTM", base, coin, ONE, Decimal(coin.kucoin), ONE, ZERO, ONE)


def _mexc(coin: Coin) -> PaperMarket | None:
    if coin.mexc is None:
        return None
    return _market("mexc", f"{coin.name}_USDT", coin.name, coin, ONE, Decimal(coin.mexc), ONE, ZERO, Decimal(2))


_MAKERS = {"bybit": _bybit, "blofin": _blofin, "kucoin": _kucoin, "mexc": _mexc}


def _market(
    exchange: str,
    symbol: str,
    base: str,
    coin: Coin,
    multiple: Decimal,
    contract_size: Decimal,
    lot_step: Decimal,
    min_notional: Decimal,
    leverage_factor: Decimal,
) -> PaperMarket:
    price = coin.price * multiple
    max_market = max(
        round_towards_zero(divide(MARKET_NOTIONAL_LIMIT * coin.liquidity, price * contract_size), lot_step), lot_step
    )
    return PaperMarket(
        symbol=symbol,
        base=base,
        coin=coin.name,
        coin_multiple=multiple,
        contract_size=contract_size,
        lot_step=lot_step,
        min_quantity=lot_step,
        max_market_quantity=max_market,
        max_limit_quantity=max_market * LIMIT_ORDER_FACTOR[exchange],
        min_notional=min_notional,
        tick=ONE.scaleb(price.adjusted() - 5),
        brackets=_brackets(round_towards_zero(coin.max_leverage * leverage_factor, ONE), coin.liquidity),
        liquidity=Decimal(coin.liquidity),
    )


def _brackets(max_leverage: Decimal, liquidity: int) -> tuple[Bracket, ...]:
    """Four tiers: each allows half the leverage of the one before and asks half the initial margin as maintenance."""
    tiers = []
    for level, notional in enumerate((500_000, 2_000_000, 10_000_000, 100_000_000)):
        leverage = max(round_towards_zero(max_leverage / 2**level, ONE), ONE)
        tiers.append(Bracket(Decimal(notional * liquidity), leverage, (ONE / (2 * leverage)).quantize(Decimal("1e-6"))))
    return tuple(tiers)
