import gzip
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from operations import logs
from operations.logs import StructuredTelemetry, set_up_logs
from operations.redaction import BLANK, Redactor


@pytest.fixture
def log_folder(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield tmp_path / "logs"
    for handler in root.handlers:
        handler.close()
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "engine.jsonl").read_text().splitlines()]


def test_an_event_is_one_json_line_with_its_facts(log_folder: Path) -> None:
    set_up_logs("engine", log_folder)

    StructuredTelemetry("engine").tell("order settled", account="bybit", symbol="BTCUSDT", filled="0.058")

    (line,) = lines(log_folder)
    assert (line["event"], line["account"], line["filled"]) == ("order settled", "bybit", "0.058")
    assert str(line["timestamp"]).endswith("Z")


def test_no_registered_secret_is_written_by_us_by_others_or_in_a_traceback(log_folder: Path) -> None:
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
    set_up_logs("engine", log_folder)
    telemetry = StructuredTelemetry("engine")

    for number in range(2000):
        telemetry.tell("event", number=number)

    texts = [gzip.decompress(path.read_bytes()).decode() for path in log_folder.glob("*.gz")]
    texts.append((log_folder / "engine.jsonl").read_text())
    numbers = [json.loads(line)["number"] for text in texts for line in text.splitlines()]
    assert sorted(numbers) == list(range(2000))
    assert len(texts) > 3


def test_short_values_are_not_searched_for() -> None:
    redactor = Redactor(["abc", "longer-secret"])

    assert redactor.text("abc longer-secret") == f"abc {BLANK}"
