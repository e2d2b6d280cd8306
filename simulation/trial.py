"""One simulated life: a schedule of actions in a fresh world, then healing, then everything must stand on target."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from config.account_switches import AccountSwitches
from core.decisions.merge_signals import merge_signals
from core.model.failures import InvalidConfig
from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ZERO, plain
from core.model.standing import Scope, Standing, Verb
from operations.command_files import give_command
from operations.views import read_passes
from paper.effects import MarketState
from paper.interventions import liquidate_now, trade_from_elsewhere
from paper.refusals import Refused
from simulation.actions import (
    Action,
    Alert,
    Break,
    BreakNetwork,
    DisableAccount,
    EditWeights,
    ForeignTrade,
    Heal,
    Liquidate,
    Market,
    Operate,
    Resend,
    Restart,
    Shock,
    SpoilWeights,
    Step,
    StepClock,
)
from simulation.virtual_time import run_virtually
from simulation.watcher import Violation, unified
from simulation.whole_world import DEFAULT_WEIGHT, Plan, WholeWorld

REDUCED_WITHIN_SECONDS = 30.0
CONVERGED_WITHIN_SECONDS = 120.0
"""30 s after the longest window in which an order may still turn up (BloFin's 60 s and its margin)."""

MEMORY_FOLDER = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - for folders with random names
"""Simulated disks lie in memory where the system offers it: what is synced there is our model's business."""

DEPTH_LEFT_ALONE = Decimal("0.06")
"""A source that moves at every poll is followed in steps of 5 %."""


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
    """

    violations: tuple[Violation, ...]
    digest: str
    seconds: float
    told: dict[str, int]
    seen: dict[str, int]
    converged_seconds: float


def run_trial(plan: Plan, steps: Sequence[Step], watch: Callable[[float], None] = lambda _: None) -> Verdict:
    """Live through a schedule in virtual time.

    Args:
        plan: What the world begins with.
        steps: What happens, in order of time.
        watch: Told the virtual time before each step.
    """
    with tempfile.TemporaryDirectory(prefix="simulated-", dir=MEMORY_FOLDER) as folder:
        return run_virtually(_live(Path(folder), plan, steps, watch))


async def _live(folder: Path, plan: Plan, steps: Sequence[Step], watch: Callable[[float], None]) -> Verdict:
    world = WholeWorld(folder, plan)
    trial = Trial(world)
    loop = asyncio.get_running_loop()
    async with world.running() as engine:
        world.watcher.watch(engine.journal)
        for step in steps:
            await asyncio.sleep(max(0.0, step.at_seconds - loop.time()))
            watch(loop.time())
            await trial.apply(step.action)
        converged_seconds = await trial.heal_and_converge()
        watcher = world.watcher
        verdict = Verdict(
            tuple(watcher.violations),
            world.house.ledger.digest(),
            loop.time(),
            dict(watcher.told),
            dict(watcher.seen),
            converged_seconds,
        )
        watcher.watch(None)
    await world.house.close()
    return verdict


class Trial:
    """The actions' effects on one world."""

    def __init__(self, world: WholeWorld) -> None:
        self._world = world
        self._last_alerts: dict[str, Decimal] = {}

    async def apply(self, action: Action) -> None:
        """Let it happen."""
        world = self._world
        match action:
            case Alert(symbol=symbol, depth=depth):
                self._last_alerts[symbol] = depth
                await self._post(symbol, depth)
            case Resend(symbol=symbol):
                if symbol in self._last_alerts:
                    await self._post(symbol, self._last_alerts[symbol])
            case Break(fault=fault):
                world.house.faults.add(fault)
            case Heal():
                world.house.faults.clear()
            case Restart(is_crash=is_crash):
                await self._restart(is_crash=is_crash)
            case StepClock(seconds=seconds):
                world.clock.step(seconds)
            case BreakNetwork(fault=fault, answers=answers):
                world.sn8.faults.plan(fault, answers)
            case EditWeights() | SpoilWeights() | Operate() | DisableAccount():
                await self._order(action)
            case _:
                self._intervene(action)

    async def _order(self, action: EditWeights | SpoilWeights | Operate | DisableAccount) -> None:
        """What the operator does."""
        match action:
            case EditWeights(weights=weights):
                self._world.write_weights(weights)
                if self._world.engine is None:
                    await self.start()
            case SpoilWeights():
                self._world.spoil_weights()
            case DisableAccount(exchange=exchange):
                self._world.switch_account(exchange or self._world.plan.exchanges[0], is_enabled=False)
            case Operate(verb=verb, exchange=exchange, symbol=symbol):
                self._operate(verb, exchange, symbol)

    async def _post(self, symbol: str, depth: Decimal) -> None:
        answer = await self._world.alert(symbol, depth)
        if answer.status != 200:
            self._world.watcher.violations.append(
                Violation(4, asyncio.get_running_loop().time(), f"alert {symbol} {depth} got {answer}")
            )

    def _intervene(self, action: Action) -> None:
        """What happens on an exchange without the engine's doing."""
        house = self._world.house
        match action:
            case ForeignTrade(exchange=name, symbol=symbol, share=share):
                venue, account, market = house.exchanges[name], house.account(name), self._market(name, symbol)
                held = sum((row.quantity for row in account.held(market)), ZERO)
                lot = venue.markets[market].lot_step
                quantity = (held * share / lot).to_integral_value(rounding="ROUND_DOWN") * lot
                if quantity:
                    self._world.watcher.taint((AccountId(name), Symbol(symbol)))
                    with contextlib.suppress(Refused):
                        trade_from_elsewhere(venue, account, market, quantity)
            case Liquidate(exchange=name, symbol=symbol):
                self._world.watcher.taint((AccountId(name), Symbol(symbol)))
                liquidate_now(house.exchanges[name], house.account(name), self._market(name, symbol))
            case Market(exchange=name, symbol=symbol, state=state):
                house.exchanges[name].set_state(self._market(name, symbol), state)
            case Shock(symbol=symbol, factor=factor):
                house.move_price(symbol.removesuffix("USDT"), factor=factor)

    def _market(self, exchange: str, symbol: str) -> str:
        markets = self._world.house.exchanges[exchange].markets
        return next(name for name, market in markets.items() if unified(market.coin) == symbol)

    async def _restart(self, *, is_crash: bool) -> None:
        self._world.watcher.watch(None)
        await self._world.stop_engine(is_crash=is_crash)
        await self.start()

    async def start(self) -> None:
        """Start the engine; over an invalid configuration it refuses, and is started again once that is mended."""
        with contextlib.suppress(InvalidConfig):
            engine = await self._world.start_engine()
            self._world.watcher.watch(engine.journal)

    def _operate(self, verb: Verb, exchange: str, symbol: str) -> None:
        world = self._world
        scope = Scope(AccountId(exchange) if exchange else None, Symbol(symbol) if symbol else None)
        applied = world.engine.journal.last_command() if world.engine else 0
        give_command(world.home.operator_commands, verb, scope, "simulation", world.clock.now(), "told to", applied)

    # -- after the schedule ----------------------------------------------------------------------------------

    async def heal_and_converge(self) -> float:
        """Make everything well again and wait; what then is not on target without a named reason is a violation.

        Returns:
            Seconds until everything stood on target.
        """
        self._heal()
        if self._world.engine is None:
            await self.start()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.sleep(REDUCED_WITHIN_SECONDS)
        self._complain([told for told, is_reduction in self.gaps() if is_reduction])
        for _ in range(int(CONVERGED_WITHIN_SECONDS - REDUCED_WITHIN_SECONDS)):
            if not self.gaps():
                break
            await asyncio.sleep(1)
        self._complain([told for told, _ in self.gaps()])
        return loop.time() - begun

    def _heal(self) -> None:
        world = self._world
        world.house.faults.clear()
        world.sn8.faults.plan(None)
        for name in world.plan.exchanges:
            venue = world.house.exchanges[name]
            for market in venue.states:
                venue.set_state(market, MarketState.LIVE)
        world.write_weights(dict.fromkeys(world.plan.symbols, DEFAULT_WEIGHT))
        self._operate(Verb.RESUME, "", "")

    def _complain(self, gaps: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        self._world.watcher.violations += [Violation(3, now, told) for told in gaps]

    def gaps(self) -> list[tuple[str, bool]]:
        """Every position that is not where it should be and names no reason, and whether it is too large."""
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
                    gaps.append((f"{account} {symbol}: {gap}; {why or 'no reason named'}", abs(held) > abs(wanted)))
        return gaps


def _gap(ledger: SymbolLedger, merged: Decimal, held: Decimal) -> str:
    """How a symbol differs from what is asked, empty when it does not."""
    decision = ledger.decision
    if decision is None:
        return f"merged depth {plain(merged)} has no decision" if merged != ZERO else ""
    if abs(decision.depth - merged) > abs(merged) * DEPTH_LEFT_ALONE:
        return f"decided on depth {plain(decision.depth)}, asked is {plain(merged)}"
    if held != decision.quantity or not ledger.is_confirmed:
        return f"holds {plain(held)}, decision {decision.number} asks {plain(decision.quantity)}"
    return ""


def _is_excused(ledger: SymbolLedger) -> bool:
    """Whether a named difference has a reason that waiting does not take away."""
    is_unreachable = ledger.decision is not None and bool(ledger.decision.unreachable)
    return is_unreachable or ledger.standing is not Standing.ACTIVE
