"""Who may speak at all, told from the head of a request alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from config.webhook_settings import WebhookSettings

Headers = Iterable[tuple[bytes, bytes]]

_BROWSER = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"})
_FORWARDED = frozenset({b"forwarded", b"via", b"x-real-ip"})
_FORWARDED_PREFIXES = (b"x-forwarded-", b"cf-")
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's sender.

    Attributes:
        address: As the declared proxy or the connection tells it.
        refusal: Why it may not speak, empty when it may.
    """

    address: str
    refusal: str = ""


def identify(headers: Headers, peer: str, settings: WebhookSettings) -> Caller:
    """Tell who calls, and refuse browsers, undeclared proxies, foreign host names and foreign senders.

    Args:
        headers: Names in lower case.
        peer: Where the connection comes from.
        settings: The declared proxy and names.
    """
    hosts, forwarded_for = [], []
    is_forwarded = is_browser = False
    for name, value in headers:
        if name == b"host":
            hosts.append(value)
        elif name in _BROWSER:
            is_browser = True
        elif name in _FORWARDED or name.startswith(_FORWARDED_PREFIXES):
            is_forwarded = True
            if name == b"x-forwarded-for":
                forwarded_for.append(value)
    is_proxy = peer in settings.proxy_addresses
    if is_browser:
        return Caller(peer, "a browser's cross-site request")
    if is_forwarded and not is_proxy:
        return Caller(peer, "forwarded by a proxy that is not declared")
    if len(hosts) != 1 or not _is_own_name(hosts[0].decode("latin-1"), settings):
        return Caller(peer, "addressed to another host name")
    if not is_forwarded:
        return Caller(peer)
    return _behind_proxy(peer, forwarded_for, settings)


def _behind_proxy(peer: str, forwarded_for: list[bytes], settings: WebhookSettings) -> Caller:
    """One hop is believed: the declared proxy writes exactly one address."""
    address = forwarded_for[0].decode("latin-1").strip() if len(forwarded_for) == 1 else ""
    if not address or "," in address:
        return Caller(peer, "the declared proxy did not name exactly one sender")
    if settings.sender_addresses and address not in settings.sender_addresses:
        return Caller(address, "not one of the declared senders")
    return Caller(address)


def _is_own_name(host: str, settings: WebhookSettings) -> bool:
    name, separator, port = host.rpartition(":")
    if not separator or not port.isdigit():
        name = host
    return name.lower() in (*_LOOPBACK_NAMES, settings.domain.lower()) and bool(name)
