"""Which markets do not trade now and may again."""

from collections.abc import Iterable, Mapping, Sequence

from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.ledger import SymbolLedger
from core.model.reading import Reading, Unknown


def find_halted(
    wanted: Iterable[Symbol], listed: Reading[Mapping[Symbol, Instrument]], ledgers: Sequence[SymbolLedger]
) -> list[Symbol]:
    """Wanted symbols that are halted, as far as the exchange's rules tell.

    Some exchanges leave a halted market out of their list. An engine that starts meanwhile never saw it there; that it
    was traded or sized once tells it from what the exchange never listed.

    Args:
        wanted: Symbols with a target.
        listed: The exchange's rules.
        ledgers: Of the account.
    """
    if isinstance(listed, Unknown):
        return []
    rules = listed.value
    known = {ledger.symbol for ledger in ledgers if ledger.ever_traded or (ledger.decision and ledger.decision.price)}
    return [symbol for symbol in wanted if (not rules[symbol].tradable if symbol in rules else symbol in known)]
