"""Prometheus text on a loopback port, served by the service's own event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from core.ports.telemetry import Telemetry

LOOPBACK = "127.0.0.1"
OUR_NAMES = frozenset({LOOPBACK, "localhost"})
METRICS_PORTS = {"tradingview-endpoint": 9311, "bittensor-signals": 9312, "trade-engine": 9313}
"""Where each service answers GET /metrics unless told otherwise."""


@asynccontextmanager
async def serve_metrics(registry: CollectorRegistry, port: int, telemetry: Telemetry) -> AsyncIterator[int]:
    """Answer GET /metrics while the block runs; metrics never stop a service.

    A port that is taken is told, and the block runs without metrics.

    Args:
        registry: What to show.
        port: On 127.0.0.1; 0 takes a free one.
        telemetry: Is told when the port is taken.

    Yields:
        The port, 0 when nothing is served.
    """
    runner = web.AppRunner(_application(registry), access_log=None)
    await runner.setup()
    served = 0
    try:
        site = web.TCPSite(runner, LOOPBACK, port)
        await site.start()
        served = runner.addresses[0][1]
    except OSError as error:
        telemetry.tell("metrics not served", port=port, why=error.strerror or str(error))
    try:
        yield served
    finally:
        await runner.cleanup()


def _application(registry: CollectorRegistry) -> web.Application:
    async def show(request: web.Request) -> web.Response:
        if (request.url.host or "") not in OUR_NAMES:
            raise web.HTTPForbidden(text="ask for 127.0.0.1\n")
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    application = web.Application(client_max_size=1024)
    application.router.add_get("/metrics", show)
    return application
