"""Honest exit codes: 0 done, 1 failed, 2 wrong usage, 78 configuration or lock."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from core.model.failures import EngineError, InvalidConfig, InvalidInput

DONE, FAILED, USAGE, CONFIGURATION = 0, 1, 2, 78


@contextmanager
def exit_codes() -> Iterator[None]:
    """End the command with one line on standard error and the code of what went wrong inside.

    Raises:
        typer.Exit: For every failure that the engine raises on purpose; others are faults and pass.
    """
    try:
        yield
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        code = code_of(error)
    else:
        return
    raise typer.Exit(code)


def code_of(error: EngineError) -> int:
    """The exit code of a failure."""
    if isinstance(error, InvalidConfig):
        return CONFIGURATION
    return USAGE if isinstance(error, InvalidInput) else FAILED
