"""The yardstick: a bare client that sends what the engine sent, through the same ccxt classes, in the fewest waves.

It reads, sends the orders in groups of the account's cap, and for a flip reads once more between close and open: that
is what times are divided by. It journals nothing, decides nothing and logs nothing; nobody could trade on it. It is no
lower bound: a group waits for its slowest answer, and every open of a flip for the last close, while the engine sends
the next order as soon as one symbol is done. In large flips with slow answers the engine is the faster of the two, and
the ratio below 1. Only afterwards, and for the processor time alone, does it send what the rules of truth ask for
besides: the look-up of every order, and the read of the positions that shows what came of each wave.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from account_processors.ccxt_base import CcxtExchange
from benchmarks.tap import Asked, Tap
from core.model.identity import CLIENT_ORDER_ID_LENGTH

GROUP = 10


@dataclass(frozen=True, slots=True)
class Waves:
    """What one account sends: reads and orders in turn.

    Attributes:
        reads: Before each wave of orders.
        orders: One wave for open, resize and close, two for a flip.
        proofs: One look-up of every order, and one read of the positions for each wave.
    """

    reads: tuple[tuple[Asked, ...], ...]
    orders: tuple[tuple[Asked, ...], ...]
    proofs: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class Took:
    """How long something took.

    Attributes:
        first_seconds: Until the first order was acknowledged, the reads' end where there are none.
        last_seconds: Until the last one was.
        cpu_seconds: Processor time of this process until then.
        whole_cpu_seconds: And until everything was proven: by the yardstick, asked for.
        whole_seconds: Until everything was proven; of the yardstick, until the last order was acknowledged.
    """

    first_seconds: float
    last_seconds: float
    cpu_seconds: float
    whole_cpu_seconds: float
    whole_seconds: float


def waves_of(asked: Iterable[Asked]) -> dict[str, Waves]:
    """What each account sent, sorted into waves, and once what proves it.

    Args:
        asked: What the engine sent for one action whose settings were in place, in the order of its answers.
    """
    by_account: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        by_account[one.account].append(one)
    return {account: _waves(sorted(sent, key=lambda one: one.began)) for account, sent in by_account.items()}


def _waves(sent: Sequence[Asked]) -> Waves:
    orders = [one for one in sent if one.is_order]
    first_order = min((one.began for one in orders), default=float("inf"))
    reads = tuple(one for one in sent if one.ended <= first_order and not one.is_order and not one.is_lookup)
    seen: dict[str, int] = defaultdict(int)
    turns: list[list[Asked]] = []
    for order in orders:
        turn = seen[_symbol_of(order)]
        seen[_symbol_of(order)] += 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(order)
    positions = tuple(one for one in reads if one.is_read_of_positions)
    between = [positions for _ in turns[1:]]
    looked_up = {_id_of(one): one for one in sent if one.is_lookup}
    proofs = [*looked_up.values(), *(one for one in positions for _ in turns)]
    return Waves((reads, *between), tuple(map(tuple, turns)), tuple(proofs))


def _id_of(asked: Asked) -> str:
    """The client order id among the parameters, by its length: it has no name of its own where it is part of a path."""
    values = asked.params.values() if isinstance(asked.params, Mapping) else asked.params
    return next((str(value) for value in values if len(str(value)) == CLIENT_ORDER_ID_LENGTH), "")


def _symbol_of(order: Asked) -> str:
    params = order.params if isinstance(order.params, Mapping) else {}
    return str(params.get("symbol") or params.get("instId"))


class BareClient:
    """Replays waves on accounts of its own.

    Args:
        connections: By the name of the account whose waves they replay.
    """

    def __init__(self, connections: Mapping[str, CcxtExchange]) -> None:
        tap = Tap()  # Forgotten with every action: the engine's requests are noted, so these are as well.
        for exchange in connections.values():
            tap.put_on(exchange)
        self._tap = tap
        self._connections = {name: exchange.connection.raw() for name, exchange in connections.items()}
        self._exchanges = connections
        self._sent = 0
        self._ids: dict[str, str] = {}

    async def replay(self, waves: Mapping[str, Waves]) -> Took:
        """Send the waves of all accounts side by side, then what proves them."""
        loop = asyncio.get_running_loop()
        self._tap.begin(0)
        cpu, began = time.process_time(), loop.time()
        acknowledged: list[float] = []
        await asyncio.gather(*(self._replay_account(name, told, acknowledged) for name, told in waves.items()))
        seconds, cpu = loop.time() - began, time.process_time() - cpu
        first = min(acknowledged) - began if acknowledged else seconds
        last = max(acknowledged) - began if acknowledged else seconds
        before = time.process_time()
        await asyncio.gather(*(self._prove(one.proofs) for one in waves.values()))
        return Took(first, last, cpu, cpu + time.process_time() - before, seconds)

    async def send_all(self, asked: Iterable[Asked]) -> None:
        """Send everything once, one after the other: to bring the accounts into the state of the engine's."""
        for one in asked:
            await self._send(one)

    async def close(self) -> None:
        """Close the connections."""
        for exchange in self._exchanges.values():
            await exchange.close()

    async def _replay_account(self, name: str, waves: Waves, acknowledged: list[float]) -> None:
        del name
        for number, reads in enumerate(waves.reads):
            await asyncio.gather(*map(self._send, reads))
            orders = waves.orders[number] if number < len(waves.orders) else ()
            for start in range(0, len(orders), GROUP):
                await asyncio.gather(*(self._order(one, acknowledged) for one in orders[start : start + GROUP]))

    async def _order(self, order: Asked, acknowledged: list[float]) -> None:
        await self._send(order)
        acknowledged.append(asyncio.get_running_loop().time())

    async def _send(self, asked: Asked) -> Any:  # noqa: ANN401 - ccxt is untyped
        params: Any = asked.params
        own = self._own_id if asked.is_order else self._id_in_place_of
        if isinstance(params, Mapping):
            params = {name: own(value) for name, value in params.items()}
        return await self._connections[asked.account].request(asked.path, list(asked.api), asked.method, params)

    def _own_id(self, value: object) -> object:
        """Every order bears an id of its own."""
        if len(str(value)) == CLIENT_ORDER_ID_LENGTH:
            self._sent += 1
            self._ids[str(value)] = f"yardstick{self._sent}"
        return self._ids.get(str(value), value)

    def _id_in_place_of(self, value: object) -> object:
        return self._ids.get(str(value), value)

    async def _prove(self, proofs: Sequence[Asked]) -> None:
        for start in range(0, len(proofs), GROUP):
            await asyncio.gather(*map(self._send, proofs[start : start + GROUP]))
