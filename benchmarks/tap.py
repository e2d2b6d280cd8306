"""Every request that ccxt makes for an account, with its times: what was sent, and when it was answered."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from account_processors.ccxt_base import CcxtExchange

ORDER_PATHS = {
    "bybit": "v5/order/create",
    "blofin": "trade/order",
    "kucoin": "orders",
    "mexc": "order/create",
}
POSITION_PATHS = {
    "bybit": "v5/position/list",
    "blofin": "account/positions",
    "kucoin": "positions",
    "mexc": "position/open_positions",
}
CLIENT_ID_FIELDS = ("orderLinkId", "clientOrderId", "clientOid", "externalOid")
LOOK_UP_WORDS = ("order/external", "order-detail", "byClientOid")
"""Parts of the paths with which an order is asked for by our id, where the id is not a named parameter."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request.

    Attributes:
        account: Whose, as text.
        exchange: Where.
        path: As ccxt's table has it.
        api: The section of that table.
        method: GET or POST.
        params: What was handed to ccxt.
        began: Loop time.
        ended: Loop time of the answer.
    """

    account: str
    exchange: str
    path: str
    api: tuple[str, ...]
    method: str
    params: Mapping[str, object] | Sequence[str]
    began: float
    ended: float

    @property
    def is_order(self) -> bool:
        """Whether it sends an order."""
        return self.method == "POST" and self.path == ORDER_PATHS[self.exchange]

    @property
    def is_lookup(self) -> bool:
        """Whether it asks for an order by our id."""
        named = isinstance(self.params, Mapping) and any(name in self.params for name in CLIENT_ID_FIELDS)
        return self.method == "GET" and (named or any(word in self.path for word in LOOK_UP_WORDS))

    @property
    def is_read_of_positions(self) -> bool:
        """Whether it reads all positions."""
        is_all = not (isinstance(self.params, Mapping) and "symbol" in self.params)
        return self.method == "GET" and self.path == POSITION_PATHS[self.exchange] and is_all


class Tap:
    """Notes the requests of the accounts it is put on.

    Attributes:
        cpu_seconds: Processor time of this process when the last expected order was answered.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.cpu_seconds = 0.0
        self._in_flight: Counter[str] = Counter()
        self._have_read: set[str] = set()
        self._orders_wanted = 0
        self._all_acknowledged = asyncio.Event()

    def put_on(self, exchange: CcxtExchange) -> None:
        """Listen to an account's ccxt object."""
        connection = exchange.connection.raw()
        request = connection.request
        account, name = str(exchange.account), exchange.account.exchange

        async def noted(path: str, api: list[str], method: str, params: Any, *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - as ccxt
            began = asyncio.get_running_loop().time()
            self._in_flight[account] += 1
            try:
                return await request(path, api, method, params, *rest, **named)
            finally:
                ended = asyncio.get_running_loop().time()
                self._in_flight[account] -= 1
                self._note(Asked(account, name, path, tuple(api), method, params, began, ended))

        connection.request = noted

    def begin(self, orders: int) -> None:
        """Forget what was, and expect so many orders."""
        self.asked.clear()
        self._have_read.clear()
        self._orders_wanted = orders
        self._all_acknowledged.clear()

    async def all_acknowledged(self) -> None:
        """Until every expected order was answered."""
        if self._orders_wanted:
            await self._all_acknowledged.wait()

    def is_quiet(self, accounts: int) -> bool:
        """Whether so many accounts have read their positions and wait for no answer."""
        return sum(not self._in_flight[account] for account in self._have_read) >= accounts

    @property
    def orders(self) -> list[Asked]:
        """The orders, in the order of their answers."""
        return [one for one in self.asked if one.is_order]

    def _note(self, asked: Asked) -> None:
        self.asked.append(asked)
        if asked.account not in self._have_read and asked.is_read_of_positions:
            self._have_read.add(asked.account)
        if asked.is_order:
            self._orders_wanted -= 1
            if self._orders_wanted == 0:
                self.cpu_seconds = time.process_time()
                self._all_acknowledged.set()
