"""The watchdog of the event loop: how late it wakes, and a word when something blocked it."""

import asyncio
from collections.abc import Callable

from core.ports.telemetry import Telemetry

WATCH_SECONDS = 0.5
TELL_ABOVE_SECONDS = 1.0


async def watch_loop_lag(
    observe: Callable[[float], None],
    telemetry: Telemetry,
    tell_above_seconds: float = TELL_ABOVE_SECONDS,
    watch_seconds: float = WATCH_SECONDS,
) -> None:
    """Measure, until cancelled, by how much a sleep overruns.

    Args:
        observe: Takes every measurement, in seconds.
        telemetry: Is told of each one above the limit.
        tell_above_seconds: The limit.
        watch_seconds: How long each sleep is meant to be.
    """
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + watch_seconds
        await asyncio.sleep(watch_seconds)
        lag_seconds = max(0.0, loop.time() - due)
        observe(lag_seconds)
        if lag_seconds > tell_above_seconds:
            telemetry.tell("event loop was blocked", seconds=round(lag_seconds, 3))
