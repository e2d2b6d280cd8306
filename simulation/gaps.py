"""What of a simulated world is not where it should be."""

from decimal import Decimal

from config.account_switches import AccountSwitches
from core.decisions.merge_signals import Merge, merge_signals
from core.model.identity import AccountId, Symbol
from core.model.ledger import SymbolLedger
from core.model.money import ZERO, plain
from core.model.standing import Standing
from operations.views import read_passes
from paper.effects import MarketState
from simulation.whole_world import WholeWorld

DEPTH_LEFT_ALONE = Decimal("0.06")
"""A source that moves at every poll is followed in steps of 5 %."""

LEAST_DEPTH_CHANGE = Decimal("0.0001")
"""A smaller change of a depth that stays on its side is no new decision."""

BELOW_MINIMUM = "less than the exchange's minimum"
"""In the reason of what is left because an order for it would be too small."""

ANOTHER_ENGINE = "another engine"
"""In the reason of an account that another engine was seen to trade on; that may be found out after the healing."""


def gaps_of(world: WholeWorld, reopened: set[tuple[str, Symbol]]) -> list[tuple[str, bool]]:
    """Every position that is not where it should be and names no reason, and whether it is too large for long.

    That a market trades again is found out at the next full check, so a reduction there may take that long. A partial
    reduction whose answer was lost waits until its not-found window has closed, since twice would be too much of it.

    Args:
        world: The world.
        reopened: By exchange: symbols that trade again since a moment.
    """
    gaps: list[tuple[str, bool]] = []
    for account, symbol, told in _named_gaps(world):
        ledger = world.engine.journal.ledger(account, symbol) if world.engine else None
        wanted = ledger.decision.quantity if ledger and ledger.decision else ZERO
        is_larger = abs(world.watcher.held((account, symbol))) > abs(wanted)
        is_for_long = (account.exchange, symbol) not in reopened and not (ledger and _waits_for_its_window(ledger))
        gaps.append((told, is_larger and is_for_long))
    return gaps if world.engine else [("no engine runs", False)]


def gaps_of_account(world: WholeWorld, account: AccountId) -> list[str]:
    """The gaps of one account, in words, but those of symbols whose sources forbid an increase just now."""
    held_back = _merge(world).unready
    return [told for where, symbol, told in _named_gaps(world) if where == account and symbol not in held_back]


def _named_gaps(world: WholeWorld) -> list[tuple[AccountId, Symbol, str]]:
    engine = world.engine
    if engine is None:
        return []
    merged = _merge(world).targets
    passes = read_passes(world.home.last_passes)
    enabled = AccountSwitches(world.home).load()
    gaps: list[tuple[AccountId, Symbol, str]] = []
    for account in map(AccountId, world.plan.exchanges):
        for symbol, target in merged.items():
            ledger = engine.journal.ledger(account, symbol)
            held = world.watcher.held((account, symbol))
            outcome = passes[account].outcomes.get(symbol) if account in passes else None
            why = outcome.why if outcome else ""
            gap = _gap(ledger, target.depth if enabled.get(account, True) else ZERO, held)
            if gap and not (why and _is_excused(world, ledger, why)):
                gaps.append((account, symbol, f"{account} {symbol}: {gap}; {why or 'no reason named'}"))
    return gaps


def _merge(world: WholeWorld) -> Merge:
    engine = world.engine
    if engine is None:
        return Merge({}, {})
    return merge_signals(engine.config.load(), engine.manager.judged_sources())


def _waits_for_its_window(ledger: SymbolLedger) -> bool:
    is_partial = ledger.decision is not None and ledger.decision.quantity != ZERO
    return is_partial and any(record.intent.reduce_only for record in ledger.unsettled)


def _has_a_stranger(world: WholeWorld, account: AccountId) -> bool:
    """Whether another engine really traded there, so that only the operator lets the account open again."""
    return any(world.watcher.is_tainted((account, symbol)) for symbol in map(Symbol, world.plan.symbols))


def _does_not_trade(world: WholeWorld, account: AccountId, symbol: Symbol) -> bool:
    venue = world.house.exchanges[account.exchange]
    return venue.state(world.market_of(account.exchange, symbol)) is not MarketState.LIVE


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


def _is_excused(world: WholeWorld, ledger: SymbolLedger, why: str) -> bool:
    """Whether a named difference has a reason that waiting does not take away."""
    account, symbol = ledger.account, ledger.symbol
    return (
        world.watcher.is_tainted((account, symbol))
        or (ledger.decision is not None and bool(ledger.decision.unreachable))
        or ledger.standing is not Standing.ACTIVE
        or BELOW_MINIMUM in why
        or (ANOTHER_ENGINE in why and _has_a_stranger(world, account))
        or _does_not_trade(world, account, symbol)
    )
