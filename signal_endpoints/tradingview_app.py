"""The public application: POST / and POST /<key> go straight to the service, FastAPI answers the rest."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from signal_endpoints.alert_schema import RESPONSES, AnyMessage, Health
from signal_endpoints.receipt import Application, Receive, Scope, Send
from signal_endpoints.tradingview_service import TradingViewService


def make_app(service: TradingViewService, *, owns_service: bool = True, with_schema: bool = False) -> Application:
    """The application to serve.

    Args:
        service: Entered and left with the server's lifespan.
        owns_service: False when the caller enters and leaves it, as the simulation does.
        with_schema: Also serve /openapi.json; never on the public application.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if not owns_service:
            yield
            return
        async with service:
            yield

    schema_url = "/openapi.json" if with_schema else None
    inner = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=schema_url, redirect_slashes=False)

    @inner.post("/", responses=RESPONSES)
    async def take(_message: AnyMessage) -> None:
        """Messages never get here: the service reads their bytes itself, whatever their content type."""

    @inner.get("/health", response_model=Health)
    async def health() -> dict[str, Any]:
        """How the endpoint is; answered with 200 as long as it answers at all."""
        return service.health()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await inner(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close"})
        elif scope["method"] == "POST" and scope["path"].count("/") == 1:
            await service(scope, receive, send)
        elif await service.admits(scope, send):
            await inner(scope, receive, send)

    return app
