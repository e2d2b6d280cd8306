"""Trading with the journal's writer thread and real files: the loop waits for no disk, and never computes for long."""

import asyncio
import gc
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import FrameType

import pytest

from account_processors.spent_calls import SpentCalls
from config.accounts import AccountMode, AccountSettings
from config.files import write_atomically
from config.history import ConfigHistory
from config.home import Home
from core.model.identity import AccountId, SourceName
from core.model.signal import SourceFrame, SourceSignal, SourceStatus
from execute_trades import Engine, OperatorFiles, World, connect_paper
from operations.committers import WriterThread, commit_inline
from operations.heap import spare_the_heap
from operations.wall_clock import WallClock
from paper.house import PaperHouse
from paper.markets import COINS
from signal_processors.depth_files import publish_frame
from simulation.bare_world import EPOCH, ToldFacts

TRADINGVIEW = SourceName("tradingview")
ACCOUNTS = [AccountId(name) for name in ("bybit", "blofin", "kucoin", "mexc")]
BLOCKING = {
    "sleep", "fsync", "fdatasync", "sync", "waitpid", "wait4", "system", "fork", "fork_exec", "flock", "lockf",
    "getaddrinfo", "gethostbyname", "gethostbyaddr", "socket.connect", "socket.sendall",
}  # fmt: skip
"""C functions by their qualified names; a socket of the loop itself is never connected by a call that waits."""


class Watched:
    """What this thread called while it was watched, and which thread executed SQL."""

    def __init__(self) -> None:
        self.blocking: list[str] = []
        self.sql: set[tuple[str, str]] = set()

    @contextmanager
    def watching(self) -> Iterator[None]:
        def note(frame: FrameType, event: str, called: object) -> None:
            name = getattr(called, "__qualname__", "")
            if event == "c_call" and name in BLOCKING:
                self.blocking.append(f"{name} in {frame.f_code.co_qualname}")

        sys.setprofile(note)
        try:
            yield
        finally:
            sys.setprofile(None)

    def note_sql(self, _cursor: object, statement: str, _values: object) -> bool:
        self.sql.add((threading.current_thread().name.split("_")[0], statement.split(maxsplit=1)[0].upper()))
        return True


class Turns:
    """How much processor time the turns of this thread's loop took; on a crowded machine wall-clock time says nothing.

    Attributes:
        longest_seconds: Of the longest one.
        longest: What ran in it.
    """

    def __init__(self) -> None:
        self.longest_seconds = 0.0
        self.longest = ""

    @contextmanager
    def watching(self) -> Iterator[None]:
        run = asyncio.Handle._run

        def timed(handle: asyncio.Handle) -> None:
            before = time.thread_time()
            run(handle)
            seconds = time.thread_time() - before
            if seconds > self.longest_seconds:
                self.longest_seconds, self.longest = seconds, repr(handle)

        threshold = gc.get_threshold()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio.Handle, "_run", timed)
            spare_the_heap()
            try:
                yield
            finally:
                gc.unfreeze()
                gc.set_threshold(*threshold)


async def trade(
    home: Home, watched: Watched | Turns, *, is_inline: bool, symbols: Sequence[str] = ("BTCUSDT",)
) -> list[Decimal]:
    """One signal a symbol on four exchanges through the running engine; what each of them holds."""
    clock, told, house = WallClock(), ToldFacts(), PaperHouse(WallClock())
    accounts = [AccountSettings(account, AccountMode.PAPER, is_armed=True) for account in ACCOUNTS]
    writer = WriterThread()
    committer = commit_inline if is_inline else writer
    archiver = WriterThread("config-history")
    files = OperatorFiles(home, archiver=archiver)
    spent = SpentCalls(home.spent_calls, clock, files.versions)
    exchanges = {one.account: connect_paper(one, house, clock, told, spent=spent) for one in accounts}
    engine = Engine(home, accounts, World(clock, told, committer, EPOCH, exchanges), files)
    if isinstance(watched, Watched):
        engine.journal._connection.exec_trace = watched.note_sql
    now = clock.now()
    signals = tuple(SourceSignal(TRADINGVIEW, symbol, Decimal("0.1"), now) for symbol in symbols)
    frame = SourceFrame(TRADINGVIEW, 1, now, now, None, SourceStatus.OK, "", authenticated=True, signals=signals)
    publish_frame(home, frame)
    stop = asyncio.Event()
    with watched.watching():
        running = asyncio.create_task(engine.run(stop))
        for _ in range(400):
            await asyncio.sleep(0.05)
            if home.account_depths.exists() and all(
                len(house.account(str(one)).positions) == len(symbols) for one in ACCOUNTS
            ):
                break
        home.signal_weights.write_bytes(home.signal_weights.read_bytes().replace(b'"weight": 1', b'"weight": 0.9'))
        engine.executor.nudge()
        await asyncio.sleep(0.1)
        stop.set()
        await running
    for exchange in exchanges.values():
        await exchange.close()
    engine.close()
    writer.close()
    archiver.close()
    await house.close()
    return [row.quantity for one in ACCOUNTS for row in house.account(str(one)).positions.values()]


def home_in(folder: Path, symbols: Sequence[str]) -> Home:
    mapping = {"tradingview": {symbol: symbol for symbol in symbols}}
    write_atomically(folder / "asset_mapping_config.json", json.dumps(mapping).encode())
    sources = [{"source": "tradingview", "weight": 1}]
    weights = [{"symbol": symbol, "leverage": 3, "sources": sources} for symbol in symbols]
    write_atomically(folder / "signal_weight_config.json", json.dumps(weights).encode())
    return Home(folder)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_in(tmp_path, ["BTCUSDT"])


async def test_fault_38_from_the_signal_to_four_positions_no_blocking_call_is_made_on_the_loop(home: Home) -> None:
    watched = Watched()

    held = await trade(home, watched, is_inline=False)

    assert len(held) == 4
    assert home.account_depths.exists()
    assert home.spent_calls.exists()
    assert watched.blocking == []
    kept = [version.content for version in ConfigHistory(home).versions(home.signal_weights.name)]
    assert len(kept) == 2
    assert '"weight": 0.9' in kept[-1]
    assert {thread for thread, _ in watched.sql} == {"journal-writer"}
    assert "INSERT" in {verb for _, verb in watched.sql}


async def test_a_journal_that_is_written_on_the_loop_and_every_blocking_call_would_be_seen(home: Home) -> None:
    watched = Watched()
    await trade(home, watched, is_inline=True)
    assert ("MainThread", "INSERT") in watched.sql

    with watched.watching():
        write_atomically(home.path / "durable", b"")
    assert watched.blocking == ["fsync in write_atomically", "fsync in sync_directory"]


async def test_no_turn_of_the_loop_computes_for_fifty_milliseconds(
    tmp_path: Path,
) -> None:
    symbols = [f"{coin.name}USDT" for coin in COINS][:6]
    turns = Turns()

    held = await trade(home_in(tmp_path, symbols), turns, is_inline=False, symbols=symbols)

    assert len(held) == len(symbols) * 4
    assert 0.0 < turns.longest_seconds < 0.05, turns.longest


async def test_a_turn_that_computes_for_too_long_would_be_seen() -> None:
    turns = Turns()
    with turns.watching():
        asyncio.get_running_loop().call_soon(sum, range(10_000_000))
        await asyncio.sleep(0)

    assert turns.longest_seconds > 0.05
    assert "sum" in turns.longest
