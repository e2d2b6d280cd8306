"""The paper house: one world and its exchanges, their accounts kept, reached in process or over loopback HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from core.model.failures import InvalidInput
from core.model.position import MarginMode
from core.ports.clock import Clock
from paper.account import Account, PaperKeys
from paper.blofin import BlofinProtocol
from paper.bybit import BybitProtocol
from paper.door import Door
from paper.exchange import PaperExchange
from paper.faults import Faults
from paper.in_process import InProcessSession
from paper.kucoin import KucoinProtocol
from paper.ledger import Ledger
from paper.markets import listed_coins
from paper.mexc import MexcProtocol
from paper.prices import PriceSource
from paper.rules import MarginModeScope
from paper.wire import Protocol
from paper.world import World

PROTOCOLS: dict[str, Callable[[], Protocol]] = {
    "kucoin": KucoinProtocol,
    "mexc": MexcProtocol,
    "bybit": BybitProtocol,
    "blofin": BlofinProtocol,
}
"""The dialects, by exchange name; a new one is one line here."""

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
        seed: int = 1,
        walk_seconds: float = 1.0,
        market_count: int | None = None,
        prices: PriceSource | None = None,
        is_limited: bool = True,
    ) -> None:
        """Build the world; nothing runs by itself.

        Args:
            clock: The only source of time.
            seed: From which prices, books, funding, faults and keys follow.
            walk_seconds: How often prices move.
            market_count: Coins to list, at least what the table holds.
            prices: Instead of the seeded walk.
            is_limited: Whether the published rate limits are in force.
        """
        self.world = World(clock, seed, listed_coins(market_count), prices, walk_seconds)
        self.ledger = Ledger()
        self.faults = Faults(seed)
        self.exchanges = {name: PaperExchange(name, self.world, self.ledger) for name in PROTOCOLS}
        self._doors = {
            name: Door(self.exchanges[name], protocol(), self.ledger, self.faults, is_limited=is_limited)
            for name, protocol in PROTOCOLS.items()
        }

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
            raise InvalidInput(f"paper account: there is no {exchange}::{label}")
        return found

    def session(self) -> InProcessSession:
        """A session for ccxt's constructor: `ccxt.async_support.bybit({"session": house.session(), ...})`."""
        return InProcessSession({host_of(name): door for name, door in self._doors.items()})

    def urls(self, exchange: str) -> dict[str, Any]:
        """What to put over ccxt's `urls['api']` so that the in-process session answers."""
        self._exchange(exchange)
        return self._doors[exchange].protocol.urls(f"http://{host_of(exchange)}")

    @property
    def doors(self) -> Mapping[str, Door]:
        """The way into each exchange, by name."""
        return self._doors

    async def close(self) -> None:
        """Drop what would have landed late; safe to call twice."""
        for door in self._doors.values():
            await door.close()

    def _exchange(self, name: str) -> PaperExchange:
        if name not in self.exchanges:
            raise InvalidInput(f"paper exchange: there is no {name!r}; there are {', '.join(self.exchanges)}")
        return self.exchanges[name]

    def _keys(self, exchange: str, label: str) -> PaperKeys:
        def derive(purpose: str, length: int) -> str:
            text = f"{self.world.seed}\x1f{exchange}\x1f{label}\x1f{purpose}"
            return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()[:length]

        return PaperKeys(KEY_PREFIX + derive("key", 27), derive("secret", 48), derive("passphrase", 16))


def host_of(exchange: str) -> str:
    """The exchange's host in process; `.invalid` never resolves (RFC 2606), so a stray request goes nowhere."""
    return f"{exchange}.paper.invalid"
