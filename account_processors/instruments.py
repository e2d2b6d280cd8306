"""The rules of every instrument of one exchange: cached for an hour, fetched once however many ask."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from account_processors.outcomes import CallFailed
from account_processors.replies import MalformedReply, Row
from core.model.failures import InvalidInput
from core.model.identity import Symbol
from core.model.instrument import Instrument
from core.model.reading import Known, Reading, Unknown
from core.ports.clock import Clock

FRESH_SECONDS = 3600.0
RETRY_SECONDS = 30.0
"""How long old rules serve on after a refresh failed, before the next try."""
LONGEST_WAIT_SECONDS = 1.0
"""How long a read waits for a refresh while older rules can serve."""

FIRST_RETRY_SECONDS = 1.0
"""The same while there are no rules at all."""


class Unlisted(MalformedReply):
    """An answer names an instrument that the list of instruments, as we have it, does not."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What an exchange lists.

    Attributes:
        instruments: USDT-margined linear perpetuals by unified symbol.
        others: The exchange's names of everything else it lists; positions in those are not ours to read.
    """

    instruments: Mapping[Symbol, Instrument]
    others: frozenset[str] = frozenset()
    by_exchange_symbol: Mapping[str, Instrument] = field(init=False)

    def __post_init__(self) -> None:
        index = {instrument.exchange_symbol: instrument for instrument in self.instruments.values()}
        object.__setattr__(self, "by_exchange_symbol", index)

    def instrument_of(self, exchange_symbol: str) -> Instrument | None:
        """The rules behind an exchange's name, None for something listed that is no USDT perpetual.

        Raises:
            Unlisted: If the exchange never listed that name: its size cannot be read.
        """
        instrument = self.by_exchange_symbol.get(exchange_symbol)
        if instrument is None and exchange_symbol not in self.others:
            raise Unlisted(f"{exchange_symbol}: not in the exchange's list of instruments")
        return instrument

    def after(self, older: "Listing | None") -> "Listing":
        """This listing, with what has left it kept as not tradable, so that a position in it stays readable."""
        if older is None:
            return self
        gone = {
            symbol: replace(instrument, tradable=False)
            for symbol, instrument in older.instruments.items()
            if symbol not in self.instruments
        }
        return Listing({**self.instruments, **gone}, self.others | older.others)


class Unnameable(MalformedReply):
    """A coin whose name no unified symbol can carry; nobody can ask for it."""


def make_listing(
    rows: Iterable[Row], name_field: str, is_ours: Callable[[Row], bool], read_rules: Callable[[Row], Instrument]
) -> Listing:
    """What is listed; a row that cannot be read leaves only its own symbol out.

    Args:
        rows: One per instrument.
        name_field: Where the exchange's name stands.
        is_ours: Whether it is a USDT-margined linear perpetual.
        read_rules: Its rules.

    Returns:
        Of two rows with one unified symbol the tradable one counts. A position in a row that could not be read is
        unknown; one in a coin that no symbol can name is somebody else's.

    Raises:
        MalformedReply: If a row has no name, or none can be read at all.
    """
    instruments: dict[Symbol, Instrument] = {}
    others: set[str] = set()
    problem = ""
    for row in rows:
        name = row.text(name_field)
        try:
            rules = read_rules(row) if is_ours(row) else None
        except Unnameable:
            rules = None
        except (MalformedReply, InvalidInput) as error:
            problem = problem or str(error)
            continue
        if rules is None:
            others.add(name)
            continue
        rival = instruments.get(rules.symbol)
        if rival is None or (rules.tradable and not rival.tradable):
            instruments[rules.symbol] = rules
        if rival is not None:
            others.add(rival.exchange_symbol if instruments[rules.symbol] is rules else name)
    if problem and not instruments:
        raise MalformedReply(f"no instrument can be read: {problem}")
    return Listing(instruments, frozenset(others))


Fetch = Callable[[], Awaitable[Listing]]


class InstrumentCache:
    """One exchange's listing, shared by all its accounts."""

    def __init__(self) -> None:
        self.last: Known[Listing] | None = None
        self._failure = Unknown("instruments: never asked for")
        self._fresh_until = 0.0
        self._doubt_from = 0.0
        self._fetching: asyncio.Task[Reading[Listing]] | None = None
        self._fetcher: object = None

    async def read(self, fetch: Fetch, clock: Clock, owner: object) -> Reading[Listing]:
        """The listing, fetched on behalf of the owner when there is none younger than an hour.

        A failed refresh leaves the older listing in force, with its own time; only a first failure is Unknown. A slow
        one is waited for a little while only: exits stand behind this read.
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._fresh_until:
            return self.last or self._failure
        if self._fetching is None:
            self._fetching = loop.create_task(self._fetch(fetch, clock))
            self._fetching.add_done_callback(self._end_of_fetch)
            self._fetcher = owner
        fetching = self._fetching
        await asyncio.wait([fetching], timeout=LONGEST_WAIT_SECONDS if self.last else None)
        if self.last and not fetching.done():
            return self.last
        return (
            Unknown("instruments: the account that fetched them was closed")
            if fetching.cancelled()
            else fetching.result()
        )

    def drop(self) -> None:
        """Fetch anew at the next read; until that succeeds the older listing serves on."""
        self._fresh_until = 0.0

    def doubt(self) -> None:
        """As drop, but at most every 30 s: something was named that the listing lacks, perhaps because it is new."""
        if asyncio.get_running_loop().time() >= self._doubt_from:
            self.drop()

    async def close(self, owner: object) -> None:
        """End a fetch that the owner has under way; others who wait for it read Unknown."""
        if self._fetching is not None and self._fetcher == owner:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])

    def _end_of_fetch(self, _: "asyncio.Task[Reading[Listing]]") -> None:
        self._fetching = self._fetcher = None

    async def _fetch(self, fetch: Fetch, clock: Clock) -> Reading[Listing]:
        at = clock.now()
        loop = asyncio.get_running_loop()
        try:
            listing = await fetch()
        except (CallFailed, MalformedReply, InvalidInput) as error:
            self._failure = Unknown(f"instruments: {error}")
            self._fresh_until = loop.time() + (RETRY_SECONDS if self.last else FIRST_RETRY_SECONDS)
            return self.last or self._failure
        self.last = Known(listing.after(self.last.value if self.last else None), at)
        self._fresh_until, self._doubt_from = loop.time() + FRESH_SECONDS, loop.time() + RETRY_SECONDS
        return self.last
