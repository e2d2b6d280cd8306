"""Where the world's prices come from: a seeded walk, a recorded file, or the live exchanges."""

import bisect
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Protocol

from core.model.failures import InvalidConfig
from paper.markets import Coin
from paper.recorded_files import read_rows

LONGEST_WAVE_SECONDS = 2**18
"""About three days: beyond it the walk returns, so that a world never runs away to zero or to infinity."""

VOLATILITY_PER_SQRT_SECOND = 0.00012
"""About 3.5 % in a day, near that of large coins."""


class PriceSource(Protocol):
    """The price of a coin at a moment; the same question always gets the same answer."""

    def price(self, coin: str, at_ms: int) -> float:
        """The index price in USDT, above zero."""
        ...

    def moment(self, at_ms: int) -> int:
        """A number that changes exactly when prices may have changed."""
        ...

    def knows(self, coin: str) -> bool:
        """Whether there are prices of the coin; without them it is not listed."""
        ...


def chance(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


class SeededWalk:
    """A random walk that can be entered at any moment: waves of doubling length, each of seeded random points.

    A wave of length L has the amplitude of a random walk over L seconds, so that the sum moves like one on every scale
    from one step to days. Being a function of (seed, coin, step) it needs no state and survives restarts.
    """

    def __init__(self, seed: int, coins: Sequence[Coin], step_seconds: float = 1.0, volatility: float = 1.0) -> None:
        self._seed = seed
        self._start = {coin.name: float(coin.price) for coin in coins}
        self._step_ms = max(int(step_seconds * 1000), 1)
        self._volatility = volatility * VOLATILITY_PER_SQRT_SECOND
        self._known: dict[str, tuple[int, float]] = {}
        self._waves = tuple(_wave_lengths(self._step_ms / 1000))
        self._points: dict[tuple[str, float], tuple[int, float, float]] = {}

    def moment(self, at_ms: int) -> int:
        """The number of the walk's step."""
        return at_ms // self._step_ms

    def knows(self, coin: str) -> bool:
        """Whether the coin is in the walk."""
        return coin in self._start

    def price(self, coin: str, at_ms: int) -> float:
        """The walk's value in the step of the moment."""
        step = self.moment(at_ms)
        known = self._known.get(coin)
        if known is None or known[0] != step:
            known = (step, self._start[coin] * math.exp(self._log_return(coin, step)))
            self._known[coin] = known
        return known[1]

    def _log_return(self, coin: str, step: int) -> float:
        seconds = step * self._step_ms / 1000
        total = 0.0
        for wave, amplitude in self._waves:
            number, share = divmod(seconds / wave, 1.0)
            left, right = self._ends(coin, wave, int(number))
            total += (left + (right - left) * share) * amplitude
        return total * self._volatility

    def _ends(self, coin: str, wave: float, number: int) -> tuple[float, float]:
        """The points on both sides of a moment; those of long waves stay for many steps, and are kept."""
        known = self._points.get((coin, wave))
        if known is not None and known[0] == number:
            return known[1], known[2]
        left = known[2] if known is not None and known[0] == number - 1 else self._point(coin, wave, number)
        right = self._point(coin, wave, number + 1)
        self._points[coin, wave] = (number, left, right)
        return left, right

    def _point(self, coin: str, wave: float, number: int) -> float:
        return chance(self._seed, coin, wave, number) * 2 - 1


def _wave_lengths(shortest_seconds: float) -> Iterator[tuple[float, float]]:
    """Length of each wave in seconds, and its amplitude."""
    wave = shortest_seconds
    while wave <= LONGEST_WAVE_SECONDS:
        yield wave, math.sqrt(wave)
        wave *= 2


class RecordedPrices:
    """Prices of a CSV or Parquet file with the columns `time` (ISO 8601 or unix ms), `coin` and `price`.

    Candle files serve as well: without `price`, `close` is read. Before the first row of a coin its first price holds,
    after the last its last one.
    """

    def __init__(self, path: Path, begin_ms: int | None = None) -> None:
        """Read the file.

        Args:
            path: CSV with a header, or Parquet (suffix `.parquet` or `.pq`; needs the `history` extra).
            begin_ms: When the first row is to be played, in unix milliseconds; None plays all rows at their own times.

        Raises:
            InvalidConfig: With path, line or row, and field of the first value that is not valid.
        """
        self._times: dict[str, list[int]] = {}
        self._prices: dict[str, list[float]] = {}
        self._moments: list[int] = []
        self._read(path)
        self._shift_ms = 0 if begin_ms is None else begin_ms - self._moments[0]

    def price(self, coin: str, at_ms: int) -> float:
        """The last recorded price at or before the moment."""
        index = max(bisect.bisect_right(self._times[coin], at_ms - self._shift_ms) - 1, 0)
        return self._prices[coin][index]

    def moment(self, at_ms: int) -> int:
        """How many rows lie at or before the moment."""
        return bisect.bisect_right(self._moments, at_ms - self._shift_ms)

    def knows(self, coin: str) -> bool:
        """Whether the file has prices of the coin."""
        return coin in self._times

    def _read(self, path: Path) -> None:
        rows = [_recorded_row(path, place, row) for place, row in read_rows(path)]
        if not rows:
            raise InvalidConfig(str(path), "", "", "holds no prices", "Give rows of time, coin, price.")
        for at_ms, coin, price in sorted(rows):
            self._times.setdefault(coin, []).append(at_ms)
            self._prices.setdefault(coin, []).append(price)
            self._moments.append(at_ms)


def _recorded_row(path: Path, place: str, row: Mapping[str, str | None]) -> tuple[int, str, float]:
    def refuse(field: str, value: str | None) -> InvalidConfig:
        return InvalidConfig(str(path), f"{place} {field}", str(value), "not valid", "Mend or drop it.")

    time, coin, price = row.get("time") or "", row.get("coin") or "", row.get("price") or row.get("close") or ""
    if not coin:
        raise refuse("coin", coin)
    try:
        at_ms = int(time) if time.isdecimal() else _unix_ms(datetime.fromisoformat(time))
    except ValueError:
        raise refuse("time", time) from None
    try:
        value = Decimal(price)
    except InvalidOperation:
        raise refuse("price", price) from None
    if not value.is_finite() or value <= 0:
        raise refuse("price", price)
    return at_ms, coin, float(value)


def _unix_ms(time: datetime) -> int:
    """A time without a zone is UTC, whatever the machine's zone is."""
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
