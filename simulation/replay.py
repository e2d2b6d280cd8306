"""A session that answers with what was recorded: every path, or every kind of request to one path, has its answer."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from paper.in_process import InProcessResponse
from paper.wire import Response

Answers = Mapping[str, object]
"""By the path's ending, or by the request's `type` where an exchange has one path for everything."""


class Status:
    """An answer with another status than 200.

    Attributes:
        code: The HTTP status.
        body: What came with it.
    """

    def __init__(self, code: int, body: object) -> None:
        self.code = code
        self.body = body


class InTurn(list[object]):
    """Answers to one request after the other; after the last there is none."""


def read_recorded(folder: Path, name: str) -> Any:  # noqa: ANN401 - JSON
    """One recorded answer; with its status where that is not 200."""
    document = json.loads((folder / f"{name}.json").read_text())
    body = document["response"]
    return Status(document["status"], body) if "status" in document else body


class Replay:
    """The part of aiohttp.ClientSession that ccxt uses; what was not recorded is a gateway's 404.

    Attributes:
        requests: Path and body of what was asked, in order.
    """

    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.requests: list[tuple[str, str]] = []

    def get(self, url: object, **options: object) -> "_Replayed":
        """A GET."""
        return self._replay(str(url), options)

    def post(self, url: object, **options: object) -> "_Replayed":
        """A POST."""
        return self._replay(str(url), options)

    def _replay(self, url: str, options: Mapping[str, object]) -> "_Replayed":
        data = options.get("data") or b""
        text = data.decode() if isinstance(data, bytes) else str(data)
        path = urlsplit(url).path
        self.requests.append((path, text))
        found = self._answers.get(_kind_of(text)) or next(
            (body for ending, body in self._answers.items() if path.endswith(ending)), None
        )
        if isinstance(found, InTurn):
            found = found.pop(0) if found else None
        return _Replayed(url, found)


class _Replayed:
    def __init__(self, url: str, found: object) -> None:
        if found is None:
            response = Response(404, "")
        elif isinstance(found, Status):
            response = Response(found.code, json.dumps(found.body))
        else:
            response = Response(200, json.dumps(found))
        self._response = InProcessResponse(response, url)

    async def __aenter__(self) -> InProcessResponse:
        return self._response

    async def __aexit__(self, *_: object) -> None:
        return None


def _kind_of(text: str) -> str:
    """What a JSON request says that it is: its own `type`, or its action's."""
    if not text.startswith("{"):
        return ""
    body = json.loads(text)
    action = body.get("action")
    return str(action.get("type") if isinstance(action, dict) else body.get("type", ""))
