import gzip
import json
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import structlog

from core.model.identity import AccountId
from core.model.policy import AccountPolicy
from operations import logs
from operations.event_levels import ERRORS, WARNINGS
from operations.logs import StructuredTelemetry, set_up_logs, size_logs
from operations.redaction import BLANK, Redactor
from simulation.bare_exchange import Fault
from simulation.measured_world import MeasuredWorld
from simulation.virtual_time import run_virtually


@pytest.fixture
def log_folder(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    yield tmp_path / "logs"
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level, sys.excepthook = handlers, level, hook
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "engine.jsonl").read_text().splitlines()]


def test_an_event_is_one_json_line_with_its_facts(log_folder: Path) -> None:
    set_up_logs("engine", log_folder)

    StructuredTelemetry("engine").tell("order settled", account="bybit", symbol="BTCUSDT", filled="0.058")

    (line,) = lines(log_folder)
    assert (line["event"], line["account"], line["filled"]) == ("order settled", "bybit", "0.058")
    assert str(line["timestamp"]).endswith("Z")


def test_fault_91_no_registered_secret_is_written_by_us_by_others_or_in_a_traceback(log_folder: Path) -> None:
    set_up_logs("engine", log_folder)
    logs.redactor.register(["canary-7f3a91"])
    log = structlog.stdlib.get_logger("ours")

    log.info("said canary-7f3a91", nested={"list": ["canary-7f3a91"]}, api_key="short")
    logging.getLogger("ccxt").warning("foreign %s", "canary-7f3a91")
    try:
        int("canary-7f3a91")
    except ValueError:
        log.exception("failed")

    text = (log_folder / "engine.jsonl").read_text()
    assert "canary-7f3a91" not in text
    assert text.count(BLANK) >= 5
    assert len(lines(log_folder)) == 3


def test_rotation_loses_no_line_and_keeps_compressed_files(log_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES", 20_000)
    monkeypatch.setattr(logs, "LOG_FILES_KEPT", 100)
    pack = logs._pack
    monkeypatch.setattr(logs, "_pack", lambda plain: (threading.Event().wait(0.06), pack(plain)))  # a slow disk
    set_up_logs("engine", log_folder)
    telemetry = StructuredTelemetry("engine")

    for number in range(2000):
        telemetry.tell("event", number=number)

    logging.getLogger().handlers[0].close()
    assert not list(log_folder.glob("*.tmp"))
    texts = [gzip.decompress(path.read_bytes()).decode() for path in log_folder.glob("*.gz")]
    texts.append((log_folder / "engine.jsonl").read_text())
    numbers = [json.loads(line)["number"] for text in texts for line in text.splitlines()]
    assert sorted(numbers) == list(range(2000))
    assert len(texts) > 3


def test_short_values_are_not_searched_for() -> None:
    redactor = Redactor(["abc", "longer-secret"])

    assert redactor.text("abc longer-secret") == f"abc {BLANK}"


def test_what_a_killed_process_left_unpacked_is_packed_by_the_next(log_folder: Path) -> None:
    log_folder.mkdir()
    (log_folder / "engine.jsonl.1").write_text('{"number": 1}\n')
    (log_folder / "engine.jsonl.1.gz.tmp").write_bytes(b"half")

    set_up_logs("engine", log_folder)
    logging.getLogger().handlers[0].close()

    assert gzip.decompress((log_folder / "engine.jsonl.1.gz").read_bytes()) == b'{"number": 1}\n'
    assert sorted(path.name for path in log_folder.iterdir()) == ["engine.jsonl", "engine.jsonl.1.gz"]


def test_the_operators_sizes_are_followed(log_folder: Path) -> None:
    set_up_logs("engine", log_folder)
    size_logs(0.01, 2)
    telemetry = StructuredTelemetry("engine")

    for number in range(500):
        telemetry.tell("event", number=number)

    logging.getLogger().handlers[0].close()
    packed = list(log_folder.glob("*.gz"))
    assert len(packed) == 2
    assert all(len(gzip.decompress(path.read_bytes())) < 11_000 for path in packed)


def test_a_foreign_traceback_and_an_uncaught_one_show_no_secret(log_folder: Path) -> None:
    set_up_logs("engine", log_folder)
    logs.redactor.register(["canary-55aa77"])
    try:
        int("inner canary-55aa77")
    except ValueError as error:
        logging.getLogger("aiohttp").exception("foreign canary-55aa77", stack_info=True)
        sys.excepthook(ValueError, error, error.__traceback__)

    text = (log_folder / "engine.jsonl").read_text()
    foreign, uncaught = lines(log_folder)
    assert "canary-55aa77" not in text
    assert "ValueError" in str(foreign["exception"])
    assert (uncaught["event"], uncaught["level"]) == ("ended unexpectedly", "critical")
    assert "inner" in str(uncaught["exception"])


class LoggedWorld(MeasuredWorld):
    """A measured world whose engine tells the real log."""

    def start(self) -> None:
        self.told = StructuredTelemetry("engine")  # type: ignore[assignment]  # another listener of the same port
        super().start()


def live_logged(folder: Path, story: Callable[[LoggedWorld], Awaitable[None]]) -> None:
    async def main() -> None:
        world = LoggedWorld(folder, [AccountPolicy(AccountId("bybit")), AccountPolicy(AccountId("mexc"))])
        await story(world)
        world.journal.close()

    run_virtually(main())


def test_every_line_of_the_trading_path_names_account_symbol_pass_and_order(log_folder: Path, tmp_path: Path) -> None:
    async def story(world: LoggedWorld) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        world.exchange.inject("submit", Fault.REFUSED)
        world.sources.say(BTC="0.2")
        await world.cycle()
        world.exchange.inject("submit", Fault.ANSWER_LOST)
        world.sources.say(BTC="0.3")
        await world.cycle()

    set_up_logs("engine", log_folder)
    live_logged(tmp_path, story)

    told = [line for line in lines(log_folder) if str(line["event"]).startswith(("order ", "target ", "symbol "))]
    events = {line["event"] for line in told}
    assert {"target decided", "order settled", "target confirmed", "order refused", "order outcome unknown"} <= events
    for line in told:
        assert line["account"] in {"bybit", "mexc"}
        assert (line["symbol"], line["pass"]) in {("BTCUSDT", number) for number in range(1, 10)}, line
        assert ("client_order_id" in line) == str(line["event"]).startswith("order "), line
    assert max(int(str(line["pass"])) for line in told) >= 3


def test_an_engine_with_nothing_to_do_is_silent(log_folder: Path, tmp_path: Path) -> None:
    async def story(world: LoggedWorld) -> None:
        world.sources.say(BTC="0.1")
        await world.cycle()
        told = len(lines(log_folder))
        assert told > 0

        await world.cycle(50)

        assert len(lines(log_folder)) == told

    set_up_logs("engine", log_folder)
    live_logged(tmp_path, story)


def test_what_needs_a_person_stands_out_from_what_only_happened(log_folder: Path) -> None:
    set_up_logs("engine", log_folder)
    telemetry = StructuredTelemetry("engine")

    for event in ("account quarantined", "order refused", "order settled"):
        telemetry.tell(event)

    assert [line["level"] for line in lines(log_folder)] == ["error", "warning", "info"]


def test_every_event_with_a_level_of_its_own_is_told_somewhere() -> None:
    rooms = ("core", "operations", "account_processors", "signal_processors", "signal_endpoints")
    files = [path for room in rooms for path in Path(room).rglob("*.py") if path.name != "event_levels.py"]
    texts = "".join(path.read_text() for path in [*files, Path("execute_trades.py")])
    built = {"account warning", "account problem"}  # of a finding's severity

    assert {event for event in ERRORS | WARNINGS if f'"{event}"' not in texts} == built


def test_a_line_for_a_pipe_is_one_line_without_secrets_and_a_traceback_follows_it(
    log_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs("engine", log_folder)
    logs.redactor.register(["canary-81b2c4"])

    StructuredTelemetry("engine").tell("symbol waits", why="two words\nand canary-81b2c4", symbol="BTCUSDT")
    try:
        int("canary-81b2c4")
    except ValueError:
        structlog.stdlib.get_logger("ours").exception("failed")

    first, second, *trace = capsys.readouterr().err.splitlines()
    assert first.endswith(f"[warning  ] symbol waits [engine] symbol=BTCUSDT why='two words\\nand {BLANK}'")
    assert second.endswith("[error    ] failed [ours]")
    assert trace[-1].endswith(f"'{BLANK}'")
