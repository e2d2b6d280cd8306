"""Made miners of subnet 8: a pure function of seed and time, in the schema that the validators of today hand out.

Every miner trades its own pairs on a seeded, smooth price. Skilled miners choose their side knowing the price at which
they will close, so that some of them earn and some lose, as in the real network.
"""

import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
LIVE_TIER = 100

HISTORY = timedelta(days=60)
_SS58_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_WAVES = 5


@dataclass(frozen=True, slots=True)
class Pair:
    """One tradable pair of the made network."""

    id: str
    name: str
    price: float
    max_leverage: float


PAIRS = (
    Pair("BTCUSD", "BTC/USD", 97_000.0, 0.5),
    Pair("ETHUSD", "ETH/USD", 3_300.0, 0.5),
    Pair("BTCUSDC", "BTC/USDC", 97_000.0, 1.0),
    Pair("SOLUSD", "SOL/USD", 190.0, 0.5),
    Pair("EURUSD", "EUR/USD", 1.08, 5.0),
)


@dataclass(frozen=True, slots=True)
class _Trade:
    uuid: str
    pair: Pair
    open_ms: int
    close_ms: int
    orders: tuple[tuple[int, float], ...]


class Sn8World:
    """The made miners.

    Args:
        seed: Two worlds of one seed are equal at every time.
        start: Trading began `history` before.
        miners: How many.
        history: The longer, the more positions each has: about one a day.
    """

    def __init__(self, seed: int, start: datetime, miners: int = 64, history: timedelta = HISTORY) -> None:
        self._seed = seed
        self._begin_ms = int((start - history).timestamp() * 1000)
        self.hotkeys = [_hotkey(seed, number) for number in range(miners)]
        self._waves = {pair.id: _waves(seed, pair) for pair in PAIRS}
        self._trades: dict[str, list[_Trade]] = {hotkey: [] for hotkey in self.hotkeys}
        self._sources: dict[str, random.Random] = {key: random.Random(f"{seed} {key}") for key in self.hotkeys}
        self._skills = {key: source.uniform(0.45, 0.95) for key, source in self._sources.items()}
        self._closed: dict[str, dict[str, Any]] = {}
        self._pairs = {key: source.sample(PAIRS, 3) for key, source in self._sources.items()}

    def price(self, pair: Pair, at_ms: float) -> float:
        """The pair's price at a time."""
        drift = sum(
            size * math.sin(2 * math.pi * at_ms / period + phase) for size, period, phase in self._waves[pair.id]
        )
        return pair.price * math.exp(drift)

    def positions(self, now_ms: float, tier: int = LIVE_TIER) -> dict[str, Any]:
        """The answer of `/miner-positions`.

        Args:
            now_ms: UTC time.
            tier: Below 100, positions outside the tier's share are cut to what is 24 h old.
        """
        miners = {hotkey: self._miner(hotkey, now_ms, tier) for hotkey in self.hotkeys}
        return dict(sorted(miners.items(), key=lambda item: -float(item[1]["thirty_day_returns"])))

    def _miner(self, hotkey: str, now_ms: float, tier: int) -> dict[str, Any]:
        self._extend(hotkey, now_ms)
        seen = [
            self._position(hotkey, trade, seen_ms)
            for trade in self._trades[hotkey]
            if trade.open_ms <= (seen_ms := now_ms if is_live(trade.uuid, tier) else now_ms - DAY_MS)
        ]
        seen.sort(key=lambda position: (not position["is_closed_position"], position["close_ms"]))
        closed = [position for position in seen if position["is_closed_position"]]
        miner = {
            "positions": seen,
            "thirty_day_returns": math.prod(position["return_at_close"] for position in closed),
            "all_time_returns": math.prod(position["return_at_close"] for position in closed),
            "n_positions": len(closed),
            "percentage_profitable": sum(p["return_at_close"] > 1 for p in closed) / len(closed) if closed else 0.0,
        }
        return miner if tier == LIVE_TIER else {**miner, "tier": tier}

    def _extend(self, hotkey: str, until_ms: float) -> None:
        """Invent the miner's trades up to a time; what was invented stays."""
        trades, source = self._trades[hotkey], self._sources[hotkey]
        while not trades or trades[-1].open_ms <= until_ms:
            pair = source.choice(self._pairs[hotkey])
            busy_until = max((trade.close_ms for trade in trades if trade.pair is pair), default=self._begin_ms)
            last_open = trades[-1].open_ms if trades else self._begin_ms
            opened = max(busy_until, last_open) + int(source.uniform(0.5, 24) * HOUR_MS)
            trades.append(self._trade(hotkey, pair, opened, source, len(trades)))

    def _trade(self, hotkey: str, pair: Pair, opened: int, source: random.Random, number: int) -> _Trade:
        closed = opened + int(source.uniform(1, 48) * HOUR_MS)
        rises = self.price(pair, closed) > self.price(pair, opened)
        side = 1 if rises is (source.random() < self._skills[hotkey]) else -1
        size = round(source.uniform(0.1, 0.6) * pair.max_leverage, 3)
        orders = [(opened, side * size)]
        if source.random() < 1 / 3:
            orders.append(((opened + closed) // 2, side * round(size / 2, 3)))
        uuid = hashlib.sha256(f"{self._seed} {hotkey} {number}".encode()).hexdigest()[:32]
        return _Trade(uuid, pair, opened, closed, tuple(orders))

    def _position(self, hotkey: str, trade: _Trade, now_ms: float) -> dict[str, Any]:
        if trade.close_ms > now_ms:
            return self._make_position(hotkey, trade, now_ms)
        if trade.uuid not in self._closed:
            self._closed[trade.uuid] = self._make_position(hotkey, trade, now_ms)
        return self._closed[trade.uuid]

    def _make_position(self, hotkey: str, trade: _Trade, now_ms: float) -> dict[str, Any]:
        is_closed = trade.close_ms <= now_ms
        placed = [(at, leverage) for at, leverage in trade.orders if at <= now_ms]
        net = sum(leverage for _, leverage in placed)
        entry = sum(leverage * self.price(trade.pair, at) for at, leverage in placed) / net
        end_ms = trade.close_ms if is_closed else now_ms
        factor = 1 + net * (self.price(trade.pair, end_ms) - entry) / entry
        orders = [self._order(trade, at, leverage, "LONG" if leverage > 0 else "SHORT") for at, leverage in placed]
        if is_closed:
            orders.append(self._order(trade, trade.close_ms, -net, "FLAT"))
        return {
            "position_uuid": trade.uuid,
            "miner_hotkey": hotkey,
            "open_ms": trade.open_ms,
            "close_ms": trade.close_ms if is_closed else 0,
            "trade_pair": [trade.pair.id, trade.pair.name, 0.003, 0.01, trade.pair.max_leverage],
            "orders": orders,
            "is_closed_position": is_closed,
            "position_type": "FLAT" if is_closed else "LONG" if net > 0 else "SHORT",
            "net_leverage": 0.0 if is_closed else net,
            "average_entry_price": entry,
            "current_return": factor,
            "return_at_close": factor * (1 - 0.0005 * abs(net)),
            "cumulative_entry_value": entry * abs(net),
            "realized_pnl": 0.0,
            "is_hl": False,
        }

    def _order(self, trade: _Trade, at_ms: int, leverage: float, kind: str) -> dict[str, Any]:
        price = self.price(trade.pair, at_ms)
        return {
            "order_type": kind,
            "leverage": leverage,
            "price": price,
            "processed_ms": at_ms,
            "order_uuid": f"{trade.uuid}-{at_ms}",
            "price_sources": [],
            "bid": price * 0.9999,
            "ask": price * 1.0001,
            "slippage": 0.0001,
            "src": 0,
            "execution_type": "MARKET",
        }


def is_live(uuid: str, tier: int) -> bool:
    """Whether a tier shows the position as it is now: `sha256(uuid) mod 100 < tier`."""
    return int(hashlib.sha256(uuid.encode()).hexdigest(), 16) % 100 < tier


def _waves(seed: int, pair: Pair) -> Sequence[tuple[float, float, float]]:
    source = random.Random(f"{seed} {pair.id}")
    return [
        (source.uniform(0.005, 0.03), source.uniform(0.2, 12) * DAY_MS, source.uniform(0, 2 * math.pi))
        for _ in range(_WAVES)
    ]


def _hotkey(seed: int, number: int) -> str:
    source = random.Random(f"{seed} hotkey {number}")
    return "5" + "".join(source.choices(_SS58_ALPHABET, k=47))


def without(miners: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The answer without its first miners, the best-earning ones."""
    return dict(list(miners.items())[count:])
