"""What the journal holds, as rows of SQLite and back."""

from collections.abc import Iterator, Sequence
from itertools import chain

import apsw
import msgspec

from core.model import events as vocabulary
from core.model.events import Event, SymbolEvent
from core.model.identity import AccountId, SourceName
from core.model.ledger import LedgerKey, SymbolLedger
from core.model.risk import ValueMarks
from core.model.signal import SourceFrame
from core.model.standing import SetStanding, Standings

MARKS_PREFIX = "value_marks "

_KINDS: dict[str, type[SymbolEvent]] = {
    name: kind
    for name, kind in vars(vocabulary).items()
    if isinstance(kind, type) and issubclass(kind, SymbolEvent) and kind is not SymbolEvent
}

Row = tuple[str, tuple[str, ...]]

_EVENTS = "INSERT INTO events (at, kind, account, symbol, payload) VALUES {}"
_EVENT = "(?, ?, ?, ?, ?)"
_LEDGERS = "INSERT INTO ledgers VALUES {} ON CONFLICT (account, symbol) DO UPDATE SET payload = excluded.payload"
_LEDGER = "(?, ?, ?)"
_INSERT_EVENT, _REPLACE_LEDGER = _EVENTS.format(_EVENT), _LEDGERS.format(_LEDGER)
_MOST_AT_ONCE = 500
"""Rows of one statement; five values each, far below SQLite's limit of 32,766."""


def event_row(event: Event) -> Row:
    """One event as a row."""
    payload = msgspec.json.encode(event).decode()
    values = (event.at.isoformat(), type(event).__name__, str(event.account), event.symbol, payload)
    return _INSERT_EVENT, values


def ledger_row(key: LedgerKey, ledger: SymbolLedger) -> Row:
    """One ledger as a row that replaces its older self."""
    account, symbol = key
    payload = msgspec.json.encode(ledger).decode()
    return _REPLACE_LEDGER, (str(account), symbol, payload)


def statements(rows: Sequence[Row]) -> Iterator[Row]:
    """The fewest statements that write the rows of one transaction: events in their order, each ledger's last self.

    Between two statements the writing thread hands over to the trading one and waits for its turn, so many rows
    one by one took longer than the disk did.
    """
    events = [values for statement, values in rows if statement == _INSERT_EVENT]
    ledgers = {values[:2]: values for statement, values in rows if statement == _REPLACE_LEDGER}
    yield from _at_once(_EVENTS, _EVENT, events)
    yield from _at_once(_LEDGERS, _LEDGER, list(ledgers.values()))
    yield from (row for row in rows if row[0] not in (_INSERT_EVENT, _REPLACE_LEDGER))


def _at_once(statement: str, place: str, rows: Sequence[tuple[str, ...]]) -> Iterator[Row]:
    for first in range(0, len(rows), _MOST_AT_ONCE):
        some = rows[first : first + _MOST_AT_ONCE]
        yield statement.format(", ".join([place] * len(some))), tuple(chain.from_iterable(some))


def standings_rows(standings: Standings) -> list[Row]:
    """All standings, replacing those before."""
    rows: list[Row] = [("DELETE FROM standings", ())]
    for scope, entry in standings.by_scope.items():
        rows.append(("INSERT INTO standings VALUES (?, ?)", (str(scope), msgspec.json.encode(entry).decode())))
    return rows


def read_standings(connection: apsw.Connection) -> Standings:
    """The standings as they were set."""
    entries = [
        msgspec.json.decode(str(payload), type=SetStanding)
        for (payload,) in connection.execute("SELECT payload FROM standings ORDER BY rowid")
    ]
    return Standings({entry.scope: entry for entry in entries})


def decode_event(kind: str, payload: str) -> Event:
    """The event of a row."""
    return msgspec.json.decode(payload, type=_KINDS[kind])  # type: ignore[return-value]  # every kind is in the union


def read_ledgers(connection: apsw.Connection) -> Iterator[tuple[LedgerKey, SymbolLedger]]:
    """Every ledger, in the order in which they began."""
    for (payload,) in connection.execute("SELECT payload FROM ledgers ORDER BY rowid"):
        ledger = msgspec.json.decode(str(payload), type=SymbolLedger)
        yield (ledger.account, ledger.symbol), ledger


def read_frames(connection: apsw.Connection) -> Iterator[tuple[SourceName, SourceFrame]]:
    """The newest good frame of each source."""
    for (payload,) in connection.execute("SELECT payload FROM frames"):
        frame = msgspec.json.decode(str(payload), type=SourceFrame)
        yield frame.source, frame


def read_marks(connection: apsw.Connection) -> Iterator[tuple[AccountId, ValueMarks]]:
    """What the losses of each account are measured against."""
    query = "SELECT key, value FROM meta WHERE key LIKE ? ORDER BY key"
    for key, payload in connection.execute(query, (f"{MARKS_PREFIX}%",)):
        account = AccountId.parse(str(key).removeprefix(MARKS_PREFIX))
        yield account, msgspec.json.decode(str(payload), type=ValueMarks)


def read_meta(connection: apsw.Connection, key: str) -> str:
    """One value by its key, empty when there is none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else ""
