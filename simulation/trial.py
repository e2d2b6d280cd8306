"""One simulated life: a schedule of actions in a fresh world, then healing, then everything must stand on target."""

import asyncio
import os
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from core.model.identity import AccountId, Symbol
from core.model.standing import Verb
from execute_trades import Engine
from paper.effects import MarketState
from signal_processors.day_files import Record, read_records
from signal_processors.tradingview_lane import RESEND_SECONDS
from signal_processors.tradingview_lane import Verdict as TradingViewVerdict
from simulation.actions import Step
from simulation.calm import CalmCheck
from simulation.deadlines import WITHIN_SECONDS, Deadlines
from simulation.gaps import Gap, count_judged, gaps_of
from simulation.happenings import Happenings
from simulation.scene import Violation, unified
from simulation.stale_check import StaleCheck
from simulation.virtual_time import run_virtually
from simulation.whole_world import DEFAULT_WEIGHT, Plan, WholeWorld

GIVEN_UP_SECONDS = 300
"""A world that is not at rest by then never will be."""

TAKEN_ONCE_SECONDS = RESEND_SECONDS - 4.0
"""An alert that comes again within so long is the same one, whatever a step of the clock does in between."""

MEMORY_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - for folders with random names
"""Simulated disks lie in memory where the system offers it: what is synced there is our model's business."""


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
        slowest: By exchange: seconds from the healing until its last gap was seen.
    """

    violations: tuple[Violation, ...]
    digest: str
    seconds: float
    told: dict[str, int]
    seen: dict[str, int]
    converged_seconds: float
    hits: dict[tuple[str, str], int] = field(default_factory=dict)
    slowest: dict[str, float] = field(default_factory=dict)


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
    with world.disk.listening(), world.syncs.listening():
        return await _live_in(world, steps, watch)


async def _live_in(world: WholeWorld, steps: Sequence[Step], watch: Callable[[float], None]) -> Verdict:
    trial = Trial(world)
    loop = asyncio.get_running_loop()
    calm, stale = CalmCheck(world), StaleCheck(world)
    async with world.running():
        for step in steps:
            await asyncio.sleep(max(0.0, step.at_seconds - loop.time()))
            watch(loop.time())
            calm.look()
            stale.look()
            calm.take(step.action)
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
            dict(trial.deadlines.slowest),
        )
    await world.house.close()
    return verdict


class Trial:
    """A world, what happens in it, and whether it comes to rest on target.

    Attributes:
        happenings: What happens in it.
        deadlines: How soon everything must be on target once it is healed.
    """

    def __init__(self, world: WholeWorld) -> None:
        self._world = world
        self._reopened: set[tuple[str, Symbol]] = set()
        self.happenings = Happenings(world)
        self.deadlines = Deadlines(self._reopened)

    async def heal_and_converge(self) -> float:
        """Make everything well again and wait; what then is not on target without a named reason is a violation.

        Returns:
            Seconds until everything stood on target.
        """
        await self._heal()
        if self._world.engine is None:
            await self.happenings.start()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        told: set[tuple[AccountId, Symbol]] = set()
        for second in range(1, GIVEN_UP_SECONDS + 1):
            await asyncio.sleep(1)
            gaps = [gap for gap in gaps_of(self._world) if (gap.account, gap.symbol) not in told]
            late = self.deadlines.look(gaps, float(second))
            self._complain(late)
            told |= {(gap.account, gap.symbol) for gap in late}
            if len(late) == len(gaps) and second >= WITHIN_SECONDS:
                break
        else:
            self._complain(gaps)
        if self._world.engine is None:
            self._world.watcher.fail(3, "no engine runs")
        self._world.watcher.seen.update(count_judged(self._world))
        self._world.watcher.seen.update(self._world.watcher.caps.counts)
        self.check_end()
        return loop.time() - begun

    def check_end(self) -> None:
        """What must hold once everything stands still: the endpoint's word, the fills, the secrets."""
        world = self._world
        if world.engine:
            world.watcher.words.check_books(world.engine.journal)
            self._check_configuration(world.engine)
        newest = dict(world.trading_view.acknowledged)
        in_force = {signal.source_symbol: signal.depth for signal in world.services.webhook.processor.frame().signals}
        for symbol, depth in newest.items():
            if in_force.get(symbol) != depth:
                world.watcher.fail(5, f"{symbol}: {in_force.get(symbol)} is in force, answered last was {depth}")
        self._check_record()
        secrets = [text.encode() for text in world.watcher.words.secrets]
        for path in world.home.path.rglob("*"):
            if path.is_file() and any(secret in path.read_bytes() for secret in secrets):
                world.watcher.fail(20, f"{path.name} holds a secret")

    def _check_configuration(self, engine: Engine) -> None:
        """14: what the operator wrote last, which is valid, is in force."""
        in_force, on_disk = engine.config.load().version, self._world.version_on_disk()
        if engine.config.problem() or in_force != on_disk:
            told = f"configuration {in_force} is in force, {on_disk} is on the disk ({engine.config.problem()})"
            self._world.watcher.fail(14, told)

    def _check_record(self) -> None:
        """4: every alert that was answered 200 is in the record, and was taken as new at most once."""
        world = self._world
        records = [one for one in read_records(world.home.raw_signals("tradingview")) if isinstance(one, Record)]
        kept = Counter(one.content["body"] for one in records)
        for body in world.trading_view.answered:
            if not kept[body]:
                world.watcher.fail(4, f"{body} was answered and is not in the record")
        taken: dict[str, datetime] = {}
        for one in records:
            if one.content["verdict"] == TradingViewVerdict.APPLIED:
                before = taken.get(one.content["body"])
                if before and abs((one.received_at - before).total_seconds()) < TAKEN_ONCE_SECONDS:
                    world.watcher.fail(4, f"{one.content['body']} was applied twice at {before} and {one.received_at}")
                taken[one.content["body"]] = one.received_at

    async def _heal(self) -> None:
        world = self._world
        world.house.faults.clear()
        world.aims.clear()
        world.sn8.faults.plan(None)
        for name in world.plan.exchanges:
            venue = world.house.exchanges[name]
            for market in venue.states:
                if venue.state(market) is MarketState.HALTED:
                    self._reopened.add((name, unified(venue.markets[market].coin)))
                    venue.set_state(market, MarketState.LIVE)
        await self.happenings.surroundings.heal()
        world.write_mapping({symbol: symbol for symbol in world.plan.symbols})
        world.write_weights(dict.fromkeys(world.plan.symbols, DEFAULT_WEIGHT))
        await world.services.start_those_turned_away()
        await world.services.restart_failed_poller()
        self.happenings.operator.command(Verb.RESUME)

    def _complain(self, gaps: Sequence[Gap]) -> None:
        for gap in gaps:
            self._world.watcher.fail(3, gap.told)

    def gaps(self) -> list[str]:
        """Every position that is not where it should be and names no reason, in words."""
        return [gap.told for gap in gaps_of(self._world)] if self._world.engine else ["no engine runs"]
