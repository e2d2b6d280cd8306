"""Speaking to an ASGI application without a socket: for the simulation, the demo and the tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from signal_endpoints.receipt import Application

HOST = (b"host", b"127.0.0.1:8000")
CLIENT = ("127.0.0.1", 40000)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the application answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def request(
    app: Application,
    body: bytes = b"",
    *,
    method: str = "POST",
    path: str = "/",
    headers: Iterable[tuple[bytes, bytes]] = (HOST,),
    client: tuple[str, int] = CLIENT,
) -> Answer:
    """Send one request and collect its answer.

    Args:
        app: The application.
        body: Sent in one piece.
        method: Of HTTP.
        path: Without a query.
        headers: All of them, names in lower case.
        client: Where the connection comes from.
    """
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(headers),
        "client": client,
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    pending = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:  # noqa: ANN401 - an ASGI message
        return pending.pop(0) if pending else {"type": "http.disconnect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - an ASGI message
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    return Answer(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(part.get("body", b"") for part in parts),
    )
