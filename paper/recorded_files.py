"""Recorded prices as files hold them: CSV, or Parquet where the `history` extra is installed."""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.model.failures import InvalidConfig

PARQUET_SUFFIXES = (".parquet", ".pq")
_FIELDS = ("time", "coin", "price", "close")

Row = tuple[str, Mapping[str, str | None]]
"""Where a row stands in its file, and its values as text."""


def read_rows(path: Path) -> Iterator[Row]:
    """Every row of a recorded file; the suffix tells its format.

    Raises:
        InvalidConfig: If it cannot be read, or is Parquet and the extra is not installed.
    """
    return _parquet_rows(path) if path.suffix.lower() in PARQUET_SUFFIXES else _csv_rows(path)


def _csv_rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                yield f"line {number}", row
    except OSError as error:
        raise InvalidConfig(
            str(path), "", "", f"cannot be read: {error.strerror}", "Name a CSV or Parquet file."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidConfig(str(path), "", "", f"is not CSV: {error}", "Name a CSV or Parquet file.") from error


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException  # noqa: PLC0415 - an extra
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise InvalidConfig(
            str(path), "", "", "Parquet needs the history extra", "Run uv sync --extra history, or give CSV."
        ) from error
    try:
        with ParquetFile(path) as file:
            columns = [name for name in _FIELDS if name in file.schema_arrow.names]
            number = 0
            for batch in file.iter_batches(columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", {name: _as_text(value) for name, value in row.items()}
    except (OSError, ArrowException) as error:
        raise InvalidConfig(
            str(path), "", "", f"cannot be read: {error}", "Name a Parquet file of time, coin, price."
        ) from error


def _as_text(value: Any) -> str | None:  # noqa: ANN401 - whatever the column holds
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return None if value is None else str(value)
