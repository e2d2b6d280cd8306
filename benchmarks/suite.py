"""What `./engine bench` measures, part by part."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import account_memory
from benchmarks.desk import Scale
from benchmarks.latency import (
    Tell,
    measure_isolation,
    measure_latency,
    measure_limited,
    measure_sequential,
)
from paper.rules import EXCHANGE_NAMES

Rows = list[dict[str, Any]]
Tables = dict[str, Rows]

DELAY_MS = 100


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes:
        symbols: Of four accounts.
        delays_ms: Of every answer.
        accounts: Larger numbers of accounts, with `symbols_of_many` symbols each at 100 ms, against the yardstick only.
        symbols_of_many: Of each of the many accounts.
        limited_symbols: Of four accounts in front of published limits.
        rounds: Whose medians count, in the parts that are no single passes.
        sequential: Accounts and symbols of the comparison with one after the other.
        memory_accounts: Up to which the memory is measured.
        counted_symbols: Whose calls are counted.
        idle_seconds: In which nothing happens, in virtual time.
        cpu_requests: Of each kind, whose processor time is measured.
        webhook_seconds: How long each load lasts.
        miners: In the SN8 answer.
        history_days: Of their positions.
    """

    symbols: Sequence[int]
    delays_ms: Sequence[int]
    accounts: Sequence[int]
    symbols_of_many: int
    limited_symbols: Sequence[int]
    rounds: int
    sequential: Scale
    memory_accounts: int
    counted_symbols: int
    idle_seconds: float
    cpu_requests: int
    webhook_seconds: float
    miners: int
    history_days: float


FULL = Size(
    symbols=(1, 5, 20, 50),
    delays_ms=(20, 50, 100, 200),
    accounts=(20, 100),
    symbols_of_many=5,
    limited_symbols=(1, 5, 20, 50),
    rounds=3,
    sequential=Scale(4, 20),
    memory_accounts=40,
    counted_symbols=5,
    idle_seconds=3600.0,
    cpu_requests=1_000,
    webhook_seconds=2.0,
    miners=250,
    history_days=195,
)
QUICK = Size(
    symbols=(1,),
    delays_ms=(20,),
    accounts=(),
    symbols_of_many=1,
    limited_symbols=(1,),
    rounds=1,
    sequential=Scale(4, 2),
    memory_accounts=8,
    counted_symbols=2,
    idle_seconds=600.0,
    cpu_requests=10,
    webhook_seconds=0.2,
    miners=30,
    history_days=3,
)


def narrowed(size: Size, symbols: Sequence[int] | None, delays_ms: Sequence[int] | None, rounds: int | None) -> Size:
    """The size with what was asked for instead of its own; a choice of symbols leaves out the many accounts."""
    if symbols:
        size = replace(size, symbols=symbols, limited_symbols=symbols, accounts=())
    if delays_ms:
        size = replace(size, delays_ms=delays_ms)
    return replace(size, rounds=rounds) if rounds else size


def orders(size: Size, tell: Tell) -> Tables:
    """From the signal to the acknowledged orders: four accounts at every scale and delay, then many accounts."""

    async def measure() -> Rows:
        scales = [Scale(4, symbols) for symbols in size.symbols]
        rows = await measure_latency(scales, size.delays_ms, size.rounds, tell)
        many = [Scale(accounts, size.symbols_of_many) for accounts in size.accounts]
        rows += await measure_latency(many, (DELAY_MS,), size.rounds, tell)
        return [asdict(row) for row in rows]

    return {"orders": asyncio.run(measure())}


def limits(size: Size, tell: Tell) -> Tables:
    """In front of exchanges that enforce their published limits."""
    scales = [Scale(4, symbols) for symbols in size.limited_symbols]
    return {"limits": [asdict(row) for row in asyncio.run(measure_limited(scales, DELAY_MS, tell))]}


def calls(size: Size, tell: Tell) -> Tables:
    """Calls per action over the fewest possible, and those of an idle hour."""
    from benchmarks.calls import SYMBOLS, count_calls  # noqa: PLC0415 - the simulation takes a second to import

    tell(f"{size.counted_symbols} symbols, in virtual time")
    counts, idle = count_calls(SYMBOLS[: size.counted_symbols], size.idle_seconds)
    made = [
        {
            "exchange": one.exchange,
            "action": one.action,
            "symbols": one.symbols,
            "calls": sum(one.calls.values()),
            "fewest": one.fewest,
            "ratio": one.ratio,
        }
        for one in counts
    ]
    resting = [
        {
            "exchange": one.exchange,
            "seconds": size.idle_seconds,
            "full_checks": one.full_checks,
            "calls": sum(one.calls.values()),
        }
        for one in idle
    ]
    return {"calls": made, "idle": resting}


def sequential(size: Size, tell: Tell) -> Tables:
    """Against the same build with one account and one symbol after the other."""
    compared = asyncio.run(measure_sequential(size.sequential, DELAY_MS, tell))
    return {"sequential": [{**asdict(compared), "saved": compared.saved}]}


def hung(size: Size, tell: Tell) -> Tables:
    """The healthy exchanges beside one that is slow or answers nothing."""
    rows = asyncio.run(measure_isolation(Scale(4, min(5, max(size.symbols))), DELAY_MS, size.rounds, tell))
    return {"hung": [asdict(row) for row in rows]}


def cpu(size: Size, tell: Tell) -> Tables:
    """Processor time of single calls through each adapter, and what the paper exchanges answer in a second."""
    from benchmarks import order_cpu, paper_rate  # noqa: PLC0415 - as above

    rows: Rows = []
    for name in EXCHANGE_NAMES:
        tell(name)
        measured = order_cpu.measure(name, max(1, size.cpu_requests // 20))
        ratio = measured["order"] / measured["ccxt request"]
        rows.append(
            {"exchange": name, **{f"{what}, us": round(taken) for what, taken in measured.items()}, "ratio": ratio}
        )
    rates = [
        asdict(rate) for name in EXCHANGE_NAMES for rate in asyncio.run(paper_rate.measure(name, size.cpu_requests))
    ]
    return {"cpu": rows, "paper exchanges": rates}


def memory(size: Size, tell: Tell) -> Tables:
    """Of a further account, and the peak of an engine of many; in processes of their own, so nothing before counts."""
    tell(f"{size.rounds} rounds of two engines")
    return {"memory": [asdict(account_memory.measure_apart(size.memory_accounts, size.rounds))]}


def start(size: Size, tell: Tell) -> Tables:
    """From the spawn of the engine to its first order, with a position to repair."""
    from benchmarks.start import measure_start  # noqa: PLC0415 - as above

    tell(f"{size.rounds} starts of the engine and of the yardstick")
    return {"start": [asdict(asyncio.run(measure_start(size.rounds)))]}


def webhook(size: Size, tell: Tell) -> Tables:
    """Durable alerts against a bare application that only parses."""
    from benchmarks.webhook_rate import measure  # noqa: PLC0415 - as above

    tell(f"{size.rounds} rounds of three servers")
    with tempfile.TemporaryDirectory(prefix="bench-webhook-") as folder:
        results, ratios = asyncio.run(measure(size.rounds, size.webhook_seconds, Path(folder)))
    return {
        "webhook": [{"what": name, **numbers} for name, numbers in results.items()],
        "webhook ratios": [{"what": name, **numbers} for name, numbers in ratios.items()],
    }


def sn8(size: Size, tell: Tell) -> Tables:
    """One SN8 answer from body to frame, in a process of its own, whose own peak of memory counts."""
    from benchmarks import sn8_payload  # noqa: PLC0415 - as above

    tell(f"{size.miners} miners")
    measured = sn8_payload.measure_apart(size.miners, timedelta(days=size.history_days))
    return {"sn8": [{"what": what, "measured": value} for what, value in measured.items()]}


PARTS: Mapping[str, Callable[[Size, Tell], Tables]] = {
    part.__name__: part for part in (memory, orders, limits, sequential, hung, start, calls, cpu, webhook, sn8)
}
"""By name, in the order of a whole run."""

SINGLE_PASSES = frozenset({"limits", "sequential", "calls", "cpu", "sn8"})
"""The parts that do each thing once and know no rounds."""


def rounds_of(part: str, size: Size) -> int:
    """Of how many rounds the part's numbers are the medians; 1 for what is done once."""
    return 1 if part in SINGLE_PASSES else size.rounds
