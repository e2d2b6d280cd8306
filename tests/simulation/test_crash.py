"""A crash of a simulated engine: nothing of it acts any more, and only what it wrote is left."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from core.model.identity import AccountId, Symbol
from paper.faults import Fault, FaultKind
from paper.ledger import Entry
from simulation.scene import Violation
from simulation.services import Service
from simulation.virtual_time import run_virtually
from simulation.whole_world import Plan, WholeWorld

LATENCY_SECONDS = 0.3


@dataclass(frozen=True)
class Seen:
    """What one engine left whose order was on its way, 0.1 s before the exchange processed it.

    Attributes:
        commits: Of its journal, at the crash and five seconds later.
        told: How many events it had told, at the same moments.
        log_bytes: Of its journal's log right after the crash.
        entries: What happened on the exchange after the crash.
        violations: Rules that were broken.
    """

    commits: Sequence[int]
    told: Sequence[int]
    log_bytes: int
    entries: Sequence[Entry]
    violations: Sequence[Violation]


def crash_while_an_order_is_on_its_way(folder: Path) -> Seen:
    """An alert, its order under way, a crash, and five seconds without an engine."""

    async def main() -> Seen:
        world = WholeWorld(folder, Plan(2, symbols=("BTCUSDT",), network_symbols=(), exchanges=("bybit",)))
        sent, entries, commits, told = asyncio.Event(), list[Entry](), list[int](), list[int]()

        def observe(entry: Entry) -> None:
            entries.append(entry)
            if entry.kind == "request" and entry.facts["endpoint"] == "create_order":
                sent.set()

        def count() -> None:
            commits.append(engine.journal.commits)
            told.append(world.watcher.told.total())

        world.house.faults.add(Fault(FaultKind.LATENCY, endpoint="create_order", seconds=LATENCY_SECONDS, count=None))
        world.house.ledger.observers.append(observe)
        async with world.running() as engine:
            await asyncio.sleep(5)
            await world.alert("BTCUSDT", Decimal("0.5"))
            await sent.wait()
            await asyncio.sleep(LATENCY_SECONDS - 0.1)
            entries.clear()
            count()
            await world.stop_engine(is_crash=True)
            log = world.home.journal.with_name("journal.sqlite-wal")
            log_bytes = log.stat().st_size if log.exists() else 0
            await asyncio.sleep(5)
            count()
            return Seen(commits, told, log_bytes, list(entries), list(world.watcher.violations))

    return run_virtually(main())


def test_a_crashed_engine_neither_journals_nor_sends_nor_tells_anything(tmp_path: Path) -> None:
    seen = crash_while_an_order_is_on_its_way(tmp_path)

    assert seen.commits[0] == seen.commits[1]
    assert [entry for entry in seen.entries if entry.kind == "request"] == []
    assert seen.told[0] == seen.told[1]
    assert seen.log_bytes > 0


def test_what_the_exchange_had_received_is_processed_and_its_answer_is_lost(tmp_path: Path) -> None:
    seen = crash_while_an_order_is_on_its_way(tmp_path)

    assert {"order", "fill", "answer"} <= {entry.kind for entry in seen.entries}
    assert seen.violations == []


def test_a_power_cut_takes_every_service_and_what_is_not_synced(tmp_path: Path) -> None:
    async def main() -> tuple[list[str], list[bool]]:
        world = WholeWorld(tmp_path, Plan(2, symbols=("BTCUSDT",), exchanges=("bybit",)))
        with world.syncs.listening():
            async with world.running():
                before = world.services.webhook
                await world.alert("BTCUSDT", Decimal("0.5"))
                await asyncio.sleep(5)
                (tmp_path / "unsynced").write_text("a view")
                (tmp_path / "synced").write_text("kept")
                with (tmp_path / "synced").open() as file:
                    os.fsync(file.fileno())
                await world.crash_machine()
                contents = [(tmp_path / name).read_text() for name in ("synced", "unsynced")]
                signals = world.services.webhook.processor.frame().signals
                is_engine_dead = world.engine is None
                await world.start_engine()
                return contents, [
                    is_engine_dead,
                    world.services.webhook is not before,
                    all(world.services.is_up(service) for service in Service),
                    [signal.depth for signal in signals] == [Decimal("0.5")],
                ]

    contents, facts = run_virtually(main())

    assert contents == ["kept", ""]
    assert facts == [True] * 4


def contents_of(folder: Path) -> list[bytes]:
    """Of every file."""
    return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]


def test_a_service_that_crashed_writes_nothing_more(tmp_path: Path) -> None:
    async def main() -> tuple[int, list[bytes]]:
        world = WholeWorld(tmp_path, Plan(2, symbols=("BTCUSDT",), exchanges=("bybit",)))
        async with world.serving():
            await asyncio.sleep(5)
            for service in Service:
                world.services.crash(service)
            kept = contents_of(tmp_path)
            await asyncio.sleep(120)
            later = contents_of(tmp_path)
            return len(kept), [one for one in later if one not in kept]

    files, changed = run_virtually(main())

    assert files > 3
    assert changed == []


def test_an_engine_waits_for_nothing_that_a_dead_one_had_asked(tmp_path: Path) -> None:
    async def main() -> Decimal:
        world = WholeWorld(tmp_path, Plan(2, symbols=("BTCUSDT",), network_symbols=(), exchanges=("bybit",)))
        world.house.faults.add(Fault(FaultKind.HANG, endpoint="markets", count=1))
        async with world.running():
            await asyncio.sleep(1)
            await world.stop_engine(is_crash=True)
            engine = await world.start_engine()
            await world.alert("BTCUSDT", Decimal("0.5"))
            await asyncio.sleep(10)
            return engine.journal.ledger(AccountId("bybit"), Symbol("BTCUSDT")).owned

    assert run_virtually(main()) > 0
