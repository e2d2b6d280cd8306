"""The part of aiohttp.ClientSession that ccxt's async classes use, answered in process: no socket, no thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict

from paper.door import ConnectionCut, Door
from paper.wire import Request, Response

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


class InProcessResponse:
    """What ccxt reads of an aiohttp.ClientResponse."""

    def __init__(self, response: Response, url: str) -> None:
        self.status = response.status
        self.reason = REASONS.get(response.status, "")
        self.headers = CIMultiDict({"Content-Type": response.content_type, **response.headers})
        self.url = url
        self._body = response.body

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """The body."""
        del encoding, errors
        return self._body

    async def read(self) -> bytes:
        """The body as bytes."""
        return self._body.encode()

    def release(self) -> None:
        """Nothing is held."""


class _Exchange:
    """A request in flight: awaited or entered, as aiohttp's request context is."""

    def __init__(self, send: Callable[[], Any]) -> None:
        self._send = send

    def __await__(self) -> Generator[Any, None, InProcessResponse]:
        result: Generator[Any, None, InProcessResponse] = self._send().__await__()
        return result

    async def __aenter__(self) -> InProcessResponse:
        return await self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class InProcessSession:
    """Routes by host to the doors; any other host is refused, so that nothing leaves the process.

    Args:
        doors: By host name.
    """

    def __init__(self, doors: Mapping[str, Door]) -> None:
        self._doors = dict(doors)
        self.closed = False
        self.headers: dict[str, str] = {}

    def request(
        self,
        method: str,
        url: object,
        *,
        data: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: aiohttp.ClientTimeout | None = None,
        **_: object,
    ) -> _Exchange:
        """Send one request; await it or enter it."""
        return _Exchange(lambda: self._send(method.upper(), str(url), data, headers or {}, timeout))

    def get(self, url: object, **options: Any) -> _Exchange:  # noqa: ANN401 - as aiohttp
        """A GET."""
        return self.request("GET", url, **options)

    def post(self, url: object, **options: Any) -> _Exchange:  # noqa: ANN401 - as aiohttp
        """A POST."""
        return self.request("POST", url, **options)

    def put(self, url: object, **options: Any) -> _Exchange:  # noqa: ANN401 - as aiohttp
        """A PUT."""
        return self.request("PUT", url, **options)

    def delete(self, url: object, **options: Any) -> _Exchange:  # noqa: ANN401 - as aiohttp
        """A DELETE."""
        return self.request("DELETE", url, **options)

    def patch(self, url: object, **options: Any) -> _Exchange:  # noqa: ANN401 - as aiohttp
        """A PATCH."""
        return self.request("PATCH", url, **options)

    async def close(self) -> None:
        """Take no more requests."""
        self.closed = True

    async def _send(
        self,
        method: str,
        url: str,
        data: bytes | str | None,
        headers: Mapping[str, str],
        deadline: aiohttp.ClientTimeout | None,
    ) -> InProcessResponse:
        parts = urlsplit(url)
        door = self._doors.get(parts.hostname or "")
        if door is None or self.closed:
            raise aiohttp.ClientConnectionError(f"{parts.hostname}: not a host of the paper world")
        request = Request(
            method=method,
            host=parts.hostname or "",
            path=parts.path,
            query=parts.query,
            headers={name.lower(): value for name, value in headers.items()},
            body=data.decode() if isinstance(data, bytes) else data or "",
        )
        try:
            async with asyncio.timeout(deadline.total if deadline else None):
                return InProcessResponse(await door.answer(request), url)
        except ConnectionCut:
            raise aiohttp.ServerDisconnectedError from None
