"""How much is logged by an engine with 20 symbols on four accounts: nothing while nothing happens."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

from operations.logs import StructuredTelemetry, set_up_logs
from operations.metrics import Listeners
from simulation.services import Services
from simulation.virtual_time import run_virtually
from simulation.whole_world import Plan, WholeWorld

COINS = (
    "BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC", "LINK", "AVAX", "TRX",
    "BCH", "ATOM", "UNI", "FIL", "NEAR", "APT", "ARB", "OP", "SUI", "TAO",
)  # fmt: skip
PLAN = Plan(symbols=tuple(f"{coin}USDT" for coin in COINS), network_symbols=())
MOST_BYTES_A_DAY = 5_000_000
SIGNALS_A_DAY = 200
"""Ten for every symbol, each of which every account follows."""
HOUR_SECONDS, HOURS_A_DAY = 3600.0, 24


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes of the log: of the start with the first order of everything, of idle hours, of signals and their orders."""

    start: int
    idle: int
    signals: int


@pytest.fixture
def log_folder(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    folder = tmp_path / "logs"
    set_up_logs("trade-engine", folder)
    root.handlers = root.handlers[:1]  # the file alone
    yield folder
    root.handlers[0].close()
    root.handlers, root.level, sys.excepthook = handlers, level, hook
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def size_of(log: Path) -> int:
    return log.stat().st_size


def live(folder: Path, log: Path, idle_hours: float, signals: int, pause_seconds: float) -> Written:
    """What the engine and the endpoint write, together, into the real log."""

    async def main() -> Written:
        world = WholeWorld(folder, PLAN)
        world.telemetry = Listeners(world.watcher, StructuredTelemetry("trade-engine"))
        world.services = Services(world.home, world.clock, world.telemetry, world.sn8, PLAN.seed)
        async with world.running() as engine:
            for symbol in PLAN.symbols:
                await world.alert(symbol, Decimal("0.1"))
            await asyncio.sleep(120)
            ledgers = [ledger for account in engine.passes.last for ledger in engine.journal.ledgers(account)]
            assert sum(ledger.is_confirmed and ledger.owned > 0 for ledger in ledgers) == len(PLAN.symbols) * 4
            start = size_of(log)
            await asyncio.sleep(idle_hours * HOUR_SECONDS)
            idle = size_of(log) - start
            for number in range(signals):
                depth = Decimal("0.1") + Decimal(1 + number // len(COINS) % 2) / 20
                assert (await world.alert(PLAN.symbols[number % len(COINS)], depth)).status == 200
                await asyncio.sleep(pause_seconds)
            return Written(start, idle, size_of(log) - start - idle)

    folder.mkdir()
    return run_virtually(main())


def test_an_idle_hour_writes_nothing_and_a_day_with_ten_signals_a_symbol_stays_far_below_5_mb(
    tmp_path: Path, log_folder: Path
) -> None:
    written = live(tmp_path / "home", log_folder / "trade-engine.jsonl", idle_hours=1.1, signals=20, pause_seconds=20)

    assert written.idle == 0, written
    assert written.signals > 20 * 4 * 3 * 100, "every account tells what it decided, what was filled, what it proved"
    assert written.start + HOURS_A_DAY * written.idle + SIGNALS_A_DAY * written.signals / 20 < MOST_BYTES_A_DAY


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_whole_idle_day_and_an_ordinary_one_write_less_than_5_mb(tmp_path: Path, log_folder: Path) -> None:
    pause = HOURS_A_DAY * HOUR_SECONDS / SIGNALS_A_DAY
    log = log_folder / "trade-engine.jsonl"
    written = live(tmp_path / "home", log, HOURS_A_DAY, SIGNALS_A_DAY, pause)

    assert written.start + written.idle < MOST_BYTES_A_DAY / 10, written
    assert written.signals < MOST_BYTES_A_DAY, written
