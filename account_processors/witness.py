"""What an exchange answered word for word, for whoever asked: ccxt drops what it cannot read."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from account_processors.replies import MalformedReply, rows_of

_HEARD: ContextVar[list[str] | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """The texts of the answers to what is asked meanwhile by this task and those that it starts."""
    heard: list[str] = []
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)


def prove_empty(heard: Sequence[str], what: str) -> None:
    """Nothing was found in an answer: see that the answer was whole and had a list in which it could have been.

    Raises:
        MalformedReply: If it is no JSON, or holds no list at all.
    """
    if not _has_list(_last(heard, what)):
        raise MalformedReply(f"{what}: the answer holds no list")


def prove_whole(heard: Sequence[str], what: str, place: Sequence[str], size: Sequence[str], found: int) -> None:
    """So many were found in an answer: see that it has no more, since ccxt drops rows that it cannot read.

    Args:
        heard: The answers, of which the last counts.
        what: What was asked for.
        place: The members that lead to the list.
        size: The members of a row that lead to its size, which is 0 for what is not held.
        found: How many are held as ccxt tells it.

    Raises:
        MalformedReply: If the answer has no list there, a row has no size, or another number of them is held.
    """
    body = _last(heard, what)
    for name in place:
        body = body.get(name) if isinstance(body, Mapping) else None
    held = 0
    for row in rows_of(body, what):
        for name in size[:-1]:
            row = row.row(name)  # noqa: PLW2901 - further inside the same row
        held += row.decimal(size[-1]) != 0
    if held != found:
        raise MalformedReply(f"{what}: the exchange tells of {held} and ccxt of {found}")


def _last(heard: Sequence[str], what: str) -> object:
    try:
        return json.loads(heard[-1]) if heard else None
    except (ValueError, RecursionError):
        raise MalformedReply(f"{what}: the answer is cut short or no JSON") from None


def _has_list(body: object) -> bool:
    if isinstance(body, Mapping):
        return any(_has_list(member) for member in body.values())
    return isinstance(body, list)


class WitnessedSession:
    """The part of aiohttp.ClientSession that ccxt uses, through which answers are heard.

    Args:
        session: What carries the requests.
    """

    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, session: Any) -> None:  # noqa: ANN401 - the part of aiohttp.ClientSession that ccxt uses
        self._session = session

    def get(self, url: Any, **options: Any) -> "_Request":  # noqa: ANN401 - handed through to aiohttp
        """One GET."""
        return _Request(self._session.get(url, **options))

    def post(self, url: Any, **options: Any) -> "_Request":  # noqa: ANN401 - as aiohttp has it
        """One POST."""
        return _Request(self._session.post(url, **options))

    def put(self, url: Any, **options: Any) -> "_Request":  # noqa: ANN401 - as aiohttp has it
        """One PUT."""
        return _Request(self._session.put(url, **options))

    def delete(self, url: Any, **options: Any) -> "_Request":  # noqa: ANN401 - as aiohttp has it
        """One DELETE."""
        return _Request(self._session.delete(url, **options))


class _Request:
    def __init__(self, request: Any) -> None:  # noqa: ANN401 - aiohttp's request context
        self._request = request

    async def __aenter__(self) -> "_Response":
        return _Response(await self._request.__aenter__())

    async def __aexit__(self, *raised: object) -> None:
        await self._request.__aexit__(*raised)


class _Response:
    def __init__(self, response: Any) -> None:  # noqa: ANN401 - aiohttp's response
        self._response = response

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - handed through to aiohttp
        return getattr(self._response, name)

    async def text(self, **options: Any) -> str:  # noqa: ANN401 - as aiohttp has it
        """The body, heard by who listens."""
        text = str(await self._response.text(**options))
        heard = _HEARD.get()
        if heard is not None:
            heard.append(text)
        return text
