"""Four accounts and twenty symbols under random signals and faults: safe at every step, exact once the faults end."""

import asyncio
import random
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ZERO
from core.model.order import OrderIntent
from core.model.policy import AccountPolicy
from simulation.bare_exchange import BareExchange, Fault
from simulation.bare_world import BTC, RULES, World, live, weigh

D = Decimal
COINS = [f"C{number}" for number in range(20)]
SYMBOLS = [Symbol(f"{coin}USDT") for coin in COINS]
ACCOUNTS = [AccountPolicy(AccountId(name)) for name in ("bybit", "blofin", "kucoin", "mexc")]
FAULTS = {
    "read": (Fault.READ_FAILS, Fault.STALE_POSITIONS),
    "submit": (
        Fault.ORDER_NEVER_ARRIVES,
        Fault.ANSWER_LOST,
        Fault.LANDS_LATE,
        Fault.PARTIAL_FILL,
        Fault.REJECTED_LATER,
        Fault.REFUSED,
        Fault.DOWN,
    ),
    "find": (Fault.LOOKUP_FAILS, Fault.STILL_OPEN),
}
HEALING_SECONDS = 240
LATE_READS = 3
"""How many reads in a row may be late: more would be beyond the bound that every exchange declares."""


class Watcher:
    """Checks every order at the moment it reaches an exchange, against what the journal says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.meanings: dict[str, tuple[object, ...]] = {}

    def watch(self, exchange: BareExchange) -> None:
        """Look at every order of one exchange."""
        exchange.on_submit = lambda intent: self._check(exchange, intent)

    def _check(self, exchange: BareExchange, intent: OrderIntent) -> None:
        ledger = self._world.journal.ledger(exchange.account, intent.symbol)
        in_flight = [record.intent for record in ledger.unsettled]
        assert intent in in_flight, "an order that the journal does not have in flight"
        assert sum(not other.reduce_only for other in in_flight) <= 1, "two increases in flight"
        assert sum(other.reduce_only for other in in_flight) <= 1, "two reductions in flight"
        meaning = (intent.account, intent.symbol, intent.side, intent.quantity, intent.reduce_only)
        assert self.meanings.setdefault(intent.client_order_id, meaning) == meaning, "one id for two meanings"
        if not intent.reduce_only:
            self._check_increase(ledger, intent)

    def _check_increase(self, ledger: SymbolLedger, intent: OrderIntent) -> None:
        assert ledger.decision is not None
        after = ledger.owned + intent.signed_quantity
        assert after * ledger.decision.quantity > 0, "an increase away from the target"
        assert abs(after) <= abs(ledger.decision.quantity), "an increase beyond the target"


def is_settled(world: World) -> bool:
    """Whether every exchange holds what was decided, and the journal knows it."""
    return all(
        not ledger.unsettled
        and (has_too_small_a_rest(exchange, ledger) or (held == decided_of(ledger) and ledger.is_confirmed))
        for exchange in world.exchanges.values()
        for ledger in world.journal.ledgers(exchange.account)
        for held in [exchange.positions.get(ledger.symbol, ZERO)]
    )


def decided_of(ledger: SymbolLedger) -> Decimal:
    return ledger.decision.quantity if ledger.decision else ZERO


def has_too_small_a_rest(exchange: BareExchange, ledger: SymbolLedger) -> bool:
    """Whether an order that was filled in part left less to do than the exchange takes in one order."""
    held, decided = exchange.positions.get(ledger.symbol, ZERO), decided_of(ledger)
    rest = (abs(decided) - abs(held)) * exchange.prices[ledger.symbol]
    return held * decided > ZERO and ZERO < rest < exchange.rules[ledger.symbol].min_notional


async def walk(world: World, steps: int, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - seeded on purpose
    watcher = Watcher(world)
    for exchange in world.exchanges.values():
        watcher.watch(exchange)
        for symbol in SYMBOLS:
            exchange.rules[symbol] = replace(RULES[BTC], symbol=symbol)
            exchange.prices[symbol] = D(100)
    world.config.config = weigh(**dict.fromkeys(COINS, "0.05"))
    depths = dict.fromkeys(COINS, "0")
    stop = asyncio.Event()
    engine = asyncio.create_task(world.executor.run(stop))
    for step in range(steps):
        depths[chance.choice(COINS)] = str(D(chance.randint(-10, 10)) / 10)
        world.sources.say(**depths)  # type: ignore[arg-type]  # no coin is called source
        exchange = chance.choice(list(world.exchanges.values()))
        call = chance.choice(list(FAULTS))
        fault = chance.choice(FAULTS[call])
        times = chance.choice((1, 1, 1, 2, 8))
        exchange.inject(call, *[fault] * (min(times, LATE_READS) if fault is Fault.STALE_POSITIONS else times))
        await asyncio.sleep(chance.choice((0.1, 0.5, 2.0)))
        if step % 97 == 96:
            stop.set()
            await engine
            world.restart()
            stop = asyncio.Event()
            engine = asyncio.create_task(world.executor.run(stop))
    for exchange in world.exchanges.values():
        exchange.faults.clear()
    for _ in range(HEALING_SECONDS):
        await asyncio.sleep(1)
        if is_settled(world):
            break
    stop.set()
    await engine
    for account, exchange in world.exchanges.items():
        for ledger in world.journal.ledgers(account):
            held = exchange.positions.get(ledger.symbol, ZERO)
            wanted = held if has_too_small_a_rest(exchange, ledger) else decided_of(ledger)
            assert (account, ledger.symbol, held, ledger.owned) == (account, ledger.symbol, wanted, wanted)
            asked = D("0.05") * D(depths[ledger.symbol.removesuffix("USDT")])
            assert (ledger.decision.depth if ledger.decision else ZERO) == asked, "not what was said last"
            filled = sum((order.signed_quantity for order in exchange.executed if order.symbol == ledger.symbol), ZERO)
            assert filled == held
    assert is_settled(world)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_random_walk_with_faults_and_restarts_converges_exactly(tmp_path: Path, seed: int) -> None:
    async def story(world: World) -> None:
        await walk(world, 80, seed)

    live(tmp_path, story, *ACCOUNTS)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(20))
def test_a_long_random_walk_with_faults_and_restarts_converges_exactly(tmp_path: Path, seed: int) -> None:
    async def story(world: World) -> None:
        await walk(world, 500, 1000 + seed)

    live(tmp_path, story, *ACCOUNTS)


@pytest.mark.full
@pytest.mark.timeout(7200)
def test_ten_thousand_random_steps_in_one_life_converge_exactly(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await walk(world, 10_000, 10_000)

    live(tmp_path, story, *ACCOUNTS)
