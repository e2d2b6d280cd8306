"""A request's body, received within a size and a time; and answers that cannot be mistaken."""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_BYTES = 16 * 1024
BODY_SECONDS = 5.0


class BodyRefused(Exception):
    """The body did not arrive as it must.

    Attributes:
        status: The HTTP status that says so.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class CallerGone(Exception):
    """The caller hung up; there is nobody to answer."""


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """Receive the whole body.

    Raises:
        BodyRefused: If it is announced or turns out larger than 16 KiB, or takes longer than 5 s.
        CallerGone: If the caller hung up before its end.
    """
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or int(value[:12]) > BODY_BYTES):
            raise BodyRefused(413, "the message is larger than 16 KiB")
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise CallerGone
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > BODY_BYTES:
                    raise BodyRefused(413, "the message is larger than 16 KiB")
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError:
        raise BodyRefused(408, "the message did not arrive within 5 s") from None


async def answer(send: Send, status: int, content: dict[str, str], *, is_last: bool) -> None:
    """Send a JSON answer.

    Args:
        send: Of the request.
        status: The HTTP status.
        content: Nothing of the request's input.
        is_last: Close the connection afterwards, also when part of the body is still coming.
    """
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if is_last:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
