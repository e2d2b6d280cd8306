"""What the operator may set about the webhook: where it listens, whom it believes, what it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

TRADINGVIEW_ADDRESSES = ("52.89.214.238", "34.212.75.30", "54.218.53.128", "52.32.178.7")
"""Where TradingView sends from: tradingview.com/support/solutions/43000529348."""

DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """The webhook's part of engine_config.json.

    Attributes:
        port: On 127.0.0.1.
        domain: The public name, when there is a proxy in front.
        proxy_addresses: Where the declared proxy connects from; empty means that there is none.
        sender_addresses: Who may send through the proxy; empty means anyone with a key.
        allow_path_token: Whether a key in the path alone is enough.
        max_depth: Largest magnitude of a depth.
        max_leverage: Largest leverage of an entry.
        max_age_seconds: An entry that fired longer ago is refused.
        refusals_per_minute: Answers with a reason that one address gets before it is told to wait.
    """

    port: int = DEFAULT_PORT
    domain: str = ""
    proxy_addresses: tuple[str, ...] = ()
    sender_addresses: tuple[str, ...] = TRADINGVIEW_ADDRESSES
    allow_path_token: bool = False
    max_depth: Decimal = Decimal(1)
    max_leverage: Decimal = Decimal(20)
    max_age_seconds: float = 300.0
    refusals_per_minute: int = 30
    notes: Mapping[str, str] = field(default_factory=dict)
