"""Whole files, replaced atomically and durably; JSON read without silent surprises."""

import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from core.model.failures import InvalidConfig, StorageFailure

PRIVATE_MODE = 0o600
SHARED_MODE = 0o644


def write_atomically(path: Path, content: bytes, mode: int = SHARED_MODE, *, survives_power_loss: bool = True) -> None:
    """Replace a whole file so that a reader, or a crash at any moment, sees the old or the new one.

    A temporary file in the same directory is written, synced and renamed over the path; then the
    directory is synced. The file has its mode from its first byte.

    Args:
        path: The file.
        content: All of it.
        mode: Its permissions.
        survives_power_loss: False leaves the syncing out, which may take long on a slow disk: only for views that
            the engine never reads back. A crash of the process alone still leaves the old or the new.

    Raises:
        StorageFailure: If any step fails; the old file is then still in place.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.fchmod(descriptor, mode)
            _write_all(descriptor, content)
            if survives_power_loss:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
        if survives_power_loss:
            sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise StorageFailure(f"{path}: cannot be written: {error.strerror or error}") from error


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def parse_json(content: bytes, path: Path) -> Any:  # noqa: ANN401 - JSON is anything until a schema has seen it
    """Parse JSON with exact decimals, refusing repeated keys and NaN.

    Raises:
        InvalidConfig: Naming the path and the place.
    """
    try:
        return json.loads(
            content.decode(),
            parse_float=Decimal,
            parse_constant=_refuse_constant(path),
            object_pairs_hook=_unique_pairs(path),
        )
    except UnicodeDecodeError as error:
        raise InvalidConfig(str(path), "", "", f"not UTF-8 text at byte {error.start}", "Restore the file.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise InvalidConfig(str(path), "", "", f"not valid JSON at {place}: {error.msg}", "Mend the file.") from error
    except (ValueError, ArithmeticError) as error:
        raise InvalidConfig(
            str(path), "", "", "holds a number with too many digits", "Write a number in range."
        ) from error
    except RecursionError as error:
        raise InvalidConfig(str(path), "", "", "nested too deeply", "Restore the file.") from error


def format_json(value: object) -> bytes:
    """JSON as the operator reads it: 4 spaces, order kept, decimals as plain numbers, final newline."""
    return (json.dumps(value, indent=4, ensure_ascii=False, default=_encode, allow_nan=False) + "\n").encode()


def _encode(value: object) -> object:
    """A decimal as a JSON number; refused where a float would not hold it digit by digit."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} has no JSON form")
    number = int(value) if value == value.to_integral_value() else float(value)
    if Decimal(repr(number)) != value:
        raise ValueError(f"{value} has more digits than a JSON number keeps")
    return number


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _refuse_constant(path: Path) -> Callable[[str], NoReturn]:
    def refuse(text: str) -> NoReturn:
        raise InvalidConfig(str(path), "", text, "numbers must be finite", "Write a finite number.")

    return refuse


def _unique_pairs(path: Path) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        collected: dict[str, Any] = {}
        for key, value in pairs:
            if key in collected:
                raise InvalidConfig(str(path), key, "", "the key is given twice", "Keep one of the two.")
            collected[key] = value
        return collected

    return collect
