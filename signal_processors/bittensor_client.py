"""Asks the SN8 server, and says what each kind of answer means. One session, deadlines on loop time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from config.bittensor_settings import BittensorSettings
from signal_processors.bittensor_payload import BODY_LIMIT_BYTES

POSITIONS_PATH = "/miner-positions"
_CHUNK_BYTES = 1 << 16


class _Content(Protocol):
    def iter_chunked(self, n: int) -> AsyncIterator[bytes]: ...


class _Response(Protocol):
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> _Content: ...


class Session(Protocol):
    """The part of aiohttp.ClientSession that is used; the made server offers it in process."""

    @property
    def get(self) -> Callable[..., AbstractAsyncContextManager[Any]]:
        """Sends one request."""
        ...


class Trouble(StrEnum):
    """Why there is no answer to use, by what to do about it."""

    KEY_REFUSED = "key refused"
    LIMITED = "limited"
    NO_DATA = "no data yet"
    REQUEST_REFUSED = "request refused"
    SERVER = "server error"
    NETWORK = "network"
    ANSWER = "unusable answer"


@dataclass(frozen=True, slots=True)
class Answer:
    """A body as it came, possibly packed."""

    body: bytes


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is none.

    Attributes:
        trouble: What kind.
        reason: In words, with a remedy where the operator has one; never the key.
        retry_after_seconds: What the server asked for, None when it did not.
    """

    trouble: Trouble
    reason: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Sn8Access:
    """Where the data is and the key to it.

    Attributes:
        url: With or without the path of the bulk answer.
        api_key: Never shown.
    """

    url: str
    api_key: str

    def __repr__(self) -> str:
        return f"Sn8Access(url={self.url!r}, api_key=***)"

    def at(self, path: str) -> str:
        """The address of another path of the same server."""
        parts = urlsplit(self.url)
        base = parts.path.removesuffix("/").removesuffix(POSITIONS_PATH)
        return urlunsplit((parts.scheme, parts.netloc, base + path, "", ""))


async def fetch(
    session: Session,
    access: Sn8Access,
    settings: BittensorSettings,
    path: str = POSITIONS_PATH,
    query: Mapping[str, str] | None = None,
) -> Answer | NoAnswer:
    """Ask once.

    Args:
        session: Used for every request, so that the connection is kept.
        access: Server and key.
        settings: Tier, form of the key, time limits.
        path: What to ask for.
        query: Its parameters; without any, the settings' tier.
    """
    options = _options(access, settings, {"tier": str(settings.tier)} if query is None else query)
    try:
        async with asyncio.timeout(settings.total_timeout_seconds):
            async with session.get(access.at(path), **options) as response:
                if response.status != HTTPStatus.OK:
                    return _explain(response)
                return await _read(response)
    except aiohttp.ConnectionTimeoutError:
        return NoAnswer(Trouble.NETWORK, f"no connection within {settings.connect_timeout_seconds:g} s")
    except TimeoutError:
        return NoAnswer(Trouble.NETWORK, f"no whole answer within {settings.total_timeout_seconds:g} s")
    except (aiohttp.ClientError, OSError) as error:
        return NoAnswer(Trouble.NETWORK, f"{type(error).__name__}: {error}".replace(access.api_key or "\0", "***"))


def _options(access: Sn8Access, settings: BittensorSettings, query: Mapping[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = {
        "headers": {"Accept-Encoding": "gzip"},
        "timeout": aiohttp.ClientTimeout(
            total=settings.total_timeout_seconds,
            connect=settings.connect_timeout_seconds,
            sock_connect=settings.connect_timeout_seconds,
        ),
        "auto_decompress": False,
        "allow_redirects": False,
        "params": query,
    }
    if settings.auth == "bearer":
        options["headers"]["Authorization"] = f"Bearer {access.api_key}"
    else:
        options["json"] = {"api_key": access.api_key}
    return options


async def _read(response: _Response) -> Answer | NoAnswer:
    parts, size = [], 0
    async for part in response.content.iter_chunked(_CHUNK_BYTES):
        size += len(part)
        if size > BODY_LIMIT_BYTES:
            return NoAnswer(Trouble.ANSWER, f"the answer is larger than {BODY_LIMIT_BYTES >> 20} MiB")
        parts.append(part)
    return Answer(b"".join(parts))


def _explain(response: _Response) -> NoAnswer:
    status, wait = response.status, _retry_after(response.headers)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            reason = "401: the server refuses the API key; set it with: python3 config/credentials.py"
            return NoAnswer(Trouble.KEY_REFUSED, reason, wait)
        case HTTPStatus.FORBIDDEN:
            reason = "403: the key's tier is too low, its subscription is inactive, or it is rate limited"
            return NoAnswer(Trouble.LIMITED, reason, wait)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return NoAnswer(Trouble.LIMITED, "429: rate limited", wait)
        case HTTPStatus.NOT_FOUND:
            return NoAnswer(Trouble.NO_DATA, "404: the server has no data yet, or the address is wrong", wait)
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return NoAnswer(Trouble.SERVER, f"{status}: the server failed", wait)
        case _:
            return NoAnswer(
                Trouble.REQUEST_REFUSED, f"{status}: the server refuses the request; check tier and address", wait
            )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None
