"""The journal on disk: SQLite, WAL, synchronous=FULL; one connection, one transaction at a time, of all that waits."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import apsw
import msgspec

from core.decisions.fold_journal import fold_changes
from core.model.events import Event
from core.model.failures import InvalidInput, StorageFailure
from core.model.identity import INSTALLATION_TAG_LENGTH, AccountId, SourceName, Symbol
from core.model.ledger import SymbolLedger
from core.model.risk import ValueMarks
from core.model.signal import SourceFrame
from core.model.standing import STANDING_OF, OperatorCommand, SetStanding, Standings
from operations.committers import Committer, commit_inline
from operations.journal_rows import (
    MARKS_PREFIX,
    Row,
    decode_event,
    event_row,
    ledger_row,
    read_frames,
    read_ledgers,
    read_marks,
    read_meta,
    read_standings,
    standings_rows,
    statements,
)
from operations.journal_without_room import BUSY_MILLISECONDS, NO_ROOM, alone_with, why

MIGRATIONS = Path(__file__).parent / "migrations"
EPOCH_BYTES = 16
UPGRADE = "start the engine once to upgrade it"
ROOM_FIRST = "make room on the disk, then start the engine to bring it up to date; there is none now"

_DAMAGE = (apsw.Error, msgspec.MsgspecError, InvalidInput, ArithmeticError, ValueError, LookupError, RecursionError)
"""What reading a damaged row raises: no text, no number, no known kind, nothing that its rules allow."""


class JournalFile:
    """core.ports.journal.Journal on SQLite.

    Events and the ledgers folded from them are written in one transaction, so a crash leaves both or
    neither. After a failed commit the journal is broken: every later record is refused, notes stay in memory, and
    order ids are derived from an epoch of their own, so that the next start never meets them. One that was opened on a
    disk without room is broken from the beginning.
    """

    def __init__(
        self, connection: apsw.Connection, committer: Committer = commit_inline, chance: str = "", failure: str = ""
    ) -> None:
        self._connection = connection
        self._committer = committer
        self._chance = chance
        self._ledgers = dict(read_ledgers(connection))
        self._by_account: dict[AccountId, dict[Symbol, SymbolLedger]] = {}
        for (account, symbol), ledger in self._ledgers.items():
            self._by_account.setdefault(account, {})[symbol] = ledger
        self._frames = dict(read_frames(connection))
        self._standings = read_standings(connection)
        self._marks = dict(read_marks(connection))
        self._last_command = int(read_meta(connection, "last_command") or 0)
        self._epoch = read_meta(connection, "epoch")
        self._tag = read_meta(connection, "tag")
        self._waiting: list[Row] = []
        self._flush: asyncio.Task[bool] | None = None
        self._flushing: set[asyncio.Task[bool]] = set()
        self._one_commit = asyncio.Lock()
        self._broken = ""
        self.commits = 0
        if failure:
            self._break(failure)

    @property
    def epoch(self) -> str:
        """128 random bits as hex, part of every order id."""
        return self._epoch

    @property
    def tag(self) -> str:
        """The installation's 6 characters."""
        return self._tag

    def ledger(self, account: AccountId, symbol: Symbol) -> SymbolLedger:
        """One symbol's ledger as of the last recorded event."""
        return self._ledgers.get((account, symbol)) or SymbolLedger(account, symbol)

    def ledgers(self, account: AccountId) -> Sequence[SymbolLedger]:
        """Every ledger of one account."""
        return tuple(self._by_account.get(account, {}).values())

    def standings(self) -> Standings:
        """What the operator has set and not lifted."""
        return self._standings

    def last_command(self) -> int:
        """The number of the last operator command that was applied."""
        return self._last_command

    async def record_command(self, command: OperatorCommand, *events: Event) -> None:
        """Apply a command: its standing, its events and its number become durable together."""
        rows: list[Row] = []
        if command.verb in STANDING_OF:
            standing = STANDING_OF[command.verb]
            rows += self._stand(SetStanding(command.scope, standing, command.by, command.at, command.why))
        self._last_command = command.number
        rows.append(("UPDATE meta SET value = ? WHERE key = 'last_command'", (str(command.number),)))
        await self._try_to_write(rows + self._fold(events))

    async def record_standing(self, entry: SetStanding) -> None:
        """Set a standing that no command asked for."""
        await self._try_to_write(self._stand(entry))

    def value_marks(self, account: AccountId) -> ValueMarks | None:
        """What the account's losses are measured against."""
        return self._marks.get(account)

    async def remember_marks(self, account: AccountId, marks: ValueMarks | None) -> None:
        """Replace what the account's losses are measured against."""
        key = f"{MARKS_PREFIX}{account}"
        if marks is None:
            self._marks.pop(account, None)
            await self._try_to_write([("DELETE FROM meta WHERE key = ?", (key,))])
        else:
            self._marks[account] = marks
            payload = msgspec.json.encode(marks).decode()
            await self._try_to_write([("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, payload))])

    def last_frames(self) -> Mapping[SourceName, SourceFrame]:
        """The newest good frame of each source."""
        return self._frames

    async def record(self, *events: Event) -> None:
        """Fold the events, then make them durable together with all others that wait."""
        self._refuse_if_broken()
        await self._write(self._fold(events))

    async def note(self, *events: Event) -> bool:
        """Fold the events and make them durable if the disk can; whether it did."""
        return await self._try_to_write(self._fold(events))

    def problem(self) -> str:
        """Why nothing can be made durable any more."""
        return self._broken

    async def remember_frame(self, frame: SourceFrame) -> None:
        """Keep a source's newest good frame."""
        self._frames[frame.source] = frame
        payload = msgspec.json.encode(frame).decode()
        await self._try_to_write([("INSERT OR REPLACE INTO frames VALUES (?, ?)", (frame.source, payload))])

    def history(self, account: AccountId, symbol: Symbol, limit: int = 200) -> list[Event]:
        """The newest events of one symbol, oldest first.

        Raises:
            StorageFailure: If one of them cannot be read.
        """
        query = "SELECT kind, payload FROM events WHERE account = ? AND symbol = ? ORDER BY sequence DESC LIMIT ?"
        try:
            rows = list(self._connection.execute(query, (str(account), symbol, limit)))
            return [decode_event(str(kind), str(payload)) for kind, payload in reversed(rows)]
        except _DAMAGE as error:
            raise StorageFailure(f"{account} {symbol}: its past cannot be read: {error}") from error

    def state_hash(self) -> str:
        """SHA-256 over everything that the journal adds up to, the same before and after a restart."""
        parts: list[object] = [self._epoch, self._tag, self._last_command]
        parts += [ledger for _, ledger in sorted(self._ledgers.items())]
        parts += [entry for _, entry in sorted(self._standings.by_scope.items(), key=lambda item: str(item[0]))]
        parts += [frame for _, frame in sorted(self._frames.items())]
        parts += [(str(account), marks) for account, marks in sorted(self._marks.items())]
        return hashlib.sha256(b"\n".join(map(msgspec.json.encode, parts))).hexdigest()

    async def drain(self) -> None:
        """Wait for the commits under way, also those whose askers are gone; before that the file cannot be closed."""
        await asyncio.gather(*self._flushing, return_exceptions=True)

    def close(self) -> None:
        """Close the file; what was awaited is on disk."""
        self._connection.close()

    def _fold(self, events: Sequence[Event]) -> list[Row]:
        """Take the events into the ledgers and return the rows that make both durable."""
        changed = fold_changes(self._ledgers, events)
        self._ledgers.update(changed)
        for (account, symbol), ledger in changed.items():
            self._by_account.setdefault(account, {})[symbol] = ledger
        return [event_row(event) for event in events] + [ledger_row(key, ledger) for key, ledger in changed.items()]

    def _stand(self, entry: SetStanding) -> list[Row]:
        self._standings = self._standings.with_entry(entry)
        return standings_rows(self._standings)

    async def _write(self, rows: list[Row]) -> None:
        if not await self._try_to_write(rows):
            raise StorageFailure(self._broken)

    async def _try_to_write(self, rows: list[Row]) -> bool:
        """Whether the rows became durable, together with all others that wait for the commit under way, if any."""
        if self._broken:
            return False
        self._waiting += rows
        if self._flush is None:
            self._flush = asyncio.create_task(self._flush_waiting())
            self._flushing.add(self._flush)
            self._flush.add_done_callback(self._flushing.discard)
        return await asyncio.shield(self._flush)

    async def _flush_waiting(self) -> bool:
        """Commit everything that gathered until the last commit was done; whether that worked."""
        async with self._one_commit:
            rows, self._waiting, self._flush = self._waiting, [], None
            if self._broken:
                return False
            try:
                await self._committer(lambda: self._commit(rows))
            except apsw.Error as error:
                self._break(str(error))
            return not self._broken

    def _break(self, failure: str) -> None:
        self._broken = f"the journal could not be written: {failure}"
        self._epoch = hashlib.sha256(f"{self._epoch} after a failed write {self._chance}".encode()).hexdigest()

    def _commit(self, rows: Sequence[Row]) -> None:
        with self._connection:
            for statement, values in statements(rows):
                self._connection.execute(statement, values)
        self.commits += 1

    def _refuse_if_broken(self) -> None:
        if self._broken:
            raise StorageFailure(self._broken)


def open_journal(
    path: Path,
    new_epoch: str,
    committer: Committer = commit_inline,
    vfs: str = "",
    migrations: Path = MIGRATIONS,
    *,
    survives_power_loss: bool = True,
) -> JournalFile:
    """Open the journal, creating or upgrading it; a crash in the middle leaves it as it was.

    On a disk without room, be it for bytes or for a file, one that needs no upgrade is read all the same; it then says
    from the beginning that nothing can be made durable.

    Args:
        path: The database file; its folder is created with mode 0700.
        new_epoch: 32 hex characters of chance, used when the journal is created (its first characters, in base
            36, become the installation's tag) and for the orders after a failed write.
        committer: Where commits run.
        vfs: Name of a SQLite VFS, empty for the system's.
        migrations: The folder of numbered scripts.
        survives_power_loss: False only where nothing real depends on it; a commit then survives its process alone.

    Raises:
        StorageFailure: If the file cannot be opened, is damaged or comes from a newer release, or is to be created
            or upgraded on a disk without room.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = apsw.Connection(str(path), vfs=vfs or None)
        try:
            _make_ready(connection, path, new_epoch, migrations, survives_power_loss=survives_power_loss)
            return JournalFile(connection, committer, new_epoch)
        except NO_ROOM as error:
            connection.close()
            with alone_with(path, vfs) as connection:
                _check_schema(connection, path, migrations, f"{ROOM_FIRST}: {why(error)}")
                return JournalFile(connection, committer, new_epoch, failure=why(error))
    except (OSError, *_DAMAGE) as error:
        raise StorageFailure(f"{path}: the journal cannot be opened: {error}") from error


def _make_ready(
    connection: apsw.Connection, path: Path, new_epoch: str, migrations: Path, *, survives_power_loss: bool
) -> None:
    """Bring a journal up to date, and set how it is written; one that is up to date is not written."""
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={'FULL' if survives_power_loss else 'OFF'}")
    with connection:
        _migrate(connection, path, migrations)
        _write_identity(connection, new_epoch)


def _migrate(connection: apsw.Connection, path: Path, migrations: Path) -> None:
    """Apply the numbered migrations that the file has not seen, inside the caller's transaction."""
    applied = int(str(connection.pragma("user_version")))
    scripts = sorted(migrations.glob("[0-9]*.sql"))
    if applied > len(scripts):
        raise StorageFailure(f"{path}: written by a newer release (schema {applied}, this one knows {len(scripts)})")
    for script in scripts[applied:]:
        connection.execute(script.read_text())
    if applied < len(scripts):
        connection.pragma("user_version", len(scripts))


def _write_identity(connection: apsw.Connection, new_epoch: str) -> None:
    if connection.execute("SELECT 1 FROM meta WHERE key = 'epoch'").fetchone():
        return
    if len(bytes.fromhex(new_epoch)) != EPOCH_BYTES:
        raise StorageFailure(f"the journal's epoch needs {EPOCH_BYTES} random bytes as hex")
    for key, value in (("epoch", new_epoch), ("tag", _tag_of(new_epoch))):
        connection.execute("INSERT INTO meta VALUES (?, ?)", (key, value))


def _tag_of(epoch: str) -> str:
    """Six characters of [a-z0-9] made of the epoch."""
    number, digits = int(epoch, 16), "0123456789abcdefghijklmnopqrstuvwxyz"
    tag = ""
    while len(tag) < INSTALLATION_TAG_LENGTH:
        number, digit = divmod(number, len(digits))
        tag += digits[digit]
    return tag


@contextmanager
def read_only(path: Path) -> Iterator[JournalFile]:
    """The journal for looking only, also while an engine writes it or after it stopped.

    Raises:
        StorageFailure: If there is no journal, or it cannot be read.
    """
    if not path.exists():
        raise StorageFailure(f"{path}: no journal to read: no engine has run on this data yet; start it first")
    with ExitStack() as stack:
        try:
            journal = _look_into(stack, path)
        except _DAMAGE as error:
            raise StorageFailure(f"{path}: the journal cannot be read: {error}") from error
        yield journal


def _look_into(stack: ExitStack, path: Path) -> JournalFile:
    """The journal beside its engine, or alone where the disk has no room for both."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    stack.callback(connection.close)
    try:
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        _check_schema(connection, path, MIGRATIONS)
    except NO_ROOM as error:
        connection.close()
        connection = stack.enter_context(alone_with(path))
        _check_schema(connection, path, MIGRATIONS, f"{ROOM_FIRST}: {why(error)}")
    return JournalFile(connection)


def _check_schema(connection: apsw.Connection, path: Path, migrations: Path, upgrade: str = UPGRADE) -> None:
    schema, known = int(str(connection.pragma("user_version"))), len(sorted(migrations.glob("[0-9]*.sql")))
    if schema != known:
        remedy = upgrade if schema < known else "use the newer release"
        raise StorageFailure(f"{path}: of schema {schema}, this release reads {known}; {remedy}")
