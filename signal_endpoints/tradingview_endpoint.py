"""The TradingView endpoint: python3 signal_endpoints/tradingview_endpoint.py [--port 8000] [DOMAIN]."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

if __name__ == "__main__":
    # A script's own folder comes first on the path; the project's packages stand one folder above it.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import uvicorn
from rich.console import Console

from config.engine_settings_file import EngineSettingsFile
from config.home import Home, find_home
from config.webhook_settings import WebhookSettings, check_domain
from core.model.failures import EngineError, InvalidConfig
from core.ports.telemetry import Telemetry
from operations.committers import WriterThread
from operations.logs import StructuredTelemetry, set_up_logs, size_logs
from operations.metrics_server import serve_metrics
from operations.wall_clock import WallClock
from signal_endpoints.bounded_protocol import BoundedProtocol
from signal_endpoints.domain_files import set_up_domain
from signal_endpoints.tradingview_app import make_app
from signal_endpoints.tradingview_service import TradingViewService
from signal_endpoints.webhook_config import WebhookConfig
from signal_endpoints.webhook_metrics import WebhookMetrics
from signal_processors.records import RecordInUse

SERVICE = "tradingview-endpoint"
LOOPBACK = "127.0.0.1"
DONE, FAILED, CANNOT_RUN = 0, 1, 78
CONNECTIONS = 1000
# Longer than clients and proxies keep an idle connection themselves (aiohttp 15 s, nginx 60 s): a message that enters a
# connection at the moment the endpoint closes it is lost, and a client does not send a POST again by itself.
KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 1
WATCH_SECONDS = 2.0


class EndpointServer(uvicorn.Server):
    """uvicorn that ends on a signal without raising it again, so that what is being written is finished."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop serving on SIGINT and SIGTERM."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


class PortTaken(EngineError):
    """Somebody else listens where the endpoint should."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the endpoint until it is told to stop.

    Args:
        arguments: Of the command line.

    Returns:
        0 when it was told to stop, 1 when it failed, 78 when the configuration or another endpoint forbids it to run.
    """
    options = _parser().parse_args(arguments)
    home = find_home()
    set_up_logs(SERVICE, home.logs)
    telemetry = StructuredTelemetry(SERVICE)
    try:
        if options.domain:
            Console(soft_wrap=True).print(set_up_domain(home, options.domain), markup=False, highlight=False)
        all_settings = EngineSettingsFile(home).load()
        size_logs(all_settings.logs.max_megabytes, all_settings.logs.retain_files)
        settings = all_settings.webhook
        return asyncio.run(_serve(home, telemetry, settings, settings.port if options.port is None else options.port))
    except (InvalidConfig, RecordInUse, PortTaken) as error:
        telemetry.tell("cannot run", why=str(error))
        return CANNOT_RUN
    except EngineError as error:
        telemetry.tell("failed", why=str(error))
        return FAILED


async def _serve(home: Home, telemetry: Telemetry, settings: WebhookSettings, port: int) -> int:
    missing_key = WebhookConfig(home, asyncio.get_running_loop().time).missing_key()
    if missing_key:
        telemetry.tell("cannot run", why=missing_key)
        return CANNOT_RUN
    listener = listen(port)
    committer, housekeeper = WriterThread(), WriterThread()
    try:
        async with TradingViewService(
            home, WallClock(), telemetry, committer=committer, housekeeper=housekeeper
        ) as service:
            server = EndpointServer(_uvicorn_config(service, port))
            watching = asyncio.create_task(_watch(service, server, telemetry))
            looking = asyncio.create_task(service.surroundings.watch())
            async with serve_metrics(WebhookMetrics(service).registry, settings.metrics_port, telemetry):
                await server.serve(sockets=[listener])
            watching.cancel()
            looking.cancel()
            if not server.started:
                return FAILED
            return watching.result() if watching.done() and not watching.cancelled() else DONE
    finally:
        listener.close()
        committer.close()
        housekeeper.close()


async def _watch(service: TradingViewService, server: uvicorn.Server, telemetry: Telemetry) -> int:
    """Stop serving once the service must be started again or may not run; its exit code.

    When the last key is revoked it goes on: nobody may write then, and the depths in force stay published.
    """
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        missing_key = service.config.missing_key() if service.config.keys() is None else ""
        for why, code in ((service.processor.failure, FAILED), (missing_key, CANNOT_RUN)):
            if why:
                telemetry.tell("stopping", why=why)
                server.should_exit = True
                return code


def _uvicorn_config(service: TradingViewService, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        make_app(service, owns_service=False),
        host=LOOPBACK,
        port=port,
        http=BoundedProtocol,
        ws="none",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def listen(port: int) -> socket.socket:
    """The loopback socket, bound before anything else is started.

    Raises:
        PortTaken: If it cannot be bound.
    """
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise PortTaken(
            f"{LOOPBACK}:{port}: {os.strerror(error.errno or 0)}; stop the other or choose --port"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tradingview_endpoint.py",
        description="Take TradingView's alerts on 127.0.0.1, keep them durably, publish the depths they ask for.",
    )
    parser.add_argument(
        "domain",
        nargs="?",
        type=_domain,
        help="write the nginx and certbot files of this public name first, such as tv.example.com",
    )
    parser.add_argument("--port", type=int, help="on 127.0.0.1 (default: webhook.port of engine_config.json, 8000)")
    return parser


def _domain(text: str) -> str:
    try:
        return check_domain(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
