"""The `webhook` section of engine_config.json: where it listens, whom it believes, what it refuses."""

import ipaddress
import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from config.schemas.fields import Exact, Span, StrictModel

TRADINGVIEW_ADDRESSES = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
"""Where TradingView sends from: tradingview.com/support/solutions/43000529348."""

DEFAULT_PORT = 8000

_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII)


def _check_address(text: str) -> str:
    ipaddress.ip_address(text)
    return text


def check_domain(text: str) -> str:
    """A public host name in lower case, or nothing.

    Raises:
        ValueError: If it is neither.
    """
    if text and not _DOMAIN.fullmatch(text):
        raise ValueError("must be a public host name in lower case, such as tv.example.com")
    return text


Address = Annotated[str, AfterValidator(_check_address)]
"""One IP address."""


class WebhookSettings(StrictModel):
    """What the operator may set about the webhook; port and metrics take effect at a start, the rest at once."""

    port: int = Field(DEFAULT_PORT, ge=1, le=65535, description="on 127.0.0.1")
    metrics_port: int = Field(9311, ge=0, le=65535, description="Prometheus text, on 127.0.0.1; 0 takes a free one")
    domain: Annotated[str, AfterValidator(check_domain)] = Field(
        "", description="the public name that the declared proxy answers to"
    )
    proxy_addresses: list[Address] = Field(
        default_factory=list, description="where the declared proxy connects from; empty: there is none"
    )
    sender_addresses: list[Address] = Field(
        default_factory=lambda: list(TRADINGVIEW_ADDRESSES),
        description="who may send through the proxy; empty: anyone who has a key",
    )
    allow_path_token: bool = Field(default=False, description="whether a key in the path alone is enough")
    max_depth: Exact = Field(Decimal(1), gt=0, le=1, description="largest magnitude of a depth")
    max_leverage: Exact = Field(Decimal(20), ge=1, le=20, description="largest leverage of an entry")
    max_age_seconds: Span = Field(
        300.0, ge=1, le=86_400, description="an entry that fired longer ago is refused; an exit never is"
    )
    refusals_per_minute: int = Field(
        30, ge=1, le=10_000, description="answers with a reason that one address gets before it is told to wait"
    )
