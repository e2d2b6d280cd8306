"""What of a simulated world is not where it should be."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from config.account_switches import AccountSwitches
from core.decisions.merge_signals import Merge, merge_signals
from core.model.identity import AccountId, Symbol
from core.model.money import ZERO
from operations.views import read_passes
from paper.effects import MarketState
from simulation.places import Place
from simulation.whole_world import WholeWorld


@dataclass(frozen=True, slots=True)
class Gap:
    """A position that is not where it should be and names no reason.

    Attributes:
        account: Whose.
        symbol: Which.
        told: In words.
        is_reduction: Whether less is to be held than is, or the other side, decided or only asked so far.
        waits_for_window: Whether a reduction of a part was lost, which twice would be too much of it.
        is_paced: Whether an increase waits after refusals, or after orders without an answer.
    """

    account: AccountId
    symbol: Symbol
    told: str
    is_reduction: bool
    waits_for_window: bool
    is_paced: bool = False


def gaps_of(world: WholeWorld) -> list[Gap]:
    """Every position that is not where it should be and names no reason; none while no engine runs."""
    return [_gap(place) for place in places_of(world) if place.gap and not place.excuse]


def gaps_of_account(world: WholeWorld, account: AccountId) -> list[str]:
    """The gaps of one account, in words, but those of symbols whose sources forbid an increase just now."""
    held_back = _merge(world).unready
    return [gap.told for gap in gaps_of(world) if gap.account == account and gap.symbol not in held_back]


def count_judged(world: WholeWorld) -> Counter[str]:
    """How many places are judged, how many of them are excused, and by what."""
    counts: Counter[str] = Counter()
    for place in places_of(world):
        counts["place judged"] += 1
        if place.gap and place.excuse:
            counts["place excused"] += 1
            counts[f"place excused: {place.excuse}"] += 1
    return counts


def places_of(world: WholeWorld) -> Iterator[Place]:
    """Every symbol of every account, also those that are not configured just now."""
    engine, watcher = world.engine, world.watcher
    if engine is None:
        return
    merge = _merge(world)
    passes = read_passes(world.home.last_passes)
    enabled = AccountSwitches(world.home).load()
    for account in map(AccountId, world.plan.exchanges):
        venue = world.house.exchanges[account.exchange]
        has_stranger = any(watcher.is_tainted((account, symbol)) for symbol in map(Symbol, world.plan.symbols))
        is_enabled = enabled.get(account, True)
        places = []
        for symbol in _symbols(world, merge):
            target = merge.targets.get(symbol) if is_enabled else None
            outcome = passes[account].outcomes.get(symbol) if account in passes else None
            place = Place(
                ledger=engine.journal.ledger(account, symbol),
                asked=target.depth if target else ZERO,
                held=watcher.held((account, symbol)),
                why=outcome.why if outcome else "",
                lot=watcher.scene.lot((account, symbol)),
                trades=venue.state(world.market_of(account.exchange, symbol)) is MarketState.LIVE,
                is_tainted=watcher.is_tainted((account, symbol)),
                has_stranger=has_stranger,
                is_followed=target is not None,
                is_listed_since=watcher.calls.shown.was_left_out(account.exchange, symbol),
            )
            places.append(place)
        stuck = [place.ledger.symbol for place in places if place.is_too_large and not place.trades]
        for place in places:
            yield replace(place, has_stuck=any(symbol != place.ledger.symbol for symbol in stuck))


def _gap(place: Place) -> Gap:
    account, symbol = place.ledger.account, place.ledger.symbol
    told = f"{account} {symbol}: {place.gap}; {place.why or 'no reason named'}"
    return Gap(account, symbol, told, place.is_reduction, place.waits_for_window, place.is_paced)


def _merge(world: WholeWorld) -> Merge:
    engine = world.engine
    if engine is None:
        return Merge({}, {})
    return merge_signals(engine.config.load(), engine.manager.judged_sources())


def _symbols(world: WholeWorld, merge: Merge) -> list[Symbol]:
    """What is configured or was, but what a source that is unreadable leaves as it is."""
    planned = map(Symbol, (*world.plan.symbols, *world.plan.network_symbols))
    forgotten = {symbol: None for symbol in planned if symbol not in merge.unready}
    return list(forgotten | dict.fromkeys(merge.targets))
