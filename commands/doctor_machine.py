"""The machine part of the doctor: processes, disk, files and journal, before any account is looked at."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from account_processors.passport import Finding, Severity
from commands.doctor_engine import CLOCK, inspect_engine
from config.engine_settings_file import EngineSettingsFile
from config.findings import Severity as FileSeverity
from config.findings import find_in_files
from config.home import Home
from config.key_providers.provider import process_surroundings
from config.trading_files import TradingFiles
from core.model.failures import EngineError, InvalidConfig
from core.model.identity import SourceName
from core.model.reading import Absent, Unknown
from core.ports.clock import Clock
from operations.disk_room import LEAST_FREE_BYTES, LITTLE_FREE_BYTES, DiskRoom, look_at_disk
from operations.engine_lock import running_engine
from operations.journal_file import read_only
from operations.processes import Running, running_services
from signal_processors.depth_files import DepthFiles

DEFAULT_HEARTBEAT_SECONDS = 60.0
SERVICE_OF = {"tradingview": "tradingview-endpoint", "bittensor": "bittensor-signals"}


def inspect_machine(home: Home, clock: Clock) -> list[Finding]:
    """What is right and wrong with everything but the accounts; nothing is written."""
    running = running_services(home)
    return [
        *_processes(home, running),
        *inspect_engine(home, clock.now()),
        *_sources(home, clock),
        _disk(home, look_at_disk(home.path)),
        *_journal(home),
        *_files(home),
    ]


def machine_problems(home: Home, now: datetime) -> list[str]:
    """What is wrong with processes, engine, clocks and disk, in words with the remedy; empty when nothing.

    Args:
        home: Whose.
        now: UTC time.
    """
    findings = (
        *_processes(home, running_services(home)),
        *inspect_engine(home, now),
        _disk(home, look_at_disk(home.path)),
    )
    return [f"{one.what}; {one.remedy}" for one in findings if one.topic == CLOCK or one.severity is Severity.PROBLEM]


def _processes(home: Home, running: Sequence[Running]) -> Iterator[Finding]:
    by_service: dict[str, list[int]] = {}
    for one in running:
        by_service.setdefault(one.service, []).append(one.pid)
    for service, pids in by_service.items():
        listed = ", ".join(map(str, pids))
        if len(pids) > 1:
            what = f"{service} runs {len(pids)} times (processes {listed})"
            keeper = running_engine(home.engine_lock) if service == "trade-engine" else None
            which = f"all but {keeper}, which holds the lock" if keeper else "all but one"
            yield Finding(Severity.PROBLEM, "processes", what, f"stop {which}: kill NUMBER")
        else:
            yield Finding(Severity.GOOD, "processes", f"{service} runs (process {listed})")
    if "trade-engine" not in by_service and running_engine(home.engine_lock) is None:
        remedy = "pm2 start ecosystem.config.js, or python3 execute_trades.py"
        yield Finding(Severity.WARNING, "processes", "trade-engine does not run", remedy)


def _sources(home: Home, clock: Clock) -> Iterator[Finding]:
    """Whether every source that has a weight is alive; the engine itself follows the declared policies."""
    now = clock.now()
    frames = DepthFiles(home, clock)
    for source in _weighted(home):
        service = SERVICE_OF.get(source, f"./engine source run {source}")
        remedy = f"start {service}, and read its log"
        reading = frames.read_frame(source)
        if isinstance(reading, Absent):
            yield Finding(Severity.WARNING, source, "has never said anything", remedy)
        elif isinstance(reading, Unknown):
            yield Finding(Severity.PROBLEM, source, f"cannot be read: {reading.reason}", remedy)
        else:
            age = _age(reading.value.heartbeat_at, now)
            limit = _heartbeat_limit(home, source)
            if age > limit:
                yield Finding(Severity.WARNING, source, f"no heartbeat for {age:.0f} s", remedy)
            else:
                yield Finding(Severity.GOOD, source, f"alive, {reading.value.status}")


def _disk(home: Home, room: DiskRoom) -> Finding:
    what = f"{room.free_bytes / 1e9:.1f} GB free in {home.path}"
    remedy = "free space: the journal cannot be kept on a full disk, and increases then stop"
    if not room.is_writable:
        return Finding(Severity.PROBLEM, "disk", f"{home.path} cannot be written", "give it to the services' user")
    if room.free_bytes < LEAST_FREE_BYTES:
        return Finding(Severity.PROBLEM, "disk", what, remedy)
    if room.free_bytes < LITTLE_FREE_BYTES:
        return Finding(Severity.WARNING, "disk", what, remedy)
    return Finding(Severity.GOOD, "disk", what)


def _journal(home: Home) -> Iterator[Finding]:
    if not home.journal.exists():
        return
    try:
        with read_only(home.journal) as journal:
            standings = [str(entry) for entry in journal.standings().by_scope.values()]
    except EngineError as error:
        remedy = "restore a backup with ./engine restore, or run the release that wrote it"
        yield Finding(Severity.PROBLEM, "journal", str(error), remedy)
        return
    yield Finding(Severity.GOOD, "journal", f"{home.journal.stat().st_size / 1e6:.1f} MB, can be read")
    for standing in standings:
        yield Finding(Severity.WARNING, "halt", standing, "./engine resume, when you agree")


def _files(home: Home) -> Iterator[Finding]:
    found = find_in_files(home, process_surroundings(home))
    for one in found:
        severity = Severity.PROBLEM if one.severity is FileSeverity.ERROR else Severity.WARNING
        yield Finding(severity, "files", f"{one.place}: {one.text}", one.remedy)
    if not found:
        yield Finding(Severity.GOOD, "files", f"all valid in {home.path}")


def _weighted(home: Home) -> list[SourceName]:
    try:
        config = TradingFiles(home).load()
    except InvalidConfig:
        return []  # told among the files
    return sorted({share.source for weights in config.weights for share in weights.sources if share.weight})


def _heartbeat_limit(home: Home, source: SourceName) -> float:
    settings = EngineSettingsFile(home)
    try:
        settings.load()
    except InvalidConfig:
        return DEFAULT_HEARTBEAT_SECONDS
    policy = settings.staleness_policies().get(source)
    return policy.heartbeat_seconds if policy else DEFAULT_HEARTBEAT_SECONDS


def _age(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())
