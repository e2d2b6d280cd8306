"""From one decoded answer and what is remembered to what is believed now: pure, so that rules are tables of cases."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from config.bittensor_settings import BittensorSettings
from core.model.signal import SourceSignal
from signal_processors.bittensor_compatible import compatible_depths, rank_compatible
from signal_processors.bittensor_corrected import Standings, corrected_depths, rank_corrected
from signal_processors.bittensor_guard import judge_fall, judge_hotkeys
from signal_processors.bittensor_mapping import SOURCE
from signal_processors.bittensor_payload import Payload
from signal_processors.bittensor_ranking import AssetDepth, Ranking
from signal_processors.bittensor_state import Holding, PollerState

_DEPTH_PLACES = 12


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What to remember and to publish after one answer.

    Attributes:
        state: The new state; its signals differ from the old ones only when the answer was believed.
        is_believed: Whether the answer counts as a good fetch.
        reason: What is unusual, empty when nothing is.
        ranking: The ranking, None when the answer was refused before it.
    """

    state: PollerState
    is_believed: bool
    reason: str
    ranking: Ranking | None = None


def evaluate(
    payload: Payload,
    symbols: Mapping[str, str],
    settings: BittensorSettings,
    standings: Standings,
    state: PollerState,
    now: datetime,
    *,
    is_reconfigured: bool = False,
) -> Evaluation:
    """Judge, rank and turn into depths.

    Args:
        payload: The answer, limited to the mapped ids.
        symbols: Unified symbol by mapped source id.
        settings: Thresholds and limits.
        standings: What the server says beside the positions.
        state: What is remembered.
        now: UTC time.
        is_reconfigured: Whether settings or mapping changed since the last answer; a fall is then no surprise.
    """
    verdict = judge_hotkeys(state.guard, frozenset(payload.miners), _exposure(state), now, settings)
    state = replace(state, guard=verdict.memory)
    if not verdict.is_accepted:
        return Evaluation(state, is_believed=False, reason=verdict.reason)
    ranking, depths = _rank(payload, symbols, settings, standings, state, now)
    if not ranking.ranked:
        return _nobody(state, ranking, symbols, settings, now, verdict.reason)
    state = replace(state, nobody_since=None)
    fall = judge_fall(
        state.guard,
        {pair: float(signal.depth) for pair, signal in state.signals.items() if pair in symbols},
        {pair: depth.depth for pair, depth in depths.items()},
        _lost(state, depths),
        _closed(state, payload),
        settings,
    )
    if not (fall.is_accepted or is_reconfigured):
        return Evaluation(replace(state, guard=fall.memory), is_believed=False, reason=fall.reason, ranking=ranking)
    accepted = replace(
        state,
        signals={pair: _next_signal(state, pair, depth, settings, now) for pair, depth in depths.items()},
        fetched_at=now,
        order=tuple(entry.hotkey for entry in ranking.ranked),
        holdings=_holdings(depths),
        guard=replace(fall.memory, fall_polls=0),
    )
    reason = "; ".join(filter(None, (verdict.reason, fall.reason)))
    return Evaluation(accepted, is_believed=True, reason=reason, ranking=ranking)


def outage_share(age: timedelta, settings: BittensorSettings) -> float:
    """What is left of the depths at an age of the last good fetch, 0..1 in tenths; 1 unless `on_outage` is `decay`."""
    if settings.on_outage == "hold":
        return 1.0
    hours = age / timedelta(hours=1)
    span = settings.zero_after_hours - settings.decay_after_hours
    return math.ceil(max(0.0, min(1.0, (settings.zero_after_hours - hours) / span)) * 10) / 10


def _rank(
    payload: Payload,
    symbols: Mapping[str, str],
    settings: BittensorSettings,
    standings: Standings,
    state: PollerState,
    now: datetime,
) -> tuple[Ranking, dict[str, AssetDepth]]:
    now_ms = now.timestamp() * 1000
    if settings.mode == "compatible":
        ranking = rank_compatible(payload.miners, symbols, settings, now_ms)
        return ranking, compatible_depths(ranking, payload.miners, symbols)
    ranking = rank_corrected(payload.miners, symbols, settings, now_ms, standings, state.order)
    return ranking, corrected_depths(ranking, payload.miners, symbols, settings)


def _nobody(
    state: PollerState,
    ranking: Ranking,
    symbols: Mapping[str, str],
    settings: BittensorSettings,
    now: datetime,
    reason: str,
) -> Evaluation:
    """Nobody qualifies: the last depths stand for a grace period, then they go to 0. The fetch itself was good."""
    since = min(state.nobody_since or now, now)
    state = replace(state, nobody_since=since, fetched_at=now)
    grace = timedelta(minutes=settings.nobody_grace_minutes)
    if now - since < grace:
        problem = f"no miner qualifies since {since:%H:%M} UTC; depths go to 0 after {grace}"
        return Evaluation(state, is_believed=True, reason="; ".join(filter(None, (reason, problem))), ranking=ranking)
    flat = AssetDepth(0.0, 0.0, {}, {})
    signals = {pair: _next_signal(state, pair, flat, settings, now) for pair in symbols}
    problem = f"no miner qualifies since {since:%Y-%m-%d %H:%M} UTC"
    return Evaluation(
        replace(state, signals=signals, order=(), holdings={}), is_believed=True, reason=problem, ranking=ranking
    )


def _next_signal(
    state: PollerState, pair: str, depth: AssetDepth, settings: BittensorSettings, now: datetime
) -> SourceSignal:
    """The pair's word now: the old one while its depth moved less than the dead band, else a new one with a new time.

    In compatible mode any difference of depth or price counts, except that an asset which nobody holds any more keeps
    its last price and its old time, as in the original.
    """
    before = state.signals.get(pair)
    price = before.price if depth.price == 0 and before else _price(depth.price)
    exact = Decimal(repr(depth.depth if settings.mode == "compatible" else round(depth.depth, _DEPTH_PLACES)))
    fresh = SourceSignal(SOURCE, pair, exact, now, price=price)
    if before is None:
        return fresh
    if settings.mode == "compatible":
        if not depth.holdings:
            return replace(fresh, at=before.at)
        return before if (before.depth, before.price) == (fresh.depth, fresh.price) else fresh
    crosses = (before.depth > 0) is not (fresh.depth > 0) or (before.depth < 0) is not (fresh.depth < 0)
    moved = abs(fresh.depth - before.depth) > Decimal(repr(settings.dead_band))
    return fresh if crosses or moved else before


def _price(price: float) -> Decimal | None:
    """The price for people, None where nobody holds anything."""
    return Decimal(f"{price:.12g}") if price > 0 else None


def _exposure(state: PollerState) -> dict[str, float]:
    exposure: dict[str, float] = {}
    for holding in state.holdings.values():
        exposure[holding.hotkey] = exposure.get(holding.hotkey, 0.0) + abs(holding.share)
    return exposure


def _lost(state: PollerState, depths: Mapping[str, AssetDepth]) -> dict[str, float]:
    counted = {uuid for depth in depths.values() for uuid in depth.holdings}
    return {uuid: holding.share for uuid, holding in state.holdings.items() if uuid not in counted}


def _closed(state: PollerState, payload: Payload) -> frozenset[str]:
    holders = {holding.hotkey for holding in state.holdings.values()}
    return frozenset(
        position.position_uuid
        for hotkey in holders & payload.miners.keys()
        for position in payload.miners[hotkey].positions
        if position.is_closed_position and position.position_uuid in state.holdings
    )


def _holdings(depths: Mapping[str, AssetDepth]) -> dict[str, Holding]:
    return {
        uuid: Holding(pair, depth.holders[uuid], share)
        for pair, depth in depths.items()
        for uuid, share in depth.holdings.items()
    }
