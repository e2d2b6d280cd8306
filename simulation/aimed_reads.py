"""Lives aimed at single reads: positions that cannot be read in the middle of a flip, numbers that are none."""

from collections.abc import Mapping
from decimal import Decimal

from paper.faults import Fault, FaultKind
from simulation.actions import Action, Alert, Break, Heal, Step
from simulation.aimed import ONE_SYMBOL, SYMBOL, Life
from simulation.aimed_chaos import FIELDS
from simulation.whole_world import EXCHANGES


def _no_numbers(endpoint: str) -> list[Action]:
    """Each exchange answers its most needed number of an endpoint with "NaN"."""
    kind, fields = FaultKind.WRONG_FIELD, FIELDS[endpoint]
    return [
        Break(Fault(kind, exchange=name, endpoint=endpoint, count=None, field=fields[name], value="NaN"))
        for name in EXCHANGES
    ]


def _slow_close(exchange: str) -> Fault:
    """The next order of the exchange fills so late that the positions become unreadable meanwhile."""
    return Fault(FaultKind.ACCEPTED_LATE, exchange=exchange, endpoint="create_order", count=1, seconds=1.5)


def _alert(depth: str) -> Action:
    return Alert(SYMBOL, Decimal(depth))


AIMED_READS: Mapping[str, Life] = {
    "positions unreadable in the middle of a flip": Life(
        ONE_SYMBOL,
        [
            Step(5.0, _alert("0.5")),
            *(Step(19.9, Break(_slow_close(name))) for name in EXCHANGES),
            Step(20.0, _alert("-0.5")),
            Step(20.8, Break(Fault(FaultKind.SERVER_ERROR, endpoint="positions", count=None))),
            Step(25.0, Heal()),
        ],
    ),
    "numbers that are none": Life(
        ONE_SYMBOL,
        [
            Step(5.0, _alert("0.5")),
            *(Step(15.0, action) for action in _no_numbers("positions")),
            Step(15.1, _alert("0.8")),
            Step(30.0, Heal()),
            *(Step(60.0, action) for endpoint in ("balance", "tickers") for action in _no_numbers(endpoint)),
            Step(60.1, _alert("-0.4")),
            Step(75.0, Heal()),
        ],
    ),
}
