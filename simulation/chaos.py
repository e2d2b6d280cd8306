"""Seeded schedules: alerts with life in them, and everything that goes wrong around them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from core.model.standing import Verb
from paper.effects import MarketState
from paper.faults import Fault, FaultKind
from paper.sn8_faults import Fault as Sn8Fault
from simulation.actions import (
    Action,
    Alert,
    Break,
    BreakNetwork,
    EditMapping,
    EditWeights,
    FillDisk,
    ForeignTrade,
    FreeDisk,
    Heal,
    Liquidate,
    Market,
    Operate,
    Resend,
    ResendEarlier,
    Restart,
    RunStranger,
    Shock,
    SpoilMapping,
    SpoilWeights,
    StartService,
    Step,
    StepClock,
    StopService,
)
from simulation.aimed_chaos import FIELDS, NONSENSE, REASONS_ON_ORDERS, REASONS_ON_READS, AimedChaos
from simulation.coverage import ON_ORDERS_ALONE
from simulation.full_disk import Full
from simulation.services import Service
from simulation.whole_world import DEFAULT_WEIGHT, Plan

HOUR_SECONDS = 3600.0
MEAN_GAP_SECONDS = 45.0
FIRST_SECONDS = 5.0
RESENT_SHARE = 0.04
STRANGER_SECONDS = 20.0
EDITED_IN_TROUBLE_SHARE = 0.5
"""So many edits of weights and mapping come together with a fault."""

LOOKUPS = ("order", "open_orders", "order_history")
"""Where an order is asked for by its id; the exchanges differ."""

READS = ("positions", "balance", "tickers")
KINDS_ON_READS = (
    FaultKind.HANG,
    FaultKind.CUT_BEFORE,
    FaultKind.ANSWER_LOST,
    FaultKind.RATE_LIMITED,
    FaultKind.MAINTENANCE,
    FaultKind.SERVER_ERROR,
    FaultKind.HTML_PAGE,
    FaultKind.TRUNCATED,
    FaultKind.STALE_POSITIONS,
    FaultKind.SHORT_LIST,
    FaultKind.LATENCY,
)
KINDS_ON_ORDERS = (
    FaultKind.HANG,
    FaultKind.CUT_BEFORE,
    FaultKind.ANSWER_LOST,
    FaultKind.LATE,
    FaultKind.RATE_LIMITED,
    FaultKind.MAINTENANCE,
    FaultKind.SERVER_ERROR,
    FaultKind.HTML_PAGE,
    FaultKind.TRUNCATED,
    FaultKind.PARTIAL_FILL,
    FaultKind.REJECTED_LATER,
    FaultKind.ACCEPTED_LATE,
    FaultKind.LATENCY,
)
KINDS_ON_ACCESS = (FaultKind.BANNED, FaultKind.CLOCK_SKEW, FaultKind.REVOKED_KEY)
"""These shut a whole exchange now and then, until it is healed."""

KINDS_OF_WORDS = (FaultKind.REFUSED, FaultKind.WRONG_FIELD, FaultKind.MISSING_FIELD)
"""These speak of one thing in the exchange's own words and fields."""

CLOCK_SKEW_SECONDS = 90.0


class Chaos:
    """Draws actions; the same seed draws the same ones."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = random.Random(f"chaos {plan.seed}")
        self._depths: dict[str, Decimal] = {}
        self._kinds: Sequence[tuple[Callable[[], Action], int]] = (
            (self._alert, 40),
            (self._resend, 3),
            (self._fault_on_order, 14),
            (self._fault_on_read, 12),
            (self._fault_on_access, 2),
            (self._fault_of_words, 3),
            (self._deleveraging, 1),
            (Heal, 4),
            (self._foreign_trade, 2),
            (self._liquidation, 1),
            (self._market, 2),
            (self._shock, 2),
            (self._edit, 3),
            (SpoilWeights, 1),
            (self._command, 2),
            (self._restart, 4),
            (self._clock_step, 1),
            (self._network, 2),
            (self._mapping, 1),
            (SpoilMapping, 1),
            (self._service, 2),
            (self._disk, 1),
            (self._stranger, 1),
        )

    def schedule(self, hours: float) -> list[Step]:
        """What happens in so many hours."""
        steps = AimedChaos(self._plan).schedule(hours * HOUR_SECONDS)
        at = FIRST_SECONDS
        makers, weights = zip(*self._kinds, strict=True)
        while at < hours * HOUR_SECONDS:
            maker = self._chance.choices(makers, weights)[0]
            action = maker()
            steps.append(Step(round(at, 3), action))
            if isinstance(action, Break) and action.fault.endpoint == "create_order":
                # Aimed: the alert that makes the order comes right behind its fault.
                steps.append(Step(round(at + 0.01, 3), self._alert()))
            steps += [Step(round(at + after, 3), later) for after, later in self._consequences(action)]
            at += self._chance.expovariate(1 / MEAN_GAP_SECONDS)
        return sorted(steps, key=lambda step: step.at_seconds)

    def _consequences(self, action: Action) -> Sequence[tuple[float, Action]]:
        """What comes after an action, so that it does not stay so for ever."""
        wait = self._chance.uniform(20.0, 90.0)
        follows: Sequence[tuple[float, Action]] = []
        match action:
            case Alert(symbol=symbol) if self._chance.random() < RESENT_SHARE:
                # TradingView sends again within seconds what it thinks was not taken; newer ones may come between.
                follows = [(3.0, Alert(symbol, self._depth(symbol))), (6.0, ResendEarlier(symbol))]
            case Break(fault=fault) if fault.count is None:
                follows = [(wait, Heal())]
            case EditWeights():
                follows = self._trouble_beside_an_edit()
            case SpoilMapping() | EditMapping():
                mended = EditMapping({name: name for name in self._plan.symbols})
                follows = [*self._trouble_beside_an_edit(), (1.0, self._alert()), (wait, mended)]
            case StopService(service=service):
                follows = [(wait if service is Service.ENDPOINT else 4 * wait, StartService(service))]
            case FillDisk():
                follows = [(2.0, self._alert()), (wait / 2, self._restart()), (wait, FreeDisk())]
            case RunStranger(exchange=exchange):
                follows = [(100.0 + wait, Operate(Verb.RESUME, exchange))]
        return follows

    def _trouble_beside_an_edit(self) -> Sequence[tuple[float, Action]]:
        """Now and then what is edited must be carried out through a fault of the same moment."""
        if self._chance.random() >= EDITED_IN_TROUBLE_SHARE:
            return []
        return [(0.0, self._chance.choice((self._fault_on_order, self._fault_on_read))())]

    def _symbol(self) -> str:
        return self._chance.choice(list(self._plan.symbols))

    def _exchange(self) -> str:
        return self._chance.choice(list(self._plan.exchanges))

    def _alert(self) -> Action:
        symbol = self._symbol()
        return Alert(symbol, self._depth(symbol))

    def _depth(self, symbol: str) -> Decimal:
        before = self._depths.get(symbol, Decimal(0))
        depth = self._chance.choice(
            (Decimal(0), -before, Decimal(self._chance.randint(-10, 10)) / 10, before / 2, Decimal("0.005"))
        )
        self._depths[symbol] = depth
        return depth

    def _resend(self) -> Action:
        return Resend(self._symbol())

    def _fault_on_order(self) -> Action:
        kind = self._chance.choice(KINDS_ON_ORDERS)
        endpoint = self._chance.choice(("create_order",) * 7 + ("set_leverage", *LOOKUPS))
        if endpoint != "create_order" and kind in ON_ORDERS_ALONE:
            kind = FaultKind.ANSWER_LOST
        return Break(self._fault(kind, endpoint))

    def _fault_on_read(self) -> Action:
        kind = self._chance.choice(KINDS_ON_READS)
        endpoint = "positions" if kind in (FaultKind.STALE_POSITIONS, FaultKind.SHORT_LIST) else ""
        return Break(self._fault(kind, endpoint or self._chance.choice(READS)))

    def _fault_on_access(self) -> Action:
        """One kind of call is shut out a few times, or everything for a while."""
        kind = self._chance.choice(KINDS_ON_ACCESS)
        endpoint = self._chance.choice(("", "create_order", "positions", "balance"))
        if kind is FaultKind.CLOCK_SKEW and not endpoint:
            # An exchange whose own clock leaps and leaps back dates orders that nobody can date again.
            endpoint = "positions"
        fault = self._fault(kind, endpoint)
        seconds = self._chance.choice((-CLOCK_SKEW_SECONDS, CLOCK_SKEW_SECONDS))
        return Break(replace(fault, seconds=seconds, count=fault.count if endpoint else None, skip=0))

    def _fault_of_words(self) -> Action:
        kind = self._chance.choice(KINDS_OF_WORDS)
        endpoint = self._chance.choice(("create_order", *READS))
        fault = self._fault(kind, endpoint)
        if kind is FaultKind.REFUSED:
            reasons = REASONS_ON_ORDERS if endpoint == "create_order" else REASONS_ON_READS
            return Break(replace(fault, reason=self._chance.choice(reasons)))
        return Break(replace(fault, field=FIELDS[endpoint][fault.exchange], value=self._chance.choice(NONSENSE)))

    def _deleveraging(self) -> Action:
        """Part of a winner is taken just before an order for it is processed."""
        fault = self._fault(FaultKind.DELEVERAGING, "create_order")
        return Break(replace(fault, symbol=self._symbol(), quantity=Decimal(self._chance.choice((1, 100))), count=1))

    def _fault(self, kind: FaultKind, endpoint: str) -> Fault:
        seconds = {FaultKind.LATE: 12.0, FaultKind.STALE_POSITIONS: 2.0, FaultKind.ACCEPTED_LATE: 1.5}
        return Fault(
            kind,
            exchange=self._exchange(),
            endpoint=endpoint,
            count=self._chance.choice((1, 1, 2, 5)),
            skip=self._chance.choice((0, 0, 1)),
            seconds=seconds.get(kind, self._chance.choice((0.2, 1.0, 4.0))),
            share=Decimal(self._chance.randint(1, 9)) / 10,
        )

    def _foreign_trade(self) -> Action:
        share = self._chance.choice((Decimal(-1), Decimal("-0.5"), Decimal("0.5")))
        return ForeignTrade(self._exchange(), self._symbol(), share)

    def _liquidation(self) -> Action:
        return Liquidate(self._exchange(), self._symbol())

    def _market(self) -> Action:
        states = (MarketState.HALTED, MarketState.LIVE, MarketState.HALTED, MarketState.LIVE, MarketState.DELISTED)
        state = self._chance.choice(states)
        return Market(self._exchange(), self._symbol(), state)

    def _shock(self) -> Action:
        return Shock(self._symbol(), Decimal(self._chance.randint(90, 111)) / 100)

    def _edit(self) -> Action:
        kept = [symbol for symbol in self._plan.symbols if self._chance.random() > 0.2] or list(self._plan.symbols)
        return EditWeights({symbol: self._chance.choice((DEFAULT_WEIGHT, Decimal("0.1"))) for symbol in kept})

    def _mapping(self) -> Action:
        """An edit that unmaps a symbol or lets two trade places."""
        names = list(self._plan.symbols)
        first, second = self._chance.sample(names, 2)
        if self._chance.random() < 0.5:
            return EditMapping({name: name for name in names if name != first})
        return EditMapping({name: {first: second, second: first}.get(name, name) for name in names})

    def _service(self) -> Action:
        return StopService(self._chance.choice(list(Service)))

    def _disk(self) -> Action:
        return FillDisk(self._chance.choice((Full.JOURNAL, Full.JOURNAL, Full.EVERYTHING)))

    def _stranger(self) -> Action:
        depth = Decimal(self._chance.choice((-6, -3, 3, 6))) / 10
        return RunStranger(self._exchange(), self._symbol(), depth, STRANGER_SECONDS)

    def _command(self) -> Action:
        verb = self._chance.choice((Verb.HALT, Verb.REDUCE_ONLY, Verb.FLATTEN, Verb.RESUME, Verb.RESUME))
        exchange = self._chance.choice(("", self._exchange()))
        symbol = self._chance.choice(("", self._symbol())) if exchange else ""
        return Operate(verb, exchange, symbol)

    def _restart(self) -> Action:
        return Restart(is_crash=self._chance.random() > 0.3)

    def _clock_step(self) -> Action:
        return StepClock(self._chance.choice((-2.0, -0.4, 0.4, 2.0)))

    def _network(self) -> Action:
        return BreakNetwork(self._chance.choice(list(Sn8Fault)), self._chance.choice((1, 3)))
