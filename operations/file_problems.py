"""Tells what is wrong with the operator's files while a service goes on with the last valid version."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from core.ports.telemetry import Telemetry

POLL_SECONDS = 0.5


class ReloadedFile(Protocol):
    """A file under the last-good rule."""

    def load(self) -> object:
        """The newest valid version."""
        ...

    def problem(self) -> str:
        """What is wrong with the file as it stands, empty when it is the version in force."""
        ...


async def watch_problems(
    files: Sequence[ReloadedFile], telemetry: Telemetry, poll_seconds: float = POLL_SECONDS
) -> None:
    """Look at the files until cancelled, and tell every change of what is wrong with them, once.

    Args:
        files: Loaded once already.
        telemetry: Where it is told.
        poll_seconds: Time between two looks.
    """
    told = [""] * len(files)
    while True:
        for number, file in enumerate(files):
            file.load()
            problem = file.problem()
            if problem != told[number]:
                told[number] = problem
                event = "settings invalid, last valid ones stay" if problem else "settings valid"
                telemetry.tell(event, problem=problem)
        await asyncio.sleep(poll_seconds)
