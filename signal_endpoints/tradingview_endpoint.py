"""The TradingView endpoint: python3 signal_endpoints/tradingview_endpoint.py [--port 8000] [DOMAIN]."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    # A script's own folder comes first on the path; the project's packages stand one folder above it.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import uvicorn

from config.home import Home, find_home
from config.webhook_settings import DEFAULT_PORT, WebhookSettings
from core.model.failures import EngineError, InvalidConfig
from operations.committers import WriterThread
from operations.logs import StructuredTelemetry, set_up_logs
from operations.wall_clock import WallClock
from signal_endpoints.bounded_protocol import BoundedProtocol
from signal_endpoints.tradingview_app import make_app
from signal_endpoints.tradingview_service import TradingViewService
from signal_processors.records import RecordInUse

SERVICE = "tradingview-endpoint"
LOOPBACK = "127.0.0.1"
FAILED, CANNOT_RUN = 1, 78
CONNECTIONS = 1000
STOP_SECONDS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the endpoint until it is told to stop.

    Returns:
        0 when it was told to stop, 1 when it failed, 78 when the configuration or another endpoint forbids it to run.
    """
    options = _parser().parse_args(arguments)
    home = find_home()
    set_up_logs(SERVICE, home.logs)
    telemetry = StructuredTelemetry(SERVICE)
    try:
        return asyncio.run(_serve(home, telemetry, WebhookSettings(port=options.port)))
    except (InvalidConfig, RecordInUse) as error:
        telemetry.tell("cannot run", why=str(error))
        return CANNOT_RUN
    except EngineError as error:
        telemetry.tell("failed", why=str(error))
        return FAILED


async def _serve(home: Home, telemetry: StructuredTelemetry, settings: WebhookSettings) -> int:
    committer, housekeeper = WriterThread(), WriterThread()
    service = TradingViewService(home, WallClock(), telemetry, settings, committer=committer, housekeeper=housekeeper)
    try:
        async with service:
            server = uvicorn.Server(
                uvicorn.Config(
                    make_app(service, owns_service=False),
                    host=LOOPBACK,
                    port=settings.port,
                    http=BoundedProtocol,
                    ws="none",
                    access_log=False,
                    log_config=None,
                    proxy_headers=False,
                    server_header=False,
                    limit_concurrency=CONNECTIONS,
                    timeout_graceful_shutdown=STOP_SECONDS,
                )
            )
            await server.serve()
            if not server.started:
                return FAILED
    finally:
        committer.close()
        housekeeper.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tradingview_endpoint.py", description=__doc__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="on 127.0.0.1 (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
