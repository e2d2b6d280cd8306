"""What both ways of ranking share: the settings' thresholds, percentiles, allocation, and what a ranking looks like."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankedMiner:
    """One miner that qualified.

    Attributes:
        hotkey: Its name.
        score: What it was ranked by.
        weight: Its share of the allocation; the weights of all ranked miners sum to 1.
        terms: The named terms of the score, for people.
    """

    hotkey: str
    score: float
    weight: float
    terms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The outcome of one ranking.

    Attributes:
        ranked: Qualified miners, best first.
        refused: The others, with the threshold that each failed.
    """

    ranked: Sequence[RankedMiner]
    refused: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AssetDepth:
    """What the ranked miners hold in one source id.

    Attributes:
        depth: -1..1; 0 when nobody holds it.
        price: Mean entry price weighted by what each miner adds, 0 when nobody holds it.
        holdings: Signed share that each open position adds, by position uuid.
        holders: The miner of each of these positions, by position uuid.
    """

    depth: float
    price: float
    holdings: Mapping[str, float]
    holders: Mapping[str, str]


def sharpe_ratio(returns: Sequence[float]) -> float:
    """Mean over population standard deviation; 0 with fewer than two returns or no deviation."""
    mean, deviation = mean_and_deviation(returns)
    return mean / deviation if len(returns) > 1 and deviation > 0 else 0.0


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Mean and population standard deviation, (0, 0) of nothing."""
    if not values:
        return 0.0, 0.0
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def allocate_by_rank(count: int) -> list[float]:
    """Weights that fall with the rank, best first: 2 (N + 1 - rank) / (N (N + 1)); four get 0.4, 0.3, 0.2, 0.1."""
    total = count * (count + 1) // 2
    return [(count + 1 - rank) / total for rank in range(1, count + 1)]
