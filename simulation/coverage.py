"""How often each kind of fault must meet the engine in each state, so that a quiet world cannot pass for a proof."""

from collections.abc import Iterator, Mapping

from paper.faults import FaultKind
from simulation.states import State

HITS_PER_1000_HOURS = 30
ENFORCED_FROM_HOURS = 100.0
"""Shorter runs print the table and what is thin in it; only from here on does a thin cell fail the run."""

ON_ORDERS_ALONE = (FaultKind.PARTIAL_FILL, FaultKind.REJECTED_LATER, FaultKind.ACCEPTED_LATE)

IMPOSSIBLE: Mapping[tuple[FaultKind, State], str] = {
    (kind, State.NOTHING): "it happens to an order, and an order is journaled, so in flight, before it is sent"
    for kind in ON_ORDERS_ALONE
}
"""Cells that no schedule can fill, and why."""

Hits = Mapping[tuple[str, str], int]


def demanded_hits(hours: float) -> float:
    """How many hits every possible cell needs in a run of so many simulated hours."""
    return HITS_PER_1000_HOURS * hours / 1000


def possible_cells() -> Iterator[tuple[FaultKind, State]]:
    """Every kind of fault in every state in which it can meet the engine."""
    return ((kind, state) for kind in FaultKind for state in State if (kind, state) not in IMPOSSIBLE)


def thin_cells(hits: Hits, hours: float) -> dict[tuple[FaultKind, State], int]:
    """The possible cells with fewer hits than are demanded of a run of so many hours, with their hits."""
    demanded = demanded_hits(hours)
    return {cell: hits.get(cell, 0) for cell in possible_cells() if hits.get(cell, 0) < demanded}
