"""What configuration and signals ask of all accounts, as one version."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from core.model.failures import InvalidInput
from core.model.identity import SourceName, Symbol
from core.model.money import ONE, ZERO, finite_decimal
from core.model.signal import MergedTarget

MIN_LEVERAGE = Decimal(1)
MAX_LEVERAGE = Decimal(20)


@dataclass(frozen=True, slots=True)
class SourceWeight:
    """The share of an account that a source may use as margin for a symbol, 0..1."""

    source: SourceName
    weight: Decimal


@dataclass(frozen=True, slots=True)
class SymbolWeights:
    """One entry of signal_weight_config.json.

    Attributes:
        symbol: The unified symbol.
        leverage: Default and cap, 1..20; a signal may only lower it.
        sources: Weights in file order; they sum to at most 1.
    """

    symbol: Symbol
    leverage: Decimal
    sources: tuple[SourceWeight, ...]

    def __post_init__(self) -> None:
        if not MIN_LEVERAGE <= finite_decimal(self.leverage, "leverage") <= MAX_LEVERAGE:
            raise InvalidInput(f"{self.symbol} leverage: {self.leverage} is outside 1..20")
        for share in self.sources:
            if not ZERO <= finite_decimal(share.weight, "weight") <= ONE:
                raise InvalidInput(f"{self.symbol} {share.source} weight: {share.weight} is outside 0..1")
        total = sum((share.weight for share in self.sources), ZERO)
        if total > ONE:
            raise InvalidInput(f"{self.symbol} weights: they sum to {total}, more than 1")


@dataclass(frozen=True, slots=True)
class TradingConfig:
    """Weights and mappings of one moment; all accounts of one merge use the same version.

    Attributes:
        version: Short digest of the files' content.
        weights: By symbol, in file order.
        mappings: Per source, source symbol to unified symbol, in file order.
    """

    version: str
    weights: tuple[SymbolWeights, ...]
    mappings: Mapping[SourceName, Mapping[str, Symbol]]


@dataclass(frozen=True, slots=True)
class Targets:
    """What one merge asks of every account.

    Attributes:
        version: Grows by one with every merge that changed anything.
        config_version: The configuration it was merged under.
        by_symbol: The merged target of every configured or formerly configured symbol.
        unready: Symbols that must not be increased now (their source is stale or unreadable), with the reason.
    """

    version: int
    config_version: str
    by_symbol: Mapping[Symbol, MergedTarget]
    unready: Mapping[Symbol, str]
