"""Short lives aimed at one class of fault each, where chance would need many hours to meet it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.model.standing import Verb
from paper.effects import MarketState
from paper.faults import Fault, FaultKind
from paper.refusals import Reason
from paper.sn8_faults import Fault as Sn8Fault
from simulation.actions import (
    Action,
    Alert,
    BackUpJournal,
    Break,
    BreakNetwork,
    EditMapping,
    EditWeights,
    ExpectFlat,
    ExpectHeld,
    ExpectTold,
    FillDisk,
    ForeignTrade,
    FreeDisk,
    Heal,
    Market,
    Operate,
    RepeatSymbol,
    Resend,
    ResendEarlier,
    Restart,
    RestoreJournal,
    RunStranger,
    SpoilMapping,
    SpoilWeights,
    StartSecondEngine,
    StartService,
    Step,
    StopService,
)
from simulation.chaos import LOOKUPS
from simulation.full_disk import Full
from simulation.services import Service
from simulation.surroundings import JOURNAL_FAILED
from simulation.whole_world import EXCHANGES, Plan

SYMBOL = "BTCUSDT"
DAY_SECONDS = 86_400.0
ONE_SYMBOL = Plan(2, symbols=(SYMBOL,), network_symbols=())
NETWORK_ONLY = Plan(
    2, symbols=(SYMBOL,), network_symbols=(SYMBOL,), exchanges=("bybit",), balance_usdt=Decimal(1_000_000)
)
PAGED = Plan(2, network_symbols=(), exchanges=("bybit",), page_rows=2)


@dataclass(frozen=True, slots=True)
class Life:
    """A world and what happens in it."""

    plan: Plan
    steps: Sequence[Step]


def _alert(depth: str) -> Action:
    return Alert(SYMBOL, Decimal(depth))


def _fault(kind: FaultKind, endpoint: str, seconds: float = 0.0, count: int | None = None, field: str = "") -> Action:
    return Break(Fault(kind, endpoint=endpoint, count=count, seconds=seconds, field=field))


def _life(*happenings: tuple[float, Action], plan: Plan = ONE_SYMBOL) -> Life:
    return Life(plan, [Step(at, action) for at, action in happenings])


def _strikes(kind: FaultKind) -> Sequence[tuple[float, Action]]:
    """The exchange closes the position just before our close reaches it."""
    return [
        (19.9, Break(Fault(kind, exchange=name, endpoint="create_order", symbol=SYMBOL, count=1))) for name in EXCHANGES
    ]


def _unreadable(kind: FaultKind, field: str = "") -> Life:
    """Positions cannot be read while the target grows, turns and vanishes."""
    broken = _fault(kind, "positions", field=field)
    return _life(
        (5.0, _alert("0.5")),
        (15.0, broken),
        (15.1, _alert("0.8")),
        (30.0, Heal()),
        (60.0, broken),
        (60.1, _alert("-0.4")),
        (75.0, Heal()),
        (105.0, broken),
        (105.1, _alert("0")),
        (120.0, Heal()),
    )


def _ill_sent(kind: FaultKind, seconds: float = 0.0, count: int = 4) -> Life:
    """Orders meet a fault while the position opens, grows, turns and closes, with a crash in between."""
    broken = _fault(kind, "create_order", seconds, count)
    return _life(
        (5.0, broken),
        (5.1, _alert("0.4")),
        (30.0, broken),
        (30.1, _alert("0.8")),
        (31.0, Restart(is_crash=True)),
        (60.0, broken),
        (60.1, _alert("-0.5")),
        (90.0, broken),
        (90.1, _alert("0")),
    )


CODE_FIELDS = {
    "bybit": ("retCode", 10016),
    "blofin": ("code", "99999"),
    "kucoin": ("code", "500000"),
    "mexc": ("code", 500),
}
"""Where each exchange says in an answer of 200 that it failed, and with which code that proves nothing."""


def _in_errors_of_200() -> Life:
    """The positions' answers of 200 hold an error and an empty list while the target grows, turns and vanishes."""
    broken = [
        Fault(FaultKind.WRONG_FIELD, exchange=name, endpoint="positions", count=None, field=field, value=code)
        for name, (field, code) in CODE_FIELDS.items()
    ]
    broken.append(Fault(FaultKind.SHORT_LIST, endpoint="positions", count=None, share=Decimal(0)))
    return _life(
        (5.0, _alert("0.5")),
        *((15.0, Break(fault)) for fault in broken),
        (15.1, _alert("0.8")),
        (30.0, Heal()),
        *((60.0, Break(fault)) for fault in broken),
        (60.1, _alert("-0.4")),
        (75.0, Heal()),
    )


def _changed_minds(exchange: str) -> Life:
    """An order comes late but within its window, and meanwhile the target is another one."""
    late = Break(Fault(FaultKind.LATE, exchange=exchange, endpoint="create_order", count=2, seconds=30.0))
    return _life(
        (5.0, late),
        (5.1, _alert("0.5")),
        (14.0, _alert("0")),
        (60.0, late),
        (60.1, _alert("0.3")),
        (70.0, _alert("0.8")),
    )


AIMED: Mapping[str, Life] = {
    "positions unreadable": _unreadable(FaultKind.SERVER_ERROR),
    "positions refused in an answer of 200": _unreadable(FaultKind.RATE_LIMITED),
    "errors beside empty lists in answers of 200": _in_errors_of_200(),
    "positions without their size": _unreadable(FaultKind.MISSING_FIELD, "size"),
    "positions on several pages": _life(
        *((5.0 + number, Alert(symbol, Decimal("0.2"))) for number, symbol in enumerate(PAGED.symbols)),
        *((30.0 + number, Alert(symbol, Decimal("0.4"))) for number, symbol in enumerate(PAGED.symbols)),
        (60.0, Restart(is_crash=True)),
        *((70.0 + number, Alert(symbol, Decimal("-0.2"))) for number, symbol in enumerate(PAGED.symbols)),
        plan=PAGED,
    ),
    "positions late": _life(
        (4.0, _fault(FaultKind.STALE_POSITIONS, "positions", 2.0)),
        (5.0, _alert("0.5")),
        (7.0, _alert("0.9")),
        (9.0, _alert("-0.5")),
        (11.0, _alert("0.3")),
        (25.0, Restart(is_crash=True)),
        (26.0, _alert("0")),
    ),
    "answers lost": _ill_sent(FaultKind.ANSWER_LOST),
    "orders never arrive": _ill_sent(FaultKind.CUT_BEFORE),
    "orders late": _ill_sent(FaultKind.LATE, 4.0),
    "orders late while the target changes": _changed_minds("blofin"),
    "orders later than their window": _ill_sent(FaultKind.LATE, 100.0),
    "orders in parts": _ill_sent(FaultKind.PARTIAL_FILL),
    "orders rejected after their answer": _ill_sent(FaultKind.REJECTED_LATER, 1.0),
    "orders accepted before they fill": _ill_sent(FaultKind.ACCEPTED_LATE, 1.5),
    "server errors on orders": _ill_sent(FaultKind.SERVER_ERROR),
    "liquidated before the close": _life((5.0, _alert("0.5")), *_strikes(FaultKind.LIQUIDATION), (20.0, _alert("0"))),
    "leverage cannot be set": _life(
        (4.0, _fault(FaultKind.SERVER_ERROR, "set_leverage")),
        (5.0, _alert("0.5")),
        (40.0, Heal()),
    ),
    "an order as late as its window and nothing else": _life(
        (4.0, _fault(FaultKind.LATE, "create_order", 100.0, 4)),
        (5.0, _alert("0.5")),
        (130.0, Resend(SYMBOL)),
    ),
    "an order that cannot be found for a while": _life(
        (4.0, _fault(FaultKind.ANSWER_LOST, "create_order", count=4)),
        *(
            (4.0, Break(Fault(FaultKind.REFUSED, endpoint=name, reason=Reason.ORDER_NOT_FOUND, count=None)))
            for name in LOOKUPS
        ),
        (5.0, _alert("0.5")),
        (90.0, Heal()),
    ),
    "an order that neither look-ups nor positions show for a while": _life(
        (4.0, _fault(FaultKind.ANSWER_LOST, "create_order", count=4)),
        *(
            (4.0, Break(Fault(FaultKind.REFUSED, endpoint=name, reason=Reason.ORDER_NOT_FOUND, count=None)))
            for name in LOOKUPS
        ),
        (4.0, _fault(FaultKind.STALE_POSITIONS, "positions", 50.0)),
        (5.0, _alert("0.5")),
        (90.0, Heal()),
    ),
    "halted while a close fails": _life(
        (5.0, _alert("0.5")),
        (14.0, _fault(FaultKind.SERVER_ERROR, "create_order")),
        (15.0, _alert("0")),
        (17.0, Operate(Verb.HALT)),
        (20.0, Heal()),
        (110.0, ExpectHeld(SYMBOL)),
    ),
    "an earlier alert again": _life(
        (5.0, _alert("0.5")),
        (12.0, _alert("0")),
        (18.5, ResendEarlier(SYMBOL)),
        (30.0, ExpectFlat(SYMBOL)),
        (31.0, Resend(SYMBOL)),
    ),
    "edits": _life(
        (5.0, _alert("0.5")),
        (14.9, ExpectHeld(SYMBOL)),
        (15.0, SpoilWeights()),
        (20.0, ExpectHeld(SYMBOL, is_untouched=True)),
        (21.0, RepeatSymbol()),
        (25.0, ExpectHeld(SYMBOL, is_untouched=True)),
        (26.0, EditWeights({"ETHUSDT": Decimal("0.1")})),
        (45.0, ExpectFlat(SYMBOL)),
    ),
    "a smaller position by another hand": _life(
        (5.0, _alert("0.5")),
        *((20.0, ForeignTrade(name, SYMBOL, Decimal("-0.5"))) for name in EXCHANGES),
        (110.0, _alert("0")),
        (130.0, ExpectFlat(SYMBOL)),
    ),
    "halted": _life(
        (5.0, _alert("0.5")),
        (15.0, Operate(Verb.HALT)),
        (20.0, _alert("0.9")),
        (25.0, _alert("-0.5")),
    ),
    "a halted market beside one that trades": _life(
        (5.0, _alert("0.5")),
        *((15.0, Market(name, SYMBOL, MarketState.HALTED)) for name in EXCHANGES),
        (16.0, _alert("0")),
        (616.0, Alert("ETHUSDT", Decimal("0.5"))),
        (630.0, ExpectHeld("ETHUSDT")),
        plan=Plan(2, symbols=(SYMBOL, "ETHUSDT"), network_symbols=()),
    ),
    "a second engine": _life((5.0, _alert("0.5")), (6.0, StartSecondEngine()), (8.0, _alert("-0.5"))),
    "a second engine elsewhere": _life(
        (5.0, _alert("0.5")),
        *(
            (10.0 + 30.0 * number, RunStranger(name, SYMBOL, Decimal("-0.5"), 20.0))
            for number, name in enumerate(EXCHANGES)
        ),
        (140.0, _alert("0.9")),
        (200.0, ExpectTold("another engine trades this account")),
    ),
    "no room for the journal": _life(
        (5.0, _alert("0.5")),
        (15.0, FillDisk(Full.JOURNAL)),
        (16.0, _alert("0.9")),
        (25.0, ExpectTold(JOURNAL_FAILED)),
        (26.0, _alert("0")),
        (35.0, ExpectFlat(SYMBOL)),
        (36.0, _alert("0.5")),
        (45.0, ExpectFlat(SYMBOL)),
        (46.0, FreeDisk()),
        (100.0, _alert("-0.4")),
    ),
    "no room at all": _life(
        (5.0, _alert("0.5")),
        (15.0, FillDisk(Full.EVERYTHING)),
        (16.0, _alert("0.9")),
        (40.0, FreeDisk()),
        (60.0, _alert("-0.4")),
    ),
    "a position that is missing for longer than the doubt": _life(
        (5.0, _alert("0.5")),
        (15.0, Break(Fault(FaultKind.SHORT_LIST, endpoint="positions", count=None, share=Decimal(0)))),
        (15.1, _alert("0.4")),
        (39.0, ExpectTold("position changed without us")),
        (40.0, Heal()),
        (41.0, _alert("0")),
        (55.0, ExpectFlat(SYMBOL)),
        (60.0, _alert("-0.4")),
    ),
    "a restart without room": _life(
        (5.0, _alert("0.5")),
        (15.0, _alert("0")),
        (15.05, FillDisk(Full.JOURNAL)),
        (15.1, Restart(is_crash=True)),
        (45.0, ExpectFlat(SYMBOL)),
        (46.0, _alert("0.9")),
        (60.0, ExpectTold(JOURNAL_FAILED)),
        (60.0, ExpectFlat(SYMBOL)),
        (61.0, FreeDisk()),
        (120.0, _alert("-0.4")),
    ),
    "an orderly restart without any room": _life(
        (5.0, _alert("0.5")),
        (14.0, StopService(Service.ENDPOINT)),
        (15.0, FillDisk(Full.EVERYTHING)),
        (16.0, Restart(is_crash=False)),
        (25.0, ExpectTold(JOURNAL_FAILED)),
        (25.0, ExpectHeld(SYMBOL)),
        (40.0, FreeDisk()),
        (60.0, _alert("-0.4")),
    ),
    "no room while a position turns": _life(
        (5.0, _alert("0.5")),
        (14.9, Break(Fault(FaultKind.LATENCY, endpoint="create_order", seconds=2.0, count=8))),
        (15.0, _alert("-0.5")),
        (16.0, FillDisk(Full.JOURNAL)),
        (40.0, FreeDisk()),
    ),
    "delisted with a position": _life(
        (5.0, _alert("0.5")),
        *((15.0, Market(name, SYMBOL, MarketState.DELISTED)) for name in EXCHANGES),
        (16.0, ExpectFlat(SYMBOL)),
        (90.0, _alert("0.9")),
        (180.0, ExpectFlat(SYMBOL)),
        (181.0, _alert("0")),
    ),
    "the mapping changes while orders are under way": _life(
        (5.0, _alert("0.5")),
        (15.0, _fault(FaultKind.LATENCY, "create_order", 2.0, 8)),
        (15.0, _alert("-0.5")),
        (16.0, SpoilMapping()),
        (20.0, ExpectHeld(SYMBOL)),
        (21.0, _alert("0.3")),
        (22.0, EditMapping({"OTHER": SYMBOL})),
        (40.0, ExpectFlat(SYMBOL)),
        (41.0, EditMapping({SYMBOL: SYMBOL})),
        (60.0, ExpectHeld(SYMBOL)),
    ),
    "endpoint and poller stop and start": _life(
        (5.0, _alert("0.5")),
        (15.0, StopService(Service.ENDPOINT)),
        (16.0, _alert("0.9")),
        (20.0, StopService(Service.POLLER)),
        (25.0, StartService(Service.ENDPOINT)),
        (26.0, _alert("0")),
        (30.0, ResendEarlier(SYMBOL)),
        (50.0, StartService(Service.POLLER)),
    ),
    "endpoint and poller are started over a mapping that is not valid": _life(
        (5.0, StopService(Service.ENDPOINT)),
        (5.0, StopService(Service.POLLER)),
        (6.0, SpoilMapping()),
        (7.0, StartService(Service.ENDPOINT)),
        (7.0, StartService(Service.POLLER)),
        (8.0, _alert("0.9")),
        (80.0, EditMapping({SYMBOL: SYMBOL})),
        (90.0, _alert("0.5")),
        (120.0, ExpectHeld(SYMBOL)),
    ),
    "a restored journal": _life(
        (5.0, _alert("0.5")),
        (10.0, _alert("0")),
        (15.0, BackUpJournal()),
        (16.0, _alert("0.8")),
        (22.0, _alert("0")),
        (40.0, RestoreJournal()),
        (45.0, _alert("0.4")),
        (60.0, _alert("-0.8")),
        (90.0, _alert("0.2")),
    ),
    "miners vanish": _life(
        (1800.0, ExpectHeld(SYMBOL)),
        (1801.0, BreakNetwork(Sn8Fault.MISSING_POSITIONS, 1)),
        (1900.0, ExpectHeld(SYMBOL)),
        plan=NETWORK_ONLY,
    ),
    "open positions vanish": _life(
        (1800.0, ExpectHeld(SYMBOL)),
        (1801.0, BreakNetwork(Sn8Fault.MISSING_OPEN, 1)),
        (1845.0, ExpectHeld(SYMBOL)),
        plan=NETWORK_ONLY,
    ),
    "the network is silent for a day": _life(
        (1800.0, ExpectHeld(SYMBOL)),
        (1801.0, BreakNetwork(Sn8Fault.SERVER_ERROR, 0)),
        (1801.0 + DAY_SECONDS + 600.0, ExpectFlat(SYMBOL)),
        plan=NETWORK_ONLY,
    ),
}
