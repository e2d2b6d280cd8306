"""What an action does to a simulated world."""

import contextlib
import hashlib
import shutil
from dataclasses import replace
from decimal import Decimal

from core.model.failures import InvalidConfig, StorageFailure
from core.model.identity import AccountId, Symbol
from core.model.money import ZERO, plain
from operations.engine_lock import AlreadyRunning
from operations.journal_copy import copy_journal, renew_epoch
from paper.interventions import liquidate_now, trade_from_elsewhere
from paper.refusals import Refused
from simulation.actions import (
    Action,
    AimFault,
    Alert,
    BackUpJournal,
    Break,
    BreakNetwork,
    DisableAccount,
    EditMapping,
    EditWeights,
    ExpectFlat,
    ExpectHeld,
    ExpectTold,
    FillDisk,
    ForeignTrade,
    FreeDisk,
    Heal,
    Liquidate,
    Market,
    Operate,
    RepeatSymbol,
    Resend,
    ResendEarlier,
    Restart,
    RestoreJournal,
    RunStranger,
    Shock,
    SpoilMapping,
    SpoilWeights,
    StartSecondEngine,
    StartService,
    StepClock,
    StopService,
)
from simulation.operating import Operator
from simulation.surroundings import Surroundings
from simulation.whole_world import WholeWorld


class Happenings:
    """Lets actions happen in one world.

    Attributes:
        operator: What its operator does.
        surroundings: What its machine and other installations do.
    """

    def __init__(self, world: WholeWorld) -> None:
        self._world = world
        self._traded: dict[tuple[AccountId, Symbol], Decimal] = {}
        self.operator = Operator(world, self.start)
        self.surroundings = Surroundings(world, self.start)

    async def apply(self, action: Action) -> None:
        """Let it happen."""
        match action:
            case Alert() | Resend() | ResendEarlier():
                await self._signal(action)
            case Break() | AimFault() | Heal():
                self._break(action)
            case EditWeights() | SpoilWeights() | RepeatSymbol() | EditMapping() | SpoilMapping():
                await self.operator.edit(action)
                await self._world.services.start_those_turned_away()
            case DisableAccount() | Operate():
                self.operator.say(action)
            case FillDisk() | FreeDisk() | StopService() | StartService() | RunStranger():
                await self.surroundings.apply(action)
            case Restart() | BackUpJournal() | RestoreJournal() | StartSecondEngine():
                await self._disturb(action)
            case ExpectFlat() | ExpectHeld() | ExpectTold():
                self._expect(action)
            case _:
                self._intervene(action)

    async def _signal(self, action: Alert | Resend | ResendEarlier) -> None:
        """What TradingView sends."""
        match action:
            case Alert(symbol=symbol, depth=depth):
                allowed = self.surroundings.answers_allowed(symbol)
                answer = await self._world.alert(symbol, depth)
                if answer.status not in allowed:
                    self._world.watcher.fail(4, f"alert {symbol} {depth} got {answer}, allowed were {allowed}")
            case Resend(symbol=symbol):
                await self._resend(symbol, 1)
            case ResendEarlier(symbol=symbol):
                await self._resend(symbol, 2)

    async def _resend(self, symbol: str, back: int) -> None:
        wrong = await self._world.trading_view.resend(self._world.services, symbol, back)
        if wrong:
            self._world.watcher.fail(5, wrong)

    def _break(self, action: Break | AimFault | Heal) -> None:
        """Put a fault in force, now or at its moment, or take all away; a symbol may be a unified one."""
        match action:
            case Break(fault=fault):
                if fault.symbol and fault.exchange:
                    fault = replace(fault, symbol=self._world.market_of(fault.exchange, fault.symbol))
                self._world.house.faults.add(fault)
            case AimFault():
                self._world.aims.add(action)
            case Heal():
                self._world.house.faults.clear()

    async def _disturb(self, action: Restart | BackUpJournal | RestoreJournal | StartSecondEngine) -> None:
        """What happens around the engine on its own machine."""
        world = self._world
        copy = world.home.path / "backup.sqlite"
        match action:
            case Restart(is_crash=is_crash):
                await self._restart(is_crash=is_crash)
            case BackUpJournal():
                copy_journal(world.home.journal, copy)
            case RestoreJournal():
                await world.stop_engine()
                world.forget_journal()
                for rest in world.home.journal.parent.glob(f"{world.home.journal.name}*"):
                    rest.unlink()
                shutil.copy(copy, world.home.journal)
                renew_epoch(world.home.journal, hashlib.md5(str(world.plan.seed).encode()).hexdigest())  # noqa: S324 - chance
                await self.start()
            case StartSecondEngine():
                with contextlib.suppress(AlreadyRunning):
                    await world.start_engine()
                    world.watcher.fail(15, "a second engine started on the same data")

    def _expect(self, action: ExpectFlat | ExpectHeld | ExpectTold) -> None:
        watcher = self._world.watcher
        if isinstance(action, ExpectTold):
            if not watcher.told[action.event]:
                watcher.fail(15, f"nobody told: {action.event}")
            return
        for name in self._world.plan.exchanges:
            held = watcher.held((AccountId(name), Symbol(action.symbol)))
            if (held != ZERO) is not isinstance(action, ExpectHeld):
                wanted = "something" if isinstance(action, ExpectHeld) else "nothing"
                watcher.fail(16, f"{name} holds {plain(held)} of {action.symbol}, expected was {wanted}")
        if isinstance(action, ExpectHeld):
            self._compare_traded(action.symbol, is_untouched=action.is_untouched)

    def _compare_traded(self, symbol: str, *, is_untouched: bool) -> None:
        traded = self._world.watcher.orders.traded
        for name in self._world.plan.exchanges:
            place = (AccountId(name), Symbol(symbol))
            if is_untouched and self._traded.get(place, ZERO) != traded[place]:
                self._world.watcher.fail(14, f"{name} traded {symbol}, which nobody asked for")
            self._traded[place] = traded[place]

    def _intervene(self, action: Action) -> None:
        """What happens on an exchange without the engine's doing."""
        house = self._world.house
        match action:
            case ForeignTrade(exchange=name, symbol=symbol, share=share):
                venue, account, market = house.exchanges[name], house.account(name), self._world.market_of(name, symbol)
                held = sum((row.quantity for row in account.held(market)), ZERO)
                lot = venue.markets[market].lot_step
                quantity = (held * share / lot).to_integral_value(rounding="ROUND_DOWN") * lot
                if quantity:
                    self._world.watcher.taint((AccountId(name), Symbol(symbol)))
                    with contextlib.suppress(Refused):
                        trade_from_elsewhere(venue, account, market, quantity)
            case Liquidate(exchange=name, symbol=symbol):
                self._world.watcher.taint((AccountId(name), Symbol(symbol)))
                liquidate_now(house.exchanges[name], house.account(name), self._world.market_of(name, symbol))
            case Market(exchange=name, symbol=symbol, state=state):
                house.exchanges[name].set_state(self._world.market_of(name, symbol), state)
            case StepClock(seconds=seconds):
                self._world.clock.step(seconds)
                self._world.watcher.scene.stepped_at = self._world.watcher.scene.time()
            case BreakNetwork(fault=fault, answers=answers):
                self._world.sn8.faults.plan(fault, answers)
            case Shock(symbol=symbol, factor=factor):
                house.move_price(symbol.removesuffix("USDT"), factor=factor)

    async def _restart(self, *, is_crash: bool) -> None:
        if is_crash and self._world.draw("power cut"):
            await self._world.crash_machine()
        else:
            await self._world.stop_engine(is_crash=is_crash)
        await self.start()

    async def start(self) -> None:
        """Start the engine; over an invalid configuration it refuses, and is started again once that is mended."""
        with contextlib.suppress(InvalidConfig, StorageFailure):
            await self._world.start_engine()
