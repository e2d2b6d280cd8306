"""The control API: the status of the whole engine over HTTP, for programs of this machine; it changes nothing."""

from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import FastAPI, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware

from core.model.failures import EngineError
from operations.status_model import EngineStatus, is_everything_in_order

OUR_NAMES = ("127.0.0.1", "localhost")
"""Requests for another host name are refused, so that no web page reaches it by a name of its own."""

_UNREADABLE: dict[int | str, dict[str, Any]] = {503: {"description": "the accounts cannot be read; `error` says why"}}
_NOT_RUNNING: dict[int | str, dict[str, Any]] = {503: {"description": "no engine runs, or its accounts are unreadable"}}


def make_control_api(look: Callable[[], EngineStatus]) -> FastAPI:
    """The application to serve on loopback.

    Args:
        look: The status now, anew for every request; an EngineError it raises is answered with 503 and its text.
    """
    app = FastAPI(
        title="Trade engine",
        description="What every account should hold and holds. Read-only.",
        redoc_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(OUR_NAMES), www_redirect=False)

    @app.exception_handler(EngineError)
    def refuse(_request: object, error: EngineError) -> Response:
        return _json({"error": str(error)}, 503)

    @app.get("/state", responses={200: {"model": EngineStatus}, **_UNREADABLE})
    def state() -> Response:
        """The same as `./engine status --json`."""
        return _json(look())

    @app.get("/health", responses=_NOT_RUNNING)
    def health() -> Response:
        """200 while an engine runs on this data; `is_everything_in_order` is what `./engine status --check` says."""
        found = look()
        told = {
            "process_id": found.process_id,
            "is_everything_in_order": is_everything_in_order(found),
            "problems": found.problems,
        }
        return _json(told, 200 if found.process_id is not None else 503)

    return app


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
