"""What the operator does to a simulated world: edits, valid and not, and commands."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from core.model.failures import StorageFailure
from core.model.identity import AccountId, Symbol
from core.model.standing import Scope, Verb
from operations.command_files import give_command
from simulation.actions import (
    DisableAccount,
    EditMapping,
    EditWeights,
    Operate,
    RepeatSymbol,
    SpoilMapping,
    SpoilWeights,
)
from simulation.whole_world import WholeWorld

SEEN_AFTER_SECONDS = 1.0
"""By then an edit was looked at."""


class Operator:
    """The operator of one world; what finds no room on the disk is not written.

    Args:
        world: The world.
        start_engine: Starts its engine, where its files allow that.
    """

    def __init__(self, world: WholeWorld, start_engine: Callable[[], Awaitable[None]]) -> None:
        self._world = world
        self._start_engine = start_engine

    async def edit(self, action: EditWeights | SpoilWeights | RepeatSymbol | EditMapping | SpoilMapping) -> None:
        """Edit a file; what is not valid must be refused, and an engine that could not start is started again."""
        world = self._world
        with contextlib.suppress(StorageFailure):
            match action:
                case EditWeights(weights=weights):
                    world.write_weights(weights)
                case EditMapping(mapping=mapping):
                    world.write_mapping(mapping)
                case SpoilWeights():
                    world.spoil_weights()
                case RepeatSymbol():
                    world.repeat_symbol()
                case SpoilMapping():
                    world.spoil_mapping()
        if isinstance(action, RepeatSymbol | SpoilMapping | SpoilWeights):
            await self._demand_refusal(action)
        elif world.engine is None:
            await self._start_engine()

    async def _demand_refusal(self, action: RepeatSymbol | SpoilMapping | SpoilWeights) -> None:
        """14: what is not valid changes nothing, and somebody says so."""
        world = self._world
        before = world.engine.config.load().version if world.engine else ""
        await asyncio.sleep(SEEN_AFTER_SECONDS)
        if world.engine and not world.version_on_disk():
            if not world.engine.config.problem():
                world.watcher.fail(14, f"nobody says that this edit is not valid: {action}")
            if before and world.engine.config.load().version != before:
                world.watcher.fail(14, f"an edit that is not valid was taken: {action}")

    def say(self, action: DisableAccount | Operate) -> None:
        """Disable an account, or command something."""
        with contextlib.suppress(StorageFailure):
            if isinstance(action, Operate):
                self.command(action.verb, action.exchange, action.symbol)
            else:
                self._world.switch_account(action.exchange or self._world.plan.exchanges[0], is_enabled=False)

    def command(self, verb: Verb, exchange: str = "", symbol: str = "") -> None:
        """Command something; empty names mean all."""
        world = self._world
        scope = Scope(AccountId(exchange) if exchange else None, Symbol(symbol) if symbol else None)
        applied = world.engine.journal.last_command() if world.engine else 0
        give_command(world.home.operator_commands, verb, scope, "simulation", world.clock.now(), "told to", applied)
