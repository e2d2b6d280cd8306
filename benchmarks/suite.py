"""What `./engine bench` measures, part by part."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.desk import Scale
from benchmarks.latency import (
    Tell,
    measure_isolation,
    measure_latency,
    measure_limited,
    measure_memory,
    measure_sequential,
)

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        symbols: Of four accounts.
        delays_ms: Of every answer.
        accounts: Larger numbers of accounts, with `symbols_of_many` symbols each at 100 ms.
        symbols_of_many: Of each of the many accounts.
        limited_symbols: Of four accounts in front of published limits.
        rounds: Whose medians count.
        sequential: Accounts and symbols of the comparison with one after the other.
        memory_accounts: Up to which the memory is measured.
    """

    symbols: Sequence[int]
    delays_ms: Sequence[int]
    accounts: Sequence[int]
    symbols_of_many: int
    limited_symbols: Sequence[int]
    rounds: int
    sequential: Scale
    memory_accounts: int


FULL = Size((1, 5, 20, 50), (20, 50, 100, 200), (20, 100), 5, (1, 5, 20), 3, Scale(4, 20), 40)
QUICK = Size((1, 5), (50,), (), 1, (1,), 1, Scale(4, 2), 8)
DELAY_MS = 100


def narrowed(size: Size, symbols: Sequence[int] | None, delays_ms: Sequence[int] | None, rounds: int | None) -> Size:
    """The size with what was asked for instead of its own; a choice of symbols leaves out the many accounts."""
    if symbols:
        size = replace(size, symbols=symbols, limited_symbols=symbols, accounts=())
    if delays_ms:
        size = replace(size, delays_ms=delays_ms)
    return replace(size, rounds=rounds) if rounds else size


async def latency(size: Size, tell: Tell) -> Rows:
    """Four accounts at every scale and delay, then many accounts."""
    scales = [Scale(4, symbols) for symbols in size.symbols]
    rows = await measure_latency(scales, size.delays_ms, size.rounds, tell)
    many = [Scale(accounts, size.symbols_of_many) for accounts in size.accounts]
    rows += await measure_latency(many, (DELAY_MS,), size.rounds, tell)
    return [asdict(row) for row in rows]


async def limits(size: Size, tell: Tell) -> Rows:
    """In front of exchanges that enforce their limits."""
    scales = [Scale(4, symbols) for symbols in size.limited_symbols]
    return [asdict(row) for row in await measure_limited(scales, DELAY_MS, tell)]


async def sequential(size: Size, tell: Tell) -> Rows:
    """Against the same build one after the other."""
    compared = await measure_sequential(size.sequential, DELAY_MS, tell)
    return [{**asdict(compared), "saved": compared.saved}]


async def isolation(size: Size, tell: Tell) -> Rows:
    """Beside an exchange in trouble."""
    return [asdict(row) for row in await measure_isolation(Scale(4, 5), DELAY_MS, size.rounds, tell)]


async def memory(size: Size, tell: Tell) -> Rows:
    """Of a further account."""
    return [{"megabytes_per_account": await measure_memory(size.memory_accounts, tell)}]


PARTS: Mapping[str, Callable[[Size, Tell], Coroutine[Any, Any, Rows]]] = {
    "memory": memory,
    "latency": latency,
    "limits": limits,
    "sequential": sequential,
    "isolation": isolation,
}
"""What runs on sockets and a real clock, by name; memory first, while the process has not grown for anything else."""
