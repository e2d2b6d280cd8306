"""Weights x depths: one depth and leverage per symbol."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.decisions.judge_source import JudgedSource, SourceUse
from core.model.identity import SourceName, Symbol
from core.model.money import ONE, ZERO, divide
from core.model.signal import MergedTarget, SourceContribution, SourceSignal
from core.model.target import SymbolWeights, TradingConfig


@dataclass(frozen=True, slots=True)
class Merge:
    """The outcome of one merge.

    Attributes:
        targets: Merged targets, in configured order; a symbol with an unreadable source has none.
        unready: Symbols that must not be increased now, with the reason; one without a target is left as it is.
    """

    targets: Mapping[Symbol, MergedTarget]
    unready: Mapping[Symbol, str]


def merge_signals(config: TradingConfig, judged: Mapping[SourceName, JudgedSource]) -> Merge:
    """Merge all sources under one configuration.

    merged depth = sum of weight x depth over the sources, not divided by the total weight.

    Args:
        config: Weights and mappings of one version.
        judged: Every source with a positive weight, by name.
    """
    targets: dict[Symbol, MergedTarget] = {}
    unready: dict[Symbol, str] = {}
    for weights in config.weights:
        active = [judged[share.source] for share in weights.sources if share.weight > ZERO]
        held = [source for source in active if source.use in (SourceUse.HOLD, SourceUse.UNREADABLE)]
        if held:
            unready[weights.symbol] = "; ".join(f"{source.source}: {source.reason}" for source in held)
        if all(source.use is not SourceUse.UNREADABLE for source in active):
            targets[weights.symbol] = _merge_symbol(weights, config, judged)
    return Merge(targets, unready)


def _merge_symbol(
    weights: SymbolWeights, config: TradingConfig, judged: Mapping[SourceName, JudgedSource]
) -> MergedTarget:
    contributions = []
    for share in weights.sources:
        if share.weight == ZERO:
            continue
        signals = _signals_for(weights.symbol, judged[share.source], config)
        if signals:
            depth = max(-ONE, min(ONE, sum((signal.depth for signal in signals), ZERO)))
            newest = max(signal.at for signal in signals)
            leverage = _asked_leverage(signals, weights.leverage)
            contributions.append(SourceContribution(share.source, share.weight, depth, leverage, newest))
    merged_depth = sum((contribution.weighted_depth for contribution in contributions), ZERO)
    leverage = _blend_leverage(contributions, weights.leverage)
    return MergedTarget(weights.symbol, merged_depth, leverage, tuple(contributions))


def _signals_for(symbol: Symbol, source: JudgedSource, config: TradingConfig) -> Sequence[SourceSignal]:
    """The source's words on one unified symbol; several ids of one asset are netted by their sum."""
    if source.frame is None or source.use in (SourceUse.FLATTEN, SourceUse.SILENT):
        return ()
    mapping = config.mappings.get(source.source, {})
    return [signal for signal in source.frame.signals if mapping.get(signal.source_symbol) == symbol]


def _asked_leverage(signals: Sequence[SourceSignal], cap: Decimal) -> Decimal:
    asked = [signal.leverage for signal in signals if signal.leverage is not None]
    return min([cap, *asked])


def _blend_leverage(contributions: Sequence[SourceContribution], cap: Decimal) -> Decimal:
    """Leverages blended by weighted depth and rounded down to a whole number where that leaves at least 1.

    Exchanges hold whole leverages; rounding down keeps size and margin agreed without exceeding either.
    """
    total = sum((abs(contribution.weighted_depth) for contribution in contributions), ZERO)
    if total == ZERO:
        return cap
    blended = divide(
        sum((abs(item.weighted_depth) * (item.leverage or cap) for item in contributions), ZERO),
        total,
    )
    return blended.to_integral_value(rounding="ROUND_FLOOR") if blended >= ONE else blended
