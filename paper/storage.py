"""Paper accounts on disk: SQLite in WAL mode, written before the client hears of a change, read at the next start."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import msgspec

from core.model.failures import StorageFailure
from core.model.identity import AccountId
from core.model.position import MarginMode
from paper.account import KEPT_DONE_ORDERS, KEPT_FILLS, Account, Fill, PaperKeys, PaperOrder, PaperPosition, Permissions

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    exchange TEXT NOT NULL, label TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (exchange, label)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS orders (
    exchange TEXT NOT NULL, label TEXT NOT NULL, number INTEGER NOT NULL, order_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (exchange, label, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fills (
    exchange TEXT NOT NULL, label TEXT NOT NULL, number INTEGER NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY (exchange, label, number)
) WITHOUT ROWID;
"""
VERSION = "1"


class AccountsInUse(StorageFailure):
    """Another process keeps the accounts."""


def read_meta(path: Path) -> dict[str, str]:
    """What is kept about a world, also while another process keeps it; empty where there is none.

    Raises:
        StorageFailure: If the file cannot be read.
    """
    return {str(name): str(value) for name, value in _rows(path, "SELECT name, value FROM meta")}


def read_keys(path: Path) -> dict[AccountId, PaperKeys]:
    """Every kept account and its keys, also while another process keeps them; empty where there are none.

    Raises:
        StorageFailure: If the file cannot be read.
    """
    rows = _rows(path, "SELECT exchange, label, content FROM accounts ORDER BY exchange, label")
    return {
        AccountId(str(exchange), str(label)): msgspec.json.decode(str(content), type=SavedAccount).keys
        for exchange, label, content in rows
    }


def _rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    try:
        database = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        rows = list(database.execute(query))
        database.close()
    except apsw.Error as error:
        raise StorageFailure(f"{path}: cannot be read: {error}") from error
    return rows


@dataclass(frozen=True, slots=True)
class SavedAccount:
    """An account without its orders and fills, in a form that JSON keeps."""

    keys: PaperKeys
    margin_mode: MarginMode
    hedged: bool
    wallet: Decimal
    deposited: Decimal
    realized: Decimal
    fees: Decimal
    funding: Decimal
    permissions: Permissions
    symbol_modes: dict[str, MarginMode]
    symbol_hedged: dict[str, bool]
    leverages: list[tuple[str, str, str, Decimal]]
    positions: list[PaperPosition]
    settled_ms: int


class PaperStore:
    """One file of paper accounts, held by one process at a time.

    Raises:
        StorageFailure: If it cannot be opened, or another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StorageFailure(f"{path}: cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise AccountsInUse(f"{path}: another process keeps these paper accounts; stop it first") from error
        try:
            self._database = apsw.Connection(str(path))
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(SCHEMA)
            self._check_version()
        except apsw.Error as error:
            os.close(self._lock)
            raise StorageFailure(f"{path}: cannot be opened: {error}") from error

    def close(self) -> None:
        """Let another process have it; safe to call twice."""
        if self._lock >= 0:
            self._database.close()
            os.close(self._lock)
            self._lock = -1

    def meta(self) -> dict[str, str]:
        """What is kept about the world: seed, numbers, interventions."""
        rows: list[tuple[str, str]] = list(self._database.execute("SELECT name, value FROM meta"))
        return dict(rows)

    def put_meta(self, values: Mapping[str, str]) -> None:
        """Keep facts about the world."""
        self._write([("INSERT OR REPLACE INTO meta VALUES (?, ?)", pair) for pair in values.items()])

    def put_account(self, account: Account, last_number: int) -> None:
        """Keep an account and what changed in it, together; the changes are then taken as written."""
        who = (account.exchange, account.label)
        saved = msgspec.json.encode(_to_saved(account)).decode()
        statements: list[tuple[str, tuple[Any, ...]]] = [
            ("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", (*who, saved)),
            ("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"last_number {account.exchange}", str(last_number))),
        ]
        for order in account.changed_orders.values():
            content = msgspec.json.encode(order).decode()
            row = (*who, order.number, order.order_id, order.request.client_order_id, content)
            statements.append(("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?)", row))
        for fill in account.new_fills:
            row_of_fill = (*who, fill.number, msgspec.json.encode(fill).decode())
            statements.append(("INSERT OR REPLACE INTO fills VALUES (?, ?, ?, ?)", row_of_fill))
        self._write(statements)
        account.changed_orders.clear()
        account.new_fills.clear()

    def drop_account(self, exchange: str, label: str) -> None:
        """Forget an account with its orders and fills."""
        tables = ("accounts", "orders", "fills")
        self._write([(f"DELETE FROM {table} WHERE exchange = ? AND label = ?", (exchange, label)) for table in tables])  # noqa: S608 - the names stand above

    def accounts(self) -> list[Account]:
        """Every account as it was last kept."""
        rows = self._database.execute("SELECT exchange, label, content FROM accounts ORDER BY exchange, label")
        return [self._to_account(str(exchange), str(label), str(content)) for exchange, label, content in rows]

    def _to_account(self, exchange: str, label: str, content: str) -> Account:
        saved = msgspec.json.decode(content, type=SavedAccount)
        account = Account(exchange, label, saved.keys, saved.margin_mode, saved.hedged)
        account.wallet, account.deposited, account.realized = saved.wallet, saved.deposited, saved.realized
        account.fees, account.funding, account.permissions = saved.fees, saved.funding, saved.permissions
        account.symbol_modes, account.symbol_hedged = saved.symbol_modes, saved.symbol_hedged
        account.leverages = {(symbol, mode, leg): value for symbol, mode, leg, value in saved.leverages}
        account.settled_ms = saved.settled_ms
        for position in saved.positions:
            account.put_position(position.key, position, position.updated_ms)
        who = (exchange, label)
        ids = "SELECT client_order_id, order_id FROM orders WHERE exchange = ? AND label = ? AND client_order_id != ''"
        account.by_client_id = {str(client): str(order) for client, order in self._database.execute(ids, who)}
        newest = "SELECT content FROM {} WHERE exchange = ? AND label = ? ORDER BY number DESC LIMIT ?"
        orders = list(self._database.execute(newest.format("orders"), (*who, KEPT_DONE_ORDERS)))
        for (text,) in reversed(orders):
            account.put_order(msgspec.json.decode(str(text), type=PaperOrder))
        fills = list(self._database.execute(newest.format("fills"), (*who, KEPT_FILLS)))
        account.fills.extend(msgspec.json.decode(str(text), type=Fill) for (text,) in reversed(fills))
        account.changed_orders.clear()
        return account

    def _write(self, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
        try:
            with self._database:
                for statement, values in statements:
                    self._database.execute(statement, values)
        except apsw.Error as error:
            raise StorageFailure(f"{self._path}: cannot be written: {error}") from error

    def _check_version(self) -> None:
        found = self.meta().setdefault("version", VERSION)
        if found != VERSION:
            raise StorageFailure(f"{self._path}: is of version {found}, this program knows {VERSION}")
        self.put_meta({"version": VERSION})


def _to_saved(account: Account) -> SavedAccount:
    return SavedAccount(
        keys=account.keys,
        margin_mode=account.margin_mode,
        hedged=account.hedged,
        wallet=account.wallet,
        deposited=account.deposited,
        realized=account.realized,
        fees=account.fees,
        funding=account.funding,
        permissions=account.permissions,
        symbol_modes=account.symbol_modes,
        symbol_hedged=account.symbol_hedged,
        leverages=[(*key, value) for key, value in account.leverages.items()],
        positions=list(account.positions.values()),
        settled_ms=account.settled_ms,
    )
