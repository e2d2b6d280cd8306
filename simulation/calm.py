"""12: an account that nothing troubles stands on target, whatever troubles the others."""

from core.model.identity import AccountId
from core.model.standing import Standings
from operations.views import read_passes
from simulation.actions import (
    Action,
    AimFault,
    Alert,
    Break,
    ForeignTrade,
    Liquidate,
    Market,
    Resend,
    ResendEarlier,
    RunStranger,
)
from simulation.gaps import gaps_of_account
from simulation.scene import NEVER
from simulation.whole_world import WholeWorld

AFTER_ITS_OWN_SECONDS = 180.0
"""After a fault of its own exchange: the longest window in which an order may still turn up, and a full check."""

AFTER_ALL_SECONDS = 35.0
"""After an alert, an edit, a command, a start: what an account may take that nothing hinders."""

TO_BE_SURE_SECONDS = 8.0
"""A gap must still be there so much later; a source that moves may have opened it a moment ago."""


class CalmCheck:
    """Looks at the accounts between the happenings of one world."""

    def __init__(self, world: WholeWorld) -> None:
        self._world = world
        self._all_at = 0.0
        self._interrupted_at = 0.0
        self._own_at: dict[str, float] = {}
        self._suspected: dict[str, float] = {}

    def take(self, action: Action) -> None:
        """Something happens: to one exchange alone, or to all accounts."""
        now = self._world.clock.seconds()
        match action:
            case AimFault():
                pass
            case Break(fault=fault) if fault.exchange:
                self._own_at[fault.exchange] = now
            case ForeignTrade(exchange=name) | Liquidate(exchange=name) | Market(exchange=name):
                self._own_at[name] = now
            case RunStranger(exchange=name, seconds=seconds):
                self._own_at[name] = now + seconds
            case Alert() | Resend() | ResendEarlier():
                self._all_at = now
            case _:
                self._all_at = self._interrupted_at = now

    def look(self) -> None:
        """What is calm must be on target."""
        world, now = self._world, self._world.clock.seconds()
        if world.engine is None or world.engine.journal.problem() or now - self._all_at < AFTER_ALL_SECONDS:
            self._suspected.clear()
            return
        standings = world.engine.journal.standings()
        passes = read_passes(world.home.last_passes)
        for name in world.plan.exchanges:
            account = AccountId(name)
            is_free = account in passes and not passes[account].trouble and not _is_restricted(standings, account)
            is_calm = is_free and now - self._last_trouble(account) >= AFTER_ITS_OWN_SECONDS
            gaps = gaps_of_account(world, account) if is_calm else []
            world.watcher.seen["calm account"] += is_calm
            if not gaps:
                self._suspected.pop(name, None)
            elif now - self._suspected.setdefault(name, now) >= TO_BE_SURE_SECONDS:
                world.watcher.fail(12, f"nothing troubles it for {now - self._all_at:.0f} s, and yet: {gaps[0]}")
                self._own_at[name] = now

    def _last_trouble(self, account: AccountId) -> float:
        """When something last hindered an account; a window that is open begins anew with an engine that is started."""
        name = account.exchange
        journal = self._world.engine.journal if self._world.engine else None
        is_open = journal and any(ledger.unsettled for ledger in journal.ledgers(account))
        hindered_at = max(self._own_at.get(name, NEVER), self._world.watcher.troubled_at.get(name, NEVER))
        return max(hindered_at, self._interrupted_at) if is_open else hindered_at


def _is_restricted(standings: Standings, account: AccountId) -> bool:
    return any(scope.account in (None, account) for scope in standings.by_scope)
