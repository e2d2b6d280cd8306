"""API calls per action and in an idle hour, in virtual time over the paper exchanges: the same counts on every machine.

The fewest possible are those that the rules of truth ask for: value, positions and prices once; the settings of a
symbol before its increase where the exchange has a setting (an account-wide one once); every order; its look-up by id;
and one read of the positions that shows what came of all of them, for a flip one more between close and open.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from core.model.identity import AccountId, Symbol
from execute_trades import Engine
from paper.faults import Fault, FaultKind
from paper.ledger import Entry
from simulation.virtual_time import run_virtually
from simulation.whole_world import EXCHANGES, Plan, WholeWorld

ROUND_TRIP_SECONDS = 0.05
HOUR_SECONDS = 3600.0
QUIET_SECONDS = 130.0
"""After the start: the clock is measured, the rules are read and two full checks are done."""

STEP_SECONDS = 0.05
LONGEST_ACTION_SECONDS = 120.0
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "ADAUSDT")
WEIGHT = Decimal("0.1")
READS_OF_A_PASS = 3
ACCOUNT_WIDE_SETTINGS = frozenset({"bybit"})
SYMBOL_SETTINGS = frozenset({"bybit", "blofin", "kucoin"})


@dataclass(frozen=True, slots=True)
class Action:
    """What a signal asks for.

    Attributes:
        name: Of the action.
        depth: Of every symbol.
        orders: Per symbol.
        has_increase: Whether settings must be proven.
    """

    name: str
    depth: Decimal
    orders: int
    has_increase: bool


ACTIONS = (
    Action("open", Decimal("0.3"), 1, has_increase=True),
    Action("resize", Decimal("0.4"), 1, has_increase=True),
    Action("flip", Decimal("-0.4"), 2, has_increase=True),
    Action("close", Decimal(0), 1, has_increase=False),
)


@dataclass(frozen=True, slots=True)
class CallCount:
    """Calls that one account made for one action.

    Attributes:
        exchange: Whose.
        action: Its name.
        symbols: How many changed.
        calls: By endpoint.
        fewest: That the rules allow.
    """

    exchange: str
    action: str
    symbols: int
    calls: Mapping[str, int]
    fewest: int

    @property
    def ratio(self) -> float:
        """Calls made over the fewest possible."""
        return sum(self.calls.values()) / self.fewest


@dataclass(frozen=True, slots=True)
class IdleHour:
    """Calls of one account in an hour in which nothing happened.

    Attributes:
        exchange: Whose.
        calls: By endpoint.
        full_checks: How often the positions were read.
    """

    exchange: str
    calls: Mapping[str, int]
    full_checks: int


def fewest_calls(exchange: str, orders: int, symbols: int, *, has_increase: bool) -> int:
    """The fewest calls with which the rules of truth let an action be done.

    Args:
        exchange: Where.
        orders: Of each symbol: one, for a flip two, none where nothing changes.
        symbols: How many change.
        has_increase: Whether their settings must be proven.
    """
    settings = 0
    if has_increase and orders:
        settings = symbols * (exchange in SYMBOL_SETTINGS) + (exchange in ACCOUNT_WIDE_SETTINGS)
    orders_and_their_lookups = 2 * orders * symbols
    return READS_OF_A_PASS + settings + orders_and_their_lookups + orders


class _Counter:
    """Counts requests by exchange and endpoint as the exchanges' ledger tells them."""

    def __init__(self) -> None:
        self._calls: dict[str, Counter[str]] = {}

    def observe(self, entry: Entry) -> None:
        if entry.kind == "request":
            self._calls.setdefault(entry.exchange, Counter())[str(entry.facts["endpoint"])] += 1

    def take(self) -> dict[str, Counter[str]]:
        """The counts since the last time, each exchange named."""
        taken, self._calls = self._calls, {}
        return {exchange: taken.get(exchange, Counter()) for exchange in EXCHANGES}


def count_calls(
    symbols: Sequence[str] = SYMBOLS, idle_seconds: float = HOUR_SECONDS
) -> tuple[list[CallCount], list[IdleHour]]:
    """Open, resize, flip and close every symbol on four accounts, then do nothing for a while; count the calls.

    Args:
        symbols: Unified symbols that all exchanges list.
        idle_seconds: Of doing nothing.
    """
    with TemporaryDirectory(prefix="bench-calls-") as folder:
        return run_virtually(_live(Path(folder), symbols, idle_seconds))


async def _live(folder: Path, symbols: Sequence[str], idle_seconds: float) -> tuple[list[CallCount], list[IdleHour]]:
    world = WholeWorld(folder, Plan(symbols=symbols, network_symbols=()))
    world.write_weights(dict.fromkeys(symbols, WEIGHT))
    counter = _Counter()
    world.house.ledger.observers.append(counter.observe)
    world.house.faults.add(Fault(FaultKind.LATENCY, seconds=ROUND_TRIP_SECONDS, count=None))
    counts: list[CallCount] = []
    async with world.running() as engine:
        for is_counted in (False, True):
            for action in ACTIONS:
                await _wait_for_quiet(counter)
                await _do(world, engine, action)
                if is_counted:
                    made = counter.take()
                    counts += [_count(name, action, len(symbols), made[name]) for name in EXCHANGES]
        await _wait_for_quiet(counter)
        await asyncio.sleep(idle_seconds)
        made = counter.take()
    await world.house.close()
    return counts, [IdleHour(name, made[name], made[name]["positions"]) for name in EXCHANGES]


def _count(exchange: str, action: Action, symbols: int, made: Mapping[str, int]) -> CallCount:
    fewest = fewest_calls(exchange, action.orders, symbols, has_increase=action.has_increase)
    return CallCount(exchange, action.name, symbols, made, fewest)


async def _wait_for_quiet(counter: _Counter) -> None:
    await asyncio.sleep(QUIET_SECONDS)
    counter.take()


async def _do(world: WholeWorld, engine: Engine, action: Action) -> None:
    """Send all alerts, and wait until every account has confirmed every symbol."""
    await asyncio.gather(*(world.alert(symbol, action.depth) for symbol in world.plan.symbols))
    async with asyncio.timeout(LONGEST_ACTION_SECONDS):
        while not _is_confirmed(world, engine, action.depth):  # noqa: ASYNC110 - the journal has no event for it
            await asyncio.sleep(STEP_SECONDS)


def _is_confirmed(world: WholeWorld, engine: Engine, depth: Decimal) -> bool:
    for exchange in EXCHANGES:
        for symbol in world.plan.symbols:
            ledger = engine.journal.ledger(AccountId(exchange), Symbol(symbol))
            is_decided = ledger.decision is not None and ledger.decision.depth == depth * WEIGHT
            if not (is_decided and ledger.is_confirmed):
                return False
    return True
