"""Schedules that fill the table of faults: every kind aimed at every state, in an order that the seed shuffles."""

import random
from collections.abc import Sequence
from decimal import Decimal

from paper.faults import Fault, FaultKind
from paper.refusals import Reason
from simulation.actions import Action, AimFault, Alert, Break, Restart, Step
from simulation.coverage import ON_ORDERS_ALONE, possible_cells
from simulation.states import State
from simulation.whole_world import Plan

AIMED_PER_HOUR = 30
OPENED_BEFORE_SECONDS = 20.0
GIVEN_UP_BEFORE_END_SECONDS = 120.0

READS: Sequence[str] = ("positions", "positions", "balance", "tickers")
LOOKUPS = {"bybit": ("open_orders", "order_history"), "blofin": ("order",), "kucoin": ("order",), "mexc": ("order",)}
"""Where an order is asked for by its id; the exchanges differ."""

FIELDS = {
    "positions": {"bybit": "size", "blofin": "positions", "kucoin": "currentQty", "mexc": "holdVol"},
    "balance": {
        "bybit": "walletBalance",
        "blofin": "balance",
        "kucoin": "accountEquity",
        "mexc": "equity",
    },
    "tickers": {"bybit": "lastPrice", "blofin": "last", "kucoin": "price", "mexc": "lastPrice"},
    "create_order": dict.fromkeys(LOOKUPS, "orderId"),
    "lookup": {"bybit": "cumExecQty", "blofin": "filledSize", "kucoin": "filledSize", "mexc": "dealVol"},
}
"""A member of each answer that the engine cannot do without."""

NONSENSE: Sequence[object] = (None, "", "NaN", "Infinity", "x", [], {})

REASONS_ON_ORDERS = (
    Reason.BUSY,
    Reason.INSUFFICIENT_MARGIN,
    Reason.BELOW_MIN_NOTIONAL,
    Reason.RISK_LIMIT,
    Reason.DUPLICATE_CLIENT_ORDER_ID,
    Reason.SYMBOL_HALTED,
    Reason.BAD_TIMESTAMP,
)
REASONS_ON_READS = (Reason.BUSY, Reason.BAD_TIMESTAMP, Reason.BAD_SIGNATURE)

ON_SIGNED = (FaultKind.CLOCK_SKEW, FaultKind.REVOKED_KEY)
ON_POSITIONS = (FaultKind.STALE_POSITIONS, FaultKind.SHORT_LIST)

SECONDS = {
    FaultKind.LATENCY: 2.0,
    FaultKind.LATE: 12.0,
    FaultKind.STALE_POSITIONS: 2.0,
    FaultKind.ACCEPTED_LATE: 1.5,
    FaultKind.REJECTED_LATER: 1.0,
    FaultKind.CLOCK_SKEW: -90.0,
}


class AimedChaos:
    """Draws aims, and what leads the accounts into the states that they wait for; the same seed draws the same."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = random.Random(f"aimed chaos {plan.seed}")
        self._symbols = [name for name in plan.symbols if name not in plan.network_symbols] or list(plan.symbols)

    def schedule(self, seconds: float) -> list[Step]:
        """Aims for so many seconds."""
        cells = list(possible_cells())
        self._chance.shuffle(cells)
        chosen = cells[: round(AIMED_PER_HOUR * seconds / 3600)]
        groups = [
            (state, kinds[begin : begin + len(self._plan.exchanges)])
            for state in State
            for kinds in [[kind for kind, where in chosen if where is state]]
            for begin in range(0, len(kinds), len(self._plan.exchanges))
        ]
        self._chance.shuffle(groups)
        last = max(seconds - GIVEN_UP_BEFORE_END_SECONDS, seconds / 2)
        return [step for state, kinds in groups for step in self._group(state, kinds, self._chance.uniform(0.0, last))]

    def _group(self, state: State, kinds: Sequence[FaultKind], at: float) -> list[Step]:
        """One aim at some of the exchanges, and what leads them into the state."""
        exchanges = self._chance.sample(list(self._plan.exchanges), len(kinds))
        aims = [
            AimFault(self._fault(kind, state, exchange), state) for kind, exchange in zip(kinds, exchanges, strict=True)
        ]
        needs_order = any(aim.fault.endpoint in ("create_order", *LOOKUPS["bybit"], "order") for aim in aims)
        steps = [Step(round(at, 3), aim) for aim in aims]
        if state in (State.INCREASE, State.REDUCTION):
            # Where an order fills at once, nobody reads positions while it is in flight.
            slow = [aim.fault.exchange for aim in aims if aim.fault.endpoint == "positions"]
            order_at = at if state is State.INCREASE else at + OPENED_BEFORE_SECONDS - 0.1
            steps += [Step(round(order_at, 3), Break(_accepted_late(exchange))) for exchange in slow]
        return steps + [
            Step(round(at + after, 3), action) for after, action in self._lead(state, needs_order=needs_order)
        ]

    def _lead(self, state: State, *, needs_order: bool) -> list[tuple[float, Action]]:
        """What leads every account into the state, once its position is open."""
        symbol, size = self._chance.choice(self._symbols), Decimal(self._chance.randint(4, 10)) / 10
        size = self._chance.choice((size, -size))
        soon = round(self._chance.uniform(0.02, 0.6), 3)
        later = OPENED_BEFORE_SECONDS
        match state:
            case State.NOTHING:
                return []
            case State.INCREASE:
                return [(soon, Alert(symbol, size))]
            case State.REDUCTION:
                return [
                    (soon, Alert(symbol, size)),
                    (later, Alert(symbol, self._chance.choice((Decimal(0), size / 2)))),
                ]
            case State.BETWEEN:
                # Something else is held meanwhile, else there is nothing in a list of positions that could be damaged.
                others = [(soon, Alert(name, size)) for name in self._symbols if name != symbol]
                return [*others, (soon, Alert(symbol, size)), (later, Alert(symbol, -size))]
            case State.STARTING:
                restart = Restart(is_crash=self._chance.random() < 0.8)
                return [(0.0, Alert(symbol, size))] * needs_order + [(soon, restart)]

    def _fault(self, kind: FaultKind, state: State, exchange: str) -> Fault:
        """A fault of the kind on an endpoint where it means something in the state."""
        place = self._place(kind, state)
        endpoint = self._chance.choice(LOOKUPS[exchange]) if place == "lookup" else place
        is_order = place == "create_order"
        return Fault(
            kind,
            exchange=exchange,
            endpoint=endpoint,
            seconds=SECONDS.get(kind, 0.0),
            share=Decimal(self._chance.randint(1, 9)) / 10,
            reason=self._reason(place) if kind is FaultKind.REFUSED else "",
            field=FIELDS[place][exchange] if kind in (FaultKind.WRONG_FIELD, FaultKind.MISSING_FIELD) else "",
            value=self._chance.choice(NONSENSE),
            quantity=Decimal(self._chance.choice((-1, 1))),
            count=1 if not is_order else self._chance.choice((1, 1, 2)),
        )

    def _reason(self, place: str) -> Reason:
        if place == "lookup":
            return self._chance.choice((Reason.BUSY, Reason.ORDER_NOT_FOUND))
        return self._chance.choice(REASONS_ON_ORDERS if place == "create_order" else REASONS_ON_READS)

    def _place(self, kind: FaultKind, state: State) -> str:
        if kind in ON_ORDERS_ALONE:
            return "create_order"
        if kind in ON_POSITIONS:
            return "positions"
        signed: Sequence[str] = READS[:3] if kind in ON_SIGNED else READS
        if state is State.NOTHING:
            return self._chance.choice(signed)
        if state is State.BETWEEN:
            return self._chance.choice(("create_order", "create_order", "positions"))
        if state is State.STARTING:
            return self._chance.choice((*signed, "create_order", "lookup"))
        return self._chance.choice(("create_order", "create_order", "lookup", "positions"))


def _accepted_late(exchange: str) -> Fault:
    seconds = SECONDS[FaultKind.ACCEPTED_LATE]
    return Fault(FaultKind.ACCEPTED_LATE, exchange=exchange, endpoint="create_order", seconds=seconds)
