"""The paper house: one world and its exchanges, their accounts kept, reached in process or over loopback HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.model.failures import InvalidInput
from core.model.identity import AccountId
from core.model.position import MarginMode
from core.ports.clock import Clock
from paper.account import Account, PaperKeys
from paper.blofin import BlofinProtocol
from paper.bybit import BybitProtocol
from paper.door import Door
from paper.effects import MarketState
from paper.exchange import PaperExchange
from paper.faults import Faults
from paper.in_process import InProcessSession
from paper.kucoin import KucoinProtocol
from paper.ledger import KEPT_ENTRIES, Ledger
from paper.markets import listed_coins
from paper.mexc import MexcProtocol
from paper.operator_requests import Outcome, apply_requests
from paper.prices import PriceSource
from paper.refusals import Refused
from paper.rules import MarginModeScope
from paper.serving import Served, serve
from paper.storage import PaperStore
from paper.wire import Protocol
from paper.world import World

PROTOCOLS: dict[str, Callable[[], Protocol]] = {
    "kucoin": KucoinProtocol,
    "mexc": MexcProtocol,
    "bybit": BybitProtocol,
    "blofin": BlofinProtocol,
}
"""The dialects, by exchange name; a new one is one line here."""

LOOK_MS = 1_000
KEPT_ENTRIES_OF_ACCOUNTS = 10_000
"""Entries of the ledger in memory where accounts are kept for long, and nobody reads the whole day."""

KEY_LENGTH = 32
KEY_PREFIX = "paper"
"""Every paper key begins with it, so that it is never taken for a live one."""


class PaperHouse:
    """Everything paper trading needs.

    Attributes:
        world: Prices and time.
        ledger: Everything that happened.
        faults: What goes wrong on demand.
        exchanges: The state machines by name.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int | None = None,
        walk_seconds: float = 1.0,
        market_count: int | None = None,
        coins: Collection[str] = (),
        prices: PriceSource | None = None,
        is_limited: bool = True,
        folder: Path | None = None,
    ) -> None:
        """Build the world; nothing runs by itself.

        Args:
            clock: The only source of time.
            seed: From which prices, books, funding, faults and keys follow; None takes the kept one, else 1.
            walk_seconds: How often prices move.
            market_count: Coins to list, at least what the table holds.
            coins: The only ones to list, by name; empty lists all.
            prices: Instead of the seeded walk.
            is_limited: Whether the published rate limits are in force.
            folder: Where accounts are kept across restarts (`state/paper`); None keeps nothing.

        Raises:
            StorageFailure: If the folder cannot be used, or another process keeps it.
        """
        self._folder = folder
        self._store = PaperStore(accounts_file(folder)) if folder else None
        kept = self._store.meta() if self._store else {}
        seed = int(kept.get("seed", "1")) if seed is None else seed
        self.world = World(clock, seed, listed_coins(market_count, coins), prices, walk_seconds)
        self.ledger = Ledger(KEPT_ENTRIES_OF_ACCOUNTS if folder else KEPT_ENTRIES)
        self.faults = Faults(seed)
        self.exchanges = {name: PaperExchange(name, self.world, self.ledger) for name in PROTOCOLS}
        self._doors = {
            name: Door(self.exchanges[name], protocol(), self.ledger, self.faults, is_limited=is_limited)
            for name, protocol in PROTOCOLS.items()
        }
        self._looked_ms = 0
        for door in self._doors.values():
            door.before_each = self._look_now_and_then
        if self._store:
            self._restore(self._store, kept)

    def open_account(self, exchange: str, label: str = "", balance: Decimal = Decimal(10_000)) -> PaperKeys:
        """The keys of an account, opened with the balance in USDT if there is none of that label yet.

        Raises:
            InvalidInput: If there is no such exchange.
        """
        venue = self._exchange(exchange)
        account = venue.accounts.get(label)
        if account is None:
            account = venue.open_account(label, balance, self._keys(exchange, label))
        return account.keys

    def prepare_account(self, exchange: str, label: str = "") -> None:
        """Set an idle account to isolated margin and one-way mode where these are the account's own settings.

        A live account's owner does this once, on the exchange or by `./engine doctor --apply`; a paper account has
        no owner who could.
        """
        venue, account = self._exchange(exchange), self.account(exchange, label)
        if account.positions or account.open_ids:
            return
        if venue.rules.margin_mode_scope is MarginModeScope.ACCOUNT and account.margin_mode is not MarginMode.ISOLATED:
            venue.set_margin_mode(account, MarginMode.ISOLATED)
        if account.hedged:
            venue.set_position_mode(account, hedged=False)

    def account(self, exchange: str, label: str = "") -> Account:
        """An account's state.

        Raises:
            InvalidInput: If there is no such exchange or account.
        """
        found = self._exchange(exchange).accounts.get(label)
        if found is None:
            raise InvalidInput(f"paper account: there is no {AccountId(exchange, label)}")
        return found

    def deposit(self, exchange: str, label: str, amount: Decimal) -> None:
        """Add USDT to an account (negative: withdraw).

        Raises:
            InvalidInput: If there is no such account, or less is available.
        """
        account = self.account(exchange, label)
        try:
            self._exchange(exchange).deposit(account, amount)
        except Refused as refused:
            raise InvalidInput(f"{AccountId(exchange, label)}: {refused.detail}") from refused

    def reset(self, exchange: str, label: str, balance: Decimal) -> None:
        """Begin an account again with a balance, without positions, orders or settings, under the same keys.

        Raises:
            InvalidInput: If there is no such account.
        """
        account, venue = self.account(exchange, label), self._exchange(exchange)
        venue.close_account(account)
        if self._store:
            self._store.drop_account(exchange, label)
        venue.open_account(label, balance, account.keys)

    def change_keys(self, exchange: str, label: str = "") -> PaperKeys:
        """New keys of an account, as its owner makes them at an exchange; the ones before are refused from now on.

        Raises:
            InvalidInput: If there is no such account.
        """
        account = self.account(exchange, label)
        keys = self._keys(exchange, f"{label}\x1f{account.keys.api_key}")
        self._exchange(exchange).change_keys(account, keys)
        return keys

    def move_price(self, coin: str, *, pin: Decimal | None = None, factor: Decimal | None = None) -> None:
        """Hold a coin at a price, multiply its price, or (neither given) let it go.

        Raises:
            InvalidInput: If there is no such coin, or a number is not above zero.
        """
        if pin is not None:
            self.world.pin(coin, pin)
        elif factor is not None:
            self.world.shift(coin, factor)
        else:
            self.world.release(coin)
        if self._store:
            self._store.put_meta({"interventions": json.dumps(self.world.interventions())})
        for venue in self.exchanges.values():
            venue.touch_all()

    def session(self) -> InProcessSession:
        """A session for ccxt's constructor: `ccxt.async_support.bybit({"session": house.session(), ...})`."""
        return InProcessSession({host_of(name): door for name, door in self._doors.items()})

    def urls(self, exchange: str, base_url: str = "") -> dict[str, Any]:
        """What to put over ccxt's `urls['api']`: for the in-process session, or for a base URL that is served."""
        self._exchange(exchange)
        return self._doors[exchange].protocol.urls(base_url or f"http://{host_of(exchange)}")

    def set_market_state(self, exchange: str, symbol: str, state: MarketState) -> None:
        """Halt, delist or resume a market; a restart finds it so.

        Args:
            exchange: Its name.
            symbol: As the exchange writes it.
            state: Delisting cancels the market's orders and settles its positions at the mark.

        Raises:
            InvalidInput: If there is no such exchange or market.
        """
        venue = self._exchange(exchange)
        if symbol not in venue.markets:
            raise InvalidInput(f"{exchange}: there is no market {symbol!r}; write it as the exchange does")
        venue.set_state(symbol, state)
        if self._store:
            states = {name: dict(venue.states) for name, venue in self.exchanges.items()}
            self._store.put_meta({"market_states": json.dumps(states)})

    @property
    def doors(self) -> Mapping[str, Door]:
        """The way into each exchange, by name."""
        return self._doors

    async def serve(self, port: int = 0) -> Served:
        """Answer over loopback HTTP as well; stop it with `await served.stop()`.

        Raises:
            InvalidInput: If the port is taken.
        """
        return await serve(self, port)

    def look(self) -> list[Outcome]:
        """Let time pass for every account and apply what the operator asked for; what came of it."""
        self._looked_ms = self.world.now_ms()
        told = apply_requests(self, requests_folder(self._folder)) if self._folder else []
        for outcome in told:
            self.ledger.record(self._looked_ms, "operator", facts={"did": outcome.text})
        for venue in self.exchanges.values():
            venue.touch_all()
        return told

    async def close(self) -> None:
        """Drop what would have landed late and let the files go; safe to call twice."""
        for door in self._doors.values():
            await door.close()
        if self._store:
            self._store.close()

    def _look_now_and_then(self) -> None:
        if self.world.now_ms() - self._looked_ms >= LOOK_MS:
            self.look()

    def _restore(self, store: PaperStore, kept: Mapping[str, str]) -> None:
        store.put_meta({"seed": str(self.world.seed)})
        self.world.intervene(json.loads(kept.get("interventions", "{}")))
        self.faults.restore(kept.get("faults", "[]"))
        self.faults.on_change = lambda: store.put_meta({"faults": self.faults.save()})
        states = json.loads(kept.get("market_states", "{}"))
        for name, venue in self.exchanges.items():
            venue.last_number = int(kept.get(f"last_number {name}", "0"))
            venue.states = {symbol: MarketState(state) for symbol, state in states.get(name, {}).items()}
        for account in store.accounts():
            self.exchanges[account.exchange].adopt(account)
        for venue in self.exchanges.values():
            venue.on_change = self._keeper(store, venue)

    def _keeper(self, store: PaperStore, venue: PaperExchange) -> Callable[[Account], None]:
        return lambda account: store.put_account(account, venue.last_number)

    def _exchange(self, name: str) -> PaperExchange:
        if name not in self.exchanges:
            raise InvalidInput(f"paper exchange: there is no {name!r}; there are {', '.join(self.exchanges)}")
        return self.exchanges[name]

    def _keys(self, exchange: str, label: str) -> PaperKeys:
        def derive(purpose: str, length: int) -> str:
            text = f"{self.world.seed}\x1f{exchange}\x1f{label}\x1f{purpose}"
            return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()[:length]

        return PaperKeys(KEY_PREFIX + derive("key", 27), derive("secret", 48), derive("passphrase", 16))


def is_paper_key(api_key: str) -> bool:
    """Whether a key was made here; a paper account may hold no other."""
    return api_key.startswith(KEY_PREFIX) and len(api_key) == KEY_LENGTH


def is_paper_host(host: str) -> bool:
    """Whether a host can only be a paper exchange: one of ours in process, or loopback."""
    return host.endswith(".paper.invalid") or host in ("127.0.0.1", "localhost", "::1")


def accounts_file(folder: Path) -> Path:
    """Where the accounts are kept, given the house's folder."""
    return folder / "accounts.sqlite"


def requests_folder(folder: Path) -> Path:
    """Where the operator's requests wait, given the house's folder."""
    return folder / "requests"


def host_of(exchange: str) -> str:
    """The exchange's host in process; `.invalid` never resolves (RFC 2606), so a stray request goes nowhere."""
    return f"{exchange}.paper.invalid"
