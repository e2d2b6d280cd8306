"""Logs: one JSON line per event to a file that we rotate ourselves, readable text to a terminal."""

import gzip
import logging
import logging.handlers
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import structlog

from operations.redaction import Redactor

LOG_BYTES = 50 * 1024 * 1024
LOG_FILES_KEPT = 10

redactor = Redactor()
"""The process's redactor; whoever loads a secret registers it here."""


class _GzipRotation(logging.handlers.RotatingFileHandler):
    """Rotates at 50 MB, keeps 10 compressed files, loses no line."""

    def rotation_filename(self, default_name: str) -> str:
        return f"{default_name}.gz"

    def rotate(self, source: str, dest: str) -> None:
        temporary = f"{dest}.tmp"
        with open(source, "rb") as plain, gzip.open(temporary, "wb") as packed:  # noqa: PTH123 - as the base class
            shutil.copyfileobj(plain, packed)
        os.replace(temporary, dest)  # noqa: PTH105 - as the base class
        os.remove(source)  # noqa: PTH107 - as the base class


class StructuredTelemetry:
    """core.ports.telemetry.Telemetry as log events."""

    def __init__(self, service: str) -> None:
        self._log = structlog.stdlib.get_logger(service)

    def tell(self, event: str, **facts: object) -> None:
        """Write one event."""
        self._log.info(event, **facts)


def set_up_logs(service: str, folder: Path, level: str = "INFO") -> None:
    """Send every record of this process, ours and foreign ones, to `folder/service.jsonl` and to standard error.

    Args:
        service: Name of the service and of its file.
        folder: Created with mode 0700.
        level: Lowest level written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = _GzipRotation(folder / f"{service}.jsonl", maxBytes=LOG_BYTES, backupCount=LOG_FILES_KEPT, encoding="utf-8")
    file.setFormatter(_formatter(structlog.processors.JSONRenderer(default=str)))
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(_formatter(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())))
    root = logging.getLogger()
    root.handlers = [file, terminal]
    root.setLevel(level)
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
