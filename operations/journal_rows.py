"""What the journal holds, as rows of SQLite and back."""

from collections.abc import Iterator

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


def event_row(event: Event) -> Row:
    """One event as a row."""
    payload = msgspec.json.encode(event).decode()
    values = (event.at.isoformat(), type(event).__name__, str(event.account), event.symbol, payload)
    return "INSERT INTO events (at, kind, account, symbol, payload) VALUES (?, ?, ?, ?, ?)", values


def ledger_row(key: LedgerKey, ledger: SymbolLedger) -> Row:
    """One ledger as a row that replaces its older self."""
    account, symbol = key
    payload = msgspec.json.encode(ledger).decode()
    statement = (
        "INSERT INTO ledgers VALUES (?, ?, ?) ON CONFLICT (account, symbol) DO UPDATE SET payload = excluded.payload"
    )
    return statement, (str(account), symbol, payload)


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
