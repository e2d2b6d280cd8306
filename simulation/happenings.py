"""What an action does to a simulated world."""

import asyncio
import contextlib
import hashlib
import shutil
from dataclasses import replace
from decimal import Decimal

from core.model.failures import InvalidConfig
from core.model.identity import AccountId, Symbol
from core.model.money import ZERO, plain
from core.model.standing import Scope, Verb
from operations.command_files import give_command
from operations.engine_lock import AlreadyRunning
from operations.journal_copy import copy_journal, renew_epoch
from paper.faults import Fault
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
    EditWeights,
    ExpectFlat,
    ExpectHeld,
    ForeignTrade,
    Heal,
    Liquidate,
    Market,
    Operate,
    RepeatSymbol,
    Resend,
    ResendEarlier,
    Restart,
    RestoreJournal,
    Shock,
    SpoilWeights,
    StartSecondEngine,
    StepClock,
)
from simulation.whole_world import ANSWERED, WholeWorld


class Happenings:
    """Lets actions happen in one world."""

    def __init__(self, world: WholeWorld) -> None:
        self._world = world
        self._traded: dict[tuple[AccountId, Symbol], Decimal] = {}

    async def apply(self, action: Action) -> None:
        """Let it happen."""
        match action:
            case Alert() | Resend() | ResendEarlier():
                await self._signal(action)
            case Break(fault=fault):
                self._break(fault)
            case AimFault():
                self._world.aims.add(action)
            case Heal():
                self._world.house.faults.clear()
            case EditWeights() | SpoilWeights() | RepeatSymbol() | Operate() | DisableAccount():
                await self._order(action)
            case Restart() | BackUpJournal() | RestoreJournal() | StartSecondEngine():
                await self._disturb(action)
            case ExpectFlat(symbol=symbol):
                self._expect(symbol, is_held=False)
            case ExpectHeld(symbol=symbol, is_untouched=is_untouched):
                self._expect(symbol, is_held=True)
                self._compare_traded(symbol, is_untouched=is_untouched)
            case _:
                self._intervene(action)

    async def _signal(self, action: Alert | Resend | ResendEarlier) -> None:
        """What TradingView sends."""
        match action:
            case Alert(symbol=symbol, depth=depth):
                answer = await self._world.alert(symbol, depth)
                if answer.status != ANSWERED:
                    self._world.watcher.fail(4, f"alert {symbol} {depth} got {answer}")
            case Resend(symbol=symbol):
                await self._world.resend(symbol)
            case ResendEarlier(symbol=symbol):
                await self._world.resend(symbol, back=2)

    def _break(self, fault: Fault) -> None:
        """Put a fault in force; its symbol may be a unified one."""
        if fault.symbol and fault.exchange:
            fault = replace(fault, symbol=self._world.market_of(fault.exchange, fault.symbol))
        self._world.house.faults.add(fault)

    async def _order(self, action: EditWeights | SpoilWeights | RepeatSymbol | Operate | DisableAccount) -> None:
        """What the operator does."""
        match action:
            case EditWeights(weights=weights):
                self._world.write_weights(weights)
                if self._world.engine is None:
                    await self.start()
            case SpoilWeights():
                self._world.spoil_weights()
            case RepeatSymbol():
                self._world.repeat_symbol()
                await asyncio.sleep(1)
                if self._world.engine and not self._world.engine.config.problem():
                    self._world.watcher.fail(14, "a symbol given twice was accepted")
            case DisableAccount(exchange=exchange):
                self._world.switch_account(exchange or self._world.plan.exchanges[0], is_enabled=False)
            case Operate(verb=verb, exchange=exchange, symbol=symbol):
                self.operate(verb, exchange, symbol)

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
                for rest in world.home.journal.parent.glob(f"{world.home.journal.name}*"):
                    rest.unlink()
                shutil.copy(copy, world.home.journal)
                renew_epoch(world.home.journal, hashlib.md5(str(world.plan.seed).encode()).hexdigest())  # noqa: S324 - chance
                await self.start()
            case StartSecondEngine():
                with contextlib.suppress(AlreadyRunning):
                    await world.start_engine()
                    world.watcher.fail(15, "a second engine started on the same data")

    def _expect(self, symbol: str, *, is_held: bool) -> None:
        watcher = self._world.watcher
        for name in self._world.plan.exchanges:
            held = watcher.held((AccountId(name), Symbol(symbol)))
            if (held != ZERO) is not is_held:
                wanted = "something" if is_held else "nothing"
                watcher.fail(16, f"{name} holds {plain(held)} of {symbol}, expected was {wanted}")

    def _compare_traded(self, symbol: str, *, is_untouched: bool) -> None:
        traded = self._world.watcher.traded
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
            case BreakNetwork(fault=fault, answers=answers):
                self._world.sn8.faults.plan(fault, answers)
            case Shock(symbol=symbol, factor=factor):
                house.move_price(symbol.removesuffix("USDT"), factor=factor)

    async def _restart(self, *, is_crash: bool) -> None:
        await self._world.stop_engine(is_crash=is_crash)
        await self.start()

    async def start(self) -> None:
        """Start the engine; over an invalid configuration it refuses, and is started again once that is mended."""
        with contextlib.suppress(InvalidConfig):
            await self._world.start_engine()

    def operate(self, verb: Verb, exchange: str, symbol: str) -> None:
        """Command something; empty names mean all."""
        world = self._world
        scope = Scope(AccountId(exchange) if exchange else None, Symbol(symbol) if symbol else None)
        applied = world.engine.journal.last_command() if world.engine else 0
        give_command(world.home.operator_commands, verb, scope, "simulation", world.clock.now(), "told to", applied)
