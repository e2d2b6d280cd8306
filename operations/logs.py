"""Logs: one JSON line per event to a file that we rotate ourselves, readable text to a terminal."""

import gzip
import logging
import logging.handlers
import shutil
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from core.ports.telemetry import pass_number
from operations.event_levels import level_of
from operations.redaction import Redactor

LOG_BYTES = 50 * 1024 * 1024
LOG_FILES_KEPT = 10

redactor = Redactor()
"""The process's redactor; whoever loads a secret registers it here."""


class _GzipRotation(logging.handlers.RotatingFileHandler):
    """Rotates at 50 MB, keeps 10 compressed files, loses no line.

    A full file is only renamed where it is written; packing 50 MB takes a second or two, and has a thread of its own.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES_KEPT, encoding="utf-8")
        self._packer: threading.Thread | None = None
        left_over = path.with_name(f"{path.name}.1")  # by a process that ended while it packed
        if left_over.exists():
            self._pack(left_over)

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: ARG002, N802 - as the base class
        """Whether the file is full, without rendering the record to measure it; the last line may pass the limit."""
        if self.stream is None:
            self.stream = self._open()
        return self.maxBytes > 0 and self.stream.tell() >= self.maxBytes

    def rotation_filename(self, default_name: str) -> str:
        return f"{default_name}.gz"

    def doRollover(self) -> None:  # noqa: N802 - as the base class
        self._wait()
        super().doRollover()

    def rotate(self, source: str, dest: str) -> None:
        self._pack(Path(source).rename(dest.removesuffix(".gz")))

    def close(self) -> None:
        super().close()
        self._wait()

    def _pack(self, plain: Path) -> None:
        self._packer = threading.Thread(target=_pack, args=(plain,), name="log packer")
        self._packer.start()

    def _wait(self) -> None:
        if self._packer:
            self._packer.join()
            self._packer = None


def _pack(plain: Path) -> None:
    """Pack a file beside itself; at every moment one of the two is whole."""
    target = plain.with_name(f"{plain.name}.gz")
    temporary = target.with_name(f"{target.name}.tmp")
    with plain.open("rb") as lines, gzip.open(temporary, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(lines, packed)
    temporary.replace(target)
    plain.unlink()


class StructuredTelemetry:
    """core.ports.telemetry.Telemetry as log events."""

    def __init__(self, service: str) -> None:
        self._log = structlog.stdlib.get_logger(service)

    def tell(self, event: str, **facts: object) -> None:
        """Write one event under its own level, with the pass of its account where it happened in one."""
        number = pass_number.get()
        self._log.log(level_of(event), event, **facts, **({"pass": number} if number else {}))


def set_up_logs(service: str, folder: Path, level: str = "INFO") -> None:
    """Send every record of this process, ours and foreign ones, to `folder/service.jsonl` and to standard error.

    What ends the process unexpectedly is a record like any other: its traceback is redacted as well.

    Args:
        service: Name of the service and of its file.
        folder: Created with mode 0700.
        level: Lowest level written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = _GzipRotation(folder / f"{service}.jsonl")
    file.setFormatter(_formatter(structlog.processors.JSONRenderer(default=str)))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_formatter(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())))
    root = logging.getLogger()
    root.handlers = [file, terminal]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def size_logs(max_megabytes: float, retain_files: int) -> None:
    """Rotate this process's file at another size, and keep another number of rotated ones.

    Args:
        max_megabytes: Of one file, in MiB.
        retain_files: Rotated files kept.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, _GzipRotation):
            handler.maxBytes = int(max_megabytes * 1024 * 1024)
            handler.backupCount = retain_files


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("uncaught").critical("ended unexpectedly", exc_info=(kind, error, trace))


_SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _formatter(renderer: Any) -> structlog.stdlib.ProcessorFormatter:  # noqa: ANN401 - structlog's renderers share no type
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redactor,
            renderer,
        ],
    )
