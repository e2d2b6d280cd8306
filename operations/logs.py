"""Logs: one JSON line per event to a file that we rotate ourselves, readable text to a terminal."""

import gzip
import json
import logging
import logging.handlers
import shutil
import sys
import threading
from collections.abc import Mapping, MutableMapping
from io import TextIOWrapper
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
        self._bytes = 0
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES_KEPT, encoding="utf-8")
        self._packer: threading.Thread | None = None
        left_over = path.with_name(f"{path.name}.1")  # by a process that ended while it packed
        if left_over.exists():
            self._pack(left_over)

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: ARG002, N802 - as the base class
        """Whether the file is full, without rendering the record to measure it; the last line may pass the limit."""
        return 0 < self.maxBytes <= self._bytes

    def format(self, record: logging.LogRecord) -> str:
        """The line, counted: asking the file how long it is takes longer than all else."""
        line = super().format(record)
        self._bytes += len(line) + 1  # The lines are ASCII.
        return line

    def rotation_filename(self, default_name: str) -> str:
        return f"{default_name}.gz"

    def doRollover(self) -> None:  # noqa: N802 - as the base class
        self._wait()
        super().doRollover()

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        self._bytes = stream.tell()
        return stream

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


class _Told(logging.LogRecord):
    """An event of ours, complete and blanked."""


class StructuredTelemetry:
    """core.ports.telemetry.Telemetry as log events.

    An event is made into what structlog's processors would make of it, without passing through them: two or three lines
    belong to every order, and the way through costs as much as all else about a line.
    """

    def __init__(self, service: str) -> None:
        self._log = logging.getLogger(service)

    def tell(self, event: str, **facts: object) -> None:
        """Write one event under its own level, with the pass of its account where it happened in one."""
        level = level_of(event)
        if not self._log.isEnabledFor(level):
            return
        number = pass_number.get()
        if number:
            facts["pass"] = number
        facts |= {"event": event, "level": _LEVEL_NAMES[level], "logger": self._log.name}
        told = redactor(None, "", _stamp(None, "", facts))
        self._log.handle(_Told(self._log.name, level, "", 0, told, (), None))


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
    file.setFormatter(_formatter(_render_as_json))
    terminal = logging.StreamHandler(sys.stderr)
    is_seen = sys.stderr.isatty()
    terminal.setFormatter(_formatter(structlog.dev.ConsoleRenderer() if is_seen else _render_plainly))
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
            structlog.processors.format_exc_info,
            redactor,
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


_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
_SHARED: list[Any] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, _stamp]
_LEVEL_NAMES = {level: logging.getLevelName(level).lower() for level in (logging.INFO, logging.WARNING, logging.ERROR)}


def _redact_foreign(logger: object, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Blank what did not come through structlog; what did was blanked once for both outputs."""
    return event if event["_from_structlog"] else redactor(logger, method, event)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """Renders what was told or came through structlog at once: it is complete and blanked.

    Foreign records take the long way.
    """

    def format(self, record: logging.LogRecord) -> str:
        if not (isinstance(record, _Told) or hasattr(record, "_logger")):
            return super().format(record)
        event = record.msg
        return str(self.processors[-1](None, record.levelname, dict(event)))  # type: ignore[arg-type]  # structlog's msg is its event


_JSON = json.JSONEncoder(default=str)
"""Made once: `json.dumps` with an argument makes one for every line."""


def _render_as_json(_logger: object, _method: str, event: Mapping[str, Any]) -> str:
    return _JSON.encode(event)


def _render_plainly(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """One line for a file or a pipe, in the order of the terminal's; half the work of its renderer."""
    at, level, name, logger = (event.pop(key, "") for key in ("timestamp", "level", "event", "logger"))
    trace = event.pop("exception", None) or event.pop("stack", None)
    facts = " ".join(f"{key}={_shown(value)}" for key, value in sorted(event.items()))
    line = f"{at} [{level:<9}] {name} [{logger}] {facts}".rstrip()
    return f"{line}\n{trace}" if trace else line


def _shown(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and text and " " not in text else repr(text)


def _formatter(renderer: Any) -> structlog.stdlib.ProcessorFormatter:  # noqa: ANN401 - structlog's renderers share no type
    return _Formatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.processors.format_exc_info,
            _redact_foreign,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            renderer,
        ],
    )
