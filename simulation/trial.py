"""One simulated life: a schedule of actions in a fresh world, then healing, then everything must stand on target."""

import asyncio
import os
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from config.account_switches import AccountSwitches
from core.decisions.merge_signals import merge_signals
from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ZERO, plain
from core.model.standing import Standing, Verb
from operations.views import read_passes
from paper.effects import MarketState
from simulation.actions import (
    Step,
)
from simulation.happenings import Happenings
from simulation.virtual_time import run_virtually
from simulation.watcher import Violation, unified
from simulation.whole_world import DEFAULT_WEIGHT, SN8_KEY, Plan, WholeWorld

REDUCED_WITHIN_SECONDS = 30.0
CONVERGED_WITHIN_SECONDS = 120.0
"""30 s after the longest window in which an order may still turn up (BloFin's 60 s and its margin)."""

MEMORY_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - for folders with random names
"""Simulated disks lie in memory where the system offers it: what is synced there is our model's business."""

DEPTH_LEFT_ALONE = Decimal("0.06")
"""A source that moves at every poll is followed in steps of 5 %."""

LEAST_DEPTH_CHANGE = Decimal("0.0001")
"""A smaller change of a depth that stays on its side is no new decision."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a trial showed.

    Attributes:
        violations: Rules that were broken, in order.
        digest: Of everything that happened on the exchanges: equal exactly when two trials went the same way.
        seconds: Simulated.
        told: How often the engine told each event.
        seen: How often each kind of fact happened on the exchanges.
        converged_seconds: From the healing until everything stood on target.
        hits: How often each kind of fault met the engine in each state.
    """

    violations: tuple[Violation, ...]
    digest: str
    seconds: float
    told: dict[str, int]
    seen: dict[str, int]
    converged_seconds: float
    hits: dict[tuple[str, str], int] = field(default_factory=dict)


def run_trial(plan: Plan, steps: Sequence[Step], watch: Callable[[float], None] = lambda _: None) -> Verdict:
    """Live through a schedule in virtual time.

    Args:
        plan: What the world begins with.
        steps: What happens, in order of time.
        watch: Told the virtual time before each step.
    """
    with tempfile.TemporaryDirectory(prefix="simulated-", dir=MEMORY_FOLDER) as folder:
        try:
            return run_virtually(_live(Path(folder), plan, steps, watch))
        except Exception:  # noqa: BLE001 - the world's boundary: an engine that throws has failed its trial
            return Verdict((Violation(0, 0.0, traceback.format_exc()),), "", 0.0, {}, {}, 0.0)


async def _live(folder: Path, plan: Plan, steps: Sequence[Step], watch: Callable[[float], None]) -> Verdict:
    world = WholeWorld(folder, plan)
    trial = Trial(world)
    loop = asyncio.get_running_loop()
    async with world.running():
        for step in steps:
            await asyncio.sleep(max(0.0, step.at_seconds - loop.time()))
            watch(loop.time())
            await trial.happenings.apply(step.action)
        converged_seconds = await trial.heal_and_converge()
        watcher = world.watcher
        verdict = Verdict(
            tuple(watcher.violations),
            world.house.ledger.digest(),
            loop.time(),
            dict(watcher.told),
            dict(watcher.seen),
            converged_seconds,
            dict(watcher.hits),
        )
    await world.house.close()
    return verdict


class Trial:
    """A world, what happens in it, and whether it comes to rest on target.

    Attributes:
        happenings: What happens in it.
    """

    def __init__(self, world: WholeWorld) -> None:
        self._world = world
        self._reopened: set[tuple[str, Symbol]] = set()
        self.happenings = Happenings(world)

    async def heal_and_converge(self) -> float:
        """Make everything well again and wait; what then is not on target without a named reason is a violation.

        Returns:
            Seconds until everything stood on target.
        """
        self._heal()
        if self._world.engine is None:
            await self.happenings.start()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.sleep(REDUCED_WITHIN_SECONDS)
        self._complain([told for told, is_reduction in self.gaps() if is_reduction])
        for _ in range(int(CONVERGED_WITHIN_SECONDS - REDUCED_WITHIN_SECONDS)):
            if not self.gaps():
                break
            await asyncio.sleep(1)
        self._complain([told for told, _ in self.gaps()])
        self._check_end()
        return loop.time() - begun

    def _check_end(self) -> None:
        """What must hold once everything stands still: the endpoint's word, the fills, the secrets."""
        world = self._world
        if world.engine:
            world.watcher.check_books(world.engine.journal)
        newest = dict(world.acknowledged)
        in_force = {signal.source_symbol: signal.depth for signal in world.webhook.processor.frame().signals}
        for symbol, depth in newest.items():
            if in_force.get(symbol) != depth:
                world.watcher.fail(5, f"{symbol}: {in_force.get(symbol)} is in force, answered last was {depth}")
        secrets = [SN8_KEY.encode()]
        for name in world.plan.exchanges:
            keys = world.house.account(name).keys
            secrets += [text.encode() for text in (keys.secret, keys.passphrase) if text]
        for path in world.home.path.rglob("*"):
            if path.is_file() and any(secret in path.read_bytes() for secret in secrets):
                world.watcher.fail(20, f"{path.name} holds a secret")

    def _heal(self) -> None:
        world = self._world
        world.house.faults.clear()
        world.sn8.faults.plan(None)
        for name in world.plan.exchanges:
            venue = world.house.exchanges[name]
            for market in venue.states:
                if venue.state(market) is not MarketState.LIVE:
                    self._reopened.add((name, unified(venue.market(market).coin)))
                venue.set_state(market, MarketState.LIVE)
        world.write_weights(dict.fromkeys(world.plan.symbols, DEFAULT_WEIGHT))
        self.happenings.operate(Verb.RESUME, "", "")

    def _complain(self, gaps: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        self._world.watcher.violations += [Violation(3, now, told) for told in gaps]

    def gaps(self) -> list[tuple[str, bool]]:
        """Every position that is not where it should be and names no reason, and whether it is too large for long.

        That a market trades again is found out at the next full check, so a reduction there may take that long.
        """
        engine = self._world.engine
        if engine is None:
            return [("no engine runs", False)]
        merged = merge_signals(engine.config.load(), engine.manager.judged_sources()).targets
        passes = read_passes(self._world.home.last_passes)
        enabled = AccountSwitches(self._world.home).load()
        gaps: list[tuple[str, bool]] = []
        for exchange in self._world.plan.exchanges:
            account = AccountId(exchange)
            for symbol, target in merged.items():
                ledger = engine.journal.ledger(account, symbol)
                held = self._world.watcher.held((account, symbol))
                outcome = passes[account].outcomes.get(symbol) if account in passes else None
                why = outcome.why if outcome else ""
                gap = _gap(ledger, target.depth if enabled.get(account, True) else ZERO, held)
                is_tainted = self._world.watcher.is_tainted((account, symbol))
                if gap and not (why and (is_tainted or _is_excused(ledger))):
                    wanted = ledger.decision.quantity if ledger.decision else ZERO
                    is_overdue = abs(held) > abs(wanted) and (exchange, symbol) not in self._reopened
                    gaps.append((f"{account} {symbol}: {gap}; {why or 'no reason named'}", is_overdue))
        return gaps


def _gap(ledger: SymbolLedger, merged: Decimal, held: Decimal) -> str:
    """How a symbol differs from what is asked, empty when it does not."""
    decision = ledger.decision
    if decision is None:
        return f"merged depth {plain(merged)} has no decision" if merged != ZERO else ""
    least = LEAST_DEPTH_CHANGE if decision.depth * merged > ZERO else ZERO
    if abs(decision.depth - merged) > max(abs(merged) * DEPTH_LEFT_ALONE, least):
        return f"decided on depth {plain(decision.depth)}, asked is {plain(merged)}"
    if held != decision.quantity or not ledger.is_confirmed:
        return f"holds {plain(held)}, decision {decision.number} asks {plain(decision.quantity)}"
    return ""


def _is_excused(ledger: SymbolLedger) -> bool:
    """Whether a named difference has a reason that waiting does not take away."""
    is_unreachable = ledger.decision is not None and bool(ledger.decision.unreachable)
    return is_unreachable or ledger.standing is not Standing.ACTIVE
