"""The paper exchanges over loopback HTTP: one port, one path prefix per exchange.

A client that drops path prefixes is recognised by the header that carries its key, or by the path itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from core.model.failures import InvalidInput
from paper.door import ConnectionCut, Door
from paper.wire import Request

if TYPE_CHECKING:
    from paper.house import PaperHouse

LOOPBACK = "127.0.0.1"
PULSE_SECONDS = 1.0
STOP_SECONDS = 1.0


@dataclass(slots=True)
class Served:
    """A running server.

    Attributes:
        port: Where it listens.
    """

    port: int
    _runner: web.AppRunner
    _pulse: asyncio.Task[None]

    def base_url(self, exchange: str) -> str:
        """The exchange's base URL, without slash at its end."""
        return f"http://{LOOPBACK}:{self.port}/{exchange}"

    async def stop(self) -> None:
        """Close the port and every connection; safe to call twice."""
        self._pulse.cancel()
        with suppress(asyncio.CancelledError):
            await self._pulse
        await self._runner.cleanup()


async def serve(house: PaperHouse, port: int) -> Served:
    """Listen on loopback until stopped; time passes for the accounts also while nobody asks.

    Args:
        house: What answers.
        port: 0 takes a free one.

    Raises:
        InvalidInput: If the port is taken.
    """
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", _handler(house.doors))
    runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, port, reuse_address=True)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise InvalidInput(f"port {port}: {error.strerror or error}; choose another with --port") from error
    bound: int = runner.addresses[0][1]
    pulse = asyncio.get_running_loop().create_task(_pulse(house))
    return Served(bound, runner, pulse)


async def _pulse(house: PaperHouse) -> None:
    while True:
        await asyncio.sleep(PULSE_SECONDS)
        house.look()


def _handler(doors: Mapping[str, Door]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(incoming: web.Request) -> web.StreamResponse:
        request = await _read(incoming)
        first, _, rest = request.path.lstrip("/").partition("/")
        door = doors.get(first)
        if door is not None:
            request = _without_prefix(request, "/" + rest)
        else:
            door = _guess(doors, request)
        if door is None:
            return web.Response(status=404, text=f"no paper exchange answers {request.path}")
        try:
            response = await door.answer(request)
        except ConnectionCut:
            if incoming.transport is not None:
                incoming.transport.abort()
            return web.Response()
        headers = dict(response.headers)
        return web.Response(
            status=response.status, text=response.body, headers=headers, content_type=response.content_type
        )

    return handle


def _guess(doors: Mapping[str, Door], request: Request) -> Door | None:
    by_key = [door for door in doors.values() if door.has_key_of(request)]
    by_path = [door for door in doors.values() if door.has_route_of(request)]
    return next(iter(by_key or by_path), None)


async def _read(incoming: web.Request) -> Request:
    path, _, query = incoming.raw_path.partition("?")
    body = (await incoming.read()).decode(errors="replace")
    return Request(
        method=incoming.method,
        host=incoming.host.partition(":")[0],
        path=path,
        query=query,
        headers={name.lower(): value for name, value in incoming.headers.items()},
        body=body,
        peer=incoming.remote or LOOPBACK,
    )


def _without_prefix(request: Request, path: str) -> Request:
    return Request(request.method, request.host, path, request.query, request.headers, request.body, request.peer)
