"""Every moment at which a machine can stop: after each write, sync and rename and at both edges of each exchange call.

A scenario is lived once. At each point the process forks, twice: in the child the machine has stopped, everything
that is not on the disk is forgotten (after a kill: all that was written stays; after a power cut: only what was
synced), a second later the services start again over what is left, and the child tells what it found in the end.
SQLite's single writes within one commit are not points of their own: without the commit's last frame a log's frames
are void, so all of them leave what the commit's sync finds.
"""

import asyncio
import json
import os
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from core.model.identity import AccountId, Symbol
from core.model.money import plain
from paper.ledger import Entry
from simulation.actions import Alert, DisableAccount, EditWeights, Step
from simulation.losing_disk import LosingDisk
from simulation.trial import MEMORY_FOLDER, Trial
from simulation.virtual_time import run_virtually
from simulation.whole_world import Plan, WholeWorld

SYMBOL = "BTCUSDT"
LAGS_SECONDS = (0.0, 1.0, 2.0)
BEGIN_SECONDS = 15.0
DOWN_SECONDS = 1.0
RESTARTED_WITHIN_SECONDS = 120.0
"""After the longest window in which an order may still turn up, everything stands on target."""

DISK_EVENTS_OF_A_KILL = ("wrote", "renamed")


class Stop(StrEnum):
    """How the machine stops."""

    KILL = "kill"
    POWER_CUT = "power cut"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens while every moment is tried.

    Attributes:
        before: Lived through first, without stops.
        steps: Stopped everywhere.
    """

    before: Sequence[Step]
    steps: Sequence[Step]


def _alert(at_seconds: float, depth: str) -> Step:
    return Step(at_seconds, Alert(SYMBOL, Decimal(depth)))


SCENARIOS: Mapping[str, Scenario] = {
    "open": Scenario((), (_alert(0.0, "0.5"),)),
    "resize": Scenario((_alert(2.0, "0.5"),), (_alert(0.0, "0.8"), _alert(8.0, "0.3"))),
    "flip": Scenario((_alert(2.0, "0.5"),), (_alert(0.0, "-0.5"),)),
    "disable": Scenario((_alert(2.0, "0.5"),), (Step(0.0, DisableAccount("")),)),
    "config": Scenario((_alert(2.0, "0.5"),), (Step(0.0, EditWeights({SYMBOL: Decimal("0.1")})), _alert(3.0, "0.4"))),
    "burst": Scenario((_alert(2.0, "0.5"),), (_alert(0.0, "0.4"), _alert(0.05, "-0.6"), _alert(0.1, "0.2"))),
}
EXCHANGE_OF_LAG: Mapping[float, str] = {0.0: "bybit", 1.0: "mexc", 2.0: "kucoin"}
"""Every exchange takes part without all of them multiplying the points; BloFin's turn is below."""

EXCHANGE_OF: Mapping[tuple[str, float], str] = {
    ("open", 1.0): "blofin",
    ("flip", 2.0): "blofin",
    ("resize", 0.0): "blofin",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What all points of one scenario showed.

    Attributes:
        scenario: Its name.
        lag_seconds: How far position reads lagged behind.
        exchange: Where.
        points: Moments tried.
        failures: By moment: what was wrong.
    """

    scenario: str
    lag_seconds: float
    exchange: str
    points: int
    failures: Mapping[str, Sequence[str]]


def try_all(names: Sequence[str], lags: Sequence[float], jobs: int) -> list[Found]:
    """Try every point of the scenarios with every lag."""
    runs = [(name, lag) for name in names for lag in lags]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(try_scenario, name, lag) for name, lag in runs]
        found = [future.result() for future in as_completed(futures)]
    return sorted(found, key=lambda one: (names.index(one.scenario), one.lag_seconds))


def try_scenario(name: str, lag_seconds: float, seed: int = 1) -> Found:
    """Try every point of one scenario."""
    exchange = EXCHANGE_OF.get((name, lag_seconds), EXCHANGE_OF_LAG.get(lag_seconds, "bybit"))
    plan = Plan(seed, symbols=(SYMBOL,), network_symbols=(), exchanges=(exchange,))
    with tempfile.TemporaryDirectory(prefix="crashing-", dir=MEMORY_FOLDER) as folder:
        root = Path(folder) / "home"
        root.mkdir()
        disk = LosingDisk(root)
        with disk.listening():
            points = run_virtually(_live(SCENARIOS[name], plan, disk, root, lag_seconds))
    return Found(name, lag_seconds, exchange, points.tried, points.failures)


async def _live(scenario: Scenario, plan: Plan, disk: LosingDisk, root: Path, lag_seconds: float) -> "_Points":
    world = WholeWorld(root, plan)
    venue = world.house.exchanges[plan.exchanges[0]]
    venue.effects = replace(venue.effects, position_lag_ms=int(lag_seconds * 1000))
    points = _Points(world, disk, root.parent)
    trial = Trial(world)
    begun = world.clock.seconds()
    async with world.running():
        await _follow(scenario.before, trial, begun)
        await _sleep_until(begun + BEGIN_SECONDS)
        points.arm()
        await _follow(scenario.steps, trial, begun + BEGIN_SECONDS)
        await asyncio.sleep(10 + lag_seconds)
        points.disarm()
        wrong = trial.gaps() + [violation.told for violation in world.watcher.violations]
        if wrong:
            points.failures["without a stop"] = wrong
    await world.house.close()
    return points


async def _follow(steps: Sequence[Step], trial: Trial, begun: float) -> None:
    for step in steps:
        await _sleep_until(begun + step.at_seconds)
        await trial.happenings.apply(step.action)


async def _sleep_until(seconds: float) -> None:
    await asyncio.sleep(max(0.0, seconds - asyncio.get_running_loop().time()))


class _Points:
    """Forks at every moment that leaves another disk or another exchange behind."""

    def __init__(self, world: WholeWorld, disk: LosingDisk, folder: Path) -> None:
        self.tried = 0
        self.failures: dict[str, Sequence[str]] = {}
        self._world = world
        self._disk = disk
        self._folder = folder
        self._is_armed = False
        disk.on_change = self._disk_changed
        world.house.ledger.observers.append(self._exchange_changed)

    def arm(self) -> None:
        """From now on every moment is tried, this one first."""
        self._is_armed = True
        self._try("begin", tuple(Stop))

    def disarm(self) -> None:
        """No more moments."""
        self._is_armed = False

    def _disk_changed(self, what: str) -> None:
        self._try(what, (Stop.KILL,) if what.startswith(DISK_EVENTS_OF_A_KILL) else (Stop.POWER_CUT,))

    def _exchange_changed(self, entry: Entry) -> None:
        if entry.kind in ("request", "answer"):
            self._try(f"{entry.kind} {entry.facts['endpoint']}", tuple(Stop))

    def _try(self, place: str, stops: Sequence[Stop]) -> None:
        if not self._is_armed:
            return
        for stop in stops:
            self.tried += 1
            wrong = self._stop_here(stop)
            if wrong:
                self.failures[f"{self.tried}: {stop} at {self._world.clock.seconds():.3f} s, {place}"] = wrong

    def _stop_here(self, stop: Stop) -> Sequence[str]:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._is_armed = False
            self._die(stop, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            content = pipe.read()
        os.waitpid(child, 0)
        told: Sequence[str] = json.loads(content) if content else ["the child said nothing"]
        return told

    def _die(self, stop: Stop, writing: int) -> None:
        """In the child: go on as the machine would after its restart, say what was wrong, and end."""
        wrong: Any
        try:
            wrong = self._restart(stop)
        except BaseException:  # noqa: BLE001 - the child's boundary: the parent is told, whatever it was
            wrong = [traceback.format_exc()]
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(json.dumps(wrong).encode())
        os._exit(0)

    def _restart(self, stop: Stop) -> Sequence[str]:
        left = Path(tempfile.mkdtemp(prefix="left-", dir=self._folder))
        leave = self._disk.after_kill if stop is Stop.KILL else self._disk.after_power_cut
        leave(left)
        self._disk.on_change = lambda _: None
        asyncio._set_running_loop(None)  # noqa: SLF001 - the old loop died with the machine
        now = self._world.clock.seconds() + DOWN_SECONDS
        return run_virtually(self._aftermath(left), start_seconds=now)

    async def _aftermath(self, left: Path) -> Sequence[str]:
        world = self._world
        world.move_to(left, asyncio.get_running_loop())
        trial = Trial(world)
        wrong: list[str] = []
        async with world.serving():
            await trial.happenings.start()
            for _ in range(int(RESTARTED_WITHIN_SECONDS)):
                await asyncio.sleep(1)
                wrong = trial.gaps()
                if not wrong:
                    break
            wrong += self._lost_alerts()
            if world.engine:
                world.watcher.words.check_books(world.engine.journal)
            await world.stop_engine()
        wrong += [f"rule {violation.invariant}: {violation.told}" for violation in world.watcher.violations]
        return wrong + self._too_much_traded()

    def _lost_alerts(self) -> list[str]:
        """What was answered 200 is in force; what was in question may be."""
        said = self._world.trading_view
        told = [depth for _, depth in (*said.acknowledged[-1:], *filter(None, [said.in_question]))]
        frame = self._world.services.webhook.processor.frame()
        depth = next((signal.depth for signal in frame.signals), None)
        if not told or depth in told or (depth is None and not said.acknowledged):
            return []
        return [f"the endpoint stands on {depth}, answered were {said.acknowledged}"]

    def _too_much_traded(self) -> list[str]:
        watcher = self._world.watcher
        place = (AccountId(self._world.plan.exchanges[0]), Symbol(SYMBOL))
        traded, planned = watcher.orders.traded[place], watcher.planned(place)
        return [f"traded {plain(traded)}, the decisions ask for {plain(planned)}"] if traded > planned else []
