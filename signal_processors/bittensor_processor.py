"""The SN8 source as a service: `python3 signal_processors/bittensor_processor.py`."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Annotated

if __name__ == "__main__":  # run by its path: imports start at the project's root, not in this folder
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import aiohttp
import typer

from config.bittensor_dialog import configure_bittensor
from config.bittensor_settings import BittensorSettingsFile
from config.credentials_file import REMEDY, read_bittensor_access
from config.dialog import CONFIGURATION, DONE, FAILED, run_dialog, standard_console
from config.dialog_options import FROM_FILE, NON_INTERACTIVE, SETTINGS
from config.engine_settings_file import EngineSettingsFile
from config.home import Home, find_home
from core.model.failures import EngineError, InvalidConfig, StorageFailure
from core.ports.telemetry import Telemetry
from operations.logs import StructuredTelemetry, redactor, set_up_logs, size_logs
from operations.loop_lag import watch_loop_lag
from operations.metrics import Listeners, Metrics
from operations.metrics_server import METRICS_PORTS, serve_metrics
from operations.wall_clock import WallClock
from signal_processors.bittensor_client import Sn8Access
from signal_processors.bittensor_mapping import SOURCE, BittensorMapping
from signal_processors.bittensor_poll import Poll
from signal_processors.bittensor_poller import BittensorPoller
from signal_processors.bittensor_stream import PositionStream
from signal_processors.records import RecordInUse, RecordLog

SERVICE = "bittensor-signals"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Poll once and end: 0 a good answer, 1 none, 78 configuration.")
    ] = False,
    config: Annotated[bool, typer.Option("--config", help="Ask for thresholds and limits, and write them.")] = False,
    settings: SETTINGS = None,
    from_file: FROM_FILE = None,
    non_interactive: NON_INTERACTIVE = False,
    metrics_port: Annotated[int, typer.Option(min=0, max=65535, help="Loopback port of the metrics.")] = METRICS_PORTS[
        SERVICE
    ],
) -> None:
    """Poll the SN8 API, rank the miners, and publish the source's depths until stopped.

    Key and endpoint come from credentials.json (python3 config/credentials.py), the ids to follow from
    asset_mapping_config.json, thresholds from bittensor_processor_config.json; all but the key are taken up live.

    Examples:
      python3 signal_processors/bittensor_processor.py

      python3 signal_processors/bittensor_processor.py --once

      python3 signal_processors/bittensor_processor.py --config

      python3 signal_processors/bittensor_processor.py --config --set min_trades=20 --set mode=compatible
    """
    home = find_home()
    if config or settings or from_file or non_interactive:
        console = standard_console()
        is_asked = not (settings or from_file or non_interactive)
        dialog = partial(configure_bittensor, console, home, settings or [], from_file, is_asked=is_asked)
        raise typer.Exit(run_dialog(console, dialog))
    set_up_logs(SERVICE, home.logs)
    with suppress(InvalidConfig):  # the engine's file is the engine's to complain of
        kept = EngineSettingsFile(home).load().logs
        size_logs(kept.max_megabytes, kept.retain_files)
    raise typer.Exit(asyncio.run(serve(home, metrics_port, is_once=once)))


async def serve(home: Home, metrics_port: int, *, is_once: bool) -> int:
    """Run the service until SIGTERM or SIGINT, or for one poll.

    Args:
        home: Where the files lie.
        metrics_port: On loopback; 0 takes a free one.
        is_once: Poll once and say how it went.

    Returns:
        The exit code.
    """
    console = standard_console()
    clock = WallClock()
    metrics = Metrics(SERVICE, clock)
    telemetry = Listeners(StructuredTelemetry(SERVICE), metrics)
    try:
        access = read_access(home)
        BittensorSettingsFile(home).load()
        BittensorMapping(home).load()
        record = RecordLog(home.raw_signals(SOURCE))
    except (InvalidConfig, RecordInUse) as error:
        console.complain(str(error))
        return CONFIGURATION
    except StorageFailure as error:
        console.complain(str(error))
        return FAILED
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            jitter = Random()  # noqa: S311 - spreads polls, decides nothing
            poller = BittensorPoller(home, access, session, clock, telemetry, record, jitter)
            if is_once:
                poll = await poller.poll_once()
                console.say(summary(poll, poller))
                return DONE if poll.is_good else FAILED
            stream = PositionStream(session, access, clock, telemetry, poller.take_pushed)
            url = BittensorSettingsFile(home).load().stream_url
            extra = [stream.follow(url)] if url else []
            return await _run_until_stopped(poller, metrics, metrics_port, telemetry, extra)
    except InvalidConfig as error:
        console.complain(str(error))
        return CONFIGURATION
    except EngineError as error:
        console.complain(str(error))
        return FAILED
    finally:
        await record.close()


def read_access(home: Home) -> Sn8Access:
    """Server and key from credentials.json; the key is registered with the logs, which then never show it.

    Raises:
        InvalidConfig: If the file is wrong or names none.
    """
    section = read_bittensor_access(home)
    key = section.api_key.get_secret_value()
    if not section.endpoint or not key:
        field = "bittensor_sn8.endpoint" if not section.endpoint else "bittensor_sn8.api_key"
        raise InvalidConfig(str(home.credentials), field, "", "SN8 is not configured", REMEDY)
    redactor.register([key])
    return Sn8Access(section.endpoint, key)


def summary(poll: Poll, poller: BittensorPoller) -> str:
    """What one poll came to, in lines for a person."""
    frame = poller.frame
    depths = [f"  {signal.source_symbol} {signal.depth:f}" for signal in frame.signals] if frame else []
    verdict = "No good answer; the last depths are held:"
    if poll.is_good:
        verdict = "The answer was good, but:" if poller.condition.reason else "The answer was good."
    return "\n".join(filter(None, (verdict, poller.condition.reason, *depths)))


async def _run_until_stopped(
    poller: BittensorPoller,
    metrics: Metrics,
    metrics_port: int,
    telemetry: Telemetry,
    extra: Sequence[Coroutine[None, None, None]],
) -> int:
    loop = asyncio.get_running_loop()
    try:
        async with serve_metrics(metrics.registry, metrics_port, telemetry), asyncio.TaskGroup() as tasks:
            work = [
                tasks.create_task(poller.run()),
                tasks.create_task(watch_loop_lag(metrics.loop_lag.observe, telemetry)),
                *(tasks.create_task(coroutine) for coroutine in extra),
            ]
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, lambda: [task.cancel() for task in work])
            telemetry.tell("bittensor source started")
    except* StorageFailure as group:
        telemetry.tell("bittensor source gave up", why=str(group.exceptions[0]))
        raise StorageFailure(
            "the record can no longer be written; the process manager starts the service anew"
        ) from None
    telemetry.tell("bittensor source stopped")
    return DONE


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        app()
