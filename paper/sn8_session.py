"""Two ways to a made SN8 server: in process, as the part of aiohttp.ClientSession that is used, and over loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from paper.sn8 import Sn8Request, Sn8Response, Sn8Server
from paper.sn8_faults import Fault
from paper.sn8_stream import stream_positions

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class _Content:
    response: Sn8Response

    async def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        body = self.response.body
        end = len(body) if self.response.cut_at is None else self.response.cut_at
        for start in range(0, end, n):
            yield body[start : min(start + n, end)]
        if self.response.cut_at is not None:
            raise aiohttp.ClientPayloadError("Response payload is not completed")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    content: _Content


class Sn8Session:
    """The server without a socket; delays are waits of the loop, so that virtual time works."""

    def __init__(self, server: Sn8Server) -> None:
        self._server = server

    @asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - as aiohttp
    ) -> AsyncIterator[_Answer]:
        """As aiohttp's, for what the poller sends."""
        body = json.dumps(options["json"]).encode() if "json" in options else b""
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        response = self._server.answer(Sn8Request("GET", urlsplit(url).path, params or {}, lower, body))
        await asyncio.sleep(response.delay_seconds)
        yield _Answer(response.status, response.headers, _Content(response))


async def serve_sn8(server: Sn8Server, port: int, host: str = LOOPBACK) -> tuple[web.AppRunner, int]:
    """Serve over HTTP; `GET /made/fault?name=cut_body&answers=3` plans a fault, an empty name takes it away.

    `/stream` is the WebSocket of pushed positions.

    Args:
        server: What answers.
        port: 0 takes a free one.
        host: Loopback unless asked.

    Returns:
        The runner, to be cleaned up by the caller, and the port.
    """
    app = web.Application()
    app.router.add_get("/made/fault", partial(_plan, server))
    app.router.add_get("/stream", partial(stream_positions, server))
    app.router.add_route("*", "/{path:.*}", partial(_answer, server))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner, runner.addresses[0][1]


async def _plan(server: Sn8Server, request: web.Request) -> web.Response:
    name, answers = request.query.get("name", ""), request.query.get("answers", "0")
    if name not in {"", *Fault} or not answers.isdecimal():
        return web.json_response({"faults": list(Fault)}, status=HTTPStatus.BAD_REQUEST)
    server.faults.plan(Fault(name) if name else None, int(answers))
    return web.json_response({"planned": name, "answers": int(answers)})


async def _answer(server: Sn8Server, request: web.Request) -> web.StreamResponse:
    lower = {name.lower(): value for name, value in request.headers.items()}
    response = server.answer(Sn8Request(request.method, request.path, dict(request.query), lower, await request.read()))
    await asyncio.sleep(response.delay_seconds)
    if response.cut_at is None:
        return web.Response(status=response.status, headers=response.headers, body=response.body)
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(response.body)
    await stream.prepare(request)
    await stream.write(response.body[: response.cut_at])
    if request.transport:
        request.transport.close()
    return stream
