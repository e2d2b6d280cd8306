"""One line of the SN8 record: what was believed, and by which ranking, whenever the depths changed."""

from collections.abc import Mapping
from typing import Any

from core.model.money import plain
from signal_processors.bittensor_corrected import count_disagreements
from signal_processors.bittensor_evaluation import Evaluation
from signal_processors.bittensor_payload import Payload

_LONGEST_LIST = 500


def describe(evaluation: Evaluation, payload: Payload, url: str) -> Mapping[str, Any]:
    """What an auditor needs to follow a depth back to its miners.

    `disagreeing` counts open positions whose orders add up to another leverage than the server states.

    Args:
        evaluation: What was believed.
        payload: The answer.
        url: Where it came from, without the key.
    """
    state, ranking = evaluation.state, evaluation.ranking
    return {
        "kind": "depths",
        "from": url,
        "tier": payload.tier,
        "miners": len(payload.miners),
        "malformed": dict(list(payload.dropped.items())[:_LONGEST_LIST]),
        "disagreeing": count_disagreements(payload.miners, state.signals),
        "reason": evaluation.reason,
        "depths": {pair: plain(signal.depth) for pair, signal in state.signals.items()},
        "ranked": [
            [entry.hotkey, round(entry.score, 9), round(entry.weight, 9)]
            for entry in (ranking.ranked if ranking else ())[:_LONGEST_LIST]
        ],
        "refused": _count(ranking.refused if ranking else {}),
        "holdings": [[item.pair, item.hotkey, uuid, round(item.share, 9)] for uuid, item in state.holdings.items()],
    }


def _count(refused: Mapping[str, str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for problem in refused.values():
        counts[problem] = counts.get(problem, 0) + 1
    return counts
