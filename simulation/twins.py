"""Worlds that differ in one thing and must end alike: with and without restarts, with and without another's trouble.

Prices stand still in them, so that what is decided a second later is decided the same.
"""

import asyncio
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from core.model.money import plain
from paper.faults import Fault, FaultKind
from simulation.actions import Action, Alert, Break, Heal, Restart, Step
from simulation.happenings import Happenings
from simulation.scene import Violation
from simulation.trial import MEMORY_FOLDER, run_trial
from simulation.virtual_time import run_virtually
from simulation.whole_world import EXCHANGES, Plan, WholeWorld

SYMBOLS = ("BTCUSDT", "XRPUSDT")
BETWEEN_ALERTS_SECONDS = 20.0
QUIET_SECONDS = 130.0
REPLAYED_HOURS = 0.1

TROUBLES = (
    FaultKind.HANG,
    FaultKind.CUT_BEFORE,
    FaultKind.ANSWER_LOST,
    FaultKind.SERVER_ERROR,
    FaultKind.RATE_LIMITED,
    FaultKind.MAINTENANCE,
    FaultKind.REVOKED_KEY,
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a life ended.

    Attributes:
        held: By exchange and its own name of the symbol.
        orders: By exchange: every order it accepted, in order.
    """

    held: Mapping[tuple[str, str], Decimal]
    orders: Mapping[str, Sequence[tuple[object, ...]]]


def compare_twins(seed: int) -> list[Violation]:
    """18: a restart at any moment leaves the same positions; 12: an exchange in trouble changes no other's orders."""
    chance = random.Random(f"twins {seed}")
    alerts = [
        Step(5.0 + BETWEEN_ALERTS_SECONDS * number, Alert(chance.choice(SYMBOLS), _depth(chance)))
        for number in range(4)
    ]
    end = alerts[-1].at_seconds + BETWEEN_ALERTS_SECONDS
    restarts = [Step(chance.uniform(5.0, end), Restart(is_crash=chance.random() < 0.7)) for _ in range(3)]
    troubled = chance.choice(EXCHANGES)
    undisturbed = live(seed, alerts)
    restarted = live(seed, [*alerts, *restarts])
    beside = live(seed, [*alerts, *_trouble(chance, troubled, end)])
    return _differences_of_restarts(undisturbed, restarted) + _differences_of_others(undisturbed, beside, troubled)


def compare_replays(plan: Plan, steps: Sequence[Step]) -> list[Violation]:
    """17: the same seed lives the same life."""
    beginning = [step for step in steps if step.at_seconds < REPLAYED_HOURS * 3600]
    first, second = (run_trial(plan, beginning).digest for _ in range(2))
    return [] if first == second else [Violation(17, 0.0, f"seed {plan.seed} lived two lives: {first}, {second}")]


def live(seed: int, steps: Sequence[Step]) -> Outcome:
    """Live through the steps and a quiet time after them."""
    plan = Plan(seed, symbols=SYMBOLS, network_symbols=())
    with tempfile.TemporaryDirectory(prefix="twin-", dir=MEMORY_FOLDER) as folder:
        return run_virtually(_live(Path(folder), plan, steps))


async def _live(folder: Path, plan: Plan, steps: Sequence[Step]) -> Outcome:
    world = WholeWorld(folder, plan)
    for symbol in plan.symbols:
        coin = symbol.removesuffix("USDT")
        world.house.move_price(coin, pin=world.house.world.index(coin, world.house.world.now_ms()))
    happenings = Happenings(world)
    async with world.running():
        for step in sorted(steps, key=lambda step: step.at_seconds):
            await asyncio.sleep(max(0.0, step.at_seconds - asyncio.get_running_loop().time()))
            await happenings.apply(step.action)
        await asyncio.sleep(QUIET_SECONDS)
    await world.house.close()
    held = {
        (name, row.key.symbol): row.quantity
        for name in plan.exchanges
        for row in world.house.account(name).positions.values()
    }
    names = ("symbol", "side", "quantity", "reduce_only", "client_order_id")
    orders = {
        name: [tuple(entry.facts[fact] for fact in names) for entry in world.house.ledger.entries("order", name)]
        for name in plan.exchanges
    }
    return Outcome(held, orders)


def _depth(chance: random.Random) -> Decimal:
    return Decimal(chance.choice((-8, -5, -3, 0, 3, 5, 8))) / 10


def _trouble(chance: random.Random, exchange: str, end: float) -> list[Step]:
    """One exchange in trouble, now and then all the way."""
    actions: list[Action] = [
        Break(Fault(chance.choice(TROUBLES), exchange=exchange, count=chance.choice((3, 20, None)), seconds=3.0))
        for _ in range(4)
    ]
    return [Step(chance.uniform(0.0, end), action) for action in actions] + [Step(end, Heal())]


def _differences_of_restarts(undisturbed: Outcome, restarted: Outcome) -> list[Violation]:
    if undisturbed.held == restarted.held:
        return []
    return [Violation(18, 0.0, f"without restarts {_told(undisturbed)}, with restarts {_told(restarted)}")]


def _differences_of_others(undisturbed: Outcome, beside: Outcome, troubled: str) -> list[Violation]:
    others = [name for name in undisturbed.orders if name != troubled]
    return [
        Violation(12, 0.0, f"{name} traded {beside.orders[name]} beside the trouble of {troubled}, else {orders}")
        for name in others
        for orders in [undisturbed.orders[name]]
        if beside.orders[name] != orders
    ]


def _told(outcome: Outcome) -> str:
    return ", ".join(f"{name} {symbol} {plain(held)}" for (name, symbol), held in sorted(outcome.held.items()))
